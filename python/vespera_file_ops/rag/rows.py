"""The rows: LanceDB's table of chunks, keyed by (source, relative_path, chunk), and its indices.

Every change of a file's rows is one commit: new ones come and stale ones go together, so that a reader sees the file as
it was or as it is. A reader holds a version of the table, whose files stay for an hour after a newer one has come.
"""

from __future__ import annotations

import errno
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import FileSystemError, IndexDamagedError, MissingExtraError

if TYPE_CHECKING:
    import lancedb

__all__ = ["COLUMNS", "FULL", "Rows", "as_arrow", "connected", "lance_errors", "optimize", "quoted"]

FULL = (errno.ENOSPC, errno.EDQUOT)
"""The error numbers of a disk that takes no more."""

# How long the files of an old version stay.
_KEPT = timedelta(hours=1)

_TIME = pl.Datetime("ns", "UTC")
COLUMNS: dict[str, pl.DataType] = {
    "source": pl.String(),
    "artifact": pl.String(),
    "path": pl.String(),
    "path_bytes": pl.Binary(),
    "relative_path": pl.String(),
    "extension": pl.String(),
    "language": pl.String(),
    "size": pl.Int64(),
    "modified": _TIME,
    "chunk": pl.Int64(),
    "start_byte": pl.Int64(),
    "end_byte": pl.Int64(),
    "start_line": pl.Int64(),
    "end_line": pl.Int64(),
    "text": pl.String(),
    "text_blake3": pl.String(),
    "file_blake3": pl.String(),
    "words": pl.String(),
}
"""All but `vector`, which is there with an embedder."""

_LONG = ("text", "words")
_KEY = ["artifact", "chunk"]
# A search looks through what is not indexed yet, row by row, which takes up to 0.1 ms a row.
_UNINDEXED_ROWS = 256
_SMALL_FRAGMENTS = 100
_ANY = 1 << 31


@contextmanager
def lance_errors(folder: str) -> Iterator[None]:
    """Tell what LanceDB says of broken files as an `IndexDamagedError`, and of a full disk as what it is."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        if isinstance(error, IndexDamagedError):
            raise
        first = str(error).splitlines()[0] if str(error) else repr(error)
        for number in FULL:
            # LanceDB has no error number, only what Rust makes of it.
            if f"(os error {number})" in first:
                raise FileSystemError(
                    f"{folder}: {os.strerror(number)}; make room and try again; what the index holds is whole",
                    path=folder, errno=number,
                ) from error  # fmt: skip
        raise IndexDamagedError(
            f"{folder}: the index's table cannot be used ({first}); if this stays, sync with rebuild=True", path=folder
        ) from error


def quoted(values: Sequence[str]) -> str:
    """A list of texts in SQL."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def as_arrow(frame: pl.DataFrame) -> Any:
    """A frame as LanceDB takes it, which indexes no text with offsets of 64 bits in a BTree."""
    import pyarrow as pa

    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    small = [
        field.with_type(pa.string()) if field.type == pa.large_string() and field.name not in _LONG else field
        for field in table.schema
    ]
    return table.cast(pa.schema(small))


def connected(folder: str) -> lancedb.DBConnection:
    """LanceDB on this folder; imported here, because that takes a second."""
    try:
        import lancedb
    except ImportError as error:
        raise MissingExtraError(
            f"the index needs LanceDB ({error}): pip install 'vespera-file-ops[rag]'", path=folder
        ) from error
    return lancedb.connect(folder)


class Rows:
    """The table of chunks in an index's folder.

    Arguments:
        folder: The index's folder.
        dimension: The length of the vectors; None for a table without.
    """

    name = "chunks"

    def __init__(self, folder: str, dimension: int | None) -> None:
        self.folder = folder
        self.schema = dict(COLUMNS)
        if dimension is not None:
            self.schema["vector"] = pl.Array(pl.Float32, dimension)

    @property
    def exists(self) -> bool:
        """Whether there is a table; asked without LanceDB."""
        return os.path.isdir(os.path.join(self.folder, f"{self.name}.lance"))

    def open(self) -> Any:
        """The newest version of the table."""
        with lance_errors(self.folder):
            return connected(self.folder).open_table(self.name)

    def create(self) -> Any:
        """An empty table in place of any other; readers keep the version that they have."""
        database = connected(self.folder)
        from lancedb.index import FTS, BTree

        schema = self.arrow(pl.DataFrame(schema=self.schema)).schema
        try:
            table = database.create_table(self.name, schema=schema, mode="overwrite" if self.exists else "create")
        except (RuntimeError, ValueError, OSError):
            # Too broken to be a version of anything.
            shutil.rmtree(os.path.join(self.folder, f"{self.name}.lance"), ignore_errors=True)
            table = database.create_table(self.name, schema=schema)
        # Made while there are no rows: a search needs it, and finds what is added later all the same.
        table.create_index("words", config=FTS())
        table.create_index("artifact", config=BTree())
        return table

    def arrow(self, frame: pl.DataFrame) -> Any:
        """A frame as the table takes it."""
        return as_arrow(frame.select(pl.col(name).cast(kind) for name, kind in self.schema.items()))

    def read(self, table: Any, where: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows for which this holds."""
        wanted = list(columns or self.schema)
        with lance_errors(self.folder):
            found = table.search().where(where).select(wanted).limit(_ANY).to_arrow()
        return pl.DataFrame(found).select(pl.col(name).cast(self.schema[name]) for name in wanted)

    def write(self, table: Any, artifacts: Sequence[str], frame: pl.DataFrame) -> None:
        """Make these the rows of these artifacts, in one commit."""
        if not artifacts:
            return
        of_these = f"artifact IN ({quoted(artifacts)})"
        with lance_errors(self.folder):
            if frame.height:
                merge = table.merge_insert(_KEY).when_matched_update_all().when_not_matched_insert_all()
                merge.when_not_matched_by_source_delete(of_these).execute(self.arrow(frame))
            else:
                table.delete(of_these)

    def tidy(self, table: Any) -> None:
        """Index what is not indexed, join small fragments and forget old versions, if that is worth its time."""
        with lance_errors(self.folder):
            unindexed = [table.index_stats(index.name).num_unindexed_rows for index in table.list_indices()]
            small = table.stats()["fragment_stats"]["num_small_fragments"]
            if max(unindexed, default=0) > _UNINDEXED_ROWS or small > _SMALL_FRAGMENTS:
                optimize(table)


def optimize(table: Any) -> None:
    """Join small fragments, forget old versions and index what is not indexed; under the writer's lock."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Files of no version are no other writer's, because the caller has the lock: a killed one left them.
        table.optimize(cleanup_older_than=_KEPT, delete_unverified=True)
