"""What it takes to share a tree out, and what that gains.

`python benches/distributed.py plan` plans a tree of a million files: seconds, memory, and the size of the plan.
`python benches/distributed.py workers` cuts Linux's file systems and networking into chunks on a Ray cluster of one
    worker and of two, one thread each: the ratio of their times, and of each to the local scan with one thread.
`python benches/distributed.py simulate` cuts a hundred million files of a generated distribution of sizes into
    partitions, and gives them to 10, 100 and 1,000 workers: balance, size of the plan, and the time to plan.
"""

from __future__ import annotations

import argparse
import heapq
import os
import pickle
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

import trees
import vespera_file_ops as vfo
from vespera_file_ops.planning import cost_of, cut

FILES = 1_000_000
SIMULATED_FILES = 100_000_000
# Half of the files of a large store are below some kilobytes, and a millionth holds gigabytes (lognormal; a mean of
# about 150 KB): what surveys of file systems find, with a heavier tail than most.
MEDIAN_BYTES, SIGMA, MOST_BYTES = 8 << 10, 2.4, 16 << 30
FILES_OF_FOLDER = 1_000
BATCH = 65_536
# What one worker reads and works through in a second; it cancels out of every ratio.
BYTES_A_SECOND = 200e6

_PLAN = """
import sys, time, pickle
import vespera_file_ops as vfo
start = time.perf_counter()
parts = files = size = 0
for part in vfo.plan(sys.argv[1], target_bytes=int(sys.argv[2])):
    parts, files, size = parts + 1, files + part.files, size + len(pickle.dumps(part))
peak = next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))
print(time.perf_counter() - start, peak / 1024, parts, files, size)
"""


def plan_of_a_million(rounds: int) -> None:
    """A real tree, planned in processes of their own."""
    tree = str(trees.generated(FILES))
    for target in (256 << 20, 16 << 20):
        runs = []
        for _ in range(rounds):
            done = subprocess.run([sys.executable, "-c", _PLAN, tree, str(target)], capture_output=True, check=True)
            runs.append([float(word) for word in done.stdout.split()])
        seconds, peak = (statistics.median(run[at] for run in runs) for at in (0, 1))
        parts, files, size = (int(number) for number in runs[0][2:])
        print(
            f"plan of {files:,} files, {target >> 20} MiB a partition: {seconds:.2f} s, peak of the process {peak:.0f} "
            f"MiB, {parts:,} partitions, {size / parts:.0f} bytes each"
        )


def workers(rounds: int, folders: list[str]) -> None:
    """Chunks on one Ray worker and on two, in turn, one thread each."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))
    from ray_child import on_ray

    linux = trees.linux()
    # Some seconds of work for each worker, so that the engine's own tenths count little.
    sources = [str(linux / folder) for folder in folders]
    code = """
    for source in argument["sources"]:
        times, rows = [], []
        for _ in range(argument["rounds"]):
            start = time.perf_counter()
            rows.append(distributed.scan_chunks(source, target_bytes=argument["target"]).count_rows())
            times.append(time.perf_counter() - start)
        start = time.perf_counter()
        local = vfo.scan_chunks(source, threads=1).select(pl.len()).collect().item()
        answer([times, rows, local, time.perf_counter() - start])
    """
    given = {"sources": sources, "rounds": rounds, "target": 2 << 20}
    results = [on_ray(code, {**given, "nodes": nodes}) for nodes in (1, 2)]
    for at, source in enumerate(sources):
        (one, rows, local, alone), (two, rows_of_two, _, _) = (result[at] for result in results)
        assert {*rows, *rows_of_two} == {local}, "the number of chunks differs"
        # The first run starts Daft's workers.
        single, double = min(one[1:]), min(two[1:])
        print(
            f"chunks of {os.path.relpath(source, linux)} ({local:,}): one thread here {alone:.2f} s, one worker "
            f"{single:.2f} s, two {double:.2f} s: {double / single:.2f} of one (aim 0.65)"
        )


def simulate(files: int, seed: int) -> None:
    """Cut a generated listing as a real one is cut, and hand the partitions out."""
    target = 256 << 20
    whole = vfo.Partition(b"/store", False, b"/", {}, None, None, files=0, size=0)
    start, generating = time.perf_counter(), 0.0

    def listed() -> Iterator[pl.DataFrame]:
        nonlocal generating
        for frame in listing(files, seed):
            now = time.perf_counter()
            yield frame
            generating -= time.perf_counter() - now
        generating += time.perf_counter() - start

    parts = list(cut(whole, listed(), target))
    seconds = time.perf_counter() - start
    assert sum(part.files for part in parts) == files
    size = sum(part.size for part in parts)
    pickled = sum(len(pickle.dumps(part)) for part in parts[::100]) * 100
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print(
        f"{files:,} files of {size / 1e12:.1f} TB, the largest {max(part.size for part in parts) / 1e9:.1f} GB: "
        f"{len(parts):,} partitions, {pickled / 1e6:.1f} MB pickled; cut in {seconds - generating:.0f} s "
        f"(and {generating:.0f} s to generate them), peak {peak / 1024:.0f} MiB"
    )
    for name, ordered in (("in the tree's order", parts), ("heaviest first", sorted(parts, key=cost_of, reverse=True))):
        for count in (10, 100, 1_000):
            loads = handed_out(ordered, count)
            mean = statistics.fmean(loads)
            print(
                f"  {count:,} workers, {name}: {mean / BYTES_A_SECOND:,.0f} s each, slowest over mean "
                f"{max(loads) / mean:.3f} (aim 1.1)"
            )


def listing(files: int, seed: int) -> Iterator[pl.DataFrame]:
    """The entries of a store of so many files, in batches, as a walk gives them."""
    random = np.random.default_rng(seed)
    exact = pl.Series("path_bytes", [None], dtype=pl.Binary)
    for first in range(0, files, BATCH):
        count = min(BATCH, files - first)
        sizes = np.minimum(random.lognormal(np.log(MEDIAN_BYTES), SIGMA, count), MOST_BYTES).astype(np.int64)
        numbers = pl.int_range(first, first + count, eager=True)
        # Paths of one length, so that the order of numbers is that of the table.
        folder = (numbers // FILES_OF_FOLDER).cast(pl.String).str.zfill(6)
        yield pl.DataFrame({"folder": folder, "number": numbers, "size": sizes}).select(
            exact.extend_constant(None, count - 1).alias("path_bytes") if count > 1 else exact,
            pl.format("{}/{}", "folder", pl.col("number").cast(pl.String).str.zfill(9)).alias("relative_path"),
            pl.lit("file").alias("kind"),
            "size",
            pl.lit(None, pl.String).alias("error"),
        )
        exact = pl.Series("path_bytes", [None], dtype=pl.Binary)


def handed_out(parts: list[vfo.Partition], count: int) -> list[int]:
    """The work of each worker, if whoever is free takes the next partition."""
    loads = [0] * count
    for part in parts:
        heapq.heapreplace(loads, loads[0] + cost_of(part))
    return loads


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["plan", "workers", "simulate"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=SIMULATED_FILES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folders", nargs="+", default=["fs", "net"])
    given = parser.parse_args()
    if given.what == "plan":
        plan_of_a_million(given.rounds)
    elif given.what == "workers":
        workers(given.rounds, given.folders)
    else:
        simulate(given.files, given.seed)


if __name__ == "__main__":
    main()
