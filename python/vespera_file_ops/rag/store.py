"""The parts of an index in its folder, and what a writer does to them under the lock."""

from __future__ import annotations

import base64
import os
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import polars as pl

from ..errors import (
    FileSystemError,
    IndexBusyError,
    IndexDamagedError,
    PathNotFoundError,
    UnindexedRowsWarning,
    VfoError,
)
from .chunking import ChunkOptions
from .embedder import Embedder
from .engines import Cut, Engine, Local
from .lock import WriterLock
from .manifest import Doubt, Manifest, artifact_id
from .places import Place
from .queue import Item, Queue
from .rows import FULL, Rows, lance_errors, quoted
from .settings import Settings, load_settings, save_settings
from .vectors import VectorCache
from .words import words_column

__all__ = ["Store", "Written"]


# How long a writer goes on with what others queue while it does so.
_DRAIN_SECONDS = 2.0


class Written(NamedTuple):
    """What became of files whose rows were to be made.

    Arguments:
        files: One row each: `key`, `is_known`, `error`, `blake3` and `chunks`.
        embedded: How many texts were embedded.
    """

    files: pl.DataFrame
    embedded: int


class Store:
    """An index's folder.

    Arguments:
        folder: Where it lies, or is to lie.
        embedder: What makes the vectors; None for an index of texts alone.
    """

    def __init__(self, folder: str, embedder: Embedder | None) -> None:
        self.folder = folder
        self.embedder = embedder
        self.lock = WriterLock(os.path.join(folder, "lock"))
        self.queue = Queue(os.path.join(folder, "queue"))
        self.remembered: ChunkOptions = {}
        self._table: Any = None
        self._cache = None if embedder is None else VectorCache(folder, embedder)

    # The parts.

    def settings(self) -> Settings:
        """The settings; raises where there is no index."""
        found = load_settings(self.folder)
        if found is None:
            raise PathNotFoundError(
                f"{self.folder}: there is no index here; sync() or add() makes one", path=self.folder
            )
        return found

    @property
    def is_new(self) -> bool:
        """Whether there is no index yet."""
        return load_settings(self.folder) is None

    def rows(self) -> Rows:
        """The table of rows, as the settings say."""
        found = Rows(self.folder, self.settings().dimension)
        if not found.exists:
            raise IndexDamagedError(
                f"{self.folder}: the index has lost its table; sync with rebuild=True", path=self.folder
            )
        return found

    @contextmanager
    def writing(self, wait: float) -> Iterator[None]:
        """Hold the writer's lock, and do what was queued meanwhile."""
        os.makedirs(self.folder, exist_ok=True)
        with self.lock.held(wait):
            self._table = None
            try:
                yield
            except VfoError:
                with suppress(VfoError):
                    self.drain()
                raise
            self.drain()
        # What was queued between the last look and the end of the lock.
        self.drain_if_free()

    def drain_if_free(self) -> None:
        """Do what is queued, unless somebody else has the lock, who will then do it.

        Who adds without a pause would keep this from ever returning: after a while the next writer is left to go on,
        which is the next one who adds.
        """
        until = time.monotonic() + _DRAIN_SECONDS
        with suppress(IndexBusyError):
            while self.queue.names() and time.monotonic() < until:
                with self.lock.held(0):
                    self._table = None
                    self.drain()

    def prepare(self, options: ChunkOptions, *, rebuild: bool = False) -> ChunkOptions:
        """Make the index if there is none, and say how its chunks are cut; raises if it was built otherwise."""
        found = None if rebuild else load_settings(self.folder)
        if found is None:
            self._make(Settings.of(self.embedder, options))
            found = self.settings()
        found.ensure_same_embedder(self.embedder, self.folder)
        self.rows()
        self.remembered = {**self.remembered, **options}
        return found.with_options(options, self.folder)

    def _make(self, settings: Settings) -> None:
        save_settings(self.folder, settings, is_ready=False)
        shutil.rmtree(os.path.join(self.folder, "sources"), ignore_errors=True)
        if self._cache is not None:
            self._cache.reset()
        self._table = Rows(self.folder, settings.dimension).create()
        save_settings(self.folder, settings, is_ready=True)

    @property
    def table(self) -> Any:
        """The table that the writer works on."""
        if self._table is None:
            self._table = self.rows().open()
        return self._table

    # The work, all of it under the lock, on files that are noted as in doubt.

    def write(
        self,
        source: str,
        root: str,
        files: pl.DataFrame,
        cut: Cut,
        engine: Engine,
        *,
        progress: bool = False,
    ) -> Written:
        """Make the rows of files anew from what they held; those that could not be read keep the rows that they have.

        Arguments:
            source: The source's id.
            root: What comes before the relative path in the column `path`.
            files: Columns `key`, `path`, `path_bytes` (as the chunker found the file) and `relative_path`.
            cut: What became of them.
            engine: Who embeds the texts.
            progress: Show a bar.
        """
        ledger = cut.ledger
        known = ledger.filter("is_known").select("key")
        chunks = cut.chunks.join(known, on="key", how="semi", maintain_order="left")
        chunks = chunks.drop("path", "path_bytes", "relative_path").join(
            placed(files, source, root), on="key", how="inner", maintain_order="left"
        )
        chunks = chunks.with_columns(words_column(), source=pl.lit(source))
        chunks, embedded = self._with_vectors(chunks, engine, progress=progress)
        self.rows().write(self.table, [artifact_id(source, key) for key in known["key"]], chunks)
        counted = chunks.group_by("key").agg(pl.col("file_blake3").first().alias("blake3"), chunks=pl.len())
        files = ledger.join(counted, on="key", how="left").with_columns(pl.col("chunks").cast(pl.Int64).fill_null(0))
        return Written(files, embedded)

    def _with_vectors(self, chunks: pl.DataFrame, engine: Engine, *, progress: bool) -> tuple[pl.DataFrame, int]:
        if self._cache is None:
            return chunks, 0
        vectors, embedded = self._cache.fill(chunks, engine, progress=progress)
        return chunks.join(vectors, on="text_blake3", how="left", maintain_order="left"), embedded

    def move(self, source: str, root: str, files: pl.DataFrame) -> pl.DataFrame:
        """Give rows that stay as they are another path, size and time; returns each new `key` and its `chunks`.

        Arguments:
            source: The source's id.
            root: As in `write`.
            files: Columns `old_key`, `key`, `path`, `path_bytes`, `relative_path`, `size` and `modified`.
        """
        old = [artifact_id(source, key) for key in files["old_key"]]
        named = files.select("key", "size", "modified").with_columns(old=pl.Series(old, dtype=pl.String))
        named = named.join(placed(files, source, root), on="key", how="inner", maintain_order="left")
        rows = self.rows()
        kept = rows.read(self.table, f"artifact IN ({quoted(old)})").rename({"artifact": "old"})
        kept = kept.drop("path", "path_bytes", "relative_path", "size", "modified").join(named, on="old", how="inner")
        rows.write(self.table, list(dict.fromkeys([*old, *named["artifact"]])), kept.with_columns(words_column()))
        return kept.group_by("key").agg(chunks=pl.len().cast(pl.Int64))

    def drop(self, source: str, keys: Sequence[str]) -> None:
        """Remove the rows of files."""
        artifacts = [artifact_id(source, key) for key in keys]
        self.rows().write(self.table, artifacts, pl.DataFrame())

    def index_rows(self) -> None:
        """Keep the table quick to search."""
        with self._unless_full():
            self.rows().tidy(self.table)

    def tidy(self) -> None:
        """Keep the table quick to search, and the cache no larger than what it is for."""
        self.index_rows()
        if self._cache is not None:
            with self._unless_full():
                with lance_errors(self.folder):
                    held = self.table.search().select(["text_blake3"]).limit(1 << 31).to_arrow()
                self._cache.tidy(pl.DataFrame(held)["text_blake3"])

    @contextmanager
    def _unless_full(self) -> Iterator[None]:
        """Put in order what is right already: a full disk is then no failure of what was asked."""
        try:
            yield
        except FileSystemError as error:
            if error.errno not in FULL:
                raise
            message = f"{self.folder}: {os.strerror(error.errno)}: the rows are written, but could not be indexed"
            warnings.warn(f"{message}; searches are right, and slower: make room", UnindexedRowsWarning, stacklevel=2)

    # The queue.

    def drain(self) -> None:
        """Do what is queued at this moment."""
        if names := self.queue.names():
            self.apply([self.queue.read(name) for name in names])
            self.queue.done(names)

    def apply(self, items: Sequence[Item]) -> dict[str, str]:
        """Add and remove artifacts; of several for one artifact the last one counts.

        Returns:
            Why an artifact could not be read, by its id.
        """
        options = self.prepare({**self.remembered})
        last = {_place(item).artifact: item for item in items}
        failed: dict[str, str] = {}
        scratch = os.path.join(self.folder, "scratch")
        shutil.rmtree(scratch, ignore_errors=True)
        for source in dict.fromkeys(item["source"] for item in last.values()):
            mine = {artifact: item for artifact, item in last.items() if item["source"] == source}
            manifest = Manifest(self.folder, source)
            if not manifest.is_new:
                places = [_place(item) for item in mine.values()]
                manifest.doubt(Doubt(place.key, place.relative_path, _exact(place), None) for place in places)
            self.drop(source, [_place(item).key for item in mine.values() if item["action"] == "remove"])
            added = [(artifact, item) for artifact, item in mine.items() if item["action"] == "add"]
            if not added:
                continue
            files = pl.DataFrame(
                [
                    (_place(item).key, *_file_of(item, os.path.join(scratch, artifact)), item["relative_path"])
                    for artifact, item in added
                ],
                schema={"key": pl.String, "path": pl.String, "path_bytes": pl.Binary, "relative_path": pl.String},
                orient="row",
            )
            here = Local()
            (cut,) = here.cut([files], options, {})
            written = self.write(source, manifest.root or "", files, cut, here)
            for key, error in written.files.filter(~pl.col("is_known")).select("key", "error").iter_rows():
                failed[artifact_id(source, key)] = error
        shutil.rmtree(scratch, ignore_errors=True)
        self.index_rows()
        return failed


