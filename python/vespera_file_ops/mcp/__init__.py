"""A file tree for agents: a Model Context Protocol server whose answers are tables. Needs the extra `mcp`.

    vfo serve --root DIR [--root NAME=DIR ...] [--read-only]

Every path goes through a root that the kernel confines (`vespera_file_ops.Root`): what lies outside cannot be told from
what does not exist. Names that usually hold secrets are denied unless they are allowed. No argument is taken for a glob
unless it is called one, and no tool runs a program. What files hold is returned as data.

Data flows one way here too: `server` speaks the protocol and finds the `Tool`; the tool checks its arguments, finds
each place through `Places`, calls the same functions as everybody else, and gives an `Answer`, which is cut to a size
that a model can read. `resources` gives the same places as `vfo://ROOT/path`; `subscriptions` knows who is to be told
of their changes, and each `Feed` is a watcher that several share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .server import Settings, build_server, serve

__all__ = ["Settings", "build_server", "serve"]


def __getattr__(name: str) -> Any:
    # The process of a query needs nothing of the protocol, whose import takes longer than most queries.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import server

    return getattr(server, name)
