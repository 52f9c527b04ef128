"""Tools that search: contents, and why something was not searched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from .. import options as opt
from ..errors import ArgumentError, PatternError
from ..explanation import explain
from ..frames import lazy_frame
from ..options import checked
from ..request import ScanRequest, pattern_list
from .answer import Answer, by_row, chosen, cut, table
from .paging import Page
from .places import Place
from .sql import collected, filtered
from .tool import TABLE, Call, Tool, schema

if TYPE_CHECKING:
    from ..ledger import Summary

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
    names = ("include", "exclude", "types", "fixed_strings", "ignore_case", "whole_word", "multiline", "include_hidden",
             "respect_ignore")  # fmt: skip
    options: dict[str, Any] = {name: given[name] for name in names if name in given}
    options |= call.scan_options(place)
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
    page, version = Page.of("search_files", given), pl.format("{}-{}", "size", pl.col("modified").dt.timestamp("ns"))
    wanted = {**options, "context": given["context"]} if given["context"] else options
    lines, summary = _scanned(given, place, "hits", wanted)
    found = collected(page.behind(filtered(lines, given.get("where")), version).head(_MOST_HITS))
    skipped = _skipped(summary)
    at_least = found.height >= _MOST_HITS or "not_reached" in skipped
    # A row is a line, however often it matches.
    hits = found.unique(["path", "line_number"], keep="first", maintain_order=True)
    rows = hits.head(given["limit"])
    last = rows.select("path", "line_number", version)
    texts = [cut(line, max(line.find(matched), 0)) for line, matched in rows.select("line", "matched").iter_rows()]
    rows = call.places.spelled(rows.with_columns(line=pl.Series(texts, dtype=pl.String)), place)
    around = ["before", "after"] if given["context"] else []
    columns = given.get("columns")

    def cursor(shown: int) -> tuple[str, str]:
        path, line, seen = last.row(shown - 1)
        return page.cursor(path, shown, line, seen)

    return table(
        chosen(rows, columns or ["path", "line_number", *around, "line"]), by_row if columns else _by_file,
        max_bytes=call.bytes_of(given), row_count=page.shown + hits.height, shown_before=page.shown, at_least=at_least,
        skipped=skipped, notes=page.notes(found, version), cursor=cursor,
    )  # fmt: skip


def _scanned(
    given: dict[str, Any], place: Place, kind: str, options: dict[str, Any]
) -> tuple[pl.LazyFrame, list[Summary]]:
    """A table of the search, and where the summary of a run that comes to its end will stand."""
    summaries: list[Summary] = []
    known = opt.HITS if kind == "hits" else opt.COVERAGE
    request = ScanRequest(
        kind, place.source, {**checked("search_files", options, known), "patterns": pattern_list(given["pattern"])}
    )
    return lazy_frame(request, summaries.append), summaries


def _skipped(summaries: list[Summary]) -> dict[str, int]:
    return {status: int(told[status]) for told in summaries for status in _SKIPPED if told.get(status)}


def _by_file(rows: pl.DataFrame) -> Iterator[str]:
    """Each file once, and below it its lines as ripgrep shows them, each once and in order."""
    following = zip(rows["path"].to_list()[1:], rows["line_number"].to_list()[1:], strict=True)
    above, last = None, 0
    for row in rows.iter_rows(named=True):
        next_path, next_hit = next(following, (None, 0))
        text = ""
        if row["path"] != above:
            text, last = f"{'' if above is None else chr(10)}{row['path']}\n", 0
        above, number = row["path"], row["line_number"]
        before, after = row.get("before") or [], row.get("after") or []
        for at, line in enumerate(before, number - len(before)):
            text += f"{at}-{cut(line)}\n" if at > last else ""
        text += f"{number}:{row['line']}\n"
        # What is a hit itself, or stands before the next one, comes with that one.
        end = next_hit if next_path == above else number + len(after) + 1
        for at, line in enumerate(after, number + 1):
            text += f"{at}-{cut(line)}\n" if at < end else ""
        last = min(number + len(after), end - 1)
        yield text


def _files(call: Call, given: dict[str, Any], place: Place, options: dict[str, Any]) -> Answer:
    by_count = given["output"] == "counts"
    # What has the most comes first, whose order changes with the files: there is one page of it.
    if by_count and "cursor" in given:
        raise ArgumentError("cursor: counts have one page; raise limit, or ask for files")
    page = Page.of("search_files", given)
    files, summary = _scanned(given, place, "coverage", options)
    told = collected(page.behind(filtered(files, given.get("where"))).filter(pl.col("hits") > 0))
    skipped = _skipped(summary)
    total = f"{told['hits'].sum()} hits in {told.height} files"
    if by_count:
        told = told.sort("hits", "path", descending=[True, False])
    rows, paths = call.places.spelled(told.head(given["limit"]), place), told["path"]
    columns = given.get("columns")
    answer = table(
        chosen(rows, columns or (["path", "hits"] if by_count else ["path"])), by_row if columns else _lines,
        max_bytes=call.bytes_of(given), row_count=page.shown + told.height, shown_before=page.shown,
        at_least="not_reached" in skipped, skipped=skipped,
        cursor=None if by_count else lambda shown: page.cursor(paths[shown - 1], shown),
    )  # fmt: skip
    return answer if page.shown else Answer(f"{answer.text}\n({total})", {**answer.data, "total": total})


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
            **TABLE,
        ),
        _search_files,
        lane="search",
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
