"""`vfo serve`: the server for agents. Loaded only for this command, because it needs the extra `mcp`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..errors import ArgumentError
from ..files import read_file_string

if TYPE_CHECKING:
    import argparse

    from ..rag import Embedder

__all__ = ["serve"]


def serve(given: argparse.Namespace) -> int:
    """Serve until the client goes away; returns the exit status."""
    from .. import mcp

    settings = mcp.Settings(
        _roots(given.root),
        read_only=given.read_only,
        allowed=tuple(given.allow),
        max_bytes=given.max_bytes,
        time_limit=given.time_limit,
        concurrency=given.concurrency,
        index=given.index,
        embedder=_embedder(given.embedder),
    )
    mcp.serve(settings, http=given.http, token=_token(given.token_file))
    return 0


def _token(path: str | None) -> str | None:
    if path is None:
        return None
    return read_file_string(path).strip()


def _embedder(name: str) -> Embedder | None:
    if name != "minilm":
        return None
    from ..rag import MiniLM

    return MiniLM()


def _roots(given: list[str]) -> dict[str, str]:
    """The folders by name; one without a name is called as it is on disk."""
    roots: dict[str, str] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals:
            path = text
            name = os.path.basename(os.path.abspath(path)) or "root"
        if name in roots:
            raise ArgumentError(f"root: two roots are called {name!r}; give them names: --root NAME=DIR")
        roots[name] = path
    return roots
