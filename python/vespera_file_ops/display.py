"""A table for people: paths whole, matches highlighted, and one line that says how much there is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import polars as pl

from .cli_table import TextTable
from .errors import ArgumentError
from .forks import ensure_not_forked
from .ledger import counted
from .paths import text_list
from .progress import byte_text
from .result import SearchResult

if TYPE_CHECKING:
    from typing import IO

__all__ = ["show"]

# What a person wants to see of each table, by a column that only that table has.
_SHOWN = {
    "line_number": ("path", "line_number", "line", "before", "after"),
    "bytes_searched": ("path", "status", "hits", "excluded_by", "error"),
    "event": ("time", "event", "path", "old_path", "size"),
    "status": ("status", "path", "old_path", "size", "modified", "error"),
    "depth": ("kind", "size", "modified", "path", "blake3", "error"),
}


def show(
    table: pl.DataFrame | SearchResult,
    *,
    max_rows: int = 50,
    columns: Iterable[str] | None = None,
    file: IO[str] | None = None,
) -> None:
    """Print a table of this package: paths are never cut, lines are cut around their match, which is highlighted.

    The last line says how much there is: the ledger of a `SearchResult`, else the number of rows, files, bytes and
    errors. Colours are used on a terminal, unless NO_COLOR is set.

    Arguments:
        table: A frame of hits, files, coverage, events or differences, any other frame, or what `search` returned.
        max_rows: Print at most so many rows.
        columns: Which columns, in this order; None chooses those that people read.
        file: Where to print; None is standard output.

    Raises:
        ArgumentError: A column that the table has not, or `max_rows` below 1.
        TypeError: Something else than a frame.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.show(vfo.search("TODO"))
        path        line_number  line
        README.md             3  TODO: write this
        src/app.py            5      # TODO: parse arguments
        found 5 = searched 4 + binary 1; 2 hits
    """
    ensure_not_forked()
    last = None
    if isinstance(table, SearchResult):
        last = table.ledger
        table = table.hits
    if not isinstance(table, pl.DataFrame):
        raise TypeError(f"table: a DataFrame or a SearchResult, not {type(table).__name__}")
    if isinstance(max_rows, bool) or not isinstance(max_rows, int):
        raise TypeError(f"max_rows: an int, not {type(max_rows).__name__}")
    if max_rows < 1:
        raise ArgumentError(f"max_rows: expected at least 1, got {max_rows}")
    shown = _columns(table, columns)
    out = sys.stdout if file is None else file
    if not hasattr(out, "write"):
        raise TypeError(f"file: a text stream, not {type(out).__name__}")
    terminal = out.isatty()
    rows = table.head(max_rows)
    printed = TextTable(shown, out, terminal=terminal, colour=terminal and not os.environ.get("NO_COLOR"))
    if rows.height:
        printed.add(rows.to_dict(as_series=False))
    printed.finish()
    left = table.height - rows.height
    more = f" ({left} more not shown)" if left else ""
    out.write(f"{last or _total(table)}{more}\n")


def _columns(table: pl.DataFrame, asked: Iterable[str] | None) -> list[str]:
    if asked is not None:
        names = text_list("columns", asked)
        for name in names:
            if name not in table.columns:
                raise ArgumentError(f"columns: the table has no column {name!r}; it has {', '.join(table.columns)}")
        return names
    for sign, known in _SHOWN.items():
        if sign in table.columns:
            return [name for name in known if name in table.columns]
    return [name for name in table.columns if name != "path_bytes"]


def _total(table: pl.DataFrame) -> str:
    """How much there is, in one line."""
    rows = table.height
    if "line_number" in table.columns and "path" in table.columns:
        files = table["path"].n_unique()
        return f"{counted(rows, 'hit')} in {counted(files, 'file')}"
    parts = [counted(rows, "row")]
    if "depth" in table.columns and "kind" in table.columns:
        parts = [counted(rows, "entry", "entries")]
        if "size" in table.columns:
            parts.append(byte_text(int(table.filter(pl.col("kind") == "file")["size"].sum())))
    elif "status" in table.columns:
        counts = table["status"].value_counts(sort=True).iter_rows()
        parts.append(", ".join(f"{count} {status}" for status, count in counts))
    errors = table["error"].count() if "error" in table.columns else 0
    if errors:
        parts.append(counted(errors, "error"))
    return "; ".join(part for part in parts if part)
