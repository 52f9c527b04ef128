"""The address of a resource, `vfo://ROOT/path`, and what a client is told of one that cannot be had."""

from __future__ import annotations

import os
from urllib.parse import quote, unquote_to_bytes

import mcp_types as types
from mcp.shared.exceptions import MCPError

from ..errors import AccessDeniedError, ArgumentError, OutsideRootError, PathNotFoundError, VfoError
from .answer import nearest
from .places import Place, Places
from .tool import error_text

__all__ = ["TEMPLATE", "place_of", "refusal", "uri_of"]

TEMPLATE = "vfo://{root}/{+path}"


def uri_of(place: Place) -> str:
    """The address of a place; its bytes are spelled in percents where they are no plain characters."""
    return (
        f"vfo://{quote(os.fsencode(place.name), safe='')}/{quote(os.fsencode('' if place.path == '.' else place.path))}"
    )


def place_of(places: Places, uri: str) -> Place:
    """The place that an address names, whether or not something is there.

    A place has one spelling, by which those who watch it are brought together. A `?` or `#` is part of a name.

    Raises:
        ArgumentError: It is no address of this server.
        AccessDeniedError: It leads to something that is denied.
        PathNotFoundError: No path can be spelled like that.
    """
    scheme, _, rest = uri.partition("://")
    name, _, path = rest.partition("/")
    if scheme.lower() != "vfo" or not name:
        raise ArgumentError(f"uri: expected vfo://ROOT/path, got {uri[:80]!r}")
    root = _name(name)
    if root not in places.roots:
        raise ArgumentError(f"uri: {root[:80]!r} is no root; {nearest(root, places.roots)}")
    parts = [_name(part) for part in path.removesuffix("/").split("/")] if path not in {"", "/"} else []
    if any(part in {"", ".", ".."} or "/" in part for part in parts):
        raise PathNotFoundError("no name of a file is spelled like that", path=path)
    found = "/".join(parts) or "."
    return places.find("uri", found if places.only is not None else f"{root}/{found}")


def refusal(error: Exception, uri: str | None = None) -> MCPError:
    """What a client is told of an error. That nothing is there has the code that the protocol gives it (SEP-2164)."""
    if not isinstance(error, VfoError):
        # A defect is told without what files hold.
        return MCPError(types.INTERNAL_ERROR, f"failed: {type(error).__name__}; this is a defect of the server")
    # Without a number it is the root that denies a name, and not the system.
    is_denied = isinstance(error, AccessDeniedError) and not error.errno
    is_asked = is_denied or isinstance(error, (ArgumentError, PathNotFoundError, OutsideRootError))
    return MCPError(
        types.INVALID_PARAMS if is_asked else types.INTERNAL_ERROR, error_text(error, uri), uri and {"uri": uri}
    )


def _name(spelled: str) -> str:
    try:
        return os.fsdecode(unquote_to_bytes(spelled))
    except UnicodeError:
        raise ArgumentError("uri: a lone surrogate is no text") from None
