"""Rows as HTML for a notebook: what `text_table` is on a terminal.

Names and contents of files are not to be trusted: every text is escaped, control characters are shown as symbols, and
the address of a link is percent-encoded behind a scheme or a dot of our own, so that no file can be named after a
script. Nothing is loaded: neither style nor font nor picture.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from urllib.parse import quote

from .progress import byte_text
from .text_table import match_span, value_text, visible

__all__ = ["html_table"]

_PATHS = frozenset({"path", "relative_path", "old_path"})
_SIZES = frozenset({"size", "allocated", "bytes_searched"})
_TIMES = frozenset({"modified", "changed", "accessed", "created", "observed", "time"})
_CODE = frozenset({"line", "matched", "text", "blake3", "file_blake3", "text_blake3", "chunk_id", "excluded_by"})

# Characters of a line, most of them behind the match; of any other text, from its beginning.
_LINE_CHARACTERS = 160

# Grey that can be read on white and on black: a notebook may be either.
_STYLE = {
    "box": "overflow-x:auto",
    "table": "border-collapse:collapse;font-size:90%",
    "head": "padding:2px 10px;border-bottom:1px solid #8888",
    "cell": "padding:2px 10px;white-space:pre;vertical-align:top",
    "match": "background:#ffd54f;color:#000",
    "foot": "font-size:90%;opacity:0.75;margin-top:4px",
}


def html_table(columns: Sequence[str], rows: Sequence[Mapping[str, object]], below: Sequence[str]) -> str:
    """A table with the lines that stand below it.

    Arguments:
        columns: The columns to show, in this order.
        rows: The rows; columns that are not shown may tell where the match stands, or the exact bytes of a path.
        below: What is said of the table, a line each.
    """
    shown = [name for name in columns if any(row[name] is not None for row in rows)] or list(columns[:1])
    parts = [f'<div style="{_STYLE["box"]}">']
    if rows:
        heads = "".join(
            f'<th style="{_STYLE["head"]};text-align:{_side(name, rows)}">{escape(_head(name))}</th>' for name in shown
        )
        parts.append(f'<table style="{_STYLE["table"]}"><thead><tr>{heads}</tr></thead><tbody>')
        for row in rows:
            cells = "".join(
                f'<td style="{_STYLE["cell"]};text-align:{_side(name, rows)}">{_cell(name, row)}</td>' for name in shown
            )
            parts.append(f"<tr>{cells}</tr>")
        parts.append("</tbody></table>")
    parts += [f'<div style="{_STYLE["foot"]}">{escape(visible(line))}</div>' for line in below if line]
    return "".join([*parts, "</div>"])


def _head(name: str) -> str:
    return f"{name} (UTC)" if name in _TIMES else name


def _side(name: str, rows: Sequence[Mapping[str, object]]) -> str:
    value = next((row[name] for row in rows if row[name] is not None), None)
    return "right" if isinstance(value, (int, float)) and not isinstance(value, bool) else "left"


def _cell(name: str, row: Mapping[str, object]) -> str:
    value = row[name]
    if value is None:
        return ""
    if name in _PATHS and isinstance(value, str):
        return _path(name, value, row)
    if name == "line" and isinstance(value, str):
        return f"<code>{_line(value, row)}</code>"
    if name in _SIZES and isinstance(value, int) and not isinstance(value, bool):
        return f'<span title="{value:,} bytes">{byte_text(value)}</span>'
    if isinstance(value, int) and not isinstance(value, bool) and name not in {"mode", "inode", "device"}:
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    # Pieces of a file have many lines, and a cell has one.
    text = value_text(name, value.replace("\n", " ⏎ ") if isinstance(value, str) else value)
    text = escape(text if len(text) <= _LINE_CHARACTERS else text[: _LINE_CHARACTERS - 1] + "…")
    return f"<code>{text}</code>" if name in _CODE else text


def _path(name: str, path: str, row: Mapping[str, object]) -> str:
    """A path, whole, and a link where it leads somewhere from here."""
    exact = row.get("path_bytes") if name == "path" else None
    raw = exact if isinstance(exact, bytes) else path.encode(errors="surrogateescape")
    text = escape(visible(path))
    # A path that is told from another folder than this one (`within=`) would be a link to nothing.
    if name == "relative_path" or b"\0" in raw or not os.path.lexists(raw):
        return text
    start = "file://" if raw.startswith(b"/") else "./"
    return f'<a href="{escape(start + quote(raw))}">{text}</a>'


def _line(line: str, row: Mapping[str, object]) -> str:
    """A line of a file, cut around its match, which is marked."""
    start, end = match_span(line, row.get("matched"), row.get("column_number"))
    indent = len(line[:start]) - len(line[:start].lstrip())
    left = max(indent, start - _LINE_CHARACTERS // 3)
    right = max(end, left + _LINE_CHARACTERS)
    inside = line[start:end]
    if len(inside) > _LINE_CHARACTERS:
        inside, right = inside[: _LINE_CHARACTERS - 1] + "…", end
    before = ("…" if left > indent else "") + line[left:start]
    after = line[end:right] + ("…" if right < len(line) else "")
    marked = f'<mark style="{_STYLE["match"]}">{escape(visible(inside))}</mark>' if inside else ""
    return escape(visible(before)) + marked + escape(visible(after))
