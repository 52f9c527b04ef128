"""Who is told of changes, in both forms of the protocol.

Since 2026 a client sends one request, `subscriptions/listen`, whose answer is the stream of what it is told, and which
ends with it. Until 2025 it subscribes to each resource, and is told on the connection's own channel, until it
unsubscribes or goes away. Both listen to the same bus, which the feeds publish on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError

from ..errors import LimitError, VfoError
from .feeds import Feed
from .places import Place, Places
from .uris import place_of, refusal

if TYPE_CHECKING:
    from anyio.abc import TaskGroup
    from mcp.server.connection import Connection
    from mcp.server.context import ServerRequestContext

__all__ = ["MOST_SUBSCRIPTIONS", "Subscriptions"]

# So many resources may one session (since 2026: one request) subscribe to.
MOST_SUBSCRIPTIONS = 100
# Each folder has a watcher of its own, and systems give a user few (128 on Linux by default).
_MOST_FOLDERS = 32
# So many requests may listen at once.
_MOST_STREAMS = 128
_STATE = "vespera_file_ops.subscriptions"


class Subscriptions:
    """What is subscribed to while a server runs."""

    def __init__(self, places: Places, group: TaskGroup) -> None:
        self._places = places
        self._group = group
        self._feeds: dict[tuple[str, str | None], Feed] = {}
        self._bus = InMemorySubscriptionBus()
        self._listeners = ListenHandler(self._bus, max_subscriptions=_MOST_STREAMS)

    @staticmethod
    @asynccontextmanager
    async def running(places: Places) -> AsyncIterator[Subscriptions]:
        """The subscriptions of a server from its start to its end."""
        async with anyio.create_task_group() as group:
            subscriptions = Subscriptions(places, group)
            try:
                yield subscriptions
            finally:
                for feed in subscriptions._feeds.values():
                    feed.close()
                group.cancel_scope.cancel()

    async def listen(
        self, context: ServerRequestContext[Any], params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Answer `subscriptions/listen`: what cannot be subscribed to is missing in the acknowledgement."""
        asked = list(dict.fromkeys(params.notifications.resource_subscriptions or ()))
        _ensure_within_limit(len(asked))
        wanted = await anyio.to_thread.run_sync(self._allowed, asked)
        try:
            end = await self._add(wanted)
        except VfoError as error:
            raise refusal(error) from None
        try:
            # Tools and roots stay as they are, so there is nothing else to be told.
            told = types.SubscriptionFilter(resource_subscriptions=list(wanted))
            return await self._listeners(context, params.model_copy(update={"notifications": told}))
        finally:
            end()

    async def subscribe(
        self, context: ServerRequestContext[Any], params: types.SubscribeRequestParams
    ) -> types.EmptyResult:
        """Answer `resources/subscribe`; again for the same resource, it changes nothing."""
        session = self._session(context)
        async with session.lock:
            if params.uri not in session.ends:
                _ensure_within_limit(len(session.ends) + 1)
                try:
                    place = await anyio.to_thread.run_sync(place_of, self._places, params.uri)
                    session.ends[params.uri] = await self._add({params.uri: place})
                except VfoError as error:
                    raise refusal(error, params.uri) from None
        return types.EmptyResult()

    async def unsubscribe(
        self, context: ServerRequestContext[Any], params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        """Answer `resources/unsubscribe`, also where there was no subscription."""
        session = self._session(context)
        async with session.lock:
            session.end(params.uri)
        return types.EmptyResult()

    def end_streams(self) -> None:
        """Tell all who listen that nothing more will come, as the server is about to stop."""
        self._listeners.close()

    def _allowed(self, uris: list[str]) -> dict[str, Place]:
        found = {uri: self._place(uri) for uri in uris}
        return {uri: place for uri, place in found.items() if place is not None}

    def _place(self, uri: str) -> Place | None:
        try:
            return place_of(self._places, uri)
        except VfoError:
            return None

    async def _add(self, wanted: Mapping[str, Place]) -> Callable[[], None]:
        """Have each change of these places published from now on, until what is returned is called."""
        folders = await anyio.to_thread.run_sync(lambda: {place for place in wanted.values() if _is_folder(place)})
        held: list[tuple[tuple[str, str | None], str, Place]] = []

        def end() -> None:
            while held:
                key, uri, place = held.pop()
                feed = self._feeds[key]
                feed.remove(uri, place)
                if feed.empty:
                    del self._feeds[key]

        try:
            for uri, place in wanted.items():
                # Single files share a watcher, which is cheap to start anew with one more of them.
                key = (place.name, place.path if place in folders else None)
                if key not in self._feeds:
                    self._ensure_watchable(key)
                    self._feeds[key] = Feed(self._group, self._publish)
                self._feeds[key].add(uri, place)
                held.append((key, uri, place))
            for feed in [self._feeds[key] for key in dict.fromkeys(key for key, _, _ in held)]:
                await feed.renew()
        except BaseException:
            end()
            raise
        return end

    def _ensure_watchable(self, key: tuple[str, str | None]) -> None:
        if key[1] is not None and sum(path is not None for _, path in self._feeds) >= _MOST_FOLDERS:
            raise LimitError(
                f"{_MOST_FOLDERS} folders are watched already, which is all that this server watches at once; "
                "subscribe to the folder above them",
                path=key[1],
            )

    async def _publish(self, uri: str) -> None:
        await self._bus.publish(ResourceUpdated(uri))

    def _session(self, context: ServerRequestContext[Any]) -> _Session:
        # The context of a request gives no other way to what outlives the request.
        connection = context.session._connection
        session: _Session | None = connection.state.get(_STATE)
        if session is None:
            session = connection.state[_STATE] = _Session(connection)
            connection.exit_stack.callback(session.close)
            connection.exit_stack.callback(self._bus.subscribe(session.hear))
            self._group.start_soon(session.tell)
        return session


class _Session:
    """A client of the form of 2025: what it has subscribed to, and what it is yet to be told."""

    def __init__(self, connection: Connection) -> None:
        self.lock = anyio.Lock()
        self.ends: dict[str, Callable[[], None]] = {}
        self._connection = connection
        self._pending: dict[str, None] = {}
        self._wake = anyio.Event()
        self._scope = anyio.CancelScope()

    def hear(self, event: ServerEvent) -> None:
        """Keep in mind what is to be told; a client that reads slowly holds up nobody, and is told once of each."""
        if isinstance(event, ResourceUpdated) and event.uri in self.ends:
            self._pending[event.uri] = None
            self._wake.set()

    async def tell(self) -> None:
        """Tell the client of changes until it is gone."""
        with self._scope:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                while self._pending:
                    uri = next(iter(self._pending))
                    del self._pending[uri]
                    await self._connection.send_resource_updated(uri)

    def end(self, uri: str) -> None:
        """End one subscription, if there is one."""
        self._pending.pop(uri, None)
        end = self.ends.pop(uri, None)
        if end is not None:
            end()

    def close(self) -> None:
        """End all of them."""
        self._scope.cancel()
        for uri in list(self.ends):
            self.end(uri)


def _is_folder(place: Place) -> bool:
    try:
        kind, _ = place.root.status(place.source)
    except VfoError:
        # What is not there yet, and what lies outside, is taken for a file alike.
        return False
    return kind == "dir"


def _ensure_within_limit(count: int) -> None:
    if count > MOST_SUBSCRIPTIONS:
        raise MCPError(
            types.INVALID_REQUEST,
            f"{count} subscriptions are more than the {MOST_SUBSCRIPTIONS} that one session may have; "
            "end some, or subscribe to the folder above them",
        )
