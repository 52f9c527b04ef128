"""What a retrieval index costs: the first sync, one with nothing to do, and one after a few changes or a checkout.

    python benches/index.py [registry] [checkout] [--cocoindex PYTHON]

`registry` works on a copy of Cargo's sources, in full text; it takes minutes. The sync that finds nothing runs in turn
with `tree_limit stat`. `checkout` commits two releases of one crate and goes back and forth between them; its embedder
counts the texts that it is asked for. Files read are those that were added or modified, and those that were hashed
because they seemed to be renamed or had other times. What was done is checked before a time is printed.

With the interpreter of a venv that has `cocoindex[lancedb]`, CocoIndex does each job of `checkout` after us. It cuts by
other rules; that its rows hold the same text of the same files is checked as well. Neither's imports are timed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa

import trees
import vespera_file_ops as vfo
from peers import HERE, build_limit
from vespera_file_ops.rag import Index

PARTS = ("registry", "checkout")
# A release with few changes, and one with many.
CRATES = [("zerocopy", "0.8.63", "0.8.64"), ("syn", "2.0.107", "2.0.119"), ("rustix", "0.38.20", "1.1.6")]
ROUNDS = 5
EDITS, RENAMES, DELETIONS = 10, 2, 1
MOST_STATS, MOST_SECONDS = 2.5, 0.1
READ = ("added", "modified", "renamed", "touched")


class CountingEmbedder:
    """Vectors made of the text's hash."""

    name = "counting"
    dimension = 8

    def __init__(self) -> None:
        self.texts = 0

    def embed(self, texts: Sequence[str]) -> pa.FixedSizeListArray:
        """The vectors."""
        self.texts += len(texts)
        values = b"".join(hashlib.sha256(text.encode()).digest()[: self.dimension] for text in texts)
        numbers = pa.array([byte / 255 for byte in values], pa.float32())
        return pa.FixedSizeListArray.from_arrays(numbers, self.dimension)


def timed(work: Callable[[], pl.DataFrame]) -> tuple[pl.DataFrame, float]:
    """What it returns, and its seconds."""
    begun = time.perf_counter()
    report = work()
    return report, time.perf_counter() - begun


def files_of(report: pl.DataFrame) -> dict[str, int]:
    """The files by status, without those that are none."""
    return {status: files for status, files in report.select("status", "files").iter_rows() if files}


def ensure(job: str, found: object, wanted: object) -> None:
    """No time is printed of a job that did something else."""
    if found != wanted:
        raise SystemExit(f"{job}: {found} instead of {wanted}")


def tell(job: str, report: pl.DataFrame, seconds: float, note: str = "") -> None:
    """The line of a job of ours."""
    files = files_of(report)
    read = sum(files.get(status, 0) for status in READ)
    removed = files.get("removed", 0)
    line(job, [sum(files.values()) - removed, read, removed, *report.select("chunks", "embedded").sum().row(0)],
         seconds, note)  # fmt: skip


def line(job: str, counts: Sequence[int | None], seconds: float, note: str) -> None:
    """One line of the table."""
    cells = " | ".join("" if count is None else f"{count:,}" for count in counts)
    print(f"| {job} | {cells} | {seconds:.2f} | {note} |", flush=True)


def megabytes(folder: Path) -> float:
    """What the files below a folder hold."""
    files = vfo.scan_files(folder, include_hidden=True, respect_ignore=False).filter(kind="file").collect()
    return float(files["size"].sum()) / 1e6


def change(tree: Path) -> dict[str, int]:
    """Edit a few files, rename and delete; returns what a sync has to find."""
    rust = vfo.scan_files(tree).filter((pl.col("kind") == "file") & (pl.col("extension") == "rs")).collect()["path"]
    chosen = random.Random(1).sample(sorted(rust.to_list()), EDITS + RENAMES + DELETIONS)
    for path in chosen[:EDITS]:
        with open(path, "a", encoding="utf-8") as file:
            file.write("\nfn added_by_the_benchmark() {}\n")
    for path in chosen[EDITS : EDITS + RENAMES]:
        os.rename(path, path.removesuffix(".rs") + "_renamed.rs")
    for path in chosen[EDITS + RENAMES :]:
        os.unlink(path)
    return {"modified": EDITS, "renamed": RENAMES, "removed": DELETIONS}


def registry(folder: Path) -> None:
    """The rows of Cargo's sources."""
    sources, limit = trees.cargo_registry(), build_limit()
    if sources is None or limit is None:
        return
    tree, store = folder / "registry", folder / "registry.index"
    subprocess.run(["cp", "-a", "--reflink=auto", str(sources), str(tree)], check=True)
    # Into the cache of the file system, for all that follows.
    vfo.scan_files(tree, blake3=True).collect()
    count = vfo.scan_files(tree).filter(kind="file").select(pl.len()).collect().item()
    index = Index(store)
    report, seconds = timed(lambda: index.sync(tree))
    ensure("first sync", files_of(report), {"added": count})
    tell("registry: first sync", report, seconds, f"{megabytes(tree):.0f} MB became {megabytes(store):.0f} MB")
    index.sync(tree)
    syncs, stats = [], []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run([limit, "stat", str(tree)], stdout=subprocess.PIPE, check=True)
        stats.append(time.perf_counter() - begun)
        report, seconds = timed(lambda: index.sync(tree))
        ensure("nothing to do", files_of(report), {"unchanged": count})
        syncs.append(seconds)
    seconds, stat = statistics.median(syncs), statistics.median(stats)
    most = MOST_STATS * stat + MOST_SECONDS
    verdict = "holds" if seconds <= most else "DOES NOT HOLD"
    note = f"tree_limit stat {stat:.3f} s; aim {MOST_STATS} stat + {MOST_SECONDS} s = {most:.2f} s, {verdict}"
    tell("registry: nothing to do", report, seconds, note)
    wanted = change(tree)
    report, seconds = timed(lambda: index.sync(tree))
    ensure("a few changes", {**files_of(report), "unchanged": 0}, {**wanted, "unchanged": 0})
    tell(f"registry: {EDITS} edits, {RENAMES} renames, {DELETIONS} deletion", report, seconds)
    differences, seconds = timed(index.verify)
    ensure("verify", differences.height, 0)
    line(
        "registry: verify, everything read again", [count - DELETIONS, None, None, None, None], seconds, "no difference"
    )


