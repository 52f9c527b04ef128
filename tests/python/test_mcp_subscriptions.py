"""Who is told of changes: in both forms of the protocol, over each transport, and what is left when they are gone."""

from __future__ import annotations

import gc
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST

from vespera_file_ops.mcp import subscriptions

from conftest import make_tree
from mcp_tools import server_of, stdio_of

pytestmark = pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")

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


@pytest.mark.parametrize("form", FORMS)
def test_a_change_is_told_in_process(demo: Path, form: str) -> None:
    file, folder = "vfo://root/src/app.py", "vfo://root/data/"

    async def work() -> None:
        async with listening(server_of(demo), form, file, folder) as ear:
            put("src/app.py", "changed")
            assert await ear.hears() == file
            assert (await ear.client.read_resource(file)).contents[0].text == "changed"
            put("src/lib.rs", "nobody wants to know")
            make_tree(demo.parent, {"new/deep/file.txt": b"x"})
            (demo.parent / "new").rename("data/new")
            assert await ear.hears() == folder
            await ear.hears_nothing()

    anyio.run(work)


@pytest.mark.parametrize("form", FORMS)
def test_a_change_is_told_over_stdio(demo: Path, form: str) -> None:
    async def work() -> None:
        async with listening(stdio_of("--root", f"root={demo}"), form, "vfo://root/src") as ear:
            put("src/app.py", "changed")
            assert await ear.hears() == "vfo://root/src"

    anyio.run(work)


@pytest.mark.parametrize("form", FORMS)
def test_a_change_is_told_over_http_and_the_end_of_a_session_ends_its_watchers(demo: Path, form: str) -> None:
    async def told(address: str, pid: int) -> None:
        async with listening(address, form, "vfo://root/src", "vfo://root/README.md") as ear:
            assert kernel_watchers(pid) == 2
            with anyio.fail_after(10):
                # A client of 2025 does not wait for its stream to be there, and is told nothing before.
                while True:
                    put("README.md", f"{time.time()}")
                    with anyio.move_on_after(0.5):
                        assert await ear.next() == "vfo://root/README.md"
                        break
            put("src/app.py", f"{time.time()}")
            while await ear.hears() != "vfo://root/src":
                pass
        await until(lambda: kernel_watchers(pid) == 0)

    async def work() -> None:
        with served_over_http(demo) as (address, pid):
            await told(address, pid)
            before = held(pid)
            for _ in range(3):
                await told(address, pid)
            await until(lambda: held(pid)[0] <= before[0] and held(pid)[1] <= before[1])

    anyio.run(work)


def test_an_ended_subscription_is_silent(demo: Path) -> None:
    async def work() -> None:
        async with listening(server_of(demo), "2025", "vfo://root/src/app.py", "vfo://root/src/lib.rs") as ear:
            for uri in ("vfo://root/src/app.py", "vfo://root/src/app.py", "vfo://root/never"):
                await ear.client.unsubscribe_resource(uri)
            put("src/app.py", "changed")
            put("src/lib.rs", "changed")
            assert await ear.hears() == "vfo://root/src/lib.rs"
            await ear.client.unsubscribe_resource("vfo://root/src/lib.rs")
            assert kernel_watchers() == 0
            put("src/lib.rs", "changed again")
            await ear.hears_nothing()
            await ear.client.subscribe_resource("vfo://root/src/lib.rs")
            put("src/lib.rs", "and again")
            assert await ear.hears() == "vfo://root/src/lib.rs"

    anyio.run(work)


def test_an_ended_request_leaves_the_connection_and_no_watcher(demo: Path) -> None:
    async def work() -> None:
        async with Client(stdio_of("--root", f"root={demo}")) as client:
            (child,) = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            for _ in range(3):
                async with client.listen(resource_subscriptions=["vfo://root/src"]):
                    assert kernel_watchers(child) == 1
                await until(lambda: kernel_watchers(child) == 0)
            assert (await client.list_resources()).resources

    anyio.run(work)


@pytest.mark.parametrize("form", FORMS)
def test_a_session_that_ends_leaves_nothing(demo: Path, form: str) -> None:
    async def work() -> None:
        async with listening(server_of(demo), form, "vfo://root/", "vfo://root/src/app.py", "vfo://root/gone") as ear:
            assert kernel_watchers() == 2
            put("src/app.py", f"{time.time()}")
            await ear.hears_all({"vfo://root/", "vfo://root/src/app.py"})

    anyio.run(work)
    before = held()
    for _ in range(3):
        anyio.run(work)
    assert kernel_watchers() == 0
    deadline = time.monotonic() + SOON
    while held() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    now = held()
    assert now[0] <= before[0]
    assert now[1] <= before[1]


