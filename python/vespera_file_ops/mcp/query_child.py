"""The process that runs one query: it has the roots by their handles, a limit of memory, and no other task.

`python -m vespera_file_ops.mcp.query_child` reads a request from standard input and writes the answer to standard
output, both as JSON. Whoever started it kills it at the deadline.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import polars as pl

import vespera_file_ops as vfo

from .answer import plain

__all__ = ["main"]


def main() -> None:
    """Answer the one request."""
    text = sys.stdin.read()
    if not text:
        # Nobody asks any more.
        return
    # It has begun: what ends it from here on is the query's doing. JSON may begin with white space.
    print(flush=True)
    request = json.loads(text)
    _limit_memory(request["memory_bytes"])
    try:
        answer = _answer(request)
    except MemoryError:
        raise
    except Exception as error:
        # Polars' errors are of many classes; what they say is for whoever wrote the query.
        # Behind it stands the plan of the query.
        said = str(error).split("\n\nResolved plan", 1)[0]
        answer = {"error": f"{type(error).__name__}: {said}"}
    json.dump(answer, sys.stdout)


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    tables = {name: _table(table) for name, table in request["tables"].items()}
    rows = pl.SQLContext(tables).execute(request["sql"]).collect()
    shown = rows.head(request["limit"])
    return {
        "columns": shown.columns,
        "rows": [[plain(value) for value in row] for row in shown.iter_rows()],
        "row_count": rows.height,
    }


def _table(table: dict[str, Any]) -> pl.LazyFrame:
    options: dict[str, Any] = {**table["options"], "within": vfo.Root(**table["root"])}
    source = table["source"].encode("utf-8", "surrogateescape")
    if table["kind"] in {"hits", "coverage"}:
        scan = vfo.scan_hits if table["kind"] == "hits" else vfo.scan_coverage
        frame = scan(options.pop("pattern"), source, **options)
    else:
        frame = (vfo.scan_files if table["kind"] == "files" else vfo.scan_chunks)(source, **options)
    if table["prefix"]:
        frame = frame.with_columns(path=pl.lit(table["prefix"]) + pl.col("path"))
    return frame


def _limit_memory(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:
        # Windows: the deadline alone.
        return
    with open("/proc/self/statm", "rb") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + memory_bytes, now + memory_bytes))


if __name__ == "__main__":
    main()
