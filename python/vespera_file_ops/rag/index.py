"""The index as its user sees it."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import ArgumentError, FileSystemError, IndexBusyError, PathNotFoundError
from ..forks import ensure_not_forked
from ..options import documented
from ..paths import encode_path, ensure_text
from ..request import ScanRequest
from .arguments import WALK, chunk_options, ensure_file, ensure_flag, ensure_number, limits_of, walk_options
from .chunking import ChunkOptions
from .embedder import as_embedder
from .engines import Engine, EngineName, engine_of
from .manifest import known_sources
from .places import Place, Source, place_of
from .queue import Item
from .search import MODES, Mode, found
from .settings import load_settings
from .store import Store
from .sync import Limits, Sync
from .verify import DIFFERENCES, differences

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..options import DiffOptions
    from ..paths import PathArgument

__all__ = ["Index"]


class Index:
    """A retrieval index of file trees: a folder in which LanceDB keeps their chunks.

    Arguments:
        uri: The index's folder; made by the first `sync` or `add`.
        embedder: What makes vectors of the chunks: an `Embedder`, one of LanceDB's embedding functions, or None for
            full text alone. An index keeps to the one that it was built with.

    Raises:
        TypeError: The embedder is none.
    """

    def __init__(self, uri: PathArgument, *, embedder: object = None) -> None:
        self.uri = os.path.abspath(os.fsdecode(encode_path("uri", uri)))
        self.embedder = as_embedder(embedder)
        self._store = Store(self.uri, self.embedder)

    def __repr__(self) -> str:
        return f"Index({self.uri!r})"

    @documented(WALK)
    def sync(
        self,
        source: PathArgument = ".",
        *,
        name: str | None = None,
        chunk_size: int | None = None,
        overlap: int | None = None,
        tokenizer: object = None,
        extractors: Mapping[str, Callable[..., object]] | None = None,
        encoding: str | None = None,
        max_removed: float = 0.5,
        dry_run: bool = False,
        rebuild: bool = False,
        wait: float = 30.0,
        engine: EngineName = "local",
        progress: bool = False,
        **options: Unpack[DiffOptions],
    ) -> pl.DataFrame:
        """Make the index's rows of a folder what the folder holds now, at the price of what has changed.

        Arguments:
            source: The folder.
            name: What the source is called in the index; by default its canonical path. With a name it may move.
            chunk_size: As in `scan_chunks`, like the next four. What is not given is as the index has it; what is given
                must be so, too, because all rows of an index are cut alike.
            overlap: See there.
            tokenizer: See there.
            extractors: See there.
            encoding: See there.
            max_removed: Refuse to remove more than this share of the source's files.
            dry_run: Only say what would be done.
            rebuild: Start over: every source of the index is forgotten first. The others have to be synced again.
            wait: How many seconds to wait while another process writes to the index.
            engine: "local", or "daft": the files are cut and the texts embedded on Daft's workers, which see the source
                at the same path; this process compares the tree and writes the index, which no worker has to see.
            progress: Show progress bars (tqdm).
            {options}

        Returns:
            One row for each status: added, modified, renamed, touched (other times, the same content), removed,
            unchanged and unknown (it could not be looked at or read: its old rows stay, and the next sync tries again).

        Columns:
            status (String): The status.
            files (Int64): How many files.
            chunks (Int64): How many rows were written for them; null in a dry run.
            embedded (Int64): How many texts had to be embedded.
            seconds (Float64): How long it took; of `unchanged`, the comparison of the tree.
            paths (List[String]): Their relative paths; null for `unchanged`.
            errors (List[String]): Why, for each of `unknown`.

        Raises:
            RemovalRefusedError: More is gone than `max_removed` allows, or nothing of the source can be seen.
            PathNotFoundError: The source does not exist.
            FileSystemError: The source cannot be listed, or the index's disk is full.
            IndexBusyError: Another process wrote to the index for all of `wait`.
            IndexMismatchError: The index was built with another embedder, other chunks, or by a newer version.
            IndexDamagedError: A part of the index is missing or broken.
            MissingExtraError: LanceDB is not installed, or Daft for `engine="daft"`.
            ArgumentError, TypeError: An argument cannot be used; the message names it.

        Warns:
            UnindexedRowsWarning: All is written, but the disk has no room to index it: searches are slower.

        Example:
            >>> from vespera_file_ops.rag import Index
            >>> index = Index("demo.index")
            >>> index.sync("src").filter(status="added").select("files", "chunks").rows()
            [(3, 3)]
            >>> index.sync("src").filter(status="unchanged")["files"].item()
            3
        """
        ensure_not_forked()
        walk = walk_options("sync", options)
        place = Source.of(source, name, walk.get("within"))
        limits = limits_of(max_removed, dry_run=dry_run, progress=progress)
        cut = chunk_options(chunk_size, overlap, tokenizer, extractors, encoding)
        ensure_flag("rebuild", rebuild)
        ensure_number("wait", wait)
        workers = engine_of(engine, self.embedder)
        ScanRequest("files", place.walked, dict(walk))
        if dry_run:
            return self._dry_run(place, walk, cut, limits, workers)
        with self._store.writing(wait):
            ready = self._store.prepare(cut, rebuild=rebuild)
            self._store.drain()
            return Sync(self._store, place, walk, ready, limits, workers)()

    def _dry_run(
        self, place: Source, walk: dict[str, object], cut: ChunkOptions, limits: Limits, workers: Engine
    ) -> pl.DataFrame:
        settings = load_settings(self.uri)
        if settings is not None:
            settings.ensure_same_embedder(self.embedder, self.uri)
            cut = settings.with_options(cut, self.uri)
        return Sync(self._store, place, walk, cut, limits, workers)()

    def add(self, path: PathArgument, content: str | bytes | None = None, *, at_once: bool = True) -> str:
        """Index one file at once, or a content under a path: the hook for a server that has just read it.

        Where another process writes to the index, the work is queued, durably, and done by that process. A file below
        a source of the index belongs to that source, whose next sync makes its rows what the tree holds again; anything
        else belongs to the source `added`, which no sync touches.

        Arguments:
            path: The file. With a `content` it need not exist.
            content: What to index in its place; a str, or bytes, which are decoded as a file of that name would be.
            at_once: False: only queue it, which takes a millisecond, for `drain`, or whoever writes to the index next.

        Returns:
            The artifact's id, which depends on the source and the relative path alone.

        Raises:
            PathNotFoundError: There is no such file.
            FileSystemError: It cannot be read, or the index's disk is full.
            IndexMismatchError, IndexDamagedError, MissingExtraError: As in `sync`.
            ArgumentError, TypeError: An argument cannot be used; the message names it.

        Example:
            >>> from vespera_file_ops.rag import Index
            >>> index = Index("demo.index")
            >>> artifact = index.add("ticket/7", "The zebra crossing is broken.")
            >>> index.search("zebra")["path"].to_list()
            ['ticket/7']
        """
        ensure_not_forked()
        if content is not None and not isinstance(content, str | bytes):
            raise TypeError(f"content: a str or bytes, not {type(content).__name__}")
        ensure_flag("at_once", at_once)
        self._ensure_embedder()
        place = place_of(path, known_sources(self.uri), is_label=content is not None)
        encoded = os.path.abspath(encode_path("path", path))
        if content is None:
            ensure_file(encoded)
        item = _item("add", place, encoded, content)
        if not at_once:
            self._store.queue.put(item)
            return place.artifact
        failed = self._apply_or_queue([item])
        if place.artifact in failed:
            text = os.fsdecode(encoded)
            raise FileSystemError(f"{text}: cannot be indexed ({failed[place.artifact]})", path=text)
        return place.artifact

    def drain(self) -> int:
        """Do what is queued, unless another process writes to the index, which will do it.

        Returns:
            How many artifacts are queued still.

        Raises:
            IndexMismatchError, IndexDamagedError, MissingExtraError: As in `sync`.

        Example:
            >>> from vespera_file_ops.rag import Index
            >>> index = Index("demo.index")
            >>> artifact = index.add("note", "Remember the milk.", at_once=False)
            >>> index.drain()
            0
            >>> index.search("milk")["path"].to_list()
            ['note']
        """
        ensure_not_forked()
        if self._store.queue.names():
            self._store.drain_if_free()
        return len(self._store.queue.names())

    def remove(self, path: PathArgument) -> str:
        """Take one artifact out of the index at once; the counterpart of `add`, queued likewise.

        A file that still stands in the tree of a source comes back with that source's next sync.

        Arguments:
            path: As it was given to `add`, or the path of a file of a source.

        Returns:
            The artifact's id.

        Raises:
            PathNotFoundError: There is no index.
            IndexMismatchError, IndexDamagedError, MissingExtraError: As in `sync`.
            ArgumentError, TypeError: The path cannot be used.

        Example:
            >>> from vespera_file_ops.rag import Index
            >>> index = Index("demo.index")
            >>> index.add("note", "Remember the milk.") == index.remove("note")
            True
            >>> index.search("milk").height
            0
        """
        ensure_not_forked()
        self._store.settings()
        self._ensure_embedder()
        records = known_sources(self.uri)
        encoded = os.path.abspath(encode_path("path", path))
        # As a path of this machine and as it is written: only `add` knew which.
        places = [place_of(path, records), place_of(path, records, is_label=True)]
        self._apply_or_queue([_item("remove", place, encoded, None) for place in dict.fromkeys(places)])
        return places[0 if os.path.lexists(encoded) else 1].artifact

    def _apply_or_queue(self, items: list[Item]) -> dict[str, str]:
        try:
            with self._store.writing(0):
                return self._store.apply(items)
        except IndexBusyError:
            for item in items:
                self._store.queue.put(item)
            # The holder may have gone between the two.
            self._store.drain_if_free()
            return {}

    def _ensure_embedder(self) -> None:
        settings = load_settings(self.uri)
        if settings is not None:
            settings.ensure_same_embedder(self.embedder, self.uri)

    def search(self, query: str, *, limit: int = 10, mode: Mode = "auto", where: str | None = None) -> pl.DataFrame:
        """The chunks that answer a query best.

        Arguments:
            query: Words, names or a question; nothing in it has a special meaning.
            limit: At most so many rows.
            mode: "text": full text (BM25), in which `parseArguments` and `parse_arguments` are found by each other and
                by their parts. "vector": by the embedder. "hybrid": both, joined by reciprocal rank. "auto": hybrid
                where there is an embedder, else text.
            where: A condition in SQL on `path`, `relative_path`, `source`, `extension`, `language`, `size` and
                `modified`, such as `language = 'python' and modified > timestamp '2026-01-01'`.

        Columns:
            path (String): The file.
            relative_path (String): Its path from its source.
            source (String): The source's name or path.
            artifact (String): The file's id in the index.
            chunk (Int64): The chunk's number in the file, from 0.
            start_line, end_line (Int64): Its lines, from 1.
            start_byte, end_byte (Int64): Its bytes; null where it was extracted.
            language (String): What it was taken for.
            modified (Datetime): When the file changed.
            text (String): The chunk.
            _score, _distance, _relevance_score (Float32): LanceDB's: of full text, of vectors (cosine), of both.

        Raises:
            PathNotFoundError: There is no index.
            IndexMismatchError, IndexDamagedError, MissingExtraError: As in `sync`.
            ArgumentError, TypeError: An argument cannot be used; the message names it.

        Example:
            >>> from vespera_file_ops.rag import Index
            >>> index = Index("demo.index")
            >>> report = index.sync("src")
            >>> index.search("parseArguments", limit=1).select("relative_path", "start_line").rows()
            [('app.py', 1)]
            >>> index.search("main", where="language = 'rust'")["relative_path"].to_list()
            ['lib.rs']
        """
        ensure_not_forked()
        ensure_text("query", query)
        if not isinstance(limit, int) or isinstance(limit, bool):
            raise TypeError(f"limit: an int, not {type(limit).__name__}")
        if limit < 1:
            raise ArgumentError(f"limit: at least 1, got {limit}")
        if mode not in MODES:
            raise ArgumentError(f"mode: one of {', '.join(MODES)}, not {mode!r}")
        if where is not None and not isinstance(where, str):
            raise TypeError(f"where: a str with a condition in SQL, not {type(where).__name__}")
        if mode in {"vector", "hybrid"} and self.embedder is None:
            raise ArgumentError(f"mode: {mode} needs an embedder: Index(uri, embedder=...)")
        rows = self._store.rows()
        if self.embedder is not None and mode != "text":
            self._ensure_embedder()
        return found(
            rows.open(), self.uri, query, limit=limit, mode=mode, where=where,
            embedder=None if mode == "text" else self.embedder,
        )  # fmt: skip

    def verify(
        self,
        source: PathArgument | None = None,
        *,
        name: str | None = None,
        tokenizer: object = None,
        extractors: Mapping[str, Callable[..., object]] | None = None,
    ) -> pl.DataFrame:
        """Compare the index with the trees, by cutting every file again; empty if nothing differs.

        Arguments:
            source: One source; None: all that the index has.
            name: The source's name, if `sync` was given one.
            tokenizer: As `sync` was given it.
            extractors: As `sync` was given it.

        Columns:
            source (String): The source.
            relative_path (String): The file.
            chunk (Int64): The chunk; null for a file as a whole.
            difference (String): missing, stale, extra, duplicated or unreadable.
            detail (String): What about it.

        Raises:
            PathNotFoundError: There is no index, or no such source.
            IndexMismatchError, IndexDamagedError, MissingExtraError: As in `sync`.
            ArgumentError, TypeError: An argument cannot be used; the message names it.

        Example:
            >>> import vespera_file_ops as vfo
            >>> from vespera_file_ops.rag import Index
            >>> index = Index("demo.index")
            >>> report = index.sync("src")
            >>> index.verify().is_empty()
            True
            >>> _ = vfo.write_file_atomic("src/new.py", "import os")
            >>> index.verify().select("relative_path", "difference").rows()
            [('new.py', 'missing')]
        """
        ensure_not_forked()
        settings = self._store.settings()
        cut = settings.with_options(chunk_options(None, None, tokenizer, extractors, None), self.uri)
        records = known_sources(self.uri)
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name: a str, not {type(name).__name__}")
        if source is not None or name is not None:
            wanted = name if source is None else Source.of(source, name, None).id
            records = [record for record in records if record.source == wanted]
            if not records:
                raise PathNotFoundError(f"{wanted}: the index has no such source; sync it first", path=wanted)
        rows = self._store.rows()
        table = rows.open()
        parts = [pl.DataFrame(schema=DIFFERENCES)]
        for record in records:
            if record.root is not None:
                place = Source(record.source, record.root, os.fsencode(record.root))
                parts.append(differences(rows, table, place, record.options, cut))
        return pl.concat(parts)

    def status(self) -> pl.DataFrame:
        """What the index holds: one row for each source.

        Columns:
            source (String): Its name or path.
            root (String): The folder; null for `added`.
            files (Int64): Files with rows.
            chunks (Int64): Rows.
            in_doubt (Int64): Files that the next sync makes anew, whatever they hold.
            queued (Int64): Artifacts that wait for the writer, of all sources.
            is_locked (Boolean): Whether somebody writes to the index at this moment.

        Raises:
            PathNotFoundError: There is no index.
            IndexMismatchError, IndexDamagedError, MissingExtraError: As in `sync`.

        Example:
            >>> from vespera_file_ops.rag import Index
            >>> index = Index("demo.index")
            >>> report = index.sync("src", name="sources")
            >>> index.status().select("source", "files", "chunks").rows()
            [('sources', 3, 3)]
        """
        ensure_not_forked()
        from .manifest import Manifest

        rows = self._store.rows()
        held = rows.read(rows.open(), "chunk >= 0", ["source", "artifact"])
        counted = held.group_by("source").agg(files=pl.col("artifact").n_unique(), chunks=pl.len())
        counts = {source: (files, chunks) for source, files, chunks in counted.iter_rows()}
        roots = {record.source: record.root for record in known_sources(self.uri)}
        shared = (len(self._store.queue.names()), self._store.lock.is_held())
        schema: dict[str, Any] = {
            "source": pl.String, "root": pl.String, "files": pl.Int64, "chunks": pl.Int64, "in_doubt": pl.Int64,
            "queued": pl.Int64, "is_locked": pl.Boolean,
        }  # fmt: skip
        told = [
            (source, roots.get(source), *counts.get(source, (0, 0)), len(Manifest(self.uri, source).doubts), *shared)
            for source in sorted({*roots, *counts})
        ]
        return pl.DataFrame(told, schema=schema, orient="row")

    @property
    def table(self) -> Any:
        """LanceDB's table, in its newest version. Its files stay for an hour after a sync has made a newer one."""
        return self._store.rows().open()


def _item(action: str, place: Place, path: bytes, content: str | bytes | None) -> Item:
    is_base64 = isinstance(content, bytes)
    text = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    return Item(
        action=action, source=place.source, key=place.key, relative_path=place.relative_path, path=place.path,
        file=path.hex(), content=text, is_base64=is_base64,
    )  # fmt: skip
