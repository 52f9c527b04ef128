"""`vfo explain`: why a file is searched, or is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ..errors import VfoError
from ..paths import encode_within
from ..reasons import explained
from ..request import ScanRequest
from ..text_table import visible
from .export import write_frame
from .options import option_text, search_options
from .output import ensure_columns, format_of, say, text_output

if TYPE_CHECKING:
    import argparse

__all__ = ["explain"]


def explain(given: argparse.Namespace) -> int:
    """One line a path, or rows of the coverage table with their reasons; status 0 if all of them are searched."""
    options = search_options(given)
    # What is wrong with these is wrong for every path, and is told once.
    options["within"] = encode_within(given.within)
    if given.below is not None:
        ScanRequest("files", given.below, {"within": options["within"]}, globs=False)
    rows = [(path, row) for path in given.source if (row := _row(given, path, options)) is not None]
    if rows:
        _write(given, rows)
    if len(rows) < len(given.source):
        return 2
    return 0 if all(row["status"].item() == "searched" for _path, row in rows) else 1


def _row(given: argparse.Namespace, path: str, options: dict[str, object]) -> pl.DataFrame | None:
    """The row of one path; what is wrong with it is said, and keeps no other from its row."""
    try:
        return explained(path, given.pattern or None, given.below, options, option_text)
    except VfoError as error:
        if error.path is None:
            raise
        say(f"vfo: {error}")
        return None


def _write(given: argparse.Namespace, rows: list[tuple[str, pl.DataFrame]]) -> None:
    if given.columns or format_of(given) != "table":
        frame = pl.concat(row for _path, row in rows)
        ensure_columns(given.columns or (), "explain", frame.columns)
        write_frame(given, frame.lazy().select(given.columns or pl.all()))
        return
    with text_output(given) as out:
        out.writelines(f"{visible(path)}: {visible(row['reason'].item())}\n" for path, row in rows)
