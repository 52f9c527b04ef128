"""One expression over a column of paths: what is given is checked now, and the core's plugin does the work later.

A mistake in an argument is an error of the call, and not of the query that runs much later, perhaps on another machine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl
from polars.plugins import register_plugin_function

from . import _core
from .errors import ArgumentError
from .paths import encode_within
from .request import pattern_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._core import Root
    from .paths import PathArgument

    Paths = str | pl.Expr
    ErrorsAs = Literal["null", "raise", "struct"]

__all__ = ["checked_count", "expression", "search_options"]

# What the core looks at before it runs.
_OF_SEARCH = ("patterns", "fixed_strings", "whole_word", "multiline", "encoding", "context", "max_line_bytes")


def expression(
    function: str, path: Paths, errors: ErrorsAs, within: Root | PathArgument | None, given: dict[str, object]
) -> pl.Expr:
    """The plugin's function of this name over the paths."""
    if errors not in ("null", "raise", "struct"):
        raise ArgumentError(f'errors: expected "null", "raise" or "struct", got {errors!r}')
    if isinstance(path, str):
        path = pl.col(path)
    if not isinstance(path, pl.Expr):
        raise TypeError(f"path: an expression or the name of a column, not {type(path).__name__}")
    _ensure_usable(given)
    root = encode_within(within)
    kwargs = {
        "errors": errors,
        **({} if root is None else _root_arguments(root)),
        **{name: value for name, value in given.items() if value is not None},
    }
    return register_plugin_function(
        plugin_path=Path(_core.__file__), function_name=function, args=[path], kwargs=kwargs, is_elementwise=True
    )


def _ensure_usable(given: dict[str, object]) -> None:
    """Refuse, now and not when the query runs, what no search would take."""
    search = {name: given[name] for name in _OF_SEARCH if given.get(name) is not None}
    if search:
        ignore_case = {"true": True, "false": False}.get(str(given.get("ignore_case")), "smart")
        _core.Request("hits", [(b".", False)], {"patterns": ["."], **search, "ignore_case": ignore_case})
    chunking = {name: given[name] for name in ("chunk_size", "overlap", "tokenizer") if given.get(name) is not None}
    if chunking:
        _core.Request("chunks", [(b".", False)], chunking)


def _root_arguments(root: Root) -> dict[str, object]:
    return {"within": list(os.fsencode(root.path)), "denied": list(root.denied), "allowed": list(root.allowed)}


def checked_count(name: str, value: int | None) -> int | None:
    """A number of things, which none can be below; None stays None."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: an int, not {type(value).__name__}")
    if value < 0:
        raise ArgumentError(f"{name}: expected at least 0, got {value}")
    return value


def search_options(pattern: str | Iterable[str], *, ignore_case: bool | str) -> dict[str, object]:
    """What says in a search which text is meant, as the plugin takes it."""
    if not isinstance(ignore_case, bool) and ignore_case != "smart":
        raise ArgumentError(f'ignore_case: expected True, False or "smart", got {ignore_case!r}')
    return {"patterns": pattern_list(pattern), "ignore_case": str(ignore_case).lower()}
