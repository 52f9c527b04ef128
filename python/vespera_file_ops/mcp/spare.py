"""The process of the next query, which is started after the one before: to start takes longer than most queries."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["SPARE"]


class _Spare:
    """A process that has loaded what a query needs, and waits for one; there is none before the first query."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: subprocess.Popen[str] | None = None
        self._owner = 0
        self._is_closed = False

    @contextmanager
    def taken(self) -> Iterator[subprocess.Popen[str]]:
        """The process that waits, for one query; behind it the next one is started."""
        with self._lock:
            # In a fork it is the other process's.
            child = self._waiting if self._owner == os.getpid() else None
            self._waiting = None
        if child is None or child.poll() is not None:
            child = _started()
        try:
            with child:
                yield child
        finally:
            with self._lock:
                if self._waiting is None and not self._is_closed:
                    self._waiting, self._owner = _started(), os.getpid()

    def close(self) -> None:
        """End what waits."""
        with self._lock:
            self._is_closed = True
            child, self._waiting = self._waiting, None
        if child is not None and self._owner == os.getpid():
            child.kill()
            child.communicate()


def _started() -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vespera_file_ops.mcp.query_child"]
    # It ends with its parent, whose end of the pipe is all that it waits for.
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


SPARE = _Spare()
atexit.register(SPARE.close)
