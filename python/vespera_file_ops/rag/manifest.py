"""What the index knows of a source: a files table of the tree that its rows were made from, and what is in doubt.

The manifest tells the truth of every file it names: its rows are the chunks of the content with that hash, which stood
there no earlier than those numbers. Before rows are touched, their files are noted as *in doubt*, on disk; when the
manifest has been saved with what they are now, the note is withdrawn. Whatever kills a writer in between, the next one
finds the file in doubt, takes nothing that the manifest says of it for granted, and makes its rows anew.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

import polars as pl

from ..errors import IndexDamagedError
from ..writes import write_file_atomic
from .settings import FORMAT, ensure_format

__all__ = ["FILES", "Doubt", "Manifest", "artifact_id", "known_sources"]

_TIME = pl.Datetime("ns", "UTC")
FILES: dict[str, pl.DataType] = {
    "key": pl.String(),
    "relative_path": pl.String(),
    "path_bytes": pl.Binary(),
    "kind": pl.String(),
    "size": pl.Int64(),
    "modified": _TIME,
    "changed": _TIME,
    "created": _TIME,
    "inode": pl.UInt64(),
    "device": pl.UInt64(),
    "blake3": pl.String(),
    "observed": _TIME,
    "chunks": pl.Int64(),
}
# What a file in doubt is not believed to be.
_DOUBTED = ("size", "modified", "changed", "created", "inode", "blake3")
_META = "vespera_file_ops"


class Doubt(NamedTuple):
    """A file whose rows may be other than the manifest says: what tells it apart, and where it lies."""

    key: str
    relative_path: str
    path_bytes: bytes | None
    device: int | None


def artifact_id(source: str, key: str) -> str:
    """The id of one file of one source: BLAKE2b of both, as 32 hexadecimal digits."""
    told = f"{source}\0{key}".encode("utf-8", "surrogateescape")
    return hashlib.blake2b(told, digest_size=16).hexdigest()


class Manifest:
    """The manifest of one source.

    Arguments:
        folder: The index's folder.
        source: The source's id.
    """

    def __init__(self, folder: str, source: str) -> None:
        stem = hashlib.blake2b(source.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
        self.source = source
        self.path = os.path.join(folder, "sources", f"{stem}.parquet")
        self.doubt_path = os.path.join(folder, "sources", f"{stem}.doubt.json")
        self.root: str | None = None
        self.options: dict[str, object] = {}
        self.is_new = True
        self.files = pl.DataFrame(schema=FILES)
        self.doubts: dict[str, Doubt] = {}
        self._load()

    def _load(self) -> None:
        if os.path.exists(self.path):
            described = _described(self.path)
            self.root, self.options, self.is_new = described.root, described.options, False
            try:
                self.files = pl.read_parquet(self.path).select(pl.col(name).cast(kind) for name, kind in FILES.items())
            except (OSError, pl.exceptions.PolarsError) as error:
                raise _damaged(self.path, error) from error
        try:
            with open(self.doubt_path, encoding="utf-8") as file:
                stored = json.load(file)
            ensure_format(stored.get("format"), self.doubt_path)
            for key, relative_path, exact, device in stored["files"]:
                doubt = Doubt(key, relative_path, None if exact is None else bytes.fromhex(exact), device)
                self.doubts[key] = doubt
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(self.doubt_path, error) from error

    def before(self) -> pl.DataFrame:
        """The files table to compare the tree with; `path` is the key, by which a renamed file names its old place."""
        doubted = pl.DataFrame(
            [
                {"key": doubt.key, "relative_path": doubt.relative_path, "path_bytes": doubt.path_bytes,
                 "kind": "file", "device": doubt.device, "chunks": 0}
                for doubt in self.doubts.values()
            ],
            schema=FILES,
        )  # fmt: skip
        known = self.files
        if doubted.height:
            in_doubt = pl.col("key").is_in(doubted["key"].implode())
            known = known.with_columns(
                pl.when(in_doubt).then(None).otherwise(pl.col(name)).alias(name) for name in _DOUBTED
            )
            known = pl.concat([known, doubted.join(known, on="key", how="anti")])
        return known.with_columns(path=pl.col("key"))

    def doubt(self, files: Iterable[Doubt]) -> None:
        """Note that the rows of these files are about to change."""
        noted = {doubt.key: doubt for doubt in files if doubt.key not in self.doubts}
        if noted:
            self.doubts |= noted
            self._save_doubts()

    def save(self, files: pl.DataFrame, still_in_doubt: Iterable[str]) -> None:
        """Store what the files are now, and keep these alone in doubt."""
        self.files = files.select(list(FILES))
        meta = {"format": FORMAT, "source": self.source, "root": self.root, "options": self.options}
        buffer = io.BytesIO()
        # The names are as the system gives them, so also half of a character.
        told = json.dumps(meta)
        self.files.write_parquet(buffer, compression="lz4", statistics=False, metadata={_META: told})
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        write_file_atomic(self.path, buffer.getvalue())
        self.is_new = False
        kept = set(still_in_doubt)
        left = {key: doubt for key, doubt in self.doubts.items() if key in kept}
        if left.keys() != self.doubts.keys():
            self.doubts = left
            self._save_doubts()

    def _save_doubts(self) -> None:
        if not self.doubts:
            with suppress(FileNotFoundError):
                os.unlink(self.doubt_path)
            return
        rows = [
            (doubt.key, doubt.relative_path, None if doubt.path_bytes is None else doubt.path_bytes.hex(), doubt.device)
            for doubt in self.doubts.values()
        ]
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        write_file_atomic(self.doubt_path, json.dumps({"format": FORMAT, "files": rows}))


class SourceRecord(NamedTuple):
    """A source as its manifest describes it."""

    source: str
    root: str | None
    options: dict[str, object]


def known_sources(folder: str) -> list[SourceRecord]:
    """The sources of the index in this folder, by their ids."""
    sources = os.path.join(folder, "sources")
    try:
        names = os.listdir(sources)
    except FileNotFoundError:
        return []
    found = [_described(os.path.join(sources, name)) for name in names if name.endswith(".parquet")]
    return sorted(found, key=lambda record: record.source)


def _described(path: str) -> SourceRecord:
    try:
        meta = json.loads(pl.read_parquet_metadata(path)[_META])
        ensure_format(meta.get("format"), path)
        return SourceRecord(meta["source"], meta["root"], meta["options"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        if isinstance(error, IndexDamagedError) or type(error).__name__ == "IndexMismatchError":
            raise
        raise _damaged(path, error) from error


def _damaged(path: str, error: Exception) -> IndexDamagedError:
    return IndexDamagedError(
        f"{path}: a part of the index cannot be read ({str(error).splitlines()[0] if str(error) else error!r}); sync "
        "with rebuild=True",
        path=path,
    )
