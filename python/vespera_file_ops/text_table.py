"""Rows as a readable table on a terminal, without Polars.

Widths are taken from the first rows, so that a table begins to show while the search runs and memory stays constant. A
path is never cut; long text is cut with `…`, a line around its match. What would act on the terminal (control
characters, direction overrides) is shown as a symbol: names and contents of files are not to be trusted.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import IO

__all__ = ["TextTable", "match_span", "painted", "value_text", "visible"]

_PATHS = frozenset({"path", "relative_path", "old_path"})
_TIMES = frozenset({"modified", "changed", "accessed", "created"})
_COLOURS = {"path": "35", "line_number": "32", "kind": "36", "status": "33", "error": "31"}
_MATCH = "1;31"
_HEADER = "1"

# Rows and seconds to wait for before the widths are fixed.
_SAMPLE_ROWS = 256
_SAMPLE_SECONDS = 0.3
_LEAST_TEXT = 24

_SYMBOLS = {code: 0x2400 + code for code in range(0x20)}
_SYMBOLS |= {0x7F: 0x2421, 0x09: "    "}  # type: ignore[dict-item]  # translate takes both
_SYMBOLS |= dict.fromkeys((*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F), 0xFFFD)
# The bytes of a name that is no text, as `os.fsdecode` gives them.
_SYMBOLS |= dict.fromkeys(range(0xDC80, 0xDD00), 0xFFFD)


def visible(text: str) -> str:
    """The text with a symbol for everything that a terminal would act on."""
    return text if text.isascii() and text.isprintable() else text.translate(_SYMBOLS)


def value_text(name: str, value: object) -> str:
    """One cell as text; null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if name in _TIMES:
            value = datetime.fromtimestamp(value // 1_000_000_000, timezone.utc)
        else:
            return f"{value:o}" if name == "mode" else str(value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return "; ".join(value_text(name, item) for item in value)
    if isinstance(value, dict):
        return f"{value.get('name') or ''}={value.get('text') or ''}" if "text" in value else str(value)
    return visible(str(value))


class TextTable:
    """Writes rows as aligned columns.

    Arguments:
        columns: The columns to show, in this order.
        out: Where to write.
        terminal: Whether that is a terminal: only then is text cut to its width.
        colour: Whether to colour.
    """

    def __init__(self, columns: Sequence[str], out: IO[str], *, terminal: bool, colour: bool) -> None:
        self.columns = list(columns)
        self.rows = 0
        self._out = out
        self._colour = colour
        self._space = _terminal_width() if terminal else None
        self._widths: list[int] | None = None
        self._sample: list[Mapping[str, object]] = []
        self._since = 0.0

    def add(self, batch: Mapping[str, Sequence[object]]) -> None:
        """Write the rows of a batch, given by column; columns that are not shown may tell where the match stands."""
        height = len(next(iter(batch.values()), ()))
        self.rows += height
        for at in range(height):
            row = {name: values[at] for name, values in batch.items()}
            if self._widths is not None:
                self._write(row)
                continue
            if not self._sample:
                self._since = time.monotonic()
            self._sample.append(row)
            if len(self._sample) >= _SAMPLE_ROWS:
                self._start()
        self.tick()

    def tick(self) -> None:
        """Let rows that have waited long enough appear."""
        if self._sample and time.monotonic() - self._since > _SAMPLE_SECONDS:
            self._start()
        if self._widths is not None:
            self._out.flush()

    def finish(self) -> None:
        """Write what still waits."""
        if self._sample:
            self._start()
        self._out.flush()

    def _start(self) -> None:
        sample, self._sample = self._sample, []
        # A column without a value says nothing, unless there is nothing else.
        shown = [name for name in self.columns if any(row[name] is not None for row in sample)]
        self.columns = shown or self.columns[:1]
        cells = [[value_text(name, row[name]) for name in self.columns] for row in sample]
        self._widths = [max(_width(name), *(_width(row[at]) for row in cells)) for at, name in enumerate(self.columns)]
        if self._space is not None:
            self._fit(self._widths, self._space)
        header = "  ".join(
            name.rjust(width) if _is_number(name, sample[0][name]) else name.ljust(width)
            for name, width in zip(self.columns, self._widths, strict=True)
        )
        self._out.write(self._painted(header.rstrip(), _HEADER) + "\n")
        for row in sample:
            self._write(row)

    def _fit(self, widths: list[int], space: int) -> None:
        """Narrow the columns of text, the widest first, until a row fits the terminal."""
        texts = [at for at, name in enumerate(self.columns) if name in {"line", "matched", "error", "excluded_by"}]
        texts = texts or [len(widths) - 1]
        texts = [at for at in texts if self.columns[at] not in _PATHS]
        over = sum(widths) + 2 * (len(widths) - 1) - space
        for at in sorted(texts, key=lambda at: -widths[at]):
            if over <= 0:
                return
            narrowed = max(min(widths[at], _LEAST_TEXT), widths[at] - over)
            over -= widths[at] - narrowed
            widths[at] = narrowed

    def _write(self, row: Mapping[str, object]) -> None:
        widths = self._widths or []
        parts = []
        for at, (name, width) in enumerate(zip(self.columns, widths, strict=True)):
            value = row[name]
            if name == "line" and isinstance(value, str):
                text, painted = self._line(value, row, width)
            else:
                text = value_text(name, value)
                if self._space is not None and name not in _PATHS and not isinstance(value, (int, datetime)):
                    text = _cut(text, width)
                painted = self._painted(text, _COLOURS.get(name))
            gap = " " * max(0, width - _width(text))
            if _is_number(name, value):
                parts.append(gap + painted)
            else:
                parts.append(painted if at == len(widths) - 1 else painted + gap)
        self._out.write("  ".join(parts).rstrip(" ") + "\n")

    def _line(self, line: str, row: Mapping[str, object], width: int) -> tuple[str, str]:
        """A line of a file, cut around its match: plain, and as it is painted."""
        start, end = match_span(line, row.get("matched"), row.get("column_number"))
        before, inside, after = visible(line[:start]), visible(line[start:end]), visible(line[end:])
        before = before.lstrip(" ") if self._space is not None else before
        if self._space is not None and _width(before) + _width(inside) + _width(after) > width:
            room = max(width - _width(inside), 0)
            # Text after the match says more than text before it, unless there is little of it.
            left = min(_width(before), max(room // 3, room - _width(after)))
            before = _cut(before, left, left=True)
            inside = _cut(inside, width)
            after = _cut(after, max(width - _width(before) - _width(inside), 0))
        return before + inside + after, before + self._painted(inside, _MATCH) + after

    def _painted(self, text: str, colour: str | None) -> str:
        return painted(text, colour) if self._colour and colour and text else text


def painted(text: str, colour: str) -> str:
    """The text in a colour of the terminal, by its number."""
    return f"\x1b[{colour}m{text}\x1b[0m"


def match_span(line: str, matched: object, column: object) -> tuple[int, int]:
    """Where the match begins and ends in its line; nowhere (0, 0) where the row does not tell it."""
    if not isinstance(matched, str) or not matched:
        return 0, 0
    start = column - 1 if isinstance(column, int) else -1
    # A line that was cut, or decoded with repairs, has its match elsewhere.
    if start < 0 or not line.startswith(matched, start):
        start = max(line.find(matched), 0)
    return start, start + len(matched) if line.startswith(matched, start) else start


def _terminal_width() -> int:
    """The cells of a line; as shutil finds it, whose import costs as much as a small search."""
    try:
        return int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        pass
    try:
        return os.get_terminal_size().columns or 80
    except OSError:
        return 80


def _width(text: str) -> int:
    """How many cells of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cell(letter) for letter in text)


def _cell(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in {"Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


def _is_number(name: str, value: object) -> bool:
    """Whether a cell is aligned on its right."""
    return isinstance(value, int) and not isinstance(value, bool) and name not in _TIMES


def _cut(text: str, width: int, *, left: bool = False) -> str:
    """The text in at most `width` cells, with `…` for what was cut from its end, or from its beginning."""
    if _width(text) <= width:
        return text
    if width <= 0:
        return ""
    kept: list[str] = []
    used = 1
    for letter in reversed(text) if left else text:
        used += _cell(letter)
        if used > width:
            break
        kept.append(letter)
    return "…" + "".join(reversed(kept)) if left else "".join(kept) + "…"
