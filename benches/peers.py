"""Who answers a question: a call in the warm Python process, or a program that is timed from start to end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from questions import digest_of_lines
from trees import CACHE, skip

HERE = Path(__file__).resolve().parent
THREADS = os.cpu_count() or 1
OURS = "vfo"

Answer = Callable[[bytes], str]


@dataclass(frozen=True)
class Peer:
    """One way to answer a question: a question to the worker, or a command whose output is its answer."""

    name: str
    question: str | None = None
    command: tuple[str, ...] = ()
    # Turns what the command prints into what is compared; None for the limit, which filters nothing.
    answer: Answer | None = None
    # Prints what is compared, where the timed command prints something else.
    count: tuple[str, ...] = ()
    # Our time over this one's is to be at most this.
    at_most: float | None = None
    # The most rounds worth waiting for.
    rounds: int = 100


@dataclass
class Row:
    """One piece of work on one tree, who does it, and how long each took."""

    work: str
    tree: str
    ours: Peer
    peers: list[Peer] = field(default_factory=list)
    # Our time is to be at most so many milliseconds.
    at_most_ms: float | None = None
    # Whether the system forgets what it has read before each turn.
    cold: bool = False
    seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether everybody who was compared gave our answer."""
        return len(set(self.answers.values())) <= 1

    @property
    def everybody(self) -> list[Peer]:
        """We first, then the peers."""
        return [self.ours, *self.peers]


class Worker:
    """The warm Python process."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "worker.py")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question: str, tree: str) -> tuple[float, str]:
        """One timed call: its seconds and its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"question": question, "tree": tree}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker died at {question!r} of {tree}")
        reply = json.loads(line)
        return reply["seconds"], reply["answer"]


def run(peer: Peer, tree: str, worker: Worker) -> tuple[float, str | None]:
    """One timed answer."""
    if peer.question is not None:
        return worker.ask(peer.question, tree)
    start = time.perf_counter()
    done = subprocess.run(peer.command, stdout=subprocess.PIPE, check=True)
    seconds = time.perf_counter() - start
    return seconds, peer.answer(done.stdout) if peer.answer and not peer.count else None


def build_limit() -> str | None:
    """The program that shows the physical limit."""
    program = CACHE / "tree_limit"
    compiler = shutil.which("cc")
    if compiler is None:
        skip("tree_limit", "no C compiler")
        return None
    subprocess.run([compiler, "-O2", "-pthread", "-o", str(program), str(HERE / "tree_limit.c")], check=True)
    return str(program)


def find_b3sum() -> str | None:
    """`b3sum`, compiled into the cache folder if the system has none."""
    tools = CACHE / "tools"
    found = shutil.which("b3sum") or shutil.which("b3sum", path=str(tools / "bin"))
    if found is None:
        made = subprocess.run(["cargo", "install", "--quiet", "--locked", "--root", str(tools), "b3sum"], check=False)
        found = shutil.which("b3sum", path=str(tools / "bin"))
        if made.returncode or found is None:
            skip("b3sum", "`cargo install b3sum` failed")
    return found


def find_rg() -> str:
    """`rg`, without which there is nothing to compare."""
    found = shutil.which("rg")
    if found is None:
        raise SystemExit("rg is missing: the PyPI package `ripgrep` belongs to the dev extra")
    return found


def find_fd() -> str | None:
    """`fd`, under either of its names."""
    found = shutil.which("fdfind") or shutil.which("fd")
    if found is None:
        skip("fd", "no fdfind (Debian's fd-find)")
    return found


def find_fclones() -> str | None:
    """`fclones`, if it is there: it is too large to be compiled for one row."""
    return found_or_skipped("fclones", "not on PATH (`cargo install fclones`)")


def find_rmlint() -> str | None:
    """`rmlint`, if it is there."""
    return found_or_skipped("rmlint", "not on PATH (Debian's rmlint)")


def found_or_skipped(program: str, why: str) -> str | None:
    """Where a program is, or None and a word about it."""
    found = shutil.which(program)
    if found is None:
        skip(program, why)
    return found


def sum_of_counts(output: bytes) -> str:
    """What `rg --count-matches --no-filename` adds up to."""
    return f"{sum(map(int, output.split()))} rows"


def lines_of(output: bytes) -> str:
    """The fingerprint of what a tool listed, without the slash that `fd` sets after folders."""
    return digest_of_lines([line.rstrip("/") for line in os.fsdecode(output).splitlines()])
