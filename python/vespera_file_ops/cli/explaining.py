"""`vfo explain`: why a file is searched, or is not."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import polars as pl

from ..reasons import explained
from ..text_table import visible
from .arguments import option_text, search_options
from .export import write_frame
from .output import columns_of, ensure_columns, format_of, text_output

if TYPE_CHECKING:
    import argparse

__all__ = ["explain"]


def explain(given: argparse.Namespace) -> int:
    """One line a path, or rows of the coverage table with their reasons; status 0 if all of them are searched."""
    rows = [row for row in (_row(given, path) for path in given.source) if row is not None]
    if rows:
        _write(given, pl.concat(rows))
    if len(rows) < len(given.source):
        return 2
    return 0 if all(row["status"].item() == "searched" for row in rows) else 1


def _row(given: argparse.Namespace, path: str) -> pl.DataFrame | None:
    """The row of one path; what cannot be reached is said, and keeps no other from its row."""
    try:
        row = explained(path, given.pattern or None, given.below, search_options(given), option_text)
    except OSError as error:
        print(f"vfo: {visible(str(error))}", file=sys.stderr)
        return None
    return row.with_columns(asked=pl.lit(path))


def _write(given: argparse.Namespace, frame: pl.DataFrame) -> None:
    asked, frame = frame["asked"], frame.drop("asked")
    if given.columns or format_of(given) != "table":
        ensure_columns(columns_of(given), "explain", frame.columns)
        write_frame(given, frame.lazy().select(columns_of(given) or pl.all()))
        return
    with text_output(given) as out:
        out.writelines(
            f"{visible(path)}: {visible(reason)}\n" for path, reason in zip(asked, frame["reason"], strict=True)
        )
