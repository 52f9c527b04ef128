"""What a tool gives back: text for a model that sees text, the same as columns and rows for one that sees those."""

from __future__ import annotations

import datetime as dt
import difflib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ..errors import ArgumentError
from ..ledger import counted

__all__ = ["Answer", "by_row", "chosen", "cut", "nearest", "plain", "resembled", "table"]

# Made once: each would take longer than most rows.
_as_json = json.JSONEncoder(ensure_ascii=False).encode
# A single text in an answer is cut to so many characters.
_LONGEST_TEXT = 400


@dataclass(frozen=True)
class Answer:
    """An answer in both forms; each is complete alone.

    Attributes:
        text: For people and models.
        data: The same as JSON.
        is_error: Something could not be done, and the text says what.
    """

    text: str
    data: dict[str, Any] = field(default_factory=dict)
    is_error: bool = False


def table(
    rows: pl.DataFrame,
    text_of: Callable[[pl.DataFrame], Iterable[str]],
    *,
    max_bytes: int,
    row_count: int | None = None,
    shown_before: int = 0,
    at_least: bool = False,
    skipped: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
    cursor: Callable[[int], tuple[str, str]] | None = None,
    longest: int = _LONGEST_TEXT,
) -> Answer:
    """An answer of as many rows as fit, with their count and what was left out.

    Arguments:
        rows: The rows, of which the first are shown.
        text_of: One piece of text for each row; joined, they are the text.
        max_bytes: How much text there may be, and how much JSON of rows.
        row_count: How many rows there are on all pages, if not all are given.
        shown_before: How many rows earlier pages have shown.
        at_least: There may be more than `row_count`.
        skipped: What was not looked at, by reason.
        notes: What else is to be said.
        cursor: The cursor behind so many of these rows, and until when it holds.
        longest: A single text is cut to so many characters.
    """
    pieces: list[str] = []
    values: list[list[Any]] = []
    used = used_by_values = 0
    for piece, row in zip(text_of(rows), rows.iter_rows(), strict=True):
        value = [plain(item, longest) for item in row]
        used += len(piece.encode())
        # Rows may repeat what the text says once.
        used_by_values += len(_as_json(value).encode())
        if max(used, used_by_values) > max_bytes and pieces:
            break
        pieces.append(piece)
        values.append(value)
    count = rows.height if row_count is None else row_count
    shown = shown_before + len(pieces)
    data: dict[str, Any] = {
        "columns": rows.columns, "rows": values, "row_count": count, "truncated": shown < count or at_least,
    }  # fmt: skip
    said = f"{'at least ' if at_least else ''}{counted(count, 'row')}"
    if shown_before and pieces:
        said += f", {shown_before + 1} to {shown} shown"
    elif shown < count:
        said += f", {shown} shown"
    if data["truncated"] and cursor is not None and pieces:
        data["next_cursor"], data["cursor_expires"] = cursor(len(pieces))
        said += f"; until {data['cursor_expires']} more with cursor {data['next_cursor']}"
    elif shown < count:
        said += "; narrow the question, or raise limit or max_bytes"
    if skipped:
        said += "; not searched: " + ", ".join(f"{files} {reason}" for reason, files in skipped.items())
    if at_least:
        data["row_count_is"] = "at least"
    if skipped:
        data["skipped"] = dict(skipped)
    if notes:
        data["notes"] = list(notes)
    return Answer("".join(pieces) + "\n".join([f"({said})", *notes]), data)


def chosen(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Some columns of a table.

    Raises:
        ArgumentError: There is no such column.
    """
    for name in columns:
        if name not in rows.columns:
            raise ArgumentError(f"columns: {cut(name, most=80)!r} is none; {nearest(name, rows.columns)}")
    return rows.select(list(dict.fromkeys(columns)))


def by_row(rows: pl.DataFrame) -> Iterator[str]:
    """Rows as text for any columns: their names above, and a line for each."""
    heading = " | ".join(rows.columns) + "\n"
    for row in rows.iter_rows():
        yield heading + " | ".join("" if value is None else str(plain(value)) for value in row) + "\n"
        heading = ""


def plain(value: Any, longest: int = _LONGEST_TEXT) -> Any:
    """A value as JSON has it: a time as ISO 8601 in seconds, a long text cut with its place named."""
    if isinstance(value, dt.datetime):
        return value.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return cut(value, most=longest)
    if isinstance(value, (list, tuple, pl.Series)):
        return [plain(item, longest) for item in value]
    if isinstance(value, dict):
        return {name: plain(item, longest) for name, item in value.items()}
    return value


def cut(text: str, around: int = 0, most: int = _LONGEST_TEXT) -> str:
    """A text of at most so many characters, around a place in it; what was left out is counted."""
    if len(text) <= most:
        return text
    start = max(0, min(around - most // 3, len(text) - most))
    end = start + most
    before = f"[{start} characters] " if start else ""
    after = f" [{len(text) - end} more characters]" if end < len(text) else ""
    return f"{before}{text[start:end]}{after}"


def nearest(name: str, names: Collection[str]) -> str:
    """What there is instead of a name that there is not."""
    return resembled(name, names) or f"there are {', '.join(names) or 'none'}"


def resembled(name: str, names: Collection[str]) -> str:
    """A question for the one that a name resembles; nothing if it resembles none."""
    near = difflib.get_close_matches(name, names, 1, 0.5)
    return f"did you mean {near[0]}?" if near else ""
