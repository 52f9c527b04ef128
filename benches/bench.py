"""`make bench`: one real tree, each question put to us, to the tools people use today, and to the physical limit.

The tree is Debian's `linux-source-6.1` (more than 50,000 files), unpacked once into the user's cache folder; another
one can be named with `--tree`. All tools are asked in turn, round after round, in one run and on a warm cache, so that
a machine that slows down slows them all. Answers are compared before any time is taken: a row whose peers disagree
says so and the run fails. Processes (`rg`, `fd`, `b3sum`, `tree_limit`) are timed from start to the end of their
output, read from a pipe; ours and the other Python peers as single calls in one warm process (`worker.py`).

A new row is a new `Row` in `rows()`. Nothing here is a figure of the past: every number is measured by the run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from worker import PATTERNS, digest_of_lines

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vespera_file_ops" / "bench"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parent / "target") / "bench"
THREADS = os.cpu_count() or 1
FEWEST_FILES = 50_000

Answer = Callable[[bytes], str]


@dataclass(frozen=True)
class Peer:
    """One way to answer a question: a question to the worker, or a command whose output is its answer."""

    name: str
    question: str | None = None
    command: tuple[str, ...] = ()
    stdin: bytes = b""
    # Turns what the command prints into what is compared; None for the limit, which filters nothing.
    answer: Answer | None = None
    # Prints the number to compare, where the timed command prints something else.
    count: tuple[str, ...] = ()
    # The most rounds worth waiting for.
    rounds: int = 100


@dataclass
class Row:
    """One question, who answers it, and how long each took."""

    question: str
    ours: Peer
    peers: list[Peer]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def agrees(self) -> bool:
        """Whether everybody who was compared gave our answer."""
        return len(set(self.answers.values())) == 1


class Worker:
    """The warm Python process."""

    def __init__(self, tree: str) -> None:
        command = [sys.executable, str(HERE / "worker.py"), tree]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question: str) -> tuple[float, str]:
        """One timed call."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps({"question": question}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker died at {question!r}")
        reply = json.loads(line)
        return reply["seconds"], reply["answer"]


def skip(what: str, why: str) -> None:
    """A peer that is missing is named where nobody overlooks it."""
    print(f"SKIPPED: {what}: {why}", file=sys.stderr)


def fetch_tree() -> str:
    """The Linux source tree, unpacked once."""
    folder = CACHE / "linux-source-6.1"
    if folder.is_dir():
        return str(folder)
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = Path("/usr/src/linux-source-6.1.tar.xz")
    if not archive.exists():
        subprocess.run(["apt-get", "download", "linux-source-6.1"], cwd=CACHE, check=True)
        package = next(CACHE.glob("linux-source-6.1_*.deb"))
        subprocess.run(["dpkg-deb", "-x", package.name, "package"], cwd=CACHE, check=True)
        archive = CACHE / "package/usr/src/linux-source-6.1.tar.xz"
    partial = CACHE / "unpacking"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    subprocess.run(["tar", "-xf", str(archive), "-C", str(partial)], check=True)
    (partial / "linux-source-6.1").rename(folder)
    return str(folder)


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


def sum_of_counts(output: bytes) -> str:
    """What `rg --count-matches --no-filename` adds up to."""
    return f"{sum(map(int, output.split()))} rows"


def lines_of(output: bytes) -> str:
    """The fingerprint of what a tool listed, without the slash that `fd` sets after folders."""
    return digest_of_lines([line.rstrip("/") for line in os.fsdecode(output).splitlines()])


def rows(tree: str) -> list[Row]:
    """The questions."""
    rg, fd, b3sum, limit = shutil.which("rg"), shutil.which("fdfind") or shutil.which("fd"), find_b3sum(), build_limit()
    if rg is None:
        raise SystemExit("rg is missing: the PyPI package `ripgrep` belongs to the dev extra")
    if fd is None:
        skip("fd", "no fdfind (Debian's fd-find)")
    threads = f"-j{THREADS}"

    def limits(mode: str) -> list[Peer]:
        return [Peer(f"limit: {mode}", command=(limit, mode, tree, str(THREADS)))] if limit else []

    def fds(*options: str) -> list[Peer]:
        command = (fd or "", "--no-global-ignore-file", threads, *options, ".", tree)
        return [Peer(" ".join(["fd", *options]), command=command, answer=lines_of)] if fd else []

    table = []
    for name, pattern in PATTERNS.items():
        base = (rg, "--no-config", threads, "-e", pattern, tree)
        counted = (*base, "--count-matches", "--no-filename")
        table.append(
            Row(
                f"every hit of `{pattern}` ({name})",
                Peer("vfo", question=name),
                [
                    Peer("rg -n", command=(*base, "-n"), answer=sum_of_counts, count=counted),
                    Peer("rg --json into Polars", question=f"{name} rg --json", rounds=3),
                    *limits("scan"),
                ],
            )
        )
    files = (rg, "--no-config", threads, "--files", tree)
    walked = Peer("os.walk + lstat + DataFrame", question="metadata os.walk")
    table += [
        Row("every entry with all metadata", Peer("vfo", question="metadata"), [walked, *limits("stat")]),
        Row("the path of every entry", Peer("vfo", question="paths"), [*fds(), *limits("walk")]),
        Row(
            "the paths of regular files",
            Peer("vfo", question="file paths"),
            [Peer("rg --files", command=files, answer=lines_of), *fds("-tf"), *limits("walk")],
        ),
    ]
    hashing = Row("BLAKE3 of every file", Peer("vfo", question="hashes"), limits("read"))
    if b3sum:
        listed = subprocess.run([*files, "-0"], stdout=subprocess.PIPE, check=True).stdout
        command = ("xargs", "-0", "-n256", f"-P{THREADS}", b3sum, "--num-threads=1")
        hashing.peers.insert(0, Peer(f"xargs -P{THREADS} b3sum", command=command, stdin=listed, answer=lines_of))
    return [*table, hashing]


