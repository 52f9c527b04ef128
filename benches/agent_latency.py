"""How long single calls of a server take, alone and while eight other clients ask as fast as they can.

Over stdio each client has a server of its own; over HTTP all ask one, which works on eight calls at once.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import anyio
from mcp import Client

Start = Callable[[list[str], str], Client]
Asked = dict[str, tuple[str, dict[str, Any]]]

OTHERS = 8
ROUNDS = 200
# No call is measured for longer.
SECONDS = 8.0


def asked(server: str, tree: str) -> Asked:
    """Reading, names, and contents where there is a search of them."""
    file, folder = f"{tree}/mm/slub.c", f"{tree}/mm"
    if server == "filesystem":
        return {
            "read 41 lines": ("read_text_file", {"path": file, "head": 1040}),
            "search of names": ("search_files", {"path": folder, "pattern": "**/*.h"}),
        }
    if server == "rust":
        searched = {"path": folder, "pattern": "**/*.c", "query": "kmem_cache_free("}
        return {
            "read 41 lines": ("read_file_lines", {"path": file, "offset": 999, "limit": 41}),
            "search of names": ("search_files", {"path": folder, "pattern": "**/*.h"}),
            "search of contents": ("search_files_content", searched),
        }
    given: dict[str, Any] = {"pattern": "kmem_cache_free(", "fixed_strings": True, "path": "mm"}
    return {
        "read 41 lines": ("read_file", {"path": "mm/slub.c", "start_line": 1000, "end_line": 1040}),
        "search of names": ("glob_files", {"path": "mm", "patterns": "*.h"}),
        "search of contents": ("search_files", given),
    }


async def latency(start: Start, servers: dict[str, list[str]], tree: str) -> None:
    """Print p50 and p95 of each."""
    print(f"| call | asked of | p50 ms | p95 ms | p50, {OTHERS} others | p95, {OTHERS} others | their calls a second |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for server, command in servers.items():
        connect = {server: lambda command=command: start(command, tree)}
        await _measured(server, connect[server], (command, tree), asked(server, tree))
    with _over_http(servers["vfo serve"], tree) as address:
        await _measured("vfo serve --http", lambda: Client(address), address, asked("vfo serve", tree))
    print()


async def _measured(server: str, connect: Callable[[], Client], where: Any, calls: Asked) -> None:
    alone = await _times(connect(), calls)
    mine, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_ask, args=(theirs, where, calls))
    process.start()
    try:
        # They say when all are connected.
        await anyio.to_thread.run_sync(mine.recv)
        begun = time.perf_counter()
        among = await _times(connect(), calls)
        seconds = time.perf_counter() - begun
        mine.send("enough")
        count = await anyio.to_thread.run_sync(mine.recv)
    finally:
        process.join(30)
        process.kill()
    for name in calls:
        one = [f"{_at(times[name], share):.1f}" for times in (alone, among) for share in (0.5, 0.95)]
        print(f"| {name} | {server} | {' | '.join(one)} | {count / seconds:.0f} |", flush=True)


async def _times(client: Client, calls: Asked) -> dict[str, list[float]]:
    found = {}
    async with client:
        for name, (tool, given) in calls.items():
            times: list[float] = []
            until = time.perf_counter() + SECONDS
            while len(times) < ROUNDS and time.perf_counter() < until:
                begun = time.perf_counter()
                answer = await client.call_tool(tool, given)
                times.append((time.perf_counter() - begun) * 1000)
                if answer.is_error:
                    raise SystemExit(f"{tool} {given}: {answer.content}")
            found[name] = sorted(times)
    return found


def _at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(share * len(times)))]


def _ask(told: Connection, where: Any, calls: Asked) -> None:
    """The other clients, in a process of their own."""
    anyio.run(_ask_all, told, where, list(calls.values()))


async def _ask_all(told: Connection, where: Any, calls: list[tuple[str, dict[str, Any]]]) -> None:
    from agents import started

    count = ready = 0

    async def ask(number: int) -> None:
        nonlocal count, ready
        async with Client(where) if isinstance(where, str) else started(*where) as client:
            ready += 1
            while ready <= OTHERS:
                tool, given = calls[(number + count) % len(calls)]
                await client.call_tool(tool, given)
                count += ready == OTHERS

    async with anyio.create_task_group() as group:
        for number in range(OTHERS):
            group.start_soon(ask, number)
        while ready < OTHERS:
            await anyio.sleep(0.01)
        count = 0
        told.send("ready")
        await anyio.to_thread.run_sync(told.recv)
        told.send(count)
        # All leave after their call.
        ready += 1


@contextmanager
def _over_http(command: list[str], tree: str) -> Iterator[str]:
    arguments = [*command, tree, "--http", "127.0.0.1:0"]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            yield process.stderr.readline().removeprefix("vfo serve: ").strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit("python benches/agents.py --tables latency")
