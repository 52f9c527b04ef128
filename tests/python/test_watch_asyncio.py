"""A watcher in event loops: one after the other, without a spinning one, and where a loop cannot wait for it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import vespera_file_ops as vfo
from vespera_file_ops import _core

from conftest import make_tree


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    root = make_tree(tmp_path / "tree", {"a/one.txt": b"1"})
    os.chdir(root)
    yield root
    os.chdir(before)


async def paths_of_next(watcher: vfo.Watcher) -> list[str]:
    frame = await asyncio.wait_for(anext(watcher), 10)
    return frame["path"].to_list()


def test_a_watcher_outlives_a_loop_that_is_closed_under_it(tree: Path) -> None:
    with vfo.watch() as watcher:
        loop = asyncio.new_event_loop()
        # Whoever keeps the task keeps it waiting for ever.
        waiting = loop.create_task(anext(watcher))  # type: ignore[arg-type]
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
        Path("new.txt").write_text("x")
        assert asyncio.run(paths_of_next(watcher)) == ["new.txt"]

        async def while_one_waits() -> None:
            second = asyncio.create_task(anext(watcher))  # type: ignore[arg-type]
            await asyncio.sleep(0.05)
            # The task of the closed loop goes, and the turn of the one that waits is not its to end.
            nonlocal waiting
            waiting = second
            with pytest.raises(RuntimeError, match="another task"):
                await anext(watcher)
            Path("second.txt").write_text("x")
            assert (await asyncio.wait_for(second, 10))["path"].to_list() == ["second.txt"]

        asyncio.run(while_one_waits())


def test_a_loop_that_waits_does_nothing_else(tree: Path) -> None:
    class Counting(asyncio.SelectorEventLoop):
        turns = 0

        def _run_once(self) -> None:
            self.turns += 1
            super()._run_once()  # type: ignore[misc]

    async def take(watcher: vfo.Watcher) -> None:
        for number in range(30):
            Path(f"{number}.txt").write_text("x")
            await paths_of_next(watcher)

    with vfo.watch(debounce=0.001) as watcher:
        loop = Counting()
        loop.run_until_complete(take(watcher))
        before = loop.turns
        with pytest.raises(asyncio.TimeoutError):
            loop.run_until_complete(asyncio.wait_for(anext(watcher), 0.5))
        assert loop.turns - before < 20
        loop.close()


class WithoutDescriptor:
    """The core of a watcher, as it is on Windows."""

    def __init__(self, core: _core.Watch) -> None:
        self._core = core

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)

    def fileno(self) -> None:
        return


def test_a_thread_waits_where_a_loop_cannot(tree: Path) -> None:
    async def main() -> None:
        async with vfo.watch() as watcher:
            watcher._core = WithoutDescriptor(watcher._core)  # type: ignore[assignment]
            ticks = 0

            async def tick() -> None:
                nonlocal ticks
                while True:
                    await asyncio.sleep(0.01)
                    ticks += 1

            ticking = asyncio.create_task(tick())
            first = asyncio.create_task(anext(watcher))  # type: ignore[arg-type]
            await asyncio.sleep(0.3)
            # A task that is cancelled takes nothing with it.
            first.cancel()
            Path("new.txt").write_text("x")
            await asyncio.sleep(0.3)
            assert await paths_of_next(watcher) == ["new.txt"]
            began = time.monotonic()
            asyncio.get_running_loop().call_later(0.1, watcher.close)
            assert [frame async for frame in watcher] == []
            assert time.monotonic() - began < 1
            ticking.cancel()
            assert ticks > 20

    asyncio.run(main())
