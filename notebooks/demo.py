"""The main job on this repository: hits, files, a join of both, and the ledger of what was searched.

Run by `make demo`. It needs nothing but the package itself, and takes another folder and pattern as arguments:
`python notebooks/demo.py FOLDER PATTERN`.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import polars as pl

import vespera_file_ops as vfo


def show(title: str, code: str, frame: pl.DataFrame, seconds: float) -> None:
    """Print what was asked, in the words of the reader, and the table that came back."""
    print(f"\n# {title}\n>>> {code}\n{frame}\n({frame.height} rows in {seconds * 1000:.1f} ms)")


def main(folder: str, pattern: str) -> int:
    """Show the tables; 0 when the search found something and left nothing unread."""
    pl.Config.set_tbl_rows(8)
    pl.Config.set_tbl_cols(12)
    pl.Config.set_tbl_width_chars(120)
    pl.Config.set_fmt_str_lengths(60)
    pl.Config.set_tbl_hide_dataframe_shape(True)
    pl.Config.set_tbl_hide_column_data_types(True)

    start = time.perf_counter()
    result = vfo.search(pattern, folder)
    hits = result.hits.select("path", "line_number", "column_number", "matched", "line")
    show(
        "hits: one row a match",
        f'vfo.search_files(r"{pattern}", "{folder}").select("path", "line_number", "column_number", "matched", "line")',
        hits.with_columns(pl.col("line").str.strip_chars()),
        time.perf_counter() - start,
    )

    start = time.perf_counter()
    files = vfo.scan_files(folder).filter(pl.col("kind") == "file")
    table = files.select("path", "extension", "size", "modified", "mode", "strategy").collect()
    show(
        "files: one row an entry",
        f'vfo.scan_files("{folder}").filter(pl.col("kind") == "file").select("path", "extension", "size", …).collect()',
        table,
        time.perf_counter() - start,
    )

    start = time.perf_counter()
    joined = (
        vfo.scan_hits(pattern, folder)
        .group_by("path")
        .agg(pl.len().alias("hits"), pl.col("line_number").min().alias("first_line"))
        .join(files.select("path", "size", "modified"), on="path")
        .with_columns((1024 * pl.col("hits") / pl.col("size")).round(2).alias("hits_per_kib"))
        .sort("hits", "path", descending=[True, False])
        .collect()
    )
    show(
        "both: where the hits are dense, and how fresh those files are",
        f'vfo.scan_hits(r"{pattern}", "{folder}").group_by("path").agg(…).join(vfo.scan_files("{folder}"), on="path")',
        joined,
        time.perf_counter() - start,
    )

    statuses = result.coverage.group_by("status").agg(pl.len().alias("files"), pl.col("hits").sum()).sort("status")
    show("the ledger: found = searched + not searched, each with a reason", "vfo.search(…).coverage", statuses, 0)
    unread = result.coverage.filter(pl.col("status").is_in(["unreadable", "vanished", "changed", "not_reached"]))
    return 0 if hits.height and joined.height and not unread.height else 1


if __name__ == "__main__":
    repository = os.path.relpath(Path(__file__).resolve().parent.parent)
    defaults = [repository, r"(?:pub )?fn \w+"]
    sys.exit(main(*[*sys.argv[1:], *defaults[len(sys.argv) - 1 :]]))
