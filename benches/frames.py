"""What columns on demand and comparisons of trees cost, over the Linux source tree.

`python benches/frames.py` asks ours and theirs in turn, round after round, after their answers were found equal, and
prints a table of medians. "At most" is the ratio that is aimed at.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import polars as pl

import vespera_file_ops as vfo
from peers import build_limit
from questions import hashes
from trees import linux

Answer = tuple[float, object]


def timed(work: Callable[[], object]) -> Answer:
    """How long it takes, and what it gives."""
    began = time.perf_counter()
    answer = work()
    return time.perf_counter() - began, answer


def expression_hashes(tree: str) -> pl.DataFrame:
    """The hash of every file, by the expression."""
    files = vfo.scan_files(tree).filter(pl.col("kind") == "file").select("path", blake3=vfo.expr.blake3("path"))
    return files.collect()


def duplicates_of(hashed: pl.LazyFrame) -> pl.DataFrame:
    """The paths whose content stands elsewhere too."""
    twice = hashed.filter(pl.len().over("blake3") > 1)
    return twice.select("path").sort("path").collect()


def duplicates_by_size_first(tree: str) -> pl.DataFrame:
    """Files of one size are the only ones that are opened."""
    files = vfo.scan_files(tree).filter(pl.col("kind") == "file").select("path", "size")
    return duplicates_of(files.filter(pl.len().over("size") > 1).with_columns(blake3=vfo.expr.blake3("path")))


def duplicates_by_all_hashes(tree: str) -> pl.DataFrame:
    """Every file is hashed."""
    return duplicates_of(hashes(tree).lazy())


def main() -> int:
    """Print the table; 1 when less is reached than is aimed at."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    tree, limit = str(linux()), build_limit()
    before = vfo.scan_files(tree, blake3=True, observed=True).collect()

    def changed() -> object:
        return vfo.diff_trees(before, tree).filter(pl.col("status") != "unchanged").height

    def limit_stat() -> object:
        if limit is None:
            raise SystemExit("a C compiler is needed for the limit: cc")
        subprocess.run([limit, "stat", tree, "2"], stdout=subprocess.DEVNULL, check=True)
        return 0

    rows: list[tuple[str, Callable[[], object], str, Callable[[], object], float]] = [
        (
            "BLAKE3 of every file, by expression",
            lambda: expression_hashes(tree),
            "scan_files(blake3=True)",
            lambda: hashes(tree),
            1.2,
        ),
        (
            "files whose content stands twice, sizes first",
            lambda: duplicates_by_size_first(tree),
            "every file hashed",
            lambda: duplicates_by_all_hashes(tree),
            1.0,
        ),
        ("diff_trees of an unchanged tree", changed, "limit: stat", limit_stat, 2.5),
    ]
    holds = True
    print("| work | ours ms | beside | theirs ms | ratio | at most | holds |")
    print("| --- | ---: | --- | ---: | ---: | ---: | --- |")
    for work, ours, beside, theirs, most in rows:
        mine, other = ours(), theirs()
        if isinstance(mine, pl.DataFrame) and isinstance(other, pl.DataFrame):
            equal = mine.equals(other)
        else:
            equal = mine == other
        if not equal:
            raise SystemExit(f"{work}: the answers differ")
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for taken, call in zip(seconds, (ours, theirs), strict=True):
                taken.append(timed(call)[0])
        my, their = (statistics.median(taken) * 1000 for taken in seconds)
        holds &= my / their <= most
        verdict = "yes" if my / their <= most else "**no**"
        print(f"| {work} | {my:.0f} | {beside} | {their:.0f} | {my / their:.2f} | {most} | {verdict} |", flush=True)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
