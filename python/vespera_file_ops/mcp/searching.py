"""Tools that search: contents, and why something was not searched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl

from ..errors import PatternError
from ..explanation import explain
from ..scan import scan_coverage
from ..searches import search
from .answer import Answer, cut, table
from .places import Place
from .tool import Call, Tool, schema

__all__ = ["TOOLS"]

_GLOB_HINT = "the pattern is a regular expression and looks like a glob of names: glob_files finds files by name"
# So many hits are kept at most: their count is exact up to here.
_MOST_HITS = 10_000
# Reasons for which a file was not searched to its end.
_SKIPPED = ("too_large", "unreadable", "vanished", "changed", "limit", "not_reached", "binary")
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
# What a pattern costs on the worst of texts grows with its length, and is not heard of within a piece of a file.
_PATTERN = {"type": "string", "maxLength": 2000}
_FLAG = {"type": "boolean", "default": False}


def _search_files(call: Call, given: dict[str, Any]) -> Answer:
    place = call.places.find("path", given["path"])
    names = ("include", "types", "fixed_strings", "ignore_case", "whole_word", "multiline", "include_hidden",
             "respect_ignore")  # fmt: skip
    options: dict[str, Any] = {name: given[name] for name in names if name in given}
    options["exclude"] = call.places.exclude(given.get("exclude", ()))
    options |= {"within": place.root, "cancel": call.cancel, "time_limit": call.time_limit}
    hint = _GLOB_HINT if _is_like_a_glob(given["pattern"]) else None
    try:
        answer = (_hits if given["output"] == "hits" else _files)(call, given, place, options)
    except PatternError as error:
        if hint is None:
            raise
        raise PatternError(f"{error}\n{hint}") from None
    if answer.data["row_count"] or hint is None:
        return answer
    return Answer(f"{answer.text}\n{hint}", {**answer.data, "notes": [hint]})


def _hits(call: Call, given: dict[str, Any], place: Place, options: dict[str, Any]) -> Answer:
    found = search(given["pattern"], place.source, max_hits=_MOST_HITS, context=given["context"], **options)
    skipped = {status: int(found.summary[status]) for status in _SKIPPED if found.summary.get(status)}
    at_least = found.hits.height >= _MOST_HITS or "not_reached" in skipped
    # A row is a line, however often it matches.
    hits = found.hits.unique(["path", "line_number"], keep="first", maintain_order=True)
    paths = [call.places.shown(place, path) for path in hits["path"].to_list()]
    hits = hits.with_columns(path=pl.Series(paths, dtype=pl.String))
    around = ["before", "after"] if given["context"] else []
    rows = hits.head(given["limit"])
    lines = [cut(line, max(line.find(matched), 0)) for line, matched in rows.select("line", "matched").iter_rows()]
    rows = rows.select("path", "line_number", *around).with_columns(line=pl.Series(lines, dtype=pl.String))
    return table(rows, _by_file, max_bytes=call.max_bytes, row_count=hits.height, at_least=at_least, skipped=skipped)


def _by_file(rows: pl.DataFrame) -> Iterator[str]:
    """Each file once, and below it its lines."""
    above, last = None, 0
    for row in rows.iter_rows(named=True):
        text = "" if row["path"] == above else f"{row['path']}\n"
        last = 0 if row["path"] != above else last
        above, number = row["path"], row["line_number"]
        before, after = row.get("before") or [], row.get("after") or []
        for at, line in enumerate(before, number - len(before)):
            # What the hit before has shown is not shown again.
            text += f"  {at}- {cut(line)}\n" if at > last else ""
        text += f"  {number}: {row['line']}\n" if number != last or not after else ""
        for at, line in enumerate(after, number + 1):
            text += f"  {at}- {cut(line)}\n" if at > last else ""
        last = max(last, number + len(after))
        yield text


def _files(call: Call, given: dict[str, Any], place: Place, options: dict[str, Any]) -> Answer:
    told = scan_coverage(given["pattern"], place.source, **options).select("path", "status", "hits").collect()
    skipped = {status: count for status, count in told["status"].value_counts().iter_rows() if status in _SKIPPED}
    rows = told.filter(pl.col("hits") > 0).select("path", "hits")
    paths = [call.places.shown(place, path) for path in rows["path"].to_list()]
    rows = rows.with_columns(path=pl.Series(paths, dtype=pl.String))
    total = f"{rows['hits'].sum()} hits in {rows.height} files"
    by_count = given["output"] == "counts"
    rows = rows.sort("hits", "path", descending=[True, False]) if by_count else rows.select("path")
    count, rows = rows.height, rows.head(given["limit"])
    answer = table(
        rows, _lines, max_bytes=call.max_bytes, row_count=count, at_least="not_reached" in skipped, skipped=skipped
    )
    return Answer(f"{answer.text}\n({total})", {**answer.data, "total": total})


def _lines(rows: pl.DataFrame) -> Iterator[str]:
    for row in rows.iter_rows():
        yield ": ".join(str(value) for value in row) + "\n"


def _is_like_a_glob(pattern: str) -> bool:
    return re.fullmatch(r"[\w./-]*(\*\*/|\*\.\w|/\*|\*$|\?\.)[\w./*?-]*", pattern) is not None


def _explain(call: Call, given: dict[str, Any]) -> Answer:
    place = call.places.find("path", given["path"])
    row = explain(place.source, given.get("pattern"), within=place.root, cancel=call.cancel)
    reason = row["reason"][0]
    shown = call.places.shown(place, place.path)
    return Answer(f"{shown}: {reason}", {"path": shown, "status": row["status"][0], "reason": reason})


TOOLS = [
    Tool(
        "search_files",
        "Search contents by regular expression (Rust syntax), as ripgrep does: .gitignore respected, hidden and binary "
        "files left out. output: hits (lines by file), files (paths), counts (hits a file, most first).",
        schema(
            ("pattern",),
            pattern={**_PATTERN, "description": "a regular expression, or text with fixed_strings"},
            path={"type": "string", "default": ".", "description": "the file or folder to search, never a glob"},
            output={"enum": ["hits", "files", "counts"], "default": "hits", "description": "what a row is"},
            include={**_TEXTS, "description": "only files that match one of these globs"},
            exclude={**_TEXTS, "description": "leave these globs out"},
            types={**_TEXTS, "description": "only these types: py, rust, md ..."},
            context={"type": "integer", "minimum": 0, "maximum": 20, "default": 0, "description": "lines around a hit"},
            fixed_strings={**_FLAG, "description": "the pattern is plain text"},
            ignore_case={"enum": [True, False, "smart"], "default": False, "description": "or smart"},
            whole_word={**_FLAG, "description": "whole words only"},
            multiline={**_FLAG, "description": "a match may span lines"},
            include_hidden={**_FLAG, "description": "names that begin with a dot too"},
            respect_ignore={"type": "boolean", "default": True, "description": "leave out what .gitignore names"},
            limit={"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100, "description": "rows at most"},
        ),
        _search_files,
    ),
    Tool(
        "explain",
        "Why a file was searched or not: ignored by which rule, hidden, binary, too large.",
        schema(
            ("path",),
            path={"type": "string", "description": "the file or folder in question"},
            pattern={**_PATTERN, "description": "the pattern of the search, for its hits"},
        ),
        _explain,
    ),
]
