"""`vfo read`: the content of files, or their lines as a table."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .. import _core
from ..paths import encode_path, encode_within
from .output import binary_output, ensure_columns, is_of_lines

if TYPE_CHECKING:
    import argparse

__all__ = ["read"]


def read(given: argparse.Namespace) -> int:
    """The content of files as it is, decoded, or as a table of lines."""
    paths = [encode_path("path", path) for path in given.source]
    within = encode_within(given.within)
    if is_of_lines(given):
        return _export_lines(given)
    empty = True
    with binary_output(given) as out:
        for path in paths:
            if given.encoding is None:
                for chunk in _core.read_chunks(path, chunk_size=1 << 20, strategy="auto", within=within):
                    empty = empty and not chunk
                    out.write(chunk)
            else:
                text = _core.read_string(
                    path, encoding=given.encoding, errors="strict", strategy="auto", within=within, cancel=None
                )
                empty = empty and not text
                out.write(text.encode())
        out.flush()
    return 1 if empty else 0


def _export_lines(given: argparse.Namespace) -> int:
    """The lines of files as a table with path, line_number and line."""
    import polars as pl

    from ..files import read_file_lines
    from .export import query, write_frame

    tables = []
    for path in given.source:
        lines = read_file_lines(path, encoding=given.encoding or "auto", within=given.within)
        numbers = pl.int_range(1, lines.len() + 1, dtype=pl.Int64, eager=True).alias("line_number")
        name = os.fsencode(path).decode("utf-8", "replace")
        tables.append(pl.DataFrame([numbers, lines]).select(pl.lit(name).alias("path"), pl.all()).lazy())
    frame = pl.concat(tables)
    if given.sql is not None:
        frame = query({"lines": frame}, given.sql)
    elif given.columns:
        ensure_columns(given.columns, "lines", frame.collect_schema())
        frame = frame.select(given.columns)
    return 0 if write_frame(given, frame) else 1
