"""The server over standard input and output, on pipes of the event loop.

The library's own transport reads and writes on threads, which costs each call a millisecond of handing over; its
protocol is used as it is, over streams that the loop waits for itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, cast

import anyio
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server

if sys.platform != "win32":
    import fcntl

__all__ = ["serve_stdio"]

# The longest message that is read: a file that write_file is given, spelled in JSON.
_LONGEST_LINE = 512 << 20
_PIPE_BYTES = 1 << 20


def serve_stdio(server: Server[Any]) -> None:
    """Serve over standard input and output, until the client goes away."""

    async def run() -> None:
        async with _streams() as (lines, out), stdio_server(lines, out) as (reading_end, writing_end):
            await server.run(reading_end, writing_end, server.create_initialization_options())

    if sys.stdin.isatty():
        print("vfo: waiting for an MCP client on the standard input; Ctrl-C or Ctrl-D ends", file=sys.stderr)
        # Nothing could interrupt the thread that waits for a terminal.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    anyio.run(run)


class _Lines:
    """What the client writes, as the library iterates over it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def __aiter__(self) -> _Lines:
        return self

    async def __anext__(self) -> str:
        line = await self._reader.readline()
        if not line:
            raise StopAsyncIteration
        return line.decode("utf-8", "replace")


class _Out:
    """What the client reads; `flush` waits while it reads more slowly than it asks."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def write(self, text: str) -> None:
        self._writer.write(text.encode("utf-8", "replace"))

    async def flush(self) -> None:
        await self._writer.drain()


@asynccontextmanager
async def _streams() -> AsyncIterator[tuple[Any, Any]]:
    """The two streams; None for each where the loop cannot wait for them: files, terminals, and all on Windows."""
    if sys.platform == "win32" or not (_is_pipe(0) and _is_pipe(1)):
        yield None, None
        return
    kept_in, kept_out = os.dup(0), os.dup(1)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    reading, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(0), "rb"))
    writing, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, os.fdopen(os.dup(1), "wb"))
    if sys.platform == "linux":
        # A long answer is written at once, and not by turns with its reader.
        with suppress(OSError):
            fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    # So that `flush` waits until the pipe has everything.
    writing.set_write_buffer_limits(high=0)
    # What prints by mistake must not reach the client, and what reads must not take what it writes.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    try:
        yield _Lines(reader), _Out(asyncio.StreamWriter(writing, cast("Any", protocol), None, loop))
    finally:
        reading.close()
        writing.close()
        for kept, fd in ((kept_in, 0), (kept_out, 1)):
            # The loop has made it one that never waits, for all who have it.
            os.set_blocking(kept, True)
            os.dup2(kept, fd)
            os.close(kept)
        os.close(nothing)


def _is_pipe(fd: int) -> bool:
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