def git(repository: Path, *arguments: str) -> str:
    """What git prints."""
    command = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-C", str(repository), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def commit_releases(repository: Path, releases: list[Path]) -> None:
    """A repository with a commit and a tag for each release; the first is checked out."""
    git(repository, "init", "--quiet")
    for release in releases:
        if release != releases[0]:
            git(repository, "rm", "-r", "--quiet", ".")
        subprocess.run(["cp", "-r", f"{release}/.", str(repository)], check=True)
        git(repository, "add", "--all", "--force")
        git(repository, "commit", "--quiet", "--message", release.name)
        git(repository, "tag", release.name)
    git(repository, "checkout", "--quiet", releases[0].name)


def told_by_git(repository: Path, old: str, new: str, visible: set[str]) -> set[str]:
    """The files that are new or other in the newer of two commits."""
    told = git(repository, "diff", "--no-renames", "--name-only", "--diff-filter=d", "-z", old, new)
    return set(told.split("\0")) & visible


def rows_of(index: Index) -> pl.DataFrame:
    """What an index says, in order."""
    columns = ["relative_path", "chunk", "text_blake3", "start_line", "vector"]
    return pl.DataFrame(index.table.to_arrow()).select(columns).sort("relative_path", "chunk")


def letters(index: Index) -> dict[str, int]:
    """Of each file, the characters in its rows that are no white space."""
    rows = pl.DataFrame(index.table.to_arrow())
    count = pl.col("text").str.replace_all(r"\s", "").str.len_chars().sum()
    return dict(rows.group_by("relative_path").agg(count).filter(pl.col("text") > 0).iter_rows())


def cocoindex(python: str, job: str, repository: Path, state: Path, wanted: dict[str, int]) -> None:
    """The line of the same job by CocoIndex."""
    command = [python, str(HERE / "coco_job.py"), str(repository), str(state)]
    done = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    found = {path: count for path, count in done["letters"].items() if count}
    ensure(f"{job}, CocoIndex, text other than ours", set(found.items()) ^ set(wanted.items()), set())
    counts = [len(found), done["read"], None, done["chunks"], done["embedded"]]
    line(f"{job}, CocoIndex", counts, done["seconds"], "")


def checkout(folder: Path, python: str | None) -> None:
    """The rows of two releases of each crate."""
    sources = trees.cargo_registry()
    for crate, *versions in CRATES:
        releases = [found for version in versions for found in (sources or folder).glob(f"*/{crate}-{version}")]
        if len(releases) != len(versions):
            trees.skip(f"the releases of {crate}", f"{' and '.join(versions)} are not in Cargo's sources")
            continue
        repository = folder / crate
        repository.mkdir()
        commit_releases(repository, releases)
        go(crate, repository, [release.name for release in releases], folder, python)


def go(crate: str, repository: Path, tags: list[str], folder: Path, python: str | None) -> None:
    """Sync at the first release, and at each change to the other."""
    first, second = tags
    embedder = CountingEmbedder()
    index = Index(folder / f"{crate}.index", embedder=embedder)
    before: dict[str, pl.DataFrame] = {}
    at = first
    for job, tag in (("first sync", first), ("nothing to do", first), ("checkout", second), ("and back", first),
                     ("and again", second)):  # fmt: skip
        git(repository, "checkout", "--quiet", tag)
        embedder.texts = 0
        report, seconds = timed(lambda: index.sync(repository))
        name = f"{crate} {tag.rpartition('-')[2]}: {job}"
        ensure(f"{name}, texts embedded", report["embedded"].sum(), embedder.texts)
        note = ""
        if tag != at:
            files = vfo.scan_files(repository).filter(kind="file").select("relative_path").collect()
            changed = told_by_git(repository, at, tag, set(files["relative_path"]))
            found = report.filter(pl.col("status").is_in(["added", "modified", "renamed"]))["paths"].explode()
            ensure(f"{name}, files", set(found.drop_nulls()), changed)
            note = f"git: {len(changed)} files differ"
        if tag not in before:
            fresh = Index(folder / f"{crate}.{tag}.fresh", embedder=embedder)
            fresh.sync(repository)
            before[tag] = rows_of(fresh)
        ensure(f"{name}, rows like those of a new index", rows_of(index).equals(before[tag]), True)
        tell(name, report, seconds, note)
        if python is not None:
            cocoindex(python, name, repository, folder / f"{crate}.coco", letters(index))
        at = tag


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=re.sub(r"\s+", " ", __doc__ or "").split(". ")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=PARTS)
    parser.add_argument("--cocoindex", metavar="PYTHON")
    given = parser.parse_args()
    print("| job | files | read | removed | chunks written | texts embedded | seconds | |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as empty:
        # The first sync of a process imports LanceDB.
        Index(Path(name) / "warm.index").sync(empty)
        if "registry" in given.parts:
            registry(Path(name))
        if "checkout" in given.parts:
            checkout(Path(name), given.cocoindex)


if __name__ == "__main__":
    main()
