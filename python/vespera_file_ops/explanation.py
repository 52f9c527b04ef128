"""Why is this file not in my answer? One path's line of the ledger, with the reason in plain words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from . import options as opt
from . import tables
from .options import checked, documented
from .reasons import explained

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Unpack

    from .options import CoverageOptions
    from .paths import PathArgument

__all__ = ["explain"]

_EXPLAIN = opt.without(opt.COVERAGE, "include_ignored", "ordered", "max_hits", "time_limit", "threads")


@documented(_EXPLAIN, (*tables.COVERAGE, tables.REASON))
def explain(
    path: PathArgument,
    pattern: str | Iterable[str] | None = None,
    source: PathArgument | None = None,
    **options: Unpack[CoverageOptions],
) -> pl.DataFrame:
    """Tell what a search does with one path, and why: one row of the coverage table, and a `reason`.

    If a folder above the path is left out as a whole, the row is that folder's. If the ledger has no row (the path is
    a folder, a symlink, or filtered away by an option given here), `status` is null and `reason` says so.

    Arguments:
        path: The file in question. Behind a link, `..` is the folder above where the link leads, as for the system.
        pattern: The pattern of the search, or a list of them; without one, only whether the file is searched.
        source: The source of the search. By default the root (`within`), else the current directory if the path lies
            below it, else the path's own folder.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: There is no such path.
        OutsideRootError: The path or the source leads out of `within`.
        ArgumentError: The path does not lie below the source, or another argument cannot be used.
        PatternError: A pattern does not parse.
        CancelledError: The `cancel` token stopped it.
        TypeError: An argument has the wrong type; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> print(vfo.explain("debug.log")["reason"][0])
        ignored by .gitignore:1:*.log; respect_ignore=False takes it
        >>> print(vfo.explain("src/app.py", "TODO")["reason"][0])
        searched: 1 hit in 1 line
    """
    return explained(path, pattern, source, checked("explain", options, _EXPLAIN), _in_python)


def _in_python(option: str, value: object) -> str:
    """An option as a call writes it."""
    return f"{option}={json.dumps(value) if isinstance(value, str) else repr(value)}"
