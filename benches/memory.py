"""Peaks of memory, each in a process of its own, above an interpreter that has imported Polars and us.

`python benches/memory.py` prints them alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import trees

# What a process says of its own peak, in KiB. Not ru_maxrss: that one survives an exec.
_PEAK = "next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM'))"
_PROGRAM = "import sys, polars as pl, vespera_file_ops as vfo\n{work}\nprint({peak})"
_HITS_OF_SINK = 1_000_000
_TEXTS = """
small = vfo.scan_files(sys.argv[2:]).filter(pl.col('size') < 10_000, pl.col('kind') == 'file')
small.with_columns(text=pl.col('path').vfo.read_text()).sink_parquet(sys.argv[1]{options})"""


@dataclass
class Peak:
    """One piece of work and the memory it took."""

    work: str
    program: str
    arguments: tuple[str, ...]
    at_most_mib: int
    mib: float = 0.0


def _run(program: str, arguments: tuple[str, ...]) -> float:
    command = [sys.executable, "-c", _PROGRAM.format(work=program, peak=_PEAK), *arguments]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.split()[-1]) / 1024


def peaks(linux: str) -> list[Peak]:
    """The work, measured."""
    with tempfile.TemporaryDirectory() as folder:
        hits = Path(folder) / "hits.txt"
        hits.write_bytes(b"a needle in a line of text\n" * _HITS_OF_SINK)
        texts, twin = os.path.join(folder, "texts.parquet"), str(trees.linux_with_ignore_files(Path(linux)))
        grouped = _TEXTS.format(options=", row_group_size=1000")
        table = [
            Peak("a rare search of the tree", "vfo.search_files('PM_RESUME', sys.argv[1])", (linux,), 60),
            Peak(
                f"{_HITS_OF_SINK} hits into a Parquet file",
                "vfo.scan_hits('needle', sys.argv[1]).sink_parquet(sys.argv[2])",
                (str(hits), os.path.join(folder, "hits.parquet")),
                200,
            ),
            Peak(
                "the files table of a million files",
                "assert vfo.scan_files(sys.argv[1]).collect().height > 1_000_000",
                (str(trees.generated(1_000_000)),),
                500,
            ),
            Peak("the texts below 10 kB into Parquet, in groups of 1000 rows", grouped, (texts, linux), 200),
            Peak("those of two such trees", grouped, (texts, linux, twin), 200),
            Peak("those of one tree in Polars' own groups: all in one", _TEXTS.format(options=""), (texts, linux), 600),
        ]
        floor = _run("pl.DataFrame({'a': [1]}).lazy().filter(pl.col('a') > 0).collect()", ())
        for peak in table:
            peak.mib = _run(peak.program, peak.arguments) - floor
    return table


if __name__ == "__main__":
    for measured in peaks(str(trees.linux())):
        print(f"{measured.work}: {measured.mib:.0f} MiB, at most {measured.at_most_mib}", flush=True)
