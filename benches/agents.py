"""What an agent pays: time and bytes of the same questions, asked of `vfo serve` and of the official filesystem server.

    python benches/agents.py [--filesystem COMMAND]

COMMAND starts the npm package `@modelcontextprotocol/server-filesystem`, such as `npx mcp-server-filesystem`; without
it only ours is asked. Both are asked over stdio by the official client, in turn. A client shows its model the text, the
structured content, or both: the bytes of each are given. A token is about four of them.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from mcp import Client, StdioServerParameters

from trees import linux

ROUNDS = 9
# Longer questions are asked so often.
FEW = 3


class Question(NamedTuple):
    """One piece of work, as calls of each server."""

    name: str
    ours: list[tuple[str, dict[str, Any]]]
    theirs: list[tuple[str, dict[str, Any]]]
    rounds: int = ROUNDS


class Told(NamedTuple):
    """What an answer cost."""

    seconds: float
    text: int
    structured: int


def questions(tree: str) -> list[Question]:
    """Reading, names, and what takes theirs a walk and a read of each file."""
    large = "kernel/bpf/core.c"
    return [
        Question(
            "read a file of 86 kB, whole",
            [("read_file", {"path": large})],
            [("read_text_file", {"path": f"{tree}/{large}"})],
        ),
        Question(
            "read 40 lines in the middle of it",
            [("read_file", {"path": large, "start_line": 1000, "end_line": 1040})],
            [("read_text_file", {"path": f"{tree}/{large}"})],
        ),
        Question(
            "the names of all headers",
            [("glob_files", {"patterns": "*.h", "limit": 10_000})],
            [("search_files", {"path": tree, "pattern": "**/*.h"})],
            FEW,
        ),
        Question(
            "what lies in a folder",
            [("list_directory", {"path": "kernel/bpf"})],
            [("list_directory_with_sizes", {"path": f"{tree}/kernel/bpf"})],
        ),
        Question("all calls of kmem_cache_free, two lines of context",
                 [("search_files", {"pattern": r"kmem_cache_free\(", "path": "mm", "context": 2})], []),
        Question("which files of net mention RCU most, and were changed this month",
                 [("query", {"tables": {"h": {"hits": {"pattern": "rcu_read_lock", "path": "net"}}},
                             "sql": "select path, count(*) as n from h where modified > now() - interval '30 days' "
                                    "group by path order by n desc limit 20"})], [], FEW),
        Question("the ten largest files of each kind",
                 [("query", {"tables": {"f": {"files": {"types": ["c", "py", "rust"]}}},
                             "sql": "select extension, path, size from (select extension, path, size, row_number() "
                                    "over (partition by extension order by size desc) as nth from f) t "
                                    "where nth <= 10 order by extension, size desc"})], [], FEW),
    ]  # fmt: skip


async def asked(client: Client, calls: list[tuple[str, dict[str, Any]]]) -> Told:
    """Ask all calls of a question."""
    text = structured = 0
    begun = time.perf_counter()
    answers = [await client.call_tool(name, given) for name, given in calls]
    seconds = time.perf_counter() - begun
    for answer in answers:
        shown = "".join(getattr(block, "text", "") for block in answer.content)
        if answer.is_error:
            raise SystemExit(f"{calls}: {shown}")
        text += len(shown.encode())
        structured += len(json.dumps(answer.structured_content).encode()) if answer.structured_content else 0
    return Told(seconds, text, structured)


def told(name: str, server: str, calls: int, answers: list[Told]) -> None:
    """One line of the table."""
    seconds = sorted(answer.seconds * 1000 for answer in answers)
    p95 = seconds[min(len(seconds) - 1, round(0.95 * len(seconds)))]
    one = answers[-1]
    print(
        f"| {name} | {server} | {calls} | {statistics.median(seconds):.1f} | {p95:.1f} | {one.text:,} | "
        f"{one.structured:,} | {one.text + one.structured:,} |",
        flush=True,
    )


async def compare(tree: str, filesystem: str | None) -> None:
    """Print the table."""
    ours = StdioServerParameters(command=sys.executable, args=["-m", "vespera_file_ops", "serve", "--root", tree])
    print("| question | server | calls | p50 ms | p95 ms | text bytes | structured | both |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |")

    async def run(theirs: Client | None) -> None:
        async with Client(ours) as client:
            for question in questions(tree):
                mine: list[Told] = []
                other: list[Told] = []
                for _ in range(question.rounds):
                    mine.append(await asked(client, question.ours))
                    if theirs is not None and question.theirs:
                        other.append(await asked(theirs, question.theirs))
                told(question.name, "vfo serve", len(question.ours), mine)
                if other:
                    told(question.name, "filesystem", len(question.theirs), other)

    work: Callable[[Client | None], Awaitable[None]] = run
    if filesystem is None:
        await work(None)
        return
    command, *arguments = shlex.split(filesystem)
    async with Client(StdioServerParameters(command=command, args=[*arguments, tree])) as theirs:
        await work(theirs)


def main() -> None:
    """Ask."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--filesystem", metavar="COMMAND")
    anyio.run(compare, str(Path(linux()).resolve()), parser.parse_args().filesystem)


if __name__ == "__main__":
    main()
