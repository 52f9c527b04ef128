"""The tool `query`: SQL over scans, in a process of its own that is killed at its deadline."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from ..errors import ArgumentError, CancelledError, LimitError
from ..ledger import counted
from .answer import Answer, nearest
from .spare import SPARE
from .sql import checked_sql
from .tool import TABLE, Call, Tool, schema

__all__ = ["TOOLS"]

_MEMORY_BYTES = 2 << 30
# How late a cancellation or the deadline may be heard, in seconds.
_BOX_SECONDS = 0.05
_WALK = ("path", "include", "exclude", "types", "include_hidden", "respect_ignore", "max_depth", "max_file_size")
_SEARCH = ("pattern", "fixed_strings", "ignore_case", "whole_word", "multiline", "max_hits_per_file")
_KINDS = {
    "files": (*_WALK, "blake3"),
    "hits": (*_WALK, *_SEARCH, "context", "captures"),
    "coverage": (*_WALK, *_SEARCH, "include_ignored"),
    "chunks": (*_WALK, "chunk_size", "overlap"),
}
_CHANGED = {
    "date(": "cast(modified as date)",
    "datetime": "a time is compared with text: modified > '2026-01-31', or with now() - interval '30 days'",
    "not found": "columns: path, name, extension, size, modified, kind; of hits also line_number, line, matched",
}


def _query(call: Call, given: dict[str, Any]) -> Answer:
    tables = {name: _declared(call, name, told) for name, told in given["tables"].items()}
    request = {
        "tables": tables,
        "sql": checked_sql(given["sql"], tables),
        "limit": given["limit"],
        "memory_bytes": _MEMORY_BYTES,
    }
    told = _run(call, json.dumps(request))
    if "error" in told:
        hint = next((form for sign, form in _CHANGED.items() if sign in (told["error"] + given["sql"]).lower()), None)
        raise ArgumentError(f"sql: {told['error'][:500]}" + (f"\n{hint}" if hint else ""))
    lines, used = [" | ".join(told["columns"])], 0
    for row in told["rows"]:
        line = " | ".join("" if value is None else str(value) for value in row)
        used += len(line.encode()) + 1
        if used > call.bytes_of(given) and len(lines) > 1:
            break
        lines.append(line)
    shown, count = told["rows"][: len(lines) - 1], told["row_count"]
    cut = f", {len(shown)} shown; add a LIMIT or narrow it" if len(shown) < count else ""
    text = "\n".join([*lines, f"({counted(count, 'row')}{cut})"])
    data = {"columns": told["columns"], "rows": shown, "row_count": count, "truncated": len(shown) < count}
    return Answer(text, data)


def _declared(call: Call, name: str, told: dict[str, Any]) -> dict[str, Any]:
    """One table as the child builds it."""
    if not name.isidentifier() or len(told) != 1:
        raise ArgumentError(
            f'tables: {name[:80]!r}: expected a name and one kind, as {{"h": {{"hits": {{"pattern": "x"}}}}}}'
        )
    ((kind, options),) = told.items()
    allowed = _KINDS.get(kind)
    if allowed is None:
        raise ArgumentError(f"tables: {kind[:80]!r} is no kind of table; {nearest(kind, _KINDS)}")
    for option in options:
        if option not in allowed:
            raise ArgumentError(f"tables: {option[:80]!r} is no option of {kind}; {nearest(option, allowed)}")
    if kind in {"hits", "coverage"} and "pattern" not in options:
        raise ArgumentError(f"tables: {name}: {kind} need a pattern")
    path = options.get("path", ".")
    if not isinstance(path, str):
        raise ArgumentError(f"tables: {name}: path is a text")
    place = call.places.find("tables", path)
    return {
        "kind": kind,
        "root": {"path": place.root.path, "denied": place.root.denied, "allowed": place.root.allowed},
        "source": place.path,
        "prefix": "" if call.places.only else f"{place.name}/",
        "options": {option: value for option, value in options.items() if option != "path"},
    }


def _run(call: Call, request: str) -> dict[str, Any]:
    deadline = time.monotonic() + call.time_limit
    for _ in range(2):
        status, answer = _asked(call, request, deadline)
        if status == 0:
            told: dict[str, Any] = json.loads(answer)
            return told
        if answer:
            break
        # It was killed while it waited, and never had the request.
    raise LimitError(f"sql: it needs more than the {_MEMORY_BYTES >> 30} GiB that a query may use; narrow it")


def _asked(call: Call, request: str, deadline: float) -> tuple[int, str]:
    """The exit status of a child that was given the request, and all that it said."""
    with SPARE.taken() as child:
        text: str | None = request
        while True:
            try:
                answer, _ = child.communicate(text, timeout=_BOX_SECONDS)
                break
            except subprocess.TimeoutExpired:
                text = None
            if call.cancel.cancelled or time.monotonic() > deadline:
                child.kill()
                child.communicate()
                if call.cancel.cancelled:
                    raise CancelledError("the query was cancelled")
                raise LimitError(
                    f"sql: not done after {call.time_limit:g} s, and stopped; narrow the tables by path or include"
                )
    return child.returncode, answer


TOOLS = [
    Tool(
        "query",
        "SQL (Polars: one SELECT; joins, WITH, GROUP BY, window functions) over tables that you declare, each a scan. "
        "Columns: files: path, name, extension, size, modified, kind; hits: path, extension, size, modified, "
        "line_number, line, matched; coverage: path, status, hits; chunks: path, start_line, text. "
        "Times: modified > '2026-01-31' or "
        "> now() - interval '30 days'.\n"
        '{"h": {"hits": {"pattern": "TODO"}}}: select extension, count(*) as n from h where size < 100000 group by '
        "extension order by n desc\n"
        '{"f": {"files": {"path": "src"}}}: select path, size from f order by size desc limit 10\n'
        '{"a": {"hits": {"pattern": "import os"}}, "f": {"files": {}}}: select distinct f.path, f.modified from f join '
        "a on f.path = a.path where f.modified > now() - interval '7 days'",
        schema(
            ("tables", "sql"),
            tables={
                "type": "object",
                "minProperties": 1,
                "maxProperties": 8,
                "additionalProperties": {"type": "object", "additionalProperties": {"type": "object"}},
                "description": "name: {kind: options}; kinds files, hits, coverage, chunks; options as in search_files",
            },
            sql={"type": "string", "description": "one SELECT over these names"},
            limit=TABLE["limit"],
            max_bytes=TABLE["max_bytes"],
        ),
        _query,
        lane="query",
    ),
]
