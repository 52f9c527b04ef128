"""What an agent pays: calls, tokens and time of the same questions, asked of `vfo serve`, of others, and of a shell.

    python benches/agents.py [--filesystem COMMAND] [--rust COMMAND] [--tables costs calls latency features]

COMMAND starts the npm package `@modelcontextprotocol/server-filesystem`, such as `npx mcp-server-filesystem`, or the
crate `rust-mcp-filesystem`; without it only ours and the shell (`rg`, `find`, `sort`, `awk`) are asked. All servers are
asked over stdio by the official client. A client shows its model the content (text), the structured content, or both:
the tokens of each are given, of all calls of a question together; "worst" is the largest single answer, where both are
shown. With the package `bpe-openai` tokens are those of o200k_base, else a token is four bytes; the tables say which.

Every answer to a question of the first table is compared with what plain Python finds.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters

from agent_latency import latency
from agent_questions import QUESTIONS, Answer, Way, copy_of
from trees import linux, skip

ROUNDS = 9
# Questions that take other servers hundreds of calls are asked so often.
FEW = 3
# Characters that are made tokens at once.
_PIECE = 200_000
TABLES = ("costs", "calls", "latency", "features")


def tokenizer() -> tuple[str, Callable[[str], int]]:
    """How tokens are counted, and the function that does."""
    try:
        import bpe_openai
    except ImportError:
        return "bytes / 4", lambda text: (len(text.encode()) + 3) // 4
    encoding = bpe_openai.get_encoding("o200k_base")

    def count(text: str) -> int:
        # It takes no more than so much at once.
        pieces = (text[at : at + _PIECE] for at in range(0, len(text), _PIECE))
        return sum(len(encoding.encode_ordinary(piece)) for piece in pieces)

    return "o200k_base", count


class RefusedError(Exception):
    """A server answers with an error."""


class Meter:
    """Asks one server, and adds up what its answers cost."""

    def __init__(self, client: Client | None, folder: str, tokens: Callable[[str], int]) -> None:
        self.client = client
        self.folder = folder
        self.tokens = tokens
        self.calls = self.content = self.structured = self.worst = self.bytes = 0
        self.seconds = 0.0

    async def __call__(self, name: str, given: dict[str, Any]) -> str:
        """Call a tool, or where there is no server a shell."""
        begun = time.perf_counter()
        if self.client is None:
            path = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
            done = subprocess.run(
                given["command"], shell=True, cwd=self.folder, stdout=subprocess.PIPE, check=True, env={"PATH": path}
            )
            text, structured = done.stdout.decode("utf-8", "replace"), None
        else:
            answer = await self.client.call_tool(name, given)
            text = "".join(getattr(block, "text", "") for block in answer.content)
            structured = answer.structured_content
            if answer.is_error:
                raise RefusedError(f"{name} {given}: {text[:500]}")
        self.seconds += time.perf_counter() - begun
        data = json.dumps(structured, ensure_ascii=False, separators=(",", ":")) if structured else ""
        cost = self.tokens(text), self.tokens(data)
        self.calls += 1
        self.content += cost[0]
        self.structured += cost[1]
        self.worst = max(self.worst, sum(cost))
        self.bytes += len(text.encode())
        return text


def commands(arguments: argparse.Namespace) -> dict[str, list[str]]:
    """The servers; each takes the folder as one more argument."""
    found = {"vfo serve": [sys.executable, "-m", "vespera_file_ops", "serve", "--root"]}
    if arguments.filesystem:
        found["filesystem"] = shlex.split(arguments.filesystem)
    if arguments.rust:
        found["rust"] = shlex.split(arguments.rust)
    return found


def started(command: list[str], folder: str) -> Client:
    """A client of a server of this folder, whose words on stderr are not for this table."""
    quiet = ["sh", "-c", 'exec "$@" 2>/dev/null', "sh", *command, folder]
    return Client(StdioServerParameters(command=quiet[0], args=quiet[1:]))


def heading(counted: str) -> None:
    tokens = f"content, tokens ({counted}) | structured | both | worst"
    print(f"| question | asked of | calls | p50 ms | p95 ms | {tokens} | content, bytes |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")


def told(question: str, server: str, meters: list[Meter]) -> None:
    """One line of a table."""
    seconds = sorted(meter.seconds * 1000 for meter in meters)
    p95 = seconds[min(len(seconds) - 1, round(0.95 * len(seconds)))]
    one = meters[-1]
    print(
        f"| {question} | {server} | {one.calls} | {seconds[len(seconds) // 2]:.1f} | {p95:.1f} | {one.content:,} | "
        f"{one.structured:,} | {one.content + one.structured:,} | {one.worst:,} | {one.bytes:,} |",
        flush=True,
    )


async def answers(
    meter: Callable[[Client | None], Meter], way: Way, truth: Answer, meters: list[Meter], client: Client | None
) -> None:
    """Ask a question in this way, several times; each answer must be the right one."""
    for _ in range(ROUNDS):
        meters.append(meter(client))
        answer = await way(meters[-1], meters[-1].folder)
        if answer != truth:
            missing, extra = sorted(truth - answer)[:3], sorted(answer - truth)[:3]
            raise SystemExit(f"{way.__name__} misses {missing}, adds {extra}")
        if meters[-1].calls > ROUNDS and len(meters) == FEW:
            break


async def costs(servers: dict[str, list[str]], tree: str) -> None:
    """The same questions in every way, with the same answers."""
    counted, tokens = tokenizer()
    with tempfile.TemporaryDirectory() as top:
        folder = str(copy_of(Path(tree, "mm"), Path(top).resolve()))
        heading(counted)
        for question in QUESTIONS:
            truth = question.truth(folder)
            assert truth, question.name
            for server, way in question.ways.items():
                if server != "shell" and server not in servers:
                    continue
                meters: list[Meter] = []
                ask = partial(answers, partial(Meter, folder=folder, tokens=tokens), way, truth, meters)
                if server == "shell":
                    await ask(None)
                else:
                    async with started(servers[server], folder) as client:
                        await ask(client)
                told(question.name, server, meters)
        print(f"\nThe folder: mm/ of Linux 6.1, {len(list(Path(folder).rglob('*')))} entries.\n")


def single_calls(tree: str) -> dict[str, dict[str, tuple[str, dict[str, Any]]]]:
    """What each server answers in one call, on the whole tree."""
    large = "kernel/bpf/core.c"
    theirs = {"path": f"{tree}/{large}"}
    return {
        "read a file of 77 kB, whole": {
            "vfo serve": ("read_file", {"path": large, "max_bytes": 200_000}),
            "filesystem": ("read_text_file", theirs),
            "rust": ("read_text_file", theirs),
        },
        "read 41 lines in the middle of it": {
            "vfo serve": ("read_file", {"path": large, "start_line": 1000, "end_line": 1040}),
            "filesystem": ("read_text_file", {**theirs, "head": 1040}),
            "rust": ("read_file_lines", {**theirs, "offset": 999, "limit": 41}),
        },
        "the names of all headers": {
            "vfo serve": ("glob_files", {"patterns": "*.h", "limit": 10_000}),
            "filesystem": ("search_files", {"path": tree, "pattern": "**/*.h"}),
            "rust": ("search_files", {"path": tree, "pattern": "**/*.h"}),
        },
        "what lies in a folder": {
            "vfo serve": ("list_directory", {"path": "kernel/bpf"}),
            "filesystem": ("list_directory_with_sizes", {"path": f"{tree}/kernel/bpf"}),
            "rust": ("list_directory_with_sizes", {"path": f"{tree}/kernel/bpf"}),
        },
        "which files of net mention RCU most": {
            "vfo serve": ("search_files", {"pattern": "rcu_read_lock", "path": "net", "output": "counts", "limit": 20})
        },
        "the ten largest files of each kind": {
            "vfo serve": ("query", {
                "tables": {"f": {"files": {"types": ["c", "py", "rust"]}}},
                "sql": "select extension, path, size from (select extension, path, size, row_number() over (partition "
                       "by extension order by size desc) as nth from f) t where nth <= 10 order by extension, nth"})
        },
    }  # fmt: skip


async def calls(servers: dict[str, list[str]], tree: str) -> None:
    """One call at a time, on all of Linux."""
    counted, tokens = tokenizer()
    heading(counted)
    for question, by_server in single_calls(tree).items():
        for server, (name, given) in by_server.items():
            if server not in servers:
                continue
            meters: list[Meter] = []
            said = None
            async with started(servers[server], tree) as client:
                while len(meters) < (FEW if any(meter.seconds > 1 for meter in meters) else ROUNDS):
                    meters.append(Meter(client, tree, tokens))
                    try:
                        await meters[-1](name, given)
                    except RefusedError as error:
                        said = error
                        break
            if said is None:
                told(question, server, meters)
            else:
                print(f"| {question} | {server} | 1 | {said} |", flush=True)
    print("\nThe folder: all of Linux 6.1; ours cuts an answer at 20,000 bytes of text or rows, and says so.\n")


async def features(servers: dict[str, list[str]], tree: str) -> None:
    """What the tools of each server take, as it lists them."""
    listed: dict[str, dict[str, set[str]]] = {}
    sizes = {}
    for server, command in servers.items():
        async with started(command, f"{tree}/mm") as client:
            tools = (await client.list_tools()).tools
            listed[server] = {tool.name: set(tool.input_schema.get("properties", {})) for tool in tools}
            sizes[server] = sum(len(tool.model_dump_json(by_alias=True, exclude_none=True)) for tool in tools)

    def has(*names: str) -> Callable[[dict[str, set[str]]], str]:
        def of(tools: dict[str, set[str]]) -> str:
            found = [name for name, taken in tools.items() if name in names or taken & set(names)]
            return ", ".join(f"`{name}`" for name in found) or "no"

        return of

    rows: dict[str, Callable[[dict[str, set[str]]], str]] = {
        "search of contents": lambda tools: next(
            (f"`{name}`" for name, taken in tools.items() if {"query", "pattern", "is_regex"} <= taken
             or {"pattern", "fixed_strings"} <= taken), "no"),
        "lines around a hit": has("context"),
        "counts by file": has("output"),
        "SQL over files and hits": has("sql"),
        "a range of lines": has("start_line", "offset"),
        "the first or last lines": has("head", "tail", "head_file", "tail_file"),
        "several files in one call": has("read_multiple_files", "read_multiple_text_files", "start_byte"),
        "a bound on rows": has("limit"),
        "a write refused after a change": has("expected_blake3"),
        "an edit tried without writing": has("dry_run", "dryRun"),
        "moves, makes folders": has("move_file", "create_directory"),
        "why a file is not found": has("explain"),
    }  # fmt: skip
    print("| tools/list | " + " | ".join(servers) + " |\n| --- |" + " --- |" * len(servers))
    for name, of in rows.items():
        print(f"| {name} | " + " | ".join(of(listed[server]) for server in servers) + " |")
    print("| tools | " + " | ".join(f"{len(listed[server])}, {sizes[server]:,} bytes" for server in servers) + " |\n")
    for server, by_name in listed.items():
        print(f"{server}: " + "; ".join(f"{name}({', '.join(sorted(taken))})" for name, taken in by_name.items()))


def main() -> None:
    """Ask."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--filesystem", metavar="COMMAND")
    parser.add_argument("--rust", metavar="COMMAND")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    arguments = parser.parse_args()
    tree = str(Path(linux()).resolve())
    servers = commands(arguments)
    for name in ("filesystem", "rust"):
        if name not in servers:
            skip(name, f"--{name} COMMAND is not given")
    made: dict[str, Callable[[dict[str, list[str]], str], Awaitable[None]]] = {
        "costs": costs,
        "calls": calls,
        "latency": partial(latency, started),
        "features": features,
    }
    print(f"load of the machine: {' '.join(f'{load:.1f}' for load in os.getloadavg())}\n")
    for table in arguments.tables:
        anyio.run(made[table], servers, tree)


if __name__ == "__main__":
    main()
