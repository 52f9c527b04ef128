"""`vfo watch`: what changes below a folder, as it changes.

Behind `vfo watch > log`, the log may lie in the folder: that it grows is not told, or it would grow for ever.
"""

from __future__ import annotations

import os
import stat
import sys
from itertools import islice
from typing import IO, TYPE_CHECKING

import polars as pl

from ..tables import EVENTS
from ..text_table import painted, value_text
from ..watching import watch as watched
from .export import LineWriter
from .options import watch_options
from .output import ensure_columns, is_coloured, text_output
from .rows import name_missing, one_or_list

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["watch"]

_COLOURS = {"created": "32", "modified": "33", "renamed": "36", "removed": "31", "rescan": "35"}
_LONGEST = max(map(len, _COLOURS))


def watch(given: argparse.Namespace) -> int:
    """Write each frame of events as it comes, until Ctrl-C or, with --once, the first."""
    columns = given.columns or ()
    ensure_columns(columns, "events", [column.name for column in EVENTS])
    with watched(one_or_list(given.source) if given.source else ".", **watch_options(given)) as watcher:
        name_missing(given, "; it is watched for")
        told = (frame for frame in map(_Output(given).left_out, watcher) if frame.height)
        frames = islice(told, 1 if given.once else None)
        if given.format == "table":
            with text_output(given) as out:
                for frame in frames:
                    _write(frame, columns, out, colour=is_coloured(given))
        else:
            lines = LineWriter(given.format, sys.stdout.buffer)
            for frame in frames:
                lines.add(frame.select(columns or pl.all()))
    return 0


class _Output:
    """The file behind the standard output, if it is one."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._within = os.fsencode(given.within or "")
        try:
            status = os.fstat(sys.stdout.fileno())
        except (OSError, ValueError):
            self._status = None
        else:
            self._status = status if stat.S_ISREG(status.st_mode) else None

    def left_out(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame without the rows that tell of this file's growth."""
        if self._status is None:
            return frame
        names = frame.select("event", "path", "path_bytes").iter_rows()
        grows = [event == "modified" and self._is_at(exact or path.encode()) for event, path, exact in names]
        return frame.filter(~pl.Series(grows, dtype=pl.Boolean))

    def _is_at(self, path: bytes) -> bool:
        try:
            status = os.stat(os.path.join(self._within, path))
        except OSError:
            return False
        return self._status is not None and os.path.samestat(status, self._status)


def _write(frame: pl.DataFrame, columns: Sequence[str], out: IO[str], *, colour: bool) -> None:
    """A line a row, in which a rename reads `old -> new`; widths are not known, because the rows have no end."""
    for row in frame.iter_rows(named=True):
        cells = [value_text(name, row[name]) for name in columns]
        if not columns:
            path, old = value_text("path", row["path"]), value_text("old_path", row["old_path"])
            event = row["event"].ljust(_LONGEST)
            cells = [painted(event, _COLOURS[row["event"]]) if colour else event, f"{old} -> {path}" if old else path]
        out.write("  ".join(cells) + "\n")
    out.flush()
