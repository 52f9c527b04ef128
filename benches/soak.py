"""One server, many clients, for a long time: are its answers right, is its memory flat, and is nothing left behind?

    python benches/soak.py [--minutes 10] [--clients 32] [--seed N]   `vfo serve --http` while a writer changes its tree
    python benches/soak.py --calls 100000                             over stdio: one client, small calls, its memory

Clients are the official one, over both protocols; they come and go, cancel calls, and make mistakes (see
`soak_calls.py`). The exit status is 1 if an answer is wrong, an error is not the caller's, a call takes longer than the
server's limit, memory grows, or threads, descriptors or processes are left when all clients have gone.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import psutil
from mcp import Client, StdioServerParameters

from soak_calls import SECRET, Asker, Call, Tree, kind_of, problem_of, write

# The server's limit of one call, with what may pass until it is heard.
LONGEST_SECONDS = 25.0
# Memory may move by so much: allocators keep what they had.
GROWTH_SHARE = 0.05
GROWTH_BYTES = 8 << 20
# A pool keeps idle threads for ten seconds, and lets them go at the next call.
IDLE_SECONDS = 12.0
PROCESSES = 2
CHANGES_A_SECOND = 100
# The protocol's library logs these where a session ends while a notification of its own client is taken in.
CLIENT_WENT = ("anyio.ClosedResourceError", "RuntimeError: Unexpected ASGI message 'http.response.start'")
# Of the calls, so many are cancelled, and of the sessions so many end in the midst of a call.
CANCELLED = 0.03
BROKEN = 0.1


@dataclass
class Told:
    """What clients have seen."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cancelled: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    sessions: int = 0

    def add(self, other: Told) -> None:
        """Both."""
        for tool, seconds in other.seconds.items():
            self.seconds.setdefault(tool, []).extend(seconds)
        self.cancelled += other.cancelled
        self.errors += other.errors
        self.problems += other.problems
        self.sessions += other.sessions

    def wrong(self, call: Call, problem: str) -> None:
        """Remember it, the same only once."""
        self.problems[f"{call.tool} {str(call.given)[:120]}: {problem}"] += 1

    async def ask(self, client: Client, call: Call) -> None:
        """One call, and what is wrong with its answer."""
        begun = time.perf_counter()
        answer = await client.call_tool(call.tool, call.given)
        seconds = time.perf_counter() - begun
        self.seconds.setdefault(call.tool, []).append(seconds)
        text = "".join(getattr(block, "text", "") for block in answer.content)
        problem = problem_of(call, bool(answer.is_error), text, answer.structured_content)
        if problem is not None:
            self.wrong(call, problem)
        elif seconds > LONGEST_SECONDS:
            self.wrong(call, f"it took {seconds:.1f} s")
        elif answer.is_error:
            self.errors["a wrong call" if call.must_fail else kind_of(text) or text] += 1


def told_of_process(address: str, top: str, numbers: list[int], until: float, seed: int) -> Told:
    """Some of the clients, in this process."""
    told = Told()

    async def run() -> None:
        async with anyio.create_task_group() as group:
            for number in numbers:
                group.start_soon(one_client, told, address, Tree(Path(top)), number, until, seed)

    anyio.run(run)
    return told


async def one_client(told: Told, address: str, tree: Tree, number: int, until: float, seed: int) -> None:
    """A client that comes, asks, cancels, goes and comes again."""
    rng = random.Random(seed * 1000 + number)
    calls = iter(Asker(tree, number, rng))
    while time.time() < until:
        told.sessions += 1
        mode = "legacy" if (number + told.sessions) % 2 else "auto"
        lasts = rng.uniform(0.5, 5) if rng.random() < BROKEN else max(until - time.time(), 0) + LONGEST_SECONDS
        with anyio.move_on_after(lasts):
            try:
                async with Client(address, mode=mode) as client:
                    for call in islice(calls, rng.randrange(20, 200)):
                        if time.time() > until:
                            break
                        with anyio.move_on_after(rng.uniform(0, 0.1) if rng.random() < CANCELLED else None) as scope:
                            await told.ask(client, call)
                        told.cancelled[call.tool] += scope.cancelled_caught
            except Exception as error:
                told.problems[f"a session ({mode}) ends with {_named(error)}"] += 1


