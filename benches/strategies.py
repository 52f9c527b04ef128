"""The three readers on files of every size, warm and cold: what the thresholds between them are worth here."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Literal

import trees
import vespera_file_ops as vfo
from caches import can_forget, forget

STRATEGIES: tuple[Literal["buffered", "mmap", "stream"], ...] = ("buffered", "mmap", "stream")
SIZES = (4 << 10, 64 << 10, 512 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20)
TOTAL = 128 << 20


@dataclass
class Contest:
    """One size of files: the milliseconds that a search of 128 MiB of them takes, by reader."""

    size: int
    cold: bool
    milliseconds: dict[str, float]
    default: str

    @property
    def fastest(self) -> str:
        """The reader that won."""
        return min(self.milliseconds, key=self.milliseconds.__getitem__)


def contests() -> list[Contest]:
    """Every size, every reader in turn."""
    table = []
    for size in SIZES:
        folder = str(trees.sized_files(size, TOTAL))
        default = vfo.search("absent", folder).coverage["strategy"][0]
        for cold in (False, True):
            if cold and not can_forget():
                continue
            seconds: dict[str, list[float]] = {name: [] for name in STRATEGIES}
            for _ in range(3 if cold else 7):
                for strategy in STRATEGIES:
                    if cold:
                        forget()
                    start = time.perf_counter()
                    vfo.search_files("absent", folder, strategy=strategy)
                    seconds[strategy].append(time.perf_counter() - start)
            milliseconds = {name: statistics.median(values) * 1000 for name, values in seconds.items()}
            table.append(Contest(size, cold, milliseconds, default))
    return table
