"""Who is told of changes: in both forms of the protocol, over each transport."""

from __future__ import annotations

import time
from pathlib import Path

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from mcp_ears import FORMS, held, kernel_watchers, listening, put, served_over_http, until

from conftest import make_tree
from mcp_tools import server_of, stdio_of

pytestmark = pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")


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