def test_who_listens_is_told_that_the_server_stops(demo: Path) -> None:
    async def work() -> None:
        with served_over_http(demo) as (address, pid):
            async with Client(address) as client, client.listen(resource_subscriptions=["vfo://root/"]) as listen:
                os.kill(pid, signal.SIGINT)
                with anyio.fail_after(SOON):
                    # A stream that is torn off would raise.
                    assert [event async for event in listen] == []
                    ended = os.pidfd_open(pid)
                    await anyio.wait_readable(ended)
                    os.close(ended)

    anyio.run(work)


def test_two_clients_share_a_watcher(demo: Path) -> None:
    # Two spellings of one place are each told as they were asked for.
    async def work() -> None:
        with served_over_http(demo) as (address, pid):
            async with listening(address, "2026", "vfo://root/src/app.py", "vfo://root/src/") as first:
                async with listening(address, "2026", "vfo://root/src/%61pp.py", "vfo://root/src") as second:
                    assert kernel_watchers(pid) == 2
                    put("src/app.py", "one")
                    await first.hears_all({"vfo://root/src/app.py", "vfo://root/src/"})
                    await second.hears_all({"vfo://root/src/%61pp.py", "vfo://root/src"})
                put("src/app.py", "two")
                await first.hears_all({"vfo://root/src/app.py", "vfo://root/src/"})
                assert kernel_watchers(pid) == 2
            await until(lambda: kernel_watchers(pid) == 0)

    anyio.run(work)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_may_come_go_and_be_replaced(demo: Path, form: str) -> None:
    uris = ["vfo://root/not/yet/there.txt", "vfo://root/src/app.py", "vfo://root/src/lib.rs"]

    async def work() -> None:
        async with listening(server_of(demo), form, *uris) as ear:
            assert ear.honored == uris
            Path("not/yet").mkdir(parents=True)
            put("not/yet/there.txt", "there")
            assert await ear.hears() == uris[0]
            Path("src/app.py").unlink()
            assert await ear.hears() == uris[1]
            put("src/app.py", "back")
            assert await ear.hears() == uris[1]
            for number in range(3):
                put("src/lib.rs", f"replaced {number}")
                assert await ear.hears() == uris[2]
            Path("not").rename("moved")
            assert await ear.hears() == uris[0]
            await ear.hears_nothing()

    anyio.run(work)


@pytest.mark.parametrize("form", FORMS)
def test_what_is_denied_or_lies_outside_is_never_told(beside: Path, form: str) -> None:
    silent = [f"vfo://root/{path}" for path in ("link/secret.txt", "file", "link", "link/not-there")]
    heard = ["vfo://root/d", "vfo://root/", "vfo://root/in.txt"]

    async def work() -> None:
        async with listening(server_of(beside), form, *silent, *heard) as ear:
            # What is outside is taken like what is not there yet.
            assert ear.honored == silent + heard
            (beside / ".env").write_text("changed")
            (beside / "d/.env").write_text("new")
            (beside / "d/.env").unlink()
            make_tree(beside, {".git/index": b"", "d/server.pem": b""})
            make_tree(beside.parent, {"outside/secret.txt": b"changed", "outside/not-there": b"new"})
            (beside.parent / "outside/not-there").unlink()
            await ear.hears_nothing()
            # A file whose name leads to what is denied by now is not told of that.
            (beside / "in.txt").unlink()
            (beside / "in.txt").symlink_to(".env")
            while await ear.hears() != "vfo://root/":
                pass
            (beside / ".env").write_text("changed again")
            await ear.hears_nothing()

    anyio.run(work)


def test_what_is_denied_cannot_be_subscribed_to(beside: Path) -> None:
    bad = ["vfo://root/.env", "vfo://root/harmless", "vfo://other/x", "file:///etc/passwd", "vfo://root/../outside"]

    async def work() -> None:
        async with listening(server_of(beside), "2025") as ear:
            for uri in bad:
                with pytest.raises(MCPError) as caught:
                    await ear.client.subscribe_resource(uri)
                assert (caught.value.code, caught.value.data) == (INVALID_PARAMS, {"uri": uri})
        async with listening(server_of(beside), "2026", *bad, "vfo://root/in.txt") as ear:
            assert ear.honored == ["vfo://root/in.txt"]
            (beside / "in.txt").write_text("changed")
            assert await ear.hears() == "vfo://root/in.txt"
        async with (
            Client(server_of(beside)) as client,
            client.listen(tools_list_changed=True, resources_list_changed=True) as listen,
        ):
            assert listen.honored.model_dump(exclude_none=True) == {}

    anyio.run(work)


