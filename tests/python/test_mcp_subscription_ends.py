"""What is left when who listened is gone, and how many may listen."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import anyio
import psutil
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST

from mcp_ears import FORMS, SOON, held, kernel_watchers, listening, put, served_over_http, until
from vespera_file_ops.mcp import subscriptions

from conftest import make_tree
from mcp_tools import server_of, stdio_of

pytestmark = pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")


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
    def children() -> set[str]:
        return {str(child.pid) for child in psutil.Process().children()}

    # A process may wait for the next query of another test.
    before = children()

    async def work() -> None:
        async with Client(stdio_of("--root", f"root={demo}")) as client:
            (child,) = children() - before
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
