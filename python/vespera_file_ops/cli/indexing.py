"""`vfo index`: the retrieval index, for cron and the terminal.

Exit status: 0 done, 1 done with files left out (or, for `search` without a row and `verify` with one), 2 refused or
failed. Loaded only for this command, because it needs Polars.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from .options import walk_options
from .output import say
from .rows import text_table

if TYPE_CHECKING:
    import argparse

    import polars as pl

    from ..rag import Index

__all__ = ["index"]

_LOWEST_PRIORITY = 19
_SHOWN = {
    "sync": ("status", "files", "chunks", "embedded", "seconds"),
    "search": ("relative_path", "start_line", "end_line", "language", "score", "line"),
    "status": ("source", "root", "files", "chunks", "in_doubt", "queued", "is_locked"),
    "verify": ("source", "relative_path", "chunk", "difference", "detail"),
}


def index(given: argparse.Namespace) -> int:
    """Do the subcommand; returns the exit status."""
    from ..rag import Index, MiniLM

    opened = Index(given.index, embedder=MiniLM() if given.embedder == "minilm" else None)
    actions: dict[str, Callable[[argparse.Namespace, Index], tuple[pl.DataFrame, int]]] = {
        "sync": _sync,
        "search": _search,
        "status": _status,
        "verify": _verify,
    }
    frame, status = actions[given.action](given, opened)
    _show(given, frame, sys.stdout)
    return status


def _sync(given: argparse.Namespace, index: Index) -> tuple[pl.DataFrame, int]:
    options: dict[str, Any] = walk_options(given)
    if hasattr(os, "nice"):
        # Whoever searches the index or adds to it meanwhile waits for an answer; a sync has time.
        os.nice(_LOWEST_PRIORITY)
    report = index.sync(
        given.folder, name=given.name, chunk_size=given.chunk_size, overlap=given.overlap, encoding=given.encoding,
        max_removed=given.max_removed, dry_run=given.dry_run, rebuild=given.rebuild, wait=given.wait,
        engine=given.engine, progress=given.progress, **options,
    )  # fmt: skip
    left_out = report.filter(status="unknown")
    if not given.json:
        for path, error in left_out.explode("paths", "errors").select("paths", "errors").iter_rows():
            if path is not None:
                say(f"vfo: {path}: {error or 'not known'}")
    return report, 1 if left_out["files"].item() else 0


def _search(given: argparse.Namespace, index: Index) -> tuple[pl.DataFrame, int]:
    found = index.search(given.query, limit=given.limit, mode=given.mode, where=given.where)
    return found, 0 if found.height else 1


def _status(_given: argparse.Namespace, index: Index) -> tuple[pl.DataFrame, int]:
    return index.status(), 0


def _verify(given: argparse.Namespace, index: Index) -> tuple[pl.DataFrame, int]:
    found = index.verify(given.folder, name=given.name)
    return found, 1 if found.height else 0


def _show(given: argparse.Namespace, frame: pl.DataFrame, out: IO[str]) -> None:
    """As a table; with --json as one array, a row an object."""
    if given.json:
        from io import BytesIO

        from .export import write

        buffer = BytesIO()
        write(frame.lazy(), "json", buffer)
        rows = json.loads(buffer.getvalue())
        json.dump(rows, out, indent=1, ensure_ascii=False)
        out.write("\n")
        return
    if given.action == "search":
        frame = _with_line(frame)
    shown = _SHOWN[given.action]
    table = text_table(given, shown, out)
    frame = frame.select(shown)
    if "seconds" in shown:
        frame = frame.with_columns(frame["seconds"].round(2))
    table.add(frame.to_dict(as_series=False))
    table.finish()


def _with_line(found: pl.DataFrame) -> pl.DataFrame:
    """The rows with their first line that says anything, and the score that ranked them."""
    import polars as pl

    scores = [pl.col(name) for name in ("_relevance_score", "_score", "_distance") if name in found.columns]
    line = pl.col("text").str.extract(r"(?m)^\s*(\S.*)$", 1)
    return found.with_columns(line=line, score=pl.coalesce(scores).cast(pl.Float64).round(4))
