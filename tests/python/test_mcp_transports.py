"""Every tool over every transport: in this process, over standard input and output, over HTTP; the answers are one."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from test_mcp_http import serving

from conftest import DEMO, make_tree
from mcp_tools import server_of, stdio_of, with_client

H = {"h": {"hits": {"pattern": "TODO"}}}
ANSWERED: list[tuple[str, dict[str, Any]]] = [
    ("list_roots", {}),
    ("glob_files", {"patterns": "*.py", "columns": ["path", "size"], "where": "size > 40"}),
    ("list_directory", {"path": "src", "columns": ["name", "size"]}),
    ("get_file_info", {"path": "src/absent"}),
    ("read_file", {"path": ["src/app.py", "gone", "data/blob.bin"]}),
    ("search_files", {"pattern": "TODO", "context": 1}),
    ("search_files", {"pattern": "o", "output": "counts", "where": "size > 20"}),
    ("explain", {"path": "debug.log"}),
    ("query", {"tables": H, "sql": "select path, line_number from h order by path"}),
    ("write_file", {"path": "new.txt", "content": "größe\n"}),
    ("edit_file", {"path": "new.txt", "edits": [{"old_text": "größe", "new_text": "Größe"}]}),
    ("create_directory", {"path": "a/b"}),
    ("move_file", {"path": "new.txt", "target": "a/b/moved.txt"}),
    ("read_file", {"path": "a/b/moved.txt"}),
]
REFUSED: list[tuple[str, dict[str, Any]]] = [
    ("no_tool", {}),
    ("read_file", {"path": "../outside"}),
    ("read_file", {"path": ".git/config"}),
    ("search_files", {"pattern": "("}),
    ("glob_files", {"patterns": "*", "cursor": "none"}),
    ("list_directory", {"path": "src/app.py"}),
    ("query", {"tables": H, "sql": "drop table h"}),
    ("query", {"tables": H, "sql": "select nothing from h"}),
    ("write_file", {"path": "src/app.py", "content": "", "expected_blake3": "0" * 64}),
    ("edit_file", {"path": "src/app.py", "edits": [{"old_text": "absent", "new_text": ""}]}),
    ("create_directory", {"path": "src/app.py"}),
    ("move_file", {"path": "src", "target": "src/in"}),
    ("explain", {}),
]
TRANSPORTS = ["in process", "stdio", "http"]


@contextmanager
def reached(root: Path, transport: str, *arguments: str, **settings: Any) -> Iterator[Any]:
    """What the official client takes for a server of this root."""
    if transport == "in process":
        yield server_of(root, **settings)
    elif transport == "stdio":
        yield stdio_of("--root", f"root={root}", *arguments)
    else:
        with serving(Path(f"root={root}"), *arguments) as address:
            yield address


def test_every_answer_is_the_same_over_every_transport(tmp_path: Path) -> None:
    async def work(client: Client) -> list[tuple[str, Any, bool]]:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert names == {name for name, _ in ANSWERED}
        told = []
        for name, given in [*ANSWERED, *REFUSED]:
            answer = await client.call_tool(name, given)
            told.append((answer.content[0].text, answer.structured_content, answer.is_error))
        return told

    answers = []
    for transport in TRANSPORTS:
        root = make_tree(tmp_path / "demo", DEMO)
        with reached(root, transport) as server:
            answers.append(with_client(server, work))
        assert (root / "a/b/moved.txt").read_text() == "Größe\n"
        shutil.rmtree(root)
    assert [is_error for _, _, is_error in answers[0]] == [
        name == "get_file_info" for name, _ in ANSWERED
    ] + [True] * len(REFUSED)  # fmt: skip
    for transport, other in zip(TRANSPORTS[1:], answers[1:], strict=True):
        for (name, given), first, second in zip([*ANSWERED, *REFUSED], answers[0], other, strict=True):
            assert first == second, (transport, name, given)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_pages_hold_while_files_change(tmp_path: Path, transport: str) -> None:
    root = make_tree(tmp_path / "demo", {f"f{number:02}.txt": b"hit\n" for number in range(30)})

    async def work(client: Client) -> list[str]:
        given: dict[str, Any] = {"pattern": "hit", "output": "files", "limit": 4}
        seen: list[str] = []
        while True:
            data = (await client.call_tool("search_files", given)).structured_content
            seen += [row[0] for row in data["rows"]]
            if "next_cursor" not in data:
                return seen
            given["cursor"] = data["next_cursor"]
            (root / f"a{len(seen)}.txt").write_text("hit\n")
            (root / f"f{len(seen) - 1:02}.txt").unlink()

    with reached(root, transport) as server:
        assert with_client(server, work) == [f"f{number:02}.txt" for number in range(30)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_long_call_tells_of_itself_and_is_cancelled(tmp_path: Path, transport: str) -> None:
    make_tree(tmp_path / "demo", {f"{number}.txt": b"some text of this kind\n" * 100_000 for number in range(100)})
    told: list[tuple[float, float | None]] = []

    async def progressed(progress: float, total: float | None, _message: str | None) -> None:
        told.append((progress, total))

    async def work(client: Client) -> float:
        given = {"pattern": r"\w", "output": "counts"}
        with anyio.move_on_after(1.6) as scope:
            await client.call_tool("search_files", given, progress_callback=progressed)
        assert scope.cancelled_caught
        begun = time.monotonic()
        await client.call_tool("list_roots", {})
        return time.monotonic() - begun

    run: Callable[[Client], Awaitable[float]] = work
    with reached(tmp_path / "demo", transport, "--time-limit", "60", time_limit=60) as server:
        assert with_client(server, run) < 1
    assert len(told) >= 2
    assert all(total == 60 for _, total in told)
    assert [progress for progress, _ in told] == sorted(progress for progress, _ in told)


def test_at_a_terminal_it_says_what_it_waits_for_and_can_be_stopped(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vespera_file_ops", "serve", "--root", str(tmp_path)]
    server = subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        assert "waiting for an MCP client" in server.stderr.readline()
        time.sleep(0.5)
        server.send_signal(signal.SIGINT)
        assert server.wait(5) == -signal.SIGINT
    finally:
        server.kill()
        server.communicate()
        os.close(ours)
        os.close(theirs)