def placed(files: pl.DataFrame, source: str, root: str) -> pl.DataFrame:
    """Each file's `key`, with the columns of its rows that say where it lies."""
    keys = files["key"].to_list()
    before = f"{root.rstrip(os.sep)}/" if root else ""
    exact_before = os.fsencode(before)
    exact = [None if not key.startswith("\0") else exact_before + bytes.fromhex(key[1:]) for key in keys]
    return files.select(
        "key",
        "relative_path",
        pl.Series("artifact", [artifact_id(source, key) for key in keys], dtype=pl.String),
        pl.Series("path_bytes", exact, dtype=pl.Binary),
        path=pl.lit(exact_before.decode("utf-8", "replace")) + pl.col("relative_path"),
    )


def _place(item: Item) -> Place:
    return Place(item["source"], item["key"], item["relative_path"], item["path"])


def _exact(place: Place) -> bytes | None:
    return bytes.fromhex(place.key[1:]) if place.key.startswith("\0") else None


def _file_of(item: Item, scratch: str) -> tuple[str, bytes | None]:
    """The file that the chunker is to read: the artifact's own, or one that holds the given content."""
    content = item["content"]
    if content is None:
        path = bytes.fromhex(item["file"])
    else:
        os.makedirs(scratch, exist_ok=True)
        # The name decides how it is cut.
        name = item["relative_path"].rpartition("/")[2][-200:].replace("\0", "") or "content"
        path = os.fsencode(os.path.join(scratch, name))
        with open(path, "wb") as file:
            file.write(base64.b64decode(content) if item["is_base64"] else content.encode())
    text = path.decode("utf-8", "replace")
    return text, path if text.encode() != path else None
