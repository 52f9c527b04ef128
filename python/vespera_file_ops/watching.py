"""Monitoring: what changes in a tree, as frames of events.

Watching is a hint, scanning is the truth: what the kernel says only marks folders, which are then listed again by the
walk of the scans and compared with what they were. So the events, applied in turn to a first look, always give the tree
as it is. The Rust core does all of it on a thread of its own; this side waits, and makes frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _core, tables
from . import options as opt
from .forks import ensure_not_forked
from .options import checked, documented
from .paths import encode_sources
from .request import given_options

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

    import polars as pl
    from typing_extensions import Self, Unpack

    from .options import WatchOptions
    from .paths import SourceArgument

__all__ = ["Watcher", "watch"]

# The core looks for signals every 25 ms by itself; it comes back this often only to be asked again.
_WAIT_SECONDS = 60.0

# Where an event loop cannot wait for it, a thread does, which nobody can call off: for no longer than this.
_THREAD_SECONDS = 0.1


@documented(opt.WATCH, tables.EVENTS)
def watch(source: SourceArgument = ".", **options: Unpack[WatchOptions]) -> Watcher:
    """Watch folders and files: an iterator of frames, each with what has changed since the one before.

    When the call returns, the first look is taken: every change from then on is told. To keep a copy of the tree up to
    date, start the watcher, then scan with the same options, then apply each frame to it by path: take all `old_path`
    and all `removed` paths out, then put all other rows but `rescan` in. Within a frame each path stands once at the
    most as `path` (but for `rescan`) and once as `old_path`, so swapped and rotated names come out right. Rows stand in
    this order: `rescan`; what was removed, contents before their folder; what was renamed; what was created or
    modified, by path.

    - The rows are those of `scan_files` under the same options, folders included (unless `include` or `types` is
      given), but for those that tell of an error outside of the tree or of the source itself: events have no error. A
      folder in which something comes or goes is `modified` too. `modified` means that size, time of content or time of
      inode differ, so `chmod` counts.
    - `renamed` is an entry that kept its number, kind and, if a file, size and modification time; for a folder there is
      a row for itself and one for each entry below it. What was renamed and changed at once, what left or entered the
      watched tree, and what had a name that is not UTF-8 is `removed` and `created`.
    - Another file of the same kind under the same path is `modified` (programs save like that), unless the one before
      was renamed.
    - A file that is written all the time has one row a frame. While nobody takes frames, changes are merged, in bounded
      memory.
    - What the options leave out (ignored folders, hidden ones) is not watched, and `.git` never is; macOS and Windows
      watch a source as a whole, and what they say of those is dropped. An ignore file that changes has its folder
      listed again under the new rules.
    - A row `rescan` (of the source) says that the kernel could not tell everything, so that all was listed again: its
      queue ran over, its watches ran out (`fs.inotify.max_user_watches`), or `rescan()` was called. The rows after it
      are complete.
    - Every 2 seconds, or a tenth of the time where that takes long, it looks at what no watch tells of: folders that
      could not be watched or not be read to their end, and with `follow_symlinks` what each link leads to.
    - What cannot be looked at because the system is short of open files or memory is not taken for gone: it stays as it
      was known, and is looked at again within 2 seconds until it can be.
    - A source that goes is `removed` with all that it held, and watched again when it is back (looked for twice a
      second); so is the folder in which a glob looks for its matches. Relative sources, globs too, stay in the
      directory that is the current one at the call. With `follow_symlinks`, or where one source lies in another, every
      change has everything listed; what two sources reach is one row, under the first.
    - A file of several names is `modified` under each of them in the tree when it changes through one of them, and when
      a name comes or goes there.

    Not seen, because the kernel does not tell of it, until something else has the folder listed or `rescan()` is
    called: what other machines do on a network file system; stores into a mapped file; what is mounted over a folder
    (but for a source); a change, a link or an unlink through a name that is not watched (a hard link elsewhere, or one
    that the options leave out); an edit of the user's own excludes file (git's `core.excludesFile`); with
    `follow_symlinks` and `max_file_size`, that a file behind a link has become small enough.

    Use it with `for` or, in asyncio, with `async for`; as a context manager it is closed at the end of the block. In
    asyncio, start it with `await asyncio.to_thread(vfo.watch, ...)` if the tree is large.

    Arguments:
        source: A folder, a file (its folder is watched for it), a glob, or a list of these. In a list, what does not
            exist yet is watched for.
        {options}

    Columns:
        {columns}

    Returns:
        A `Watcher`.

    Raises:
        PathNotFoundError: The one source does not exist.
        OutsideRootError: It leads out of `within`.
        PatternError: A glob does not parse.
        LimitError: The system gives this user no more watchers.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> with vfo.watch("src", include="*.py") as watcher:
        ...     _ = open("src/new.py", "w").write("import os")
        ...     for changes in watcher:
        ...         print(changes.select("event", "path", "size").rows())
        ...         break
        [('created', 'src/new.py', 9)]
    """
    ensure_not_forked()
    sources, is_list = encode_sources("source", source)
    given = given_options(checked("watch", options, opt.WATCH))
    return Watcher(_core.Watch(sources, {"source_is_list": is_list, **given}))


@dataclass(eq=False)
class _Turn:
    """A task that waits for a frame, by the loop that it runs in."""

    loop: asyncio.AbstractEventLoop


class Watcher:
    """What `watch` gives: an iterator of frames of events, in threads and in asyncio, and a context manager.

    One thread or task takes frames; `close` and `rescan` may be called by any. Iteration ends when it is closed.
    """

    def __init__(self, core: _core.Watch) -> None:
        self._core = core
        self._turn: _Turn | None = None

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> pl.DataFrame:
        """Wait for the next frame.

        Raises:
            CancelledError: Its token was cancelled.
            ForkedProcessError: This process was forked from the one that started it.
            FileSystemError: The system failed.
        """
        ensure_not_forked()
        while True:
            found = self._core.next(_WAIT_SECONDS)
            if found is not None:
                frame = _frame(found)
                if frame is None:
                    raise StopIteration
                return frame

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> pl.DataFrame:
        """Wait for the next frame without holding up the event loop; on Windows, a thread of its executor waits."""
        import asyncio

        ensure_not_forked()
        # A loop that is closed leaves its tasks where they wait: they are nobody's turn any more.
        if self._turn is not None and not self._turn.loop.is_closed():
            raise RuntimeError("another task is waiting for this watcher's next frame; one at a time")
        turn = self._turn = _Turn(asyncio.get_running_loop())
        try:
            # What came is taken on this thread, in one step, so that a cancelled task loses nothing.
            while (found := self._core.next(0)) is None:
                await self._ready(turn.loop)
            frame = _frame(found)
        finally:
            if self._turn is turn:
                self._turn = None
        if frame is None:
            raise StopAsyncIteration
        return frame

    async def _ready(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until there may be something to take."""
        import asyncio

        descriptor = self._core.fileno()
        if descriptor is None:
            await asyncio.to_thread(self._core.wait, _THREAD_SECONDS)
            return
        ready = asyncio.Event()
        loop.add_reader(descriptor, ready.set)
        try:
            await ready.wait()
        finally:
            if not loop.is_closed():
                loop.remove_reader(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def rescan(self) -> None:
        """List everything again at once; the next frame begins with the row `rescan`, and holds what had changed."""
        self._core.rescan()

    def close(self) -> None:
        """End it: whoever waits for a frame is told at once, the thread ends. Closing again does nothing."""
        self._core.close()


def _frame(found: tuple[str, _core.Batches]) -> pl.DataFrame | None:
    """A frame of what the core has found, or None at its end."""
    from .frames import to_frame

    return to_frame(found[1]) if found[0] == "events" else None
