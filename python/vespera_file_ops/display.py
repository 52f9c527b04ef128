"""A table for people: paths whole, matches highlighted, and one line that says how much there is.

On a terminal, and wherever a stream is given, it is text; in a notebook it is HTML, with the text beside it for what
cannot show HTML.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import polars as pl

from .errors import ArgumentError
from .forks import ensure_not_forked
from .html_table import html_table
from .ledger import counted
from .paths import text_list
from .progress import byte_text
from .result import ChunkResult, SearchResult
from .text_table import TextTable

if TYPE_CHECKING:
    from typing import IO

__all__ = ["show"]

# What a person wants to see of each table, by a column that only that table has.
_SHOWN = {
    "line_number": ("path", "line_number", "line", "before", "after"),
    "bytes_searched": ("path", "status", "hits", "excluded_by", "error"),
    "event": ("time", "event", "path", "old_path", "size"),
    "status": ("status", "path", "old_path", "size", "modified", "error"),
    "chunk": ("path", "chunk", "start_line", "end_line", "language", "text"),
    "depth": ("kind", "size", "modified", "path", "blake3", "error"),
}


# How many rows of a result a notebook shows unasked, and how many skipped files are named below them.
_ROWS_UNASKED = 20
_NAMED = 3


def show(
    table: pl.DataFrame | SearchResult | ChunkResult,
    *,
    max_rows: int = 50,
    columns: Iterable[str] | None = None,
    file: IO[str] | None = None,
) -> None:
    """Print a table of this package: paths are never cut, lines are cut around their match, which is highlighted.

    The last line says how much there is: the ledger of a `SearchResult`, else the number of rows, files, bytes and
    errors. Colours are used on a terminal, unless NO_COLOR is set.

    In a notebook the table is HTML: paths that lead somewhere from the current directory are links, sizes are in KiB
    and MiB, and what a search found but did not search is named below the table.

    Arguments:
        table: A frame of hits, files, chunks, coverage, events or differences, any other frame, or what `search` or
            `chunk` returned.
        max_rows: Print at most so many rows.
        columns: Which columns, in this order; None chooses those that people read.
        file: Where to print, as text; None is standard output, or the notebook.

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
    frame = _frame_of(table)
    if isinstance(max_rows, bool) or not isinstance(max_rows, int):
        raise TypeError(f"max_rows: an int, not {type(max_rows).__name__}")
    if max_rows < 1:
        raise ArgumentError(f"max_rows: expected at least 1, got {max_rows}")
    shown = _columns(frame, columns)
    if file is not None and not hasattr(file, "write"):
        raise TypeError(f"file: a text stream, not {type(file).__name__}")
    notebook = _notebook() if file is None else None
    if notebook is None:
        _print(table, frame, shown, max_rows, sys.stdout if file is None else file)
        return
    text = io.StringIO()
    _print(table, frame, shown, max_rows, text)
    notebook({"text/html": _html(table, frame, shown, max_rows), "text/plain": text.getvalue()}, raw=True)


def html_of(table: SearchResult | ChunkResult) -> str:
    """What a notebook shows of a result that stands at the end of a cell."""
    ensure_not_forked()
    frame = _frame_of(table)
    return _html(table, frame, _columns(frame, None), _ROWS_UNASKED)


def _frame_of(table: object) -> pl.DataFrame:
    if isinstance(table, SearchResult):
        return table.hits
    if isinstance(table, ChunkResult):
        return table.chunks
    if not isinstance(table, pl.DataFrame):
        raise TypeError(f"table: a DataFrame, a SearchResult or a ChunkResult, not {type(table).__name__}")
    return table


def _notebook() -> Callable[..., None] | None:
    """What shows HTML here, or None: only a kernel has a front end behind it, not IPython on a terminal."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or getattr(shell, "kernel", None) is None:
        return None
    from IPython.display import display

    return display


def _print(table: object, frame: pl.DataFrame, shown: list[str], max_rows: int, out: IO[str]) -> None:
    terminal = out.isatty()
    rows = frame.head(max_rows)
    printed = TextTable(shown, out, terminal=terminal, colour=terminal and not os.environ.get("NO_COLOR"))
    if rows.height:
        printed.add(rows.to_dict(as_series=False))
    printed.finish()
    out.write(f"{_last_line(table, frame, rows.height)}\n")


def _html(table: object, frame: pl.DataFrame, shown: list[str], max_rows: int) -> str:
    rows = frame.head(max_rows).rows(named=True)
    return html_table(shown, rows, [_last_line(table, frame, len(rows)), _skipped(table)])


def _last_line(table: object, frame: pl.DataFrame, shown: int) -> str:
    """How much there is, and how much of it is not shown."""
    left = frame.height - shown
    more = f" ({left} more not shown)" if left else ""
    return f"{table.ledger if isinstance(table, SearchResult | ChunkResult) else _total(frame)}{more}"


def _skipped(table: object) -> str:
    """The files that were found and not read to their end, with the reason; the first few by name."""
    if not isinstance(table, SearchResult | ChunkResult):
        return ""
    # What rules left out was never to be read.
    read = ["searched", "ignored", "hidden"]
    skipped = table.coverage.filter(~pl.col("status").is_in(read)).select("path", "status")
    names = [f"{path} ({status})" for path, status in skipped.head(_NAMED).iter_rows()]
    if skipped.height > len(names):
        names.append(f"and {counted(skipped.height - len(names), 'other file')}")
    return f"skipped: {', '.join(names)}" if names else ""


def _columns(table: pl.DataFrame, asked: Iterable[str] | None) -> list[str]:
    if asked is not None:
        names = text_list("columns", asked)
        for name in names:
            if name not in table.columns:
                raise ArgumentError(f"columns: the table has no column {name!r}; it has {', '.join(table.columns)}")
        return names
    for sign, known in _SHOWN.items():
        # Other frames have columns of these names too, but each of ours has paths.
        if sign in table.columns and "path" in table.columns:
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
