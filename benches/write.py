"""`python benches/write.py`: small files and a large one, beside the least that such a write costs.

The peer is a C program (`temp_rename.c`) that makes a temporary file, writes it and renames it, and nothing else: it
flushes, checks, locks and keeps nothing. Both are asked in turn, round after round, each in an empty folder. "At least"
is the share of the peer's speed that is aimed at.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import vespera_file_ops as vfo

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parent / "target") / "bench"
FILES, BYTES = 10_000, 1_000
LARGE = 256 << 20
AT_LEAST = 0.8


def build_peer() -> Path:
    """Compile the peer, if it is older than its source."""
    source, program = HERE / "temp_rename.c", TARGET / "temp_rename"
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        TARGET.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)
    return program


def said_by(*command: str) -> float:
    """The seconds that the peer says it took."""
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


def small_files(folder: Path, content: bytes) -> float:
    """As many calls as files."""
    names = [f"{folder}/file{number}" for number in range(FILES)]
    begun = time.perf_counter()
    for name in names:
        vfo.write_file_atomic(name, content, durable=False)
    return time.perf_counter() - begun


def large_file(path: Path, content: bytes, *, durable: bool) -> float:
    """One call."""
    begun = time.perf_counter()
    vfo.write_file_atomic(path, content, durable=durable)
    return time.perf_counter() - begun


def plain_flushed(path: Path, content: bytes) -> float:
    """What Python's own file does, flushed; neither whole nor durable by name."""
    begun = time.perf_counter()
    with open(path, "wb", buffering=0) as file:
        view = memoryview(content)
        while view:
            view = view[file.write(view[: 1 << 20]) :]
        os.fsync(file.fileno())
    return time.perf_counter() - begun


def peak() -> int:
    """The most memory that this process has had, in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) >> 10


def in_empty_folder(where: Path, work: Callable[[Path], float]) -> float:
    """What it takes in a folder that holds nothing, with nothing left to write by others."""
    folder = Path(tempfile.mkdtemp(dir=where))
    os.sync()
    try:
        return work(folder)
    finally:
        shutil.rmtree(folder)


def main() -> int:
    """Ask everybody in turn, and print a table of medians; 1 when less is reached than is aimed at."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=TARGET, help="on the disk that is to be measured")
    options = parser.parse_args()

    peer = str(build_peer())
    options.folder.mkdir(parents=True, exist_ok=True)
    small, large = b"x" * BYTES, b"x" * LARGE

    def replaced(folder: Path, work: Callable[[Path], float]) -> float:
        said_by(peer, "small", str(folder), str(FILES), str(BYTES))
        return work(folder)

    def by_peer(folder: Path) -> float:
        return said_by(peer, "small", str(folder), str(FILES), str(BYTES))

    def by_us(folder: Path) -> float:
        return small_files(folder, small)

    rows: dict[str, tuple[Callable[[Path], float], Callable[[Path], float]]] = {
        f"{FILES:,} new files of {BYTES:,} bytes": (by_us, by_peer),
        f"{FILES:,} replaced files of {BYTES:,} bytes": (
            lambda folder: replaced(folder, by_us),
            lambda folder: replaced(folder, by_peer),
        ),
        "256 MiB": (
            lambda folder: large_file(folder / "file", large, durable=False),
            lambda folder: said_by(peer, "plain", str(folder / "file"), str(LARGE)),
        ),
        "256 MiB, durable": (
            lambda folder: large_file(folder / "file", large, durable=True),
            lambda folder: plain_flushed(folder / "file", large),
        ),
    }
    before = peak()
    holds = True
    print("| work | ours ms | theirs ms | share of their speed | at least | holds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for work, (ours, theirs) in rows.items():
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(options.rounds):
            for taken, call in zip(seconds, (ours, theirs), strict=True):
                taken.append(in_empty_folder(options.folder, call))
        mine, other = (statistics.median(taken) * 1000 for taken in seconds)
        share = other / mine
        holds &= share >= AT_LEAST
        verdict = "yes" if share >= AT_LEAST else "**no**"
        print(f"| {work} | {mine:.0f} | {other:.0f} | {share:.2f} | {AT_LEAST} | {verdict} |", flush=True)
    print(f"\nmemory above the content: {peak() - before} MiB")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
