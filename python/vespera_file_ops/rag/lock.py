"""One writer at a time: a lock that the kernel gives, and takes back when its holder dies.

The lock is on an open file, not the file itself, so a leftover file locks nothing, and two threads of one process keep
each other out as two processes do.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import IndexBusyError

__all__ = ["WriterLock"]

# Short enough that Ctrl-C is heard at once, and that a writer which ends is followed at once.
_LOOK_SECONDS = 0.02


class WriterLock:
    """The lock of an index.

    Arguments:
        path: The lock file; its folder must exist.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    @contextmanager
    def held(self, wait: float) -> Iterator[None]:
        """Hold the lock in the block; `IndexBusyError` if it cannot be had in so many seconds."""
        until = time.monotonic() + wait
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            while not _taken(handle):
                if time.monotonic() >= until:
                    raise IndexBusyError(
                        f"{self.path}: {_holder(handle)} writes to this index and did not end within {wait:g} s; "
                        "try again later, or give a longer `wait`",
                        path=self.path,
                    )
                time.sleep(_LOOK_SECONDS)
            os.truncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0) if hasattr(os, "pwrite") else None
            yield
        finally:
            # Closing gives the lock back; so does the end of the process.
            os.close(handle)

    def is_held(self) -> bool:
        """Whether somebody holds it at this moment."""
        with suppress(FileNotFoundError):
            handle = os.open(self.path, os.O_RDWR)
            try:
                return not _taken(handle)
            finally:
                os.close(handle)
        return False


if sys.platform == "win32":
    import msvcrt

    # Far behind the text that names the holder, which others must be able to read.
    _AT = 1 << 30

    def _taken(handle: int) -> bool:
        os.lseek(handle, _AT, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _taken(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _holder(handle: int) -> str:
    """Who holds it, as far as the lock file says."""
    os.lseek(handle, 0, os.SEEK_SET)
    number = os.read(handle, 20).decode("ascii", "replace").strip()
    return f"process {number}" if number.isdigit() else "another process"
