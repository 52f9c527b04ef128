"""The retrieval index of a server: its agents search it, and what they read becomes part of it.

A file is added after the answer that gave it, on a thread of the lowest priority, because a commit to the index takes
longer than a read; until then it stands in the index's own queue, which is durable. Its artifact's id depends on its
path alone, so the answer has it at once.
"""

from __future__ import annotations

import atexit
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import ArgumentError, MissingExtraError, PathNotFoundError, VfoError
from ..files import read_file
from .answer import Answer, cut, table
from .sql import where_of
from .tool import TABLE, Call, Tool, schema

if TYPE_CHECKING:
    from ..rag import Embedder
    from .places import Place, Places

__all__ = ["Artifacts"]

_LOWEST_PRIORITY = 19
# How long the end of the process waits for what was read last.
_CLOSING_SECONDS = 10.0
# LanceDB takes a time for one only where it is called so.
_MOMENT = re.compile(r"'\d{4}-\d\d-\d\d(?:[ T][\d:.]+)?'")
_COLUMNS = ("path", "relative_path", "source", "extension", "language", "size", "modified")


class Artifacts:
    """What a server knows of one index.

    Arguments:
        uri: The index's folder; made by the first file that is read.
        embedder: As `rag.Index` takes it.

    Raises:
        MissingExtraError: LanceDB is not installed.
    """

    def __init__(self, uri: str, embedder: Embedder | None = None) -> None:
        from importlib.util import find_spec

        from ..rag import Index

        if find_spec("lancedb") is None:
            raise MissingExtraError("index: it needs LanceDB: pip install 'vespera-file-ops[rag]'", path=uri)
        self.index = Index(uri, embedder=embedder)
        self._waiting: dict[str, tuple[Place, str]] = {}
        self._added: dict[str, str] = {}
        self._sources: tuple[int, list[Any]] = (-1, [])
        self._changed = threading.Condition()
        self._worker: threading.Thread | None = None
        self._is_idle = True
        self._is_closing = False
        atexit.register(self.close)

    def read(self, place: Place, blake3: str) -> str:
        """Have the file at a place, whose content was just given, become an artifact; returns its id."""
        artifact = self._id(place)
        with self._changed:
            if self._added.get(artifact) != blake3 and not self._is_closing:
                self._waiting[artifact] = (place, blake3)
                self._changed.notify_all()
                if self._worker is None:
                    self._worker = threading.Thread(target=self._work, name="vfo-index", daemon=True)
                    self._worker.start()
        return artifact

    def settle(self, seconds: float = _CLOSING_SECONDS) -> bool:
        """Wait until all that was read is in the index; False if it takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._is_idle and not self._waiting, seconds)

    def close(self) -> None:
        """Finish what was read, within a few seconds."""
        with self._changed:
            self._is_closing = True
        self.settle()
        atexit.unregister(self.close)

    def tool(self) -> Tool:
        """The tool that searches the index."""
        return Tool(
            "search_index",
            "The pieces of files that answer a question or hold words best, from an index; read_file adds to it.",
            schema(
                ("query",),
                query={
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 2000,
                    "description": "a question, words or names",
                },
                where={**TABLE["where"], "description": "SQL condition on path, language, size, modified"},
                limit={**TABLE["limit"], "maximum": 100, "default": 8},
                max_bytes=TABLE["max_bytes"],
            ),
            self._search,
            lane="search",
        )

    def _id(self, place: Place) -> str:
        from ..rag.places import place_of

        return place_of(_absolute(place), self._known_sources(), is_label=True).artifact

    def _known_sources(self) -> list[Any]:
        from ..rag.manifest import known_sources

        try:
            # A source's manifest is replaced by a rename.
            version = os.stat(os.path.join(self.index.uri, "sources")).st_mtime_ns
        except FileNotFoundError:
            return []
        if self._sources[0] != version:
            self._sources = (version, known_sources(self.index.uri))
        return self._sources[1]

    def _work(self) -> None:
        if sys.platform == "linux":
            # There a priority is a thread's own.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
        while True:
            with self._changed:
                self._is_idle = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting)
                self._is_idle = False
                batch, self._waiting = self._waiting, {}
            for artifact, (place, blake3) in batch.items():
                with _told(place.path):
                    # What stands there now, should it have changed; in the root, as for whoever read it.
                    raw = read_file(place.source, within=place.root)
                    # The queue is durable: what has come so far outlives the process.
                    self.index.add(_absolute(place), raw, at_once=False)
                self._added[artifact] = blake3
            with _told(self.index.uri):
                self.index.drain()

    def _search(self, call: Call, given: dict[str, Any]) -> Answer:
        # The index may hold what lies outside of the roots: it is not asked for.
        tops = {name: os.path.realpath(root.path).rstrip("/") for name, root in call.places.roots.items()}
        below = " or ".join(f"starts_with(path, '{top.replace(chr(39), chr(39) * 2)}/')" for top in tops.values())
        where = f"({below})"
        if "where" in given:
            asked = _MOMENT.sub(r"timestamp \g<0>", where_of(given["where"], _COLUMNS))
            where += f" and ({asked})"
        try:
            found = self.index.search(given["query"], limit=given["limit"], where=where)
        except ArgumentError:
            told = cut(given.get("where", ""), most=200)
            raise ArgumentError(f"where: {told!r} is no condition on {', '.join(_COLUMNS)}") from None
        except PathNotFoundError:
            return Answer("(the index is empty; read_file and vfo index sync add to it)", {"row_count": 0, "rows": []})
        score = next(name for name in ("_relevance_score", "_score", "_distance") if name in found.columns)
        paths = [_shown(call.places, tops, path) for path in found["path"].to_list()]
        rows = found.with_columns(path=pl.Series(paths, dtype=pl.String), score=pl.col(score).round(3))
        rows = rows.filter(pl.col("path").is_not_null())
        rows = rows.select("path", "start_line", "end_line", "score", "text")
        return table(rows, _by_piece, max_bytes=call.bytes_of(given), longest=call.bytes_of(given))


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Tell on the server's side what failed, without what files hold; the next read tries again."""
    try:
        yield
    except PathNotFoundError:
        # It has gone since, which is no failure.
        pass
    except Exception as error:
        print(f"vfo serve: {path} was not indexed: {type(error).__name__}", file=sys.stderr)


def _absolute(place: Place) -> str:
    return os.path.normpath(os.path.join(os.path.realpath(place.root.path), place.path))


def _shown(places: Places, tops: dict[str, str], path: str) -> str | None:
    """A path of the index as read_file takes it; None where it is denied."""
    name = max((name for name, top in tops.items() if path.startswith(f"{top}/")), key=lambda name: len(tops[name]))
    relative = path[len(tops[name]) + 1 :]
    shown = relative if places.only is not None else f"{name}/{relative}"
    try:
        places.find("path", shown)
    except VfoError:
        return None
    return shown


def _by_piece(rows: pl.DataFrame) -> Iterator[str]:
    for path, start, end, score, text in rows.iter_rows():
        lines = "" if start is None else f":{start}-{end}"
        yield f"== {cut(path)}{lines}  {score}\n{text}\n"