def _named(error: BaseException) -> str:
    while inner := getattr(error, "exceptions", ()):
        error = inner[0]
    return f"{type(error).__name__}: {str(error)[:200]}"


class Watched:
    """The process of the server, looked at each second."""

    def __init__(self, pid: int) -> None:
        self.process = psutil.Process(pid)
        self.rss: list[int] = []
        self.peak = Counter[str]()

    def look(self) -> None:
        """Once."""
        self.rss.append(self.process.memory_info().rss)
        for name, value in self.held().items():
            self.peak[name] = max(self.peak[name], value)

    def held(self) -> dict[str, int]:
        """What it holds of the system."""
        children = [child.pid for child in self.process.children(recursive=True)]
        return {"threads": self.process.num_threads(), "descriptors": self.process.num_fds(), "children": len(children)}

    def growth(self) -> tuple[float, float, bool]:
        """The medians of the second fifth and of the last, in MiB, and whether that is flat."""
        fifth = max(len(self.rss) // 5, 1)
        early, late = statistics.median(self.rss[fifth : 2 * fifth] or self.rss), statistics.median(self.rss[-fifth:])
        return early / 2**20, late / 2**20, late <= early * (1 + GROWTH_SHARE) + GROWTH_BYTES


async def quiet(address: str, watched: Watched) -> dict[str, int]:
    """What the server holds when nobody is there, and its idle threads have gone."""
    await anyio.sleep(IDLE_SECONDS)
    async with Client(address) as client:
        await client.call_tool("list_roots", {})
    await anyio.sleep(IDLE_SECONDS)
    return watched.held()


async def warm_up(told: Told, address: str, tree: Tree, clients: int) -> None:
    """Every call once by each of many clients, so that all pools and caches are there."""

    async def one(number: int) -> None:
        async with Client(address, mode="legacy" if number % 2 else "auto") as client:
            for call in Asker(tree, number, random.Random(number)).every():
                await told.ask(client, call)

    async with anyio.create_task_group() as group:
        for number in range(min(clients, 8)):
            group.start_soon(one, number)


async def soak(minutes: float, clients: int, seed: int, top: Path) -> list[str]:
    """All of it; what is wrong."""
    tree = Tree(top / "tree")
    tree.make()
    enough = threading.Event()

    def change() -> None:
        rng = random.Random(seed)
        while not enough.wait(1 / CHANGES_A_SECOND):
            write(tree.top, rng)

    command = [sys.executable, "-m", "vespera_file_ops", "serve", "--root", str(tree.top), "--http", "127.0.0.1:0"]
    log = top / "log"
    with open(log, "wb") as said, subprocess.Popen(command, stderr=said) as server:
        try:
            while "/mcp" not in log.read_text():
                await anyio.sleep(0.05)
            address = log.read_text().splitlines()[0].removeprefix("vfo serve: ").strip()
            watched, told = Watched(server.pid), Told()
            await warm_up(told, address, tree, clients)
            before = await quiet(address, watched)
            writer = threading.Thread(target=change)
            writer.start()
            until = time.time() + minutes * 60
            shares = [list(range(clients))[first::PROCESSES] for first in range(min(PROCESSES, clients))]
            with multiprocessing.get_context("spawn").Pool(len(shares)) as pool:
                jobs = [pool.apply_async(told_of_process, (address, str(tree.top), share, until, seed))
                        for share in shares]  # fmt: skip
                while not all(job.ready() for job in jobs):
                    if time.time() < until:
                        watched.look()
                    await anyio.sleep(1)
                for job in jobs:
                    told.add(job.get())
            enough.set()
            writer.join()
            after = await quiet(address, watched)
        finally:
            enough.set()
            server.terminate()
    wrong = report(told, watched, before, after)
    wrong += [] if tree.outside.read_text() == SECRET else ["what lies outside was written"]
    return wrong + defects(log.read_text().splitlines()[1:])


def defects(lines: list[str]) -> list[str]:
    """What the server says of itself on stderr; what the protocol's library says of clients that went is counted."""
    raised = Counter(line for line in lines if re.match(r"[\w.]+(Error|Exception|Group)\b", line))
    print(f"The server's log: {', '.join(f'{count} {line}' for line, count in raised.items()) or 'empty'}.\n")
    found = [f"{count} times in the log: {line}" for line, count in raised.items() if not line.startswith(CLIENT_WENT)]
    return found + [line for line in lines if line.startswith("vfo serve:")]


def report(told: Told, watched: Watched, before: dict[str, int], after: dict[str, int]) -> list[str]:
    """Print the tables; what is wrong."""
    print("| tool | calls | cancelled | p50 ms | p95 ms | worst ms |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for tool, seconds in sorted(told.seconds.items()):
        times = sorted(second * 1000 for second in seconds)
        shown = [f"{times[min(len(times) - 1, int(share * len(times)))]:.1f}" for share in (0.5, 0.95, 1)]
        print(f"| {tool} | {len(times):,} | {told.cancelled[tool]} | {' | '.join(shown)} |")
    print(f"\n{told.sessions} sessions. Errors of the callers: ", end="")
    print(", ".join(f"{count} {kind}" for kind, count in told.errors.most_common()) or "none", end=".\n\n")
    early, late, is_flat = watched.growth()
    print("| of the server | before | most | after |\n| --- | ---: | ---: | ---: |")
    for name in before:
        print(f"| {name} | {before[name]} | {watched.peak[name]} | {after[name]} |")
    peak = max(watched.rss, default=0) / 2**20
    print(f"| memory, MiB: second fifth, most, last fifth | {early:.0f} | {peak:.0f} | {late:.0f} |\n")
    wrong = [f"{count} times: {problem}" for problem, count in told.problems.most_common(20)]
    wrong += [f"{name}: {before[name]} before, {after[name]} after" for name in before if after[name] > before[name]]
    return wrong if is_flat else [*wrong, f"memory grows: {early:.0f} MiB, then {late:.0f} MiB"]


async def many_calls(count: int, seed: int, top: Path) -> list[str]:
    """One client over stdio that reads, searches and lists; the memory of its server."""
    tree = Tree(top / "tree")
    tree.make()
    told = Told()
    asker = Asker(tree, 0, random.Random(seed))
    asker.weights = [1, 1, 1, 1, 0, 0, 0]
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "vespera_file_ops", "serve", "--root", str(tree.top)]
    )
    print("| calls | memory of the server, MiB | calls a second |\n| ---: | ---: | ---: |")
    async with Client(server) as client:
        (process,) = psutil.Process().children()
        watched = Watched(process.pid)
        begun, step = time.perf_counter(), max(count // 10, 1)
        for number, call in enumerate(islice(asker, count), 1):
            await told.ask(client, call)
            if number % 100 == 0:
                watched.look()
            if number % step == 0:
                passed, begun = time.perf_counter() - begun, time.perf_counter()
                rss = watched.process.memory_info().rss / 2**20
                print(f"| {number:,} | {rss:.1f} | {step / passed:.0f} |", flush=True)
        held = watched.held()
    print()
    return report(told, watched, held, held)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--calls", type=int)
    parser.add_argument("--seed", type=int, default=1)
    given: Any = parser.parse_args()
    print(f"load of the machine: {' '.join(f'{load:.1f}' for load in os.getloadavg())}\n")
    with tempfile.TemporaryDirectory() as top:
        folder = Path(top).resolve()
        if given.calls:
            wrong = anyio.run(many_calls, given.calls, given.seed, folder)
        else:
            wrong = anyio.run(soak, given.minutes, given.clients, given.seed, folder)
    for problem in wrong:
        print(f"FAILED: {problem}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
