"""Files and folders as resources: `vfo://ROOT/path`. The roots are listed; a template says how to name the rest."""

from __future__ import annotations

import base64
import mimetypes
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from .. import _core
from ..errors import DecodeError, LimitError, PathNotFoundError
from ..files import read_file, read_file_string
from ..listing import get_file_info, list_directory
from .listing import listed
from .places import Place, Places
from .subscriptions import Subscriptions
from .uris import TEMPLATE, place_of, refusal, uri_of

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

__all__ = ["MOST_BYTES", "add_resources"]

# A resource is read as a whole, or not at all.
MOST_BYTES = 1 << 20
_FOLDER = "inode/directory"
_BYTES = "application/octet-stream"
_TEXTS = ("json", "xml", "javascript", "x-sh", "x-csh", "x-tex", "x-latex", "toml", "yaml")
# What Python knows by itself. What it reads from the system differs from one to the next, and takes .ts for a film.
_TYPES = mimetypes.MimeTypes()
for _suffix, _type in ((".md", "text/markdown"), (".toml", "application/toml"), (".yaml", "application/yaml")):
    _TYPES.add_type(_type, _suffix)


def add_resources(server: Server[Any], places: Places, max_bytes: int) -> None:
    """Have a server offer what lies in the places as resources, and tell of their changes.

    Arguments:
        server: The server; its lifespan becomes that of the watchers.
        places: What it gives access to.
        max_bytes: How much of a folder's listing is shown.
    """

    def running(_server: Server[Any]) -> AbstractAsyncContextManager[Subscriptions]:
        return Subscriptions.running(places)

    async def list_resources(
        _context: ServerRequestContext[Any], params: types.PaginatedRequestParams
    ) -> types.ListResourcesResult:
        _ensure_first_page(params)
        roots = [
            types.Resource(uri=uri_of(place), name=place.name, description=place.root.path, mime_type=_FOLDER)
            for place in places.all()
        ]
        return types.ListResourcesResult(resources=roots)

    async def list_templates(
        _context: ServerRequestContext[Any], params: types.PaginatedRequestParams
    ) -> types.ListResourceTemplatesResult:
        _ensure_first_page(params)
        told = "A file's content, or what lies in a folder; each name of the path is percent-encoded."
        return types.ListResourceTemplatesResult(
            resource_templates=[types.ResourceTemplate(uri_template=TEMPLATE, name="path", description=told)]
        )

    async def read_resource(
        _context: ServerRequestContext[Any], params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        cancel = _core.CancelToken()
        work = partial(_content, places, params.uri, max_bytes, cancel)
        try:
            content = await anyio.to_thread.run_sync(work, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            cancel.cancel()
            raise
        except Exception as error:
            raise refusal(error, params.uri) from None
        return types.ReadResourceResult(contents=[content])

    async def subscribe(
        context: ServerRequestContext[Subscriptions], params: types.SubscribeRequestParams
    ) -> types.EmptyResult:
        return await context.lifespan_context.subscribe(context, params)

    async def unsubscribe(
        context: ServerRequestContext[Subscriptions], params: types.UnsubscribeRequestParams
    ) -> types.EmptyResult:
        return await context.lifespan_context.unsubscribe(context, params)

    async def listen(
        context: ServerRequestContext[Subscriptions], params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        return await context.lifespan_context.listen(context, params)

    async def discover(context: ServerRequestContext[Any], _params: types.RequestParams) -> types.DiscoverResult:
        """Say what is offered; unlike the SDK, not that lists change, which they never do here."""
        told = server.get_capabilities(protocol_version=context.protocol_version)
        for lists in (told.tools, told.resources):
            if lists is not None:
                lists.list_changed = False
        return types.DiscoverResult(
            supported_versions=list(MODERN_PROTOCOL_VERSIONS), capabilities=told, instructions=server.instructions
        )

    server.lifespan = running
    server.add_request_handler("server/discover", types.RequestParams, discover)
    server.add_request_handler("resources/list", types.PaginatedRequestParams, list_resources)
    server.add_request_handler("resources/templates/list", types.PaginatedRequestParams, list_templates)
    server.add_request_handler("resources/read", types.ReadResourceRequestParams, read_resource)
    server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, subscribe)
    server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, unsubscribe)
    server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, listen)


def _ensure_first_page(params: types.PaginatedRequestParams) -> None:
    if params.cursor is not None:
        raise MCPError(types.INVALID_PARAMS, "cursor: there is one page only, which gave none")


def _content(
    places: Places, uri: str, max_bytes: int, cancel: _core.CancelToken
) -> types.TextResourceContents | types.BlobResourceContents:
    place = place_of(places, uri)
    where: dict[str, Any] = {"within": place.root, "cancel": cancel}
    entry = get_file_info(place.source, within=place.root, follow_symlinks=True)
    if entry["kind"][0] == "dir":
        text = _listing(place, max_bytes, cancel)
        return types.TextResourceContents(uri=uri, mime_type=_FOLDER, text=text)
    if uri.endswith("/"):
        raise PathNotFoundError("no folder", path=place.path)
    _ensure_small(entry["size"][0] or 0, place)
    try:
        text = read_file_string(place.source, **where)
        raw = text.encode() if "\0" not in text else read_file(place.source, **where)
    except DecodeError:
        text, raw = "\0", read_file(place.source, **where)
    _ensure_small(len(raw), place)
    if "\0" in text:
        blob = base64.b64encode(raw).decode()
        return types.BlobResourceContents(uri=uri, mime_type=_mime_type(place.path, is_text=False), blob=blob)
    return types.TextResourceContents(uri=uri, mime_type=_mime_type(place.path, is_text=True), text=text)


def _ensure_small(size: int, place: Place) -> None:
    if size > MOST_BYTES:
        raise LimitError(
            f"{size} bytes are more than the {MOST_BYTES >> 20} MiB of a resource; read_file shows a part of it",
            path=place.path,
        )


def _listing(place: Place, max_bytes: int, cancel: _core.CancelToken) -> str:
    rows = list_directory(place.source, within=place.root, cancel=cancel)
    shown: list[str] = []
    used = 0
    for line in listed(rows.select("name", "kind", "size", "modified", "error")):
        used += len(line.encode())
        if used > max_bytes:
            shown.append(f"({rows.height} entries, {len(shown)} shown; glob_files finds the others)\n")
            break
        shown.append(line)
    return "".join(shown)


def _mime_type(path: str, *, is_text: bool) -> str:
    """The type by the name's end, unless the content says otherwise."""
    guessed, packed = _TYPES.guess_type(path)
    if guessed is None or packed is not None:
        return "text/plain" if is_text else _BYTES
    ends_as_text = guessed.startswith("text/") or guessed.partition("/")[2].rpartition("+")[2] in _TEXTS
    if is_text:
        return guessed if ends_as_text else "text/plain"
    return _BYTES if ends_as_text else guessed
