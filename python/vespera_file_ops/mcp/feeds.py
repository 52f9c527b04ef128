"""What says that a place has changed: watchers, each shared by all who want to know."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

import anyio
import polars as pl

from .. import _core
from ..errors import AccessDeniedError, VfoError
from ..watching import Watcher, watch
from .places import Place

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

__all__ = ["Feed"]

# What changes all the time is told so often; meanwhile the watcher merges.
_PAUSE_SECONDS = 0.2


class Feed:
    """Places of one root under one watcher, which starts with the first and ends with the last of them.

    Arguments:
        group: What the tasks run in that wait for changes.
        tell: Is given the address of what has changed, once for each time that there is something new.
    """

    def __init__(self, group: TaskGroup, tell: Callable[[str], Awaitable[None]]) -> None:
        self._group = group
        self._tell = tell
        self._lock = anyio.Lock()
        self._uris: dict[Place, Counter[str]] = {}
        self._watcher: Watcher | None = None
        self._ended = anyio.Event()
        self._watched: frozenset[Place] = frozenset()

    @property
    def empty(self) -> bool:
        """Whether nobody wants to know anything."""
        return not self._uris

    def add(self, uri: str, place: Place) -> None:
        """Count one more who wants to know of a place by this address; `renew` is to follow."""
        self._uris.setdefault(place, Counter())[uri] += 1

    def remove(self, uri: str, place: Place) -> None:
        """Count one less. After the last, the watcher has ended when this returns."""
        uris = self._uris[place]
        uris[uri] -= 1
        if not uris[uri]:
            del uris[uri]
        if not uris:
            del self._uris[place]
        if not self._uris:
            self.close()

    def close(self) -> None:
        """End the watcher."""
        if self._watcher is not None:
            self._watcher.close()
        self._watcher, self._watched = None, frozenset()

    async def renew(self) -> None:
        """Watch all that is wanted: every change from the return on is told. What is not wanted any more may stay.

        Raises:
            LimitError: The system gives this user no more watchers.
        """
        async with self._lock:
            wanted = frozenset(self._uris)
            if wanted <= self._watched:
                return
            watcher = await self._start(wanted)
            before, ended = self._watcher, self._ended
            self._watcher, self._watched, self._ended = watcher, wanted, anyio.Event()
            self._group.start_soon(self._follow, watcher, self._ended)
            if self.empty:
                self.close()
            if before is not None:
                # The new one knows nothing of what came before it; the last frame of this one has all of that.
                before.rescan()
                await ended.wait()

    async def _start(self, wanted: frozenset[Place]) -> Watcher:
        cancel = _core.CancelToken()

        def start() -> Watcher:
            # In a list, what is not there is watched for, and what lies outside is never heard of.
            return watch(
                sorted(place.source for place in wanted),
                include_hidden=True,
                within=next(iter(wanted)).root,
                cancel=cancel,
            )

        try:
            return await anyio.to_thread.run_sync(start, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            # Also ends the watcher of which nobody will hear.
            cancel.cancel()
            raise

    async def _follow(self, watcher: Watcher, ended: anyio.Event) -> None:
        try:
            async for frame in watcher:
                for place in self._changed(frame):
                    for uri in list(self._uris.get(place, ())):
                        await self._tell(uri)
                if watcher is not self._watcher and "rescan" in frame["event"]:
                    return
                await anyio.sleep(_PAUSE_SECONDS)
        except VfoError as error:
            print(f"vfo serve: a watcher failed: {type(error).__name__}", file=sys.stderr)
            if watcher is self._watcher:
                # The next who subscribes starts another.
                self.close()
        finally:
            watcher.close()
            ended.set()

    def _changed(self, frame: pl.DataFrame) -> list[Place]:
        """The places of which a frame tells."""
        # A folder is modified by whatever comes and goes in it; what of that may be told has a row of its own.
        rows = frame.filter(
            (pl.col("event") != "rescan") & ~((pl.col("event") == "modified") & (pl.col("kind") == "dir"))
        )
        left = {place.path: place for place in self._uris}
        found = []
        for path in _paths(rows):
            for above in _with_parents(path):
                place = left.pop(above, None)
                if place is not None:
                    found.append(place)
            if not left:
                break
        return [place for place in found if _may_be_told(place)]


def _may_be_told(place: Place) -> bool:
    """Whether it is still allowed, wherever its links lead by now."""
    try:
        place.root.status(place.source)
    except AccessDeniedError as error:
        # Without a number it is the root that denies it, and not the system.
        return bool(error.errno)
    except VfoError:
        pass
    return True


def _paths(rows: pl.DataFrame) -> Iterator[str]:
    for path, exact, old in rows.select("path", "path_bytes", "old_path").iter_rows():
        yield path if exact is None else os.fsdecode(exact)
        if old is not None:
            yield old


def _with_parents(path: str) -> Iterator[str]:
    """A path, and each folder above it up to the root."""
    while path not in {"", "."}:
        yield path
        path = os.path.dirname(path)
    yield "."
