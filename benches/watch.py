"""What watching costs: the start, one change, a moved folder, a look at everything, and doing nothing.

`python benches/watch.py` makes a tree of 80,000 files in 5,000 folders and a folder of 100,000 files, and removes them
at its end. The times of changes hold the debounce, in which a watcher waits for more.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import vespera_file_ops as vfo

FOLDERS = 5_000
FILES_PER_FOLDER = 16
FILES_OF_LARGE_FOLDER = 100_000
ROUNDS = 7
IDLE_SECONDS = 5
MOST_START_SECONDS = 2.0


def make(root: Path) -> None:
    """The trees."""
    for number in range(FOLDERS):
        folder = root / "tree" / str(number // 100) / str(number % 100)
        folder.mkdir(parents=True)
        for file in range(FILES_PER_FOLDER):
            (folder / f"{file}.txt").touch()
    (root / "large").mkdir()
    for file in range(FILES_OF_LARGE_FOLDER):
        (root / "large" / f"{file}.txt").touch()


def resident_bytes() -> int:
    """The memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def seconds(work: Callable[[], object]) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def watcher(folder: Path) -> Iterator[vfo.Watcher]:
    """A watcher that has been warmed up: the first frame of a process loads Polars."""
    with vfo.watch(folder) as watching:
        watching.rescan()
        next(watching)
        yield watching


def tell(what: str, value: str) -> None:
    """One line of the table."""
    print(f"{what:<58} {value:>16}", flush=True)


def changes(root: Path) -> None:
    """How long it takes from a change to its frame."""

    def told(watching: vfo.Watcher, change: Callable[[], object]) -> float:
        def see() -> None:
            change()
            next(watching)

        return seconds(see)

    tree, large = root / "tree", root / "large"
    with watcher(tree) as watching:
        created = statistics.median(told(watching, (tree / "3/7" / f"new{n}").touch) for n in range(ROUNDS))
        tell("a file is created", f"{created * 1e3:.0f} ms")
        moves = [(tree / f"{n}", tree / f"moved{n}") for n in range(ROUNDS)]
        moved = statistics.median(told(watching, lambda a=a, b=b: os.rename(a, b)) for a, b in moves)  # type: ignore[misc]
        tell("a folder of 1,701 entries is moved", f"{moved * 1e3:.0f} ms")
        rescan = statistics.median(told(watching, watching.rescan) for _ in range(ROUNDS))
        tell("everything is looked at", f"{rescan * 1e3:.0f} ms")
        before = time.process_time()
        time.sleep(IDLE_SECONDS)
        tell("time of a core while nothing happens", f"{(time.process_time() - before) / IDLE_SECONDS:.3%}")
    with watcher(large) as watching:
        appended = statistics.median(
            told(watching, lambda n=n: (large / "77.txt").write_text("x" * n))  # type: ignore[misc]
            for n in range(1, ROUNDS + 1)
        )
        tell("a file among 100,000 is written to", f"{appended * 1e3:.0f} ms")
        created = statistics.median(told(watching, (large / f"new{n}").touch) for n in range(ROUNDS))
        tell("a file among 100,000 is created", f"{created * 1e3:.0f} ms")


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        make(root)
        vfo.scan_files(root).collect()
        memory = resident_bytes()
        starts = []
        for number in range(ROUNDS):
            began = time.perf_counter()
            watching = vfo.watch(root / "tree")
            starts.append(time.perf_counter() - began)
            if number == 0:
                memory = resident_bytes() - memory
            watching.close()
        start = statistics.median(starts)
        verdict = "holds" if start < MOST_START_SECONDS else "DOES NOT HOLD"
        tell(
            f"start on {FOLDERS * FILES_PER_FOLDER:,} files (aim: {MOST_START_SECONDS} s, {verdict})",
            f"{start * 1e3:.0f} ms",
        )
        tell("memory of the first watcher", f"{memory / 2**20:.0f} MiB")
        changes(root)


if __name__ == "__main__":
    main()
