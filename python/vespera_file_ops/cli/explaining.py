"""`vfo explain`: why a file is searched, or is not."""

from __future__ import annotations

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
    options = search_options(given)
    rows = [explained(path, given.pattern or None, given.below, options, option_text) for path in given.source]
    frame = pl.concat(rows)
    if given.columns or format_of(given) != "table":
        ensure_columns(columns_of(given), "explain", frame.columns)
        write_frame(given, frame.lazy().select(columns_of(given) or pl.all()))
    else:
        with text_output(given) as out:
            for path, reason in zip(given.source, frame["reason"], strict=True):
                out.write(f"{visible(path)}: {visible(reason)}\n")
    return 0 if frame["status"].eq_missing("searched").all() else 1
