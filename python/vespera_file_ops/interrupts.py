"""Ctrl-C for a query that another engine runs, where that engine does not hear it.

Polars notices an interrupt by a handler that it puts below Python's when it is imported. A kernel sets Python's handler
anew before every cell, which takes Polars' out, and the main thread, where Python would raise, waits for the query. So
the sources of this package listen themselves: Python's handler writes each signal's number into a pipe as soon as it
arrives, whatever the main thread does, and the engine's threads look into that pipe whenever they wait for rows.

Daft hears one while it runs a query, but not while it asks for the tasks, which takes as long as the tree takes to be
planned; so its sources listen outside of kernels too. Nothing of this happens elsewhere, nor where somebody else has
set such a pipe (`signal.set_wakeup_fd`).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

__all__ = ["listen", "watcher"]

_lock = threading.Lock()
_reader: int | None = None
_heard = 0


def listen(*, everywhere: bool = False) -> None:
    """Begin to listen, if this is a kernel's main thread, or anybody's with `everywhere`; once a process is enough."""
    global _reader
    if _reader is not None or not (everywhere or _in_kernel()):
        return
    if threading.current_thread() is not threading.main_thread():
        return
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    if before != -1:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
        return
    _reader = reader


def watcher(*, everywhere: bool = False) -> Callable[[], bool]:
    """A function that says whether an interrupt has come since this call; outside of kernels with `everywhere`."""
    if _reader is None or not (everywhere or _in_kernel()):
        return _never
    since = _count()
    return lambda: _count() != since


def _in_kernel() -> bool:
    return "ipykernel.zmqshell" in sys.modules


def _never() -> bool:
    return False


def _count() -> int:
    """How many interrupts have come so far. Several sources of one query ask: each hears of all."""
    global _heard
    with _lock:
        try:
            while _reader is not None and (numbers := os.read(_reader, 512)):
                _heard += numbers.count(signal.SIGINT)
        except BlockingIOError:
            pass
        return _heard
