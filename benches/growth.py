"""How the time grows: with the number of files, and with the number of threads."""

from __future__ import annotations

import statistics
import subprocess
from dataclasses import dataclass

import trees
from peers import THREADS, Worker, build_limit

SIZES = (1_000, 10_000, 100_000, 1_000_000)
# The questions, and what they are compared with where threads are counted.
OF_THREADS = {"paths": "walk", "metadata": "stat", "search": "scan", "hashes": "read"}
MOST_GROWTH = 1.25
LEAST_GAIN = 0.92


@dataclass
class Growth:
    """Microseconds a file, by the number of files."""

    question: str
    microseconds: dict[int, float]
    # The same of the physical limit, which shows what of the growth is the system's.
    limit: dict[int, float]

    @property
    def holds(self) -> bool:
        """Whether the largest tree costs as much a file as the others; the start of a call weighs on the smallest."""
        return self.microseconds[SIZES[-1]] <= MOST_GROWTH * min(self.microseconds[size] for size in SIZES[:-1])


@dataclass
class Gain:
    """What a second thread gives us, and what it gives the physical limit."""

    question: str
    ours: float
    limit: float

    @property
    def holds(self) -> bool:
        """Whether nearly all of it arrives."""
        return self.ours >= LEAST_GAIN * self.limit


def growth(worker: Worker) -> list[Growth]:
    """Every size in turn; the large ones once, the small ones as often as their noise wants it."""
    program = build_limit()
    table = []
    for question, mode in (("metadata", "stat"), ("paths", "walk"), ("needle", "scan")):
        ours, limit = {}, {}
        for size in SIZES:
            tree = str(trees.generated(size))
            rounds = 3 if size >= SIZES[-1] else 7
            worker.ask(question, tree)
            ours[size] = statistics.median(worker.ask(question, tree)[0] for _ in range(rounds)) / size * 1e6
            if program:
                limit[size] = statistics.median(seconds_of(program, mode, tree) for _ in range(rounds)) / size * 1e6
        table.append(Growth(question, ours, limit))
    return table


def seconds_of(program: str, mode: str, tree: str, threads: int = THREADS) -> float:
    """What the physical limit says of its own time."""
    said = subprocess.run([program, mode, tree, str(threads)], stdout=subprocess.PIPE, check=True)
    return float(said.stdout.split()[-2])


def gains(worker: Worker, linux: str, rounds: int) -> list[Gain]:
    """One thread and two, in turn, ours and the limit's."""
    program = build_limit()
    table = []
    for question, mode in OF_THREADS.items():
        seconds: dict[tuple[str, int], list[float]] = {}
        for _ in range(rounds):
            for threads in (1, 2):
                ours = worker.ask(f"{question}, {threads} threads", linux)[0]
                seconds.setdefault(("ours", threads), []).append(ours)
                if program:
                    seconds.setdefault(("limit", threads), []).append(seconds_of(program, mode, linux, threads))
        middle = {key: statistics.median(values) for key, values in seconds.items()}
        limit = middle[("limit", 1)] / middle[("limit", 2)] if program else 0.0
        table.append(Gain(question, middle[("ours", 1)] / middle[("ours", 2)], limit))
    return table