@pytest.mark.parametrize("form", FORMS)
def test_as_many_as_are_allowed_work_and_no_more(tmp_path: Path, form: str) -> None:
    most = subscriptions.MOST_SUBSCRIPTIONS
    make_tree(tmp_path, {f"{number % 10}/{number}.txt": b"" for number in range(most)})
    uris = [f"vfo://root/{number % 10}/{number}.txt" for number in range(most)]

    async def work() -> None:
        async with listening(server_of(tmp_path), form, *uris) as ear:
            assert ear.honored == uris
            assert kernel_watchers() == 1
            for number in range(most):
                (tmp_path / f"{number % 10}/{number}.txt").write_text("changed")
            await ear.hears_all(set(uris))
            if form == "2025":
                with pytest.raises(MCPError, match=f"more than the {most}") as caught:
                    await ear.client.subscribe_resource("vfo://root/0")
                await ear.client.subscribe_resource(uris[0])
                await ear.client.unsubscribe_resource(uris[0])
                await ear.client.subscribe_resource("vfo://root/0")
            else:
                with pytest.raises(MCPError, match=f"more than the {most}") as caught:
                    await ear.client.listen(resource_subscriptions=[*uris, "vfo://root/0"]).__aenter__()
            assert caught.value.code == INVALID_REQUEST

    anyio.run(work)
    assert kernel_watchers() == 0


@pytest.mark.parametrize("form", FORMS)
def test_too_many_folders_are_refused(tmp_path: Path, form: str) -> None:
    make_tree(tmp_path, {f"{number}/x.txt": b"" for number in range(40)})

    async def work() -> None:
        uris = [f"vfo://root/{number}" for number in range(40)]
        async with listening(server_of(tmp_path), form, *(uris[:32] if form == "2025" else [])) as ear:
            one_more = (
                ear.client.subscribe_resource(uris[32])
                if form == "2025"
                else ear.client.listen(resource_subscriptions=uris).__aenter__()
            )
            with pytest.raises(MCPError, match="32 folders are watched already") as caught:
                await one_more
            assert kernel_watchers() == (32 if form == "2025" else 0)
        assert caught.value.code == INTERNAL_ERROR

    anyio.run(work)
    assert kernel_watchers() == 0


def test_one_more_subscription_loses_no_change(demo: Path) -> None:
    make_tree(demo, {f"more/{number}.txt": b"" for number in range(20)})

    async def work() -> None:
        async with listening(server_of(demo), "2025", "vfo://root/README.md") as ear:
            for number in range(20):
                # The watcher is replaced while it has not yet looked.
                put("README.md", "x" * number)
                await ear.client.subscribe_resource(f"vfo://root/more/{number}.txt")
                assert await ear.hears() == "vfo://root/README.md"
            assert kernel_watchers() == 1

    anyio.run(work)


def test_what_is_ignored_is_told_to_those_who_ask_for_it(demo: Path) -> None:
    async def work() -> None:
        async with listening(server_of(demo), "2026", "vfo://root/", "vfo://root/debug.log") as ear:
            put("debug.log", "changed")
            assert await ear.hears() == "vfo://root/debug.log"
            await ear.hears_nothing()
            put(".hidden", "new")
            assert await ear.hears() == "vfo://root/"

    anyio.run(work)


def test_a_file_that_changes_all_the_time_is_told_now_and_then(demo: Path) -> None:
    async def work() -> None:
        async with listening(server_of(demo), "2025", "vfo://root/data") as ear:
            told = 0
            with anyio.move_on_after(1.5):
                async with anyio.create_task_group() as group:

                    async def write() -> None:
                        for number in range(100_000):
                            Path("data/blob.bin").write_text(f"{number}")
                            await anyio.sleep(0.08)

                    group.start_soon(write)
                    while True:
                        await ear.next()
                        told += 1
            assert 1 <= told <= 8

    anyio.run(work)


@pytest.mark.parametrize("form", FORMS)
def test_the_server_ends_when_its_client_is_killed(demo: Path, form: str) -> None:
    listen = (
        "async with Client(server) as client, client.listen(resource_subscriptions=uris):"
        if form == "2026"
        else "async with Client(server, mode='legacy') as client:\n"
        "        for uri in uris: await client.subscribe_resource(uri)"
    )
    script = f"""
import os, anyio, mcp
from mcp import Client, StdioServerParameters
server = StdioServerParameters(command={sys.executable!r}, args=["-m", "vespera_file_ops", "serve", "--root", "root=."])
uris = ["vfo://root/", "vfo://root/README.md"]
async def main():
    {listen}
        print(open(f"/proc/self/task/{{os.getpid()}}/children").read(), flush=True)
        await anyio.sleep_forever()
anyio.run(main)
"""
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", script], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        server = int(client.stdout.readline())
        assert kernel_watchers(server) == 2
        ended = os.pidfd_open(server)
        try:
            client.kill()
            assert select.select([ended], [], [], 5)[0], "the server lives on"
        finally:
            os.close(ended)