def run(peer: Peer, worker: Worker) -> tuple[float, str | None]:
    """One timed answer."""
    if peer.question is not None:
        return worker.ask(peer.question)
    start = time.perf_counter()
    done = subprocess.run(peer.command, input=peer.stdin, stdout=subprocess.PIPE, check=True)
    seconds = time.perf_counter() - start
    return seconds, peer.answer(done.stdout) if peer.answer and not peer.count else None


def compare(row: Row, worker: Worker) -> None:
    """Ask everybody once, untimed: this warms the cache and shows who disagrees."""
    for peer in [row.ours, *row.peers]:
        if peer.count and peer.answer:
            output = subprocess.run(peer.count, stdout=subprocess.PIPE, check=True).stdout
            row.answers[peer.name] = peer.answer(output)
        else:
            answer = run(peer, worker)[1]
            if answer is not None:
                row.answers[peer.name] = answer


def measure(table: list[Row], rounds: int, worker: Worker) -> None:
    """Everybody in turn, round after round."""
    for number in range(rounds):
        for row in table:
            for peer in [row.ours, *row.peers]:
                if number < peer.rounds:
                    row.seconds.setdefault(peer.name, []).append(run(peer, worker)[0])


def first_line(*command: str | None) -> str:
    """What a tool says of its version."""
    if command[0] is None or shutil.which(command[0]) is None:
        return "absent"
    text = subprocess.run([part for part in command if part], capture_output=True, text=True, check=False).stdout
    return text.splitlines()[0] if text else "unknown"


def conditions(tree: str, rounds: int) -> dict[str, str | int]:
    """Where, when and with what the figures were taken."""
    import polars as pl

    import vespera_file_ops as vfo

    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tree": tree,
        "rounds": rounds,
        "cores": THREADS,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "polars": pl.__version__,
        "vespera_file_ops": getattr(vfo, "__version__", "unknown"),
        "commit": first_line("git", "-C", str(HERE), "rev-parse", "--short", "HEAD"),
        "rustc": first_line("rustc", "--version"),
        "rg": first_line("rg", "--version"),
        "fd": first_line(shutil.which("fdfind") or "fd", "--version"),
        "b3sum": first_line(find_b3sum(), "--version"),
    }


def markdown(table: list[Row], about: dict[str, str | int]) -> str:
    """The table of ratios: above 1 means that we are faster."""
    lines = ["# Benchmark", "", *(f"- {key}: {value}" for key, value in about.items()), ""]
    lines += ["| question | tool | answer | median ms | min-max ms | time / ours |", "|---|---|---|---:|---:|---:|"]
    for row in table:
        label = row.question if row.agrees else f"{row.question} **ANSWERS DIFFER**"
        ours = statistics.median(row.seconds["vfo"]) if row.seconds else None
        for peer in [row.ours, *row.peers]:
            times = [1000 * each for each in row.seconds.get(peer.name, [])]
            cells = ["not timed", "", ""]
            if times and ours:
                middle = statistics.median(times)
                cells = [f"{middle:.0f}", f"{min(times):.0f}-{max(times):.0f}", f"{middle / 1000 / ours:.2f}"]
            lines.append(f"| {label} | {peer.name} | {row.answers.get(peer.name, '')} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Compare, measure, print, write; 1 when an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tree", help="the tree to use instead of the Linux sources")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="only the questions that hold this text")
    options = parser.parse_args()

    tree = str(Path(options.tree).resolve()) if options.tree else fetch_tree()
    table = [row for row in rows(tree) if options.only in row.question]
    number = len(
        subprocess.run(["rg", "--no-config", "--files", "-0", tree], stdout=-1, check=True).stdout.split(b"\0")
    )
    if number <= FEWEST_FILES:
        print(f"NOTE: {tree} has only {number - 1} files; figures want {FEWEST_FILES}", file=sys.stderr)

    worker = Worker(tree)
    for row in table:
        compare(row, worker)
    measure([row for row in table if row.agrees], options.rounds, worker)

    about = conditions(tree, options.rounds)
    text = markdown(table, about)
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "tree.md").write_text(text, encoding="utf-8")
    data = [{"question": r.question, "agrees": r.agrees, "answers": r.answers, "seconds": r.seconds} for r in table]
    (TARGET / "tree.json").write_text(json.dumps({"about": about, "rows": data}, indent=1), encoding="utf-8")
    print(text)
    print(f"written to {TARGET}/tree.md and tree.json", file=sys.stderr)
    return 0 if all(row.agrees for row in table) else 1


if __name__ == "__main__":
    sys.exit(main())
