"""What the tests of the server share: a client in this process, one over stdio, and what an answer says."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import anyio
from mcp import Client, StdioServerParameters

from vespera_file_ops.mcp import Settings, build_server

Told = TypeVar("Told")


def with_client(server: object, work: Callable[[Client], Awaitable[Told]]) -> Told:
    """What the work returns, with a client of this server."""

    async def run() -> Told:
        async with Client(server) as client:  # type: ignore[arg-type]
            return await work(client)

    return anyio.run(run)


def server_of(root: Path, **settings: Any) -> object:
    """A server of one root, for a client in this process."""
    return build_server(Settings({"root": str(root)}, **settings))


def stdio_of(*arguments: str) -> StdioServerParameters:
    """The command `vfo serve`."""
    return StdioServerParameters(command=sys.executable, args=["-m", "vespera_file_ops", "serve", *arguments])


def call(server: object, name: str, **arguments: Any) -> tuple[str, dict[str, Any]]:
    """The text and the data of an answer that is none of an error."""

    async def work(client: Client) -> Any:
        return await client.call_tool(name, arguments)

    answer = with_client(server, work)
    assert not answer.is_error, answer.content[0].text
    return answer.content[0].text, answer.structured_content


def refused(server: object, name: str, **arguments: Any) -> str:
    """The text of an answer of an error."""

    async def work(client: Client) -> Any:
        return await client.call_tool(name, arguments)

    answer = with_client(server, work)
    assert answer.is_error, answer.content[0].text
    return str(answer.content[0].text)
