"""The server over streamable HTTP: on this machine alone, or with a token that every request carries."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import uvicorn
from mcp.server.lowlevel.server import Server
from mcp.server.transport_security import TransportSecuritySettings

from ..errors import ArgumentError, FileSystemError
from .subscriptions import Subscriptions

__all__ = ["serve_http"]

_PATH = "/mcp"
_SHORTEST_TOKEN = 16
# Clients of the form of 2025 that go without a word are kept for half an hour, at some 40 kB each.
_MOST_SESSIONS = 1000

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def serve_http(server: Server[Any], address: str, token: str | None) -> None:
    """Serve at `HOST:PORT` until the process is told to stop; the address is printed on stderr.

    Arguments:
        server: What is served.
        address: The host and the port; port 0 takes a free one.
        token: What each request must carry as `Authorization: Bearer TOKEN`.

    Raises:
        ArgumentError: It is no address, or one that others reach, without a token.
        FileSystemError: The address cannot be bound.
    """
    host, port = _host_and_port(address)
    if token is not None and len(token) < _SHORTEST_TOKEN:
        raise ArgumentError(f"token: expected at least {_SHORTEST_TOKEN} characters")
    if token is None and not _is_loopback(host):
        raise ArgumentError(f"http: {host} can be reached by others; give a token (--token-file), or bind 127.0.0.1")
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise FileSystemError(f"http: cannot bind {address}: {error.strerror}") from None
    # The event loop does so for the sockets that it makes; this one passes it on to each connection.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    port = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    names = {f"{shown}:{port}"}
    if _is_loopback(host):
        names |= {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    running: list[Subscriptions] = []
    started = server.lifespan

    @asynccontextmanager
    async def lifespan(server: Server[Any]) -> AsyncIterator[Subscriptions]:
        async with started(server) as subscriptions:
            running.append(subscriptions)
            yield subscriptions

    server.lifespan = lifespan
    app: App = server.streamable_http_app(
        streamable_http_path=_PATH,
        max_sessions=_MOST_SESSIONS,
        # Whoever makes a browser ask here (DNS rebinding) has another name for this host, or comes from another page.
        transport_security=TransportSecuritySettings(
            allowed_hosts=sorted(names), allowed_origins=sorted(f"http://{name}" for name in names)
        ),
    )
    if token is not None:
        app = _with_token(app, token)
    print(f"vfo serve: http://{shown}:{port}{_PATH}", file=sys.stderr, flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    try:
        anyio.run(_Server(config, running).serve, [listener])
    except asyncio.CancelledError:
        # So Ctrl-C ends the event loop before Python 3.11.
        raise KeyboardInterrupt from None


class _Server(uvicorn.Server):
    """Ends the streams of who listens before it waits for requests to end, which these would not by themselves."""

    def __init__(self, config: uvicorn.Config, running: list[Subscriptions]) -> None:
        super().__init__(config)
        self._running = running

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for subscriptions in self._running:
            subscriptions.end_streams()
        await super().shutdown(sockets)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ArgumentError(f"http: expected HOST:PORT, such as 127.0.0.1:8000, got {address!r}")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _with_token(app: App, token: str) -> App:
    """The app for those who have the token; nobody else learns anything."""
    expected = f"Bearer {token}".encode()

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        given = next((value for name, value in scope.get("headers", []) if name == b"authorization"), b"")
        if scope["type"] != "http" or hmac.compare_digest(given, expected):
            await app(scope, receive, send)
            return
        headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return checked
