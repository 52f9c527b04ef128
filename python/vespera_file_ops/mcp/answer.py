"""What a tool gives back: text for a model that sees text, the same as columns and rows for one that sees those."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

__all__ = ["Answer", "cut", "plain", "table"]

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
    at_least: bool = False,
    skipped: Mapping[str, int] | None = None,
    notes: Sequence[str] = (),
) -> Answer:
    """An answer of as many rows as fit, with their count and what was left out.

    Arguments:
        rows: The rows, of which the first are shown.
        text_of: One piece of text for each row; joined, they are the text.
        max_bytes: How much text there may be, and how much JSON of rows.
        row_count: How many rows there are, if not all are given.
        at_least: There may be more than `row_count`.
        skipped: What was not looked at, by reason.
        notes: What else is to be said.
    """
    pieces: list[str] = []
    values: list[list[Any]] = []
    used = used_by_values = 0
    for piece, row in zip(text_of(rows), rows.iter_rows(), strict=True):
        value = [plain(item) for item in row]
        used += len(piece.encode())
        # Rows may repeat what the text says once.
        used_by_values += len(json.dumps(value, ensure_ascii=False).encode())
        if max(used, used_by_values) > max_bytes and pieces:
            break
        pieces.append(piece)
        values.append(value)
    shown = rows.head(len(pieces))
    count = rows.height if row_count is None else row_count
    truncated = shown.height < count or at_least
    said = f"{'at least ' if at_least else ''}{count} row{'' if count == 1 else 's'}"
    if shown.height < count:
        said += f", {shown.height} shown; narrow the question, or raise limit or max_bytes"
    if skipped:
        said += "; not searched: " + ", ".join(f"{files} {reason}" for reason, files in skipped.items())
    text = "".join(pieces) + "\n".join([f"({said})", *notes])
    data: dict[str, Any] = {
        "columns": shown.columns,
        "rows": values,
        "row_count": count,
        "truncated": truncated,
    }
    if at_least:
        data["row_count_is"] = "at least"
    if skipped:
        data["skipped"] = dict(skipped)
    if notes:
        data["notes"] = list(notes)
    return Answer(text, data)


def plain(value: Any) -> Any:
    """A value as JSON has it: a time as ISO 8601 in seconds, a long text cut with its place named."""
    if isinstance(value, dt.datetime):
        return value.replace(microsecond=0).isoformat().replace("+00:00", "Z")
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return cut(value)
    if isinstance(value, (list, tuple, pl.Series)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
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
