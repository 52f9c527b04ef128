"""How a watcher lives and ends: what wakes it, who waits for it, and how it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from vespera_file_ops import _core

from conftest import make_tree
from watch_replica import Replica, truth


@pytest.mark.hazard(27)
def test_a_loss_is_told_and_made_good(tree: Path) -> None:
    with Replica() as replica:
        replica.watcher.rescan()
        assert replica.next(5)["event"].to_list() == ["rescan"]  # type: ignore[index]
        Path("new.txt").write_text("x")
        replica.watcher.rescan()
        frame = replica.next(5)
        assert frame is not None
        assert frame.select("event", "path").rows()[0] == ("rescan", ".")
        replica.converge()


def test_reading_wakes_nobody(tree: Path) -> None:
    with Replica() as replica:
        for _ in range(3):
            vfo.search("1", ".")
            Path("c.txt").read_bytes()
            os.listdir("a")
        assert replica.next(0.5) is None


def test_a_write_has_no_folder_listed(tree: Path) -> None:
    make_tree(tree, {".ignore": b"*.log\n", "debug.log": b""})
    with vfo.watch() as watcher:
        before = _core.counters()["folders_listed"]
        for number in range(5):
            Path("debug.log").write_text(f"nobody asks for this {number}")
            time.sleep(0.1)
        Path("c.txt").write_text("changed")
        assert next(watcher).select("event", "path", "size").rows() == [("modified", "c.txt", 7)]
        assert _core.counters()["folders_listed"] == before
        Path("new.txt").touch()
        next(watcher)
        assert _core.counters()["folders_listed"] == before + 1


def test_a_file_that_is_written_all_the_time_has_one_row_a_frame(tree: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with open("busy.log", "w") as file:
            while not stop.is_set():
                file.write("line\n")
                file.flush()
                time.sleep(0.001)

    with Replica(debounce=0.05) as replica:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            deadline = time.monotonic() + 3
            frames = []
            while time.monotonic() < deadline:
                frame = replica.next(0.5)
                if frame is not None:
                    frames.append(frame)
        finally:
            stop.set()
            writer.join()
        # Never quiet, so a frame comes after ten times the debounce.
        assert 3 <= len(frames) <= 8
        replica.converge()


@pytest.mark.hazard(27)
def test_close_from_another_thread_ends_the_iteration(tree: Path) -> None:
    watcher = vfo.watch()
    ended: list[float] = []

    def consume() -> None:
        for _ in watcher:
            pass
        ended.append(time.monotonic())

    consumer = threading.Thread(target=consume)
    consumer.start()
    time.sleep(0.2)
    closed = time.monotonic()
    watcher.close()
    consumer.join(5)
    assert ended[0] - closed < 0.1
    assert list(watcher) == []
    watcher.close()
    assert watch_threads() == []


def watch_threads() -> list[str]:
    names = []
    for task in os.listdir("/proc/self/task"):
        # One that ends between the two looks is not alive.
        with contextlib.suppress(OSError):
            names.append(Path(f"/proc/self/task/{task}/comm").read_text().strip())
    return [name for name in names if name.startswith("vespera-watch")]


def test_dropping_it_ends_its_thread(tree: Path) -> None:
    watcher = vfo.watch()
    assert watch_threads() == ["vespera-watch"]
    del watcher
    assert watch_threads() == []


def test_a_token_cancels_it(tree: Path) -> None:
    token = vfo.CancelToken()
    watcher = vfo.watch(cancel=token)
    threading.Timer(0.2, token.cancel).start()
    began = time.monotonic()
    with pytest.raises(vfo.CancelledError):
        next(watcher)
    assert time.monotonic() - began < 0.5
    with pytest.raises(vfo.CancelledError):
        vfo.watch(cancel=token)


def test_asyncio(tree: Path) -> None:
    async def main() -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        async with vfo.watch() as watcher:
            ticking = asyncio.create_task(tick())
            first = asyncio.create_task(anext(watcher))
            await asyncio.sleep(0.05)
            with pytest.raises(RuntimeError, match="another task"):
                await anext(watcher)
            # A task that is cancelled takes nothing with it.
            first.cancel()
            Path("new.txt").write_text("x")
            await asyncio.sleep(0.3)
            Path("stop.txt").touch()
            async for changes in watcher:
                seen += changes.select("event", "path").rows()
                if ("created", "stop.txt") in seen:
                    break
            asyncio.get_running_loop().call_later(0.1, watcher.close)
            assert [frame async for frame in watcher] == []
            ticking.cancel()
        assert ticks > 20
        return seen

    assert asyncio.run(main()) == [("created", "new.txt"), ("created", "stop.txt")]


def test_it_can_be_closed_before_it_is_used(tree: Path) -> None:
    with vfo.watch() as watcher:
        pass
    assert list(watcher) == []
    assert truth(".") != {}


def test_a_fork_has_no_watcher(tree: Path) -> None:
    watcher = vfo.watch()
    child = os.fork()
    if child == 0:
        try:
            next(watcher)
        except vfo.ForkedProcessError:
            watcher.close()
            os._exit(17)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    Path("after").touch()
    assert next(watcher)["path"].to_list() == ["after"]
    watcher.close()
