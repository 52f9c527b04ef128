"""The server over HTTP: the same answers, for those alone who may have them; and what a long call tells meanwhile."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from vespera_file_ops.mcp import Settings, serve

from conftest import make_tree
from mcp_tools import server_of, with_client

TOKEN = "a-token-of-some-length"
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"accept": "application/json, text/event-stream"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "vespera_file_ops", "serve", *arguments]


@contextmanager
def serving(root: Path, *arguments: str) -> Iterator[str]:
    """The address of a server, which is stopped in the end."""
    started = command("--root", str(root), "--http", "127.0.0.1:0", *arguments)
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        assert said.startswith("vfo serve: http://127.0.0.1:"), said
        try:
            yield said.removeprefix("vfo serve: ").strip()
        finally:
            process.send_signal(signal.SIGINT)
            left = process.stderr.read()
            process.wait(10)
    assert "TODO" not in left, "a log holds what files hold"


def test_the_official_client_is_answered(demo: Path) -> None:
    async def work(client: Client) -> Any:
        return await client.call_tool("search_files", {"pattern": "TODO", "output": "counts"})

    with serving(demo) as address:
        answer = with_client(address, work)
    assert answer.structured_content["rows"] == [["README.md", 1], ["src/app.py", 1]]


def test_other_pages_and_other_names_are_refused(demo: Path) -> None:
    with serving(demo) as address:
        for headers, status in (
            ({}, 200),
            ({"origin": address.removesuffix("/mcp")}, 200),
            ({"origin": "http://evil.example"}, 403),
            ({"origin": "null"}, 403),
            ({"host": "evil.example"}, 421),
            ({"host": "127.0.0.1.evil.example:80"}, 421),
        ):
            assert httpx2.post(address, json=HELLO, headers={**ACCEPT, **headers}).status_code == status, headers


def test_a_token_is_asked_of_every_request(demo: Path) -> None:
    (demo.parent / "token").write_text(TOKEN + "\n")

    async def work(client: Client) -> Any:
        return await client.call_tool("read_file", {"path": "src/lib.rs"})

    with serving(demo, "--token-file", str(demo.parent / "token")) as address:
        for given in ({}, {"authorization": "Bearer other"}, {"authorization": TOKEN}, {"authorization": "Bearer"}):
            refused = httpx2.post(address, json=HELLO, headers={**ACCEPT, **given})
            assert (refused.status_code, refused.content) == (401, b"")
        headers = {"authorization": f"Bearer {TOKEN}"}
        transport = streamable_http_client(address, http_client=httpx2.AsyncClient(headers=headers))
        answer = with_client(transport, work)
    assert answer.structured_content["files"][0]["text"] == "fn main() {}\n"


def test_an_answer_waits_for_no_acknowledgement(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The head and the body of an answer are two writes: the second waits 40 ms where small writes are held back.
    delays = []

    async def accept_one(_server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        (listener,) = sockets
        with listener, socket.create_connection(listener.getsockname()):
            connection, _ = listener.accept()
            with connection:
                delays.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0)

    monkeypatch.setattr(uvicorn.Server, "serve", accept_one)
    serve(Settings({"demo": str(demo)}), http="127.0.0.1:0")
    assert delays == [False]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--http", "0.0.0.0:0"], "token"),
        (["--http", "192.0.2.1:0"], "token"),
        (["--http", "8000"], "HOST:PORT"),
        (["--http", "127.0.0.1:70000"], "HOST:PORT"),
        (["--http", "127.0.0.1:0", "--token-file", "short"], "16 characters"),
        (["--http", "127.0.0.1:0", "--token-file", "absent"], "absent"),
    ],
)
def test_what_would_be_open_to_others_is_refused(demo: Path, arguments: list[str], said: str) -> None:
    Path("short").write_text("x")
    done = subprocess.run(
        command("--root", str(demo), *arguments), capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert said in done.stderr


def test_a_long_call_tells_its_progress(tmp_path: Path) -> None:
    text = b"some text\n" * 20_000
    make_tree(tmp_path, {f"{folder}/{number}.txt": text for folder in range(8) for number in range(60)})
    told = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, total, message))

    async def work(client: Client) -> Any:
        given = {"pattern": r"\w", "output": "counts", "limit": 1}
        return await client.call_tool("search_files", given, progress_callback=hear)

    answer = with_client(server_of(tmp_path, time_limit=2.0), work)
    assert not answer.is_error
    assert told
    assert [progress for progress, _, _ in told] == sorted(progress for progress, _, _ in told)
    assert all(total == 2.0 and message and "search_files" in message for _, total, message in told)
