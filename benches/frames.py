"""What columns on demand and comparisons of trees cost, over the Linux source tree.

`python benches/frames.py` asks ours and theirs in turn, round after round, after their answers were found equal, and
prints a table of medians. "At most" is the ratio that is aimed at. Programs that find duplicates are asked if they are
on PATH; they are timed from start to end, ours in a warm process.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

import vespera_file_ops as vfo
from peers import THREADS, build_limit, find_fclones, find_rmlint
from questions import hashes
from trees import linux


@dataclass(frozen=True)
class Row:
    """One piece of work, done by us and in another way."""

    work: str
    ours: Callable[[], object]
    beside: str
    theirs: Callable[[], object]
    at_most: float | None = None
    # Turns what a program prints into our answer; it is not timed.
    answer: Callable[[object], object] = lambda printed: printed
    # The most rounds worth waiting for.
    rounds: int = 100

    def ensure_equal(self) -> None:
        """Both ways give the same."""
        mine, other = self.ours(), self.answer(self.theirs())
        equal = mine.equals(other) if isinstance(mine, pl.DataFrame) and isinstance(other, pl.DataFrame) else None
        if not (mine == other if equal is None else equal):
            raise SystemExit(f"{self.work}: the answers of ours and of {self.beside} differ")

    def medians(self, rounds: int) -> tuple[float, float]:
        """The milliseconds of ours and of theirs."""
        taken = [(seconds_of(self.ours), seconds_of(self.theirs)) for _ in range(min(rounds, self.rounds))]
        mine, other = zip(*taken, strict=True)
        return statistics.median(mine) * 1000, statistics.median(other) * 1000


def seconds_of(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def expression_hashes(tree: str) -> pl.DataFrame:
    """The hash of every file, by the expression."""
    files = vfo.scan_files(tree).filter(pl.col("kind") == "file").select("path", blake3=vfo.expr.blake3("path"))
    return files.collect()


def duplicates_of(hashed: pl.LazyFrame) -> pl.DataFrame:
    """The paths whose content stands elsewhere too."""
    twice = hashed.filter(pl.len().over("blake3") > 1)
    return twice.select("path").sort("path").collect()


def duplicates_by_size_first(tree: str, least_size: int = 0) -> pl.DataFrame:
    """Files of one size are the only ones that are opened."""
    wanted = (pl.col("kind") == "file") & (pl.col("size") >= least_size)
    files = vfo.scan_files(tree).filter(wanted).select("path", "size")
    return duplicates_of(files.filter(pl.len().over("size") > 1).with_columns(blake3=vfo.expr.blake3("path")))


def duplicates_by_all_hashes(tree: str) -> pl.DataFrame:
    """Every file is hashed."""
    return duplicates_of(hashes(tree).lazy())


def output_of(*command: str) -> bytes:
    """What a program prints."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def table_of(paths: list[str]) -> pl.DataFrame:
    """Paths in the form of our answers."""
    return pl.DataFrame({"path": sorted(paths)})


def paths_of_fclones(printed: object) -> pl.DataFrame:
    """Groups of paths, with an empty line behind each."""
    assert isinstance(printed, bytes)
    return table_of([line for line in os.fsdecode(printed).splitlines() if line])


def paths_of_rmlint(printed: object) -> pl.DataFrame:
    """Its findings, between a header and a footer."""
    assert isinstance(printed, bytes)
    return table_of([found["path"] for found in json.loads(printed) if found.get("type") == "duplicate_file"])


def programs(tree: str) -> list[Row]:
    """Duplicates beside those who do nothing else. They leave out hidden and empty files and follow no link."""
    commands: list[tuple[str, list[str], Callable[[object], object]]] = []
    fclones, rmlint = find_fclones(), find_rmlint()
    if fclones is not None:
        # Its own choice, which is no cryptographic hash, and the hash that ours takes.
        for hash_name in ("metro", "blake3"):
            options = ["--no-ignore", "--threads", str(THREADS), "--hash-fn", hash_name, "--format", "fdupes"]
            commands.append((f"fclones, {hash_name}", [fclones, "group", *options, tree], paths_of_fclones))
    if rmlint is not None:
        # With as few threads as there are processors, it takes ten times as long as with those that it chooses.
        commands.append(("rmlint", [rmlint, "-T", "df", "-F", "-o", "json:stdout", tree], paths_of_rmlint))
    return [
        Row(
            "files with content whose content stands twice",
            partial(duplicates_by_size_first, tree, 1),
            beside,
            partial(output_of, *command),
            answer=answer,
            rounds=5,
        )
        for beside, command, answer in commands
    ]


def rows_of(tree: str, folder: Path) -> list[Row]:
    """All of them; what is saved lies in the folder."""
    limit = build_limit()
    before = vfo.scan_files(tree, blake3=True, observed=True).collect()
    before.write_parquet(folder / "before.parquet")

    def changed(saved: pl.DataFrame | pl.LazyFrame) -> int:
        return vfo.diff_trees(saved, tree).filter(pl.col("status") != "unchanged").height

    def limit_stat() -> int:
        if limit is None:
            raise SystemExit("a C compiler is needed for the limit: cc")
        output_of(limit, "stat", tree, str(THREADS))
        return 0

    return [
        Row(
            "BLAKE3 of every file, by expression",
            lambda: expression_hashes(tree),
            "scan_files(blake3=True)",
            lambda: hashes(tree),
            1.2,
        ),
        Row(
            "files whose content stands twice, sizes first",
            lambda: duplicates_by_size_first(tree),
            "every file hashed",
            lambda: duplicates_by_all_hashes(tree),
            1.0,
        ),
        *programs(tree),
        Row("diff_trees of an unchanged tree", lambda: changed(before), "limit: stat", limit_stat, 2.5),
        Row(
            "the same, saved as Parquet",
            lambda: changed(pl.scan_parquet(folder / "before.parquet")),
            "limit: stat",
            limit_stat,
            2.5,
        ),
    ]


def main() -> int:
    """Print the table; 1 when less is reached than is aimed at."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    holds = True
    with tempfile.TemporaryDirectory() as folder:
        rows = rows_of(str(linux()), Path(folder))
        print("| work | ours ms | beside | theirs ms | ratio | at most | holds |")
        print("| --- | ---: | --- | ---: | ---: | ---: | --- |")
        for row in rows:
            row.ensure_equal()
            mine, other = row.medians(rounds)
            reached = row.at_most is None or mine / other <= row.at_most
            holds &= reached
            aim = " | " if row.at_most is None else f"{row.at_most} | {'yes' if reached else '**no**'}"
            print(
                f"| {row.work} | {mine:.0f} | {row.beside} | {other:.0f} | {mine / other:.2f} | {aim} |",
                flush=True,
            )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
