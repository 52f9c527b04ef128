"""Frames back to disk: each row is a file to write, or an edit of one.

Each file is written whole or not at all. What became of it stands in its row, so that a call can be repeated until
every row is done: a file that holds its new content already is left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from . import _core
from .errors import ArgumentError
from .forks import ensure_not_forked
from .paths import encode_path, encode_within
from .progress import ProgressBar
from .writes import ensure_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ._core import CancelToken, Root
    from .paths import PathArgument

__all__ = ["apply_edits", "write_files"]

# So many files are handed to the core at a time, so that Python holds no copy of all their contents.
_FILES_AT_ONCE = 256

_OUTCOME = {"status": pl.String, "blake3": pl.String, "error": pl.String}


def write_files(
    frame: pl.DataFrame,
    *,
    durable: bool = True,
    within: Root | PathArgument | None = None,
    progress: bool = False,
    cancel: CancelToken | None = None,
) -> pl.DataFrame:
    """Write the files of a frame, several at a time, each whole or not at all.

    A file that holds its content already is `unchanged` and not touched. So after a kill or an error the same call
    again finishes the work.

    Arguments:
        frame: One row a file: `path` (String or Binary), `content` (String or Binary) and, if wanted,
            `expected_blake3` (String): the hash of what the file holds now, or "absent"; null expects nothing.
        durable: Return only when the new contents survive a loss of power.
        within: The paths start in this folder, and must not lead outside of it.
        progress: Show a progress bar (tqdm).
        cancel: Stop when `cancel()` is called on it, from any thread; the files before are written, the others not.

    Columns:
        status (String): written, unchanged, conflict (the file holds something else than expected) or error.
        blake3 (String): the hash of what the file holds now, in hexadecimal; null where it was not written.
        error (String): why it was not written, or is perhaps not safe from a loss of power.

    Returns:
        The frame with these columns; its own of these names are replaced.

    Raises:
        ArgumentError: A column is missing, or two rows have one path.
        CancelledError: The `cancel` token stopped it.
        TypeError: An argument, or a column, has the wrong type.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> pages = pl.DataFrame({"path": ["a.txt", "b.txt"], "content": ["first", "second"]})
        >>> vfo.write_files(pages)["status"].to_list()
        ['written', 'written']
        >>> vfo.write_files(pages)["status"].to_list()
        ['unchanged', 'unchanged']
    """
    ensure_not_forked()
    ensure_types(cancel, {"durable": durable}, {})
    _ensure_columns(
        frame,
        {"path": (pl.String, pl.Binary), "content": (pl.String, pl.Binary), "expected_blake3": (pl.String, pl.Null)},
        optional=frozenset({"expected_blake3"}),
    )
    _ensure_one_row_a_file(frame["path"])
    given = frame.select(
        "path", "content", "expected_blake3" if "expected_blake3" in frame.columns else pl.lit(None).alias("expected")
    )
    root = encode_within(within)
    outcomes: list[tuple[str | None, ...]] = []
    with ProgressBar("write", enabled=progress, total=given.height) as bar:
        for part in given.iter_slices(_FILES_AT_ONCE):
            files, failed = [], {}
            for at, (path, content, expected) in enumerate(part.iter_rows()):
                encoded, error = _encoded(path)
                if content is None:
                    error = error or 'content: null is no content; an empty one is ""'
                if encoded is None or error is not None:
                    failed[at] = ("error", None, error, None)
                else:
                    files.append((encoded, content, expected))
            done = iter(_core.write_files(files, durable=durable, within=root, cancel=cancel))
            outcomes += [failed[at] if at in failed else next(done) for at in range(part.height)]
            bar.update({"files": len(outcomes)})
    return frame.with_columns(_columns(outcomes).drop("diff").get_columns())


def apply_edits(
    frame: pl.DataFrame,
    *,
    dry_run: bool = False,
    durable: bool = True,
    within: Root | PathArgument | None = None,
    progress: bool = False,
    cancel: CancelToken | None = None,
) -> pl.DataFrame:
    r"""Replace ranges of files, as a frame names them; each file once, whole or not at all.

    A refactoring is a search with a column more: `hits.with_columns(replacement=...)`. The ranges are those of the raw
    file, so a file keeps its encoding, its byte order mark and its line ends. Of edits at one place the first row comes
    first. If one edit of a file cannot be applied, none of that file is.

    Arguments:
        frame: One row an edit: `path` (String or Binary; `path_bytes`, if there, goes before it), `start_byte` and
            `end_byte` (integers), and `replacement` (String). What else is there is held against the file, which must
            not have changed: `matched` (what stands in the range), `size` and `modified`, as a search gives them, and
            `expected_blake3` (String, the hash of what the file holds).
        dry_run: Write nothing, and show what would be done as the column `diff`.
        durable: Return only when the new contents survive a loss of power.
        within: The paths start in this folder, and must not lead outside of it.
        progress: Show a progress bar (tqdm).
        cancel: Stop when `cancel()` is called on it, from any thread; the files before are written, the others not.

    Columns:
        path (String or Binary): the file, as the frame names it first.
        edits (Int64): how many there are.
        status (String): written (also in a dry run: it would be), unchanged (the edits change nothing), conflict (the
            file holds something else than expected) or error.
        blake3 (String): the hash of what the file holds now, in hexadecimal; null where that is not known.
        error (String): why it was not written, or is perhaps not safe from a loss of power.
        diff (String): with `dry_run`, what the edits do to it, as a unified diff.

    Returns:
        One row a file, in the order in which they come first.

    Raises:
        ArgumentError: A column is missing.
        CancelledError: The `cancel` token stopped it.
        TypeError: An argument, or a column, has the wrong type.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> hits = vfo.search_files(r"\bhelper\b", "src")
        >>> edits = hits.with_columns(replacement=pl.lit("assist"))
        >>> print(vfo.apply_edits(edits, dry_run=True)["diff"][0])
        --- src/util.py
        +++ src/util.py
        @@ -1,2 +1,2 @@
        -def helper():
        +def assist():
             return 1  # FIXME
        <BLANKLINE>
        >>> vfo.apply_edits(edits).select("path", "edits", "status").rows()
        [('src/util.py', 1, 'written')]
    """
    ensure_not_forked()
    ensure_types(cancel, {"dry_run": dry_run, "durable": durable}, {})
    integers = tuple(pl.datatypes.group.INTEGER_DTYPES)
    _ensure_columns(
        frame,
        {
            "path": (pl.String, pl.Binary),
            "start_byte": integers,
            "end_byte": integers,
            "replacement": (pl.String,),
            "expected_blake3": (pl.String, pl.Null),
            "matched": (pl.String, pl.Null),
            "size": (*integers, pl.Null),
        },
        optional=frozenset({"expected_blake3", "matched", "size"}),
    )
    root = encode_within(within)
    files = list(_edits_of_files(frame))
    outcomes: list[tuple[str | None, ...]] = []
    with ProgressBar("edit", enabled=progress, total=len(files)) as bar:
        for start in range(0, len(files), _FILES_AT_ONCE):
            part = files[start : start + _FILES_AT_ONCE]
            fit = [file.edits for file in part if file.edits is not None]
            done = iter(_core.edit_files(fit, dry_run=dry_run, durable=durable, within=root, cancel=cancel))
            outcomes += [next(done) if file.edits is not None else ("error", None, file.error, None) for file in part]
            bar.update({"files": len(outcomes)})
    table = pl.DataFrame(
        {"path": [file.path for file in files], "edits": [file.number for file in files]},
        schema={"path": frame.schema["path"], "edits": pl.Int64},
    ).with_columns(_columns(outcomes).get_columns())
    return table if dry_run else table.drop("diff")


class _FileEdits(NamedTuple):
    """The edits of one file, as the core takes them, or why it cannot."""

    path: str | bytes | None
    number: int
    edits: tuple[bytes, tuple[object, ...], list[tuple[object, ...]]] | None
    error: str | None


# How many nanoseconds a step of a time column is.
_STEPS = {"ns": 1, "us": 1_000, "ms": 1_000_000}


def _edits_of_files(frame: pl.DataFrame) -> Iterator[_FileEdits]:
    """The files of a frame of edits, in the order in which they come first."""
    exact = pl.col("path").cast(pl.Binary)
    if "path_bytes" in frame.columns:
        exact = pl.coalesce("path_bytes", exact)
    times = frame.schema.get("modified")
    step = _STEPS[times.time_unit] if isinstance(times, pl.Datetime) else 1
    modified = pl.col("modified").cast(pl.Int64) * step if isinstance(times, pl.Datetime) else pl.lit(None, pl.Int64)
    # What the file was like is the same in all of its rows.
    of_file = {
        "expected_blake3": _column(frame, "expected_blake3", pl.String),
        "size": _column(frame, "size", pl.Int64),
        "modified": modified,
    }
    of_edit = ("start_byte", "end_byte", "replacement", "matched")
    grouped = (
        frame.select("path", *of_edit[:3], _column(frame, "matched", pl.String), exact=exact, **of_file)
        .group_by("exact", maintain_order=True)
        .agg(pl.col("path").first(), *of_edit, *(pl.col(name).unique(maintain_order=True) for name in of_file))
    )
    for exact, path, *lists in grouped.iter_rows():
        edits, expected = lists[: len(of_edit)], lists[len(of_edit) :]
        encoded, error = _encoded(exact)
        for name, values in zip(of_edit[:3], edits[:3], strict=True):
            if None in values:
                error = error or f"{name}: null in row {values.index(None)} of this file"
        if error is None and min(*edits[0], *edits[1]) < 0:
            error = "start_byte, end_byte: below 0"
        for name, values in zip(of_file, expected, strict=True):
            if len(values) > 1:
                error = error or f"{name}: the rows of this file do not agree"
        given = None
        if encoded is not None and error is None:
            given = (encoded, (*(values[0] for values in expected), step), list(zip(*edits, strict=True)))
        yield _FileEdits(path, len(edits[0]), given, error)


def _column(frame: pl.DataFrame, name: str, dtype: type[pl.DataType]) -> pl.Expr:
    """A column of the frame, or nulls."""
    known = name in frame.columns
    return pl.col(name).cast(dtype) if known else pl.lit(None, dtype).alias(name)


def _encoded(path: str | bytes | None) -> tuple[bytes | None, str | None]:
    """The bytes of a path, or what is wrong with it."""
    if path is None:
        return None, "path: null names no file"
    try:
        return encode_path("path", path), None
    except ArgumentError as error:
        return None, str(error)


def _columns(outcomes: list[tuple[str | None, ...]]) -> pl.DataFrame:
    return pl.DataFrame(outcomes, schema={**_OUTCOME, "diff": pl.String}, orient="row")


def _ensure_columns(
    frame: object, wanted: Mapping[str, tuple[object, ...]], *, optional: frozenset[str] = frozenset()
) -> None:
    """Refuse what is no frame, and a frame without these columns of these types."""
    if not isinstance(frame, pl.DataFrame):
        hint = "; collect() it first" if isinstance(frame, pl.LazyFrame) else ""
        raise TypeError(f"frame: a DataFrame, not {type(frame).__name__}{hint}")
    for name, types in wanted.items():
        if name not in frame.columns:
            if name in optional:
                continue
            raise ArgumentError(f"frame: has no column {name!r}; it has {', '.join(frame.columns)}")
        found = frame.schema[name]
        if found not in types and not (found == pl.Null and not frame.height):
            expected = " or ".join(sorted({str(dtype) for dtype in types if dtype != pl.Null}))
            raise TypeError(f"frame: column {name!r} is {found}, expected {expected}")


def _ensure_one_row_a_file(paths: pl.Series) -> None:
    """Refuse two contents for one file."""
    known = paths.drop_nulls()
    if known.n_unique() < known.len():
        twice = known.filter(known.is_duplicated())[0]
        raise ArgumentError(f"path: {twice!r} stands in two rows; a file has one content")
