"""What the tests of subscriptions share: a client that listens, in both forms of the protocol."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

FORMS = ["2025", "2026"]
SOON = 2.0
"""Within so many seconds a change is told."""
QUIET = 0.7
"""Who has heard nothing for so long will not; what is told takes about a tenth of a second."""


@dataclass
class Ear:
    """A client that has subscribed."""

    client: Client
    next: Callable[[], Awaitable[str]]
    honored: list[str]

    async def hears(self) -> str:
        """The address that is told next."""
        with anyio.fail_after(SOON):
            return await self.next()

    async def hears_nothing(self) -> None:
        with anyio.move_on_after(QUIET):
            pytest.fail(f"told of {await self.next()}")

    async def hears_all(self, uris: set[str]) -> None:
        """Wait until each of these was told, and nothing else."""
        left = set(uris)
        while left:
            told = await self.hears()
            assert told in uris
            left.discard(told)


@asynccontextmanager
async def listening(where: Any, form: str, *uris: str) -> AsyncIterator[Ear]:
    """A client that has subscribed to these, by the form of the protocol of that year."""
    async with AsyncExitStack() as stack:
        if form == "2026":
            client = await stack.enter_async_context(Client(where))
            listen = await stack.enter_async_context(client.listen(resource_subscriptions=uris))

            async def next_event() -> str:
                return str((await listen.__anext__()).uri)

            yield Ear(client, next_event, listen.honored.resource_subscriptions or [])
            return
        send, receive = anyio.create_memory_object_stream[str](1000)

        async def hear(message: Any) -> None:
            if getattr(message, "method", "") == "notifications/resources/updated":
                await send.send(message.params.uri)

        client = await stack.enter_async_context(Client(where, mode="legacy", message_handler=hear))
        assert client.protocol_version.startswith("2025")
        for uri in uris:
            await client.subscribe_resource(uri)
        yield Ear(client, receive.receive, list(uris))


def put(path: str, text: str) -> None:
    """Give a file of the current directory its content in one step, which is told once."""
    new = Path.cwd().parent / "put"
    new.write_text(text)
    new.replace(path)


def target(link: str) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""


def kernel_watchers(pid: int | str = "self") -> int:
    """How many inotify descriptors a process has."""
    return sum(target(f"/proc/{pid}/fd/{name}") == "anon_inode:inotify" for name in os.listdir(f"/proc/{pid}/fd"))


def held(pid: int | str = "self") -> tuple[int, int]:
    """Threads and descriptors of a process."""
    gc.collect()
    return len(os.listdir(f"/proc/{pid}/task")), len(os.listdir(f"/proc/{pid}/fd"))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something in another process, of which nothing tells."""
    with anyio.fail_after(SOON):
        while not condition():
            await anyio.sleep(0.01)


@contextmanager
def served_over_http(root: Path) -> Iterator[tuple[str, int]]:
    """The address of a server, and its process."""
    started = [sys.executable, "-m", "vespera_file_ops", "serve", "--root", f"root={root}", "--http", "127.0.0.1:0"]
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = process.stderr.readline().removeprefix("vfo serve: ").strip()
        try:
            yield address, process.pid
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            left = process.stderr.read()
            process.wait(10)
    assert "Traceback" not in left, left
