"""The rows of a scan on the command line: shown as they come, without Polars, with what is missing said behind them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, cast

from .. import _core
from ..errors import PathNotFoundError, VfoError
from ..ledger import Summary, incomplete_text, ledger_text
from ..request import ScanRequest
from ..text_table import TextTable
from .output import ensure_columns, is_coloured, is_terminal, say, text_output

if TYPE_CHECKING:
    import argparse

__all__ = ["drain", "name_missing", "one_or_list", "report", "show", "status_of", "text_table"]

# How long a wait for rows may last before the table is given the chance to show what it holds.
_BOX_SECONDS = 0.1


def show(given: argparse.Namespace, request: ScanRequest, shown: Sequence[str], needed: Sequence[str]) -> int:
    """Run a scan and show it as a table; then say on stderr what is missing."""
    with text_output(given) as out:
        table = text_table(given, shown, out)
        summary = drain(request, list(dict.fromkeys(needed)), table.add, table.tick)
        table.finish()
    report(given, request, summary)
    return status_of(given, table.rows)


def text_table(given: argparse.Namespace, columns: Sequence[str], out: IO[str]) -> TextTable:
    """A table on the terminal, or as text in a file."""
    return TextTable(columns, out, terminal=is_terminal(given), colour=is_coloured(given))


def drain(
    request: ScanRequest,
    columns: list[str] | None,
    take: Callable[[dict[str, list[object]]], None],
    idle: Callable[[], None] | None = None,
) -> Summary:
    """Run a scan to its end, giving each batch to `take` as Python lists."""
    table = "hits" if request.table == "search" else request.table
    known = list(_core.rows(request.build().schema(table)))
    ensure_columns(columns or (), table, known)
    scan = request.build().open(columns={"coverage": ["path"], table: known if columns is None else columns})
    try:
        while True:
            event = scan.next(_BOX_SECONDS)
            if event is None:
                if idle is not None:
                    idle()
            elif event[0] == "end":
                return scan.summary()
            elif event[0] == table:
                take(_core.rows(cast("_core.Batch", event[1])))
    finally:
        scan.close()


def report(given: argparse.Namespace, request: ScanRequest, summary: Summary) -> None:
    """Say on stderr what a search or chunking left undone, and with --ledger what it did."""
    if request.table not in {"hits", "search", "chunks"}:
        return
    chunks = request.table == "chunks"
    if given.ledger:
        say(ledger_text(summary, "chunk" if chunks else "hit"))
    work = "chunking" if chunks else "search"
    missing = incomplete_text(summary, cut_expected=request.asks_for_cut, work=work)
    if missing is not None:
        by_sql = '--sql "select path, status, error from coverage" names each file'
        in_python = "chunk() in Python names each file in its coverage"
        say(f"vfo: {missing}; {in_python if chunks else by_sql}")


def status_of(given: argparse.Namespace, rows: int) -> int:
    """The exit status behind a table of so many rows, in which what is missing may have been overlooked."""
    return 2 if name_missing(given) else 0 if rows else 1


def name_missing(given: argparse.Namespace, behind: str = "") -> bool:
    """Name the sources that do not exist. One alone has raised; among others it is easily overlooked."""
    missing = [path for path in given.source if not any(at in path for at in "*?[") and _is_missing(path, given)]
    for path in missing:
        say(f"vfo: {path}: no such file or folder{behind}")
    return bool(missing)


def _is_missing(path: str, given: argparse.Namespace) -> bool:
    try:
        ScanRequest("files", path, {"describe_only": True, "within": given.within}, globs=False)
    except PathNotFoundError:
        return True
    except VfoError:
        return False
    return False


def one_or_list(paths: Sequence[str]) -> str | list[str]:
    """One source alone is an error if it is missing; among others it is a row."""
    return paths[0] if len(paths) == 1 else list(paths)
