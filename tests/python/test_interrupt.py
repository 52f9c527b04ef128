"""Hazard 13: Ctrl-C at any time stops a long call at once; the next call works, and no thread remains."""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.hazard(13),
    pytest.mark.skipif(os.name != "posix", reason="signals are sent the POSIX way here"),
]

# Says "ready" when it has begun, then reports how the call ended, what the next call gave, and the threads that remain.
CHILD = """
    import collections, json, os, signal, sys, threading, time
    import polars as pl
    import vespera_file_ops as vfo

    def threads():
        names = []
        for task in os.listdir("/proc/self/task"):
            try:
                names.append(open(f"/proc/self/task/{{task}}/comm").read().strip())
            except OSError:
                pass
        return names

    def ours():
        return sorted(name for name in threads() if name.startswith(("vfo", "vespera")))

    def others():
        # Polars' allocator and engine start theirs when they please.
        foreign = ("jemalloc", "polars", "tokio", "async-executor")
        return collections.Counter(name for name in threads() if not name.startswith(foreign))

    # A function, so that an exception at the end of a round of its loop still passes the handlers around the call.
    def call():
        {call}

    vfo.search_files("warm", "small")
    before = others()
    caught = None
    print("ready", flush=True)
    try:
        try:
            call()
        except KeyboardInterrupt:
            # Polars raises it twice; the second may arrive before this line, and at any later time.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            caught = time.time()
            time.sleep(0.3)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        caught = caught or time.time()
    next_call = vfo.search_files("needle", "small").height
    deadline = time.time() + 3
    while ours() and time.time() < deadline:
        time.sleep(0.02)
    print(json.dumps([caught, next_call, ours(), (others() - before).total()]), flush=True)
"""

CALLS = {
    "eager": 'while True: vfo.search_files("needle|[a-f]{3}z", "many")',
    "files": 'while True: vfo.glob_files("many", "*")',
    "lazy": 'while True: vfo.scan_hits("needle|[a-f]{3}z", "many").collect()',
    "quadratic": 'vfo.search_files(r"(?s).*[^a-z]|[a-z]", "line.txt")',
    "quadratic lazy": 'vfo.scan_hits(r"(?s).*[^a-z]|[a-z]", "line.txt").collect()',
    "watch": """[None for _ in vfo.watch("many")]""",
    "watch start": 'while True: vfo.watch("many").close()',
    "chunks": 'while True: vfo.chunk_files("many")',
    "chunks lazy": 'while True: vfo.scan_chunks("many").collect()',
    # A call of Python's own, which is interrupted as any other is.
    "extractor": 'vfo.chunk("small", extractors={".txt": lambda content: time.sleep(60)})',
    "stream": 'while True: [len(batch) for batch in vfo.stream_hits("needle", "many")]',
}
# How often each is interrupted. The hard test makes it five times as often.
TIMES = {
    "chunks": 6,
    "chunks lazy": 6,
    "extractor": 3,
    "eager": 12,
    "files": 8,
    "lazy": 12,
    "quadratic": 3,
    "quadratic lazy": 3,
    "stream": 6,
    "watch": 6,
    "watch start": 4,
}


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("interrupt")
    for name, folders in (("small", 1), ("many", 30)):
        for folder in range(folders):
            (root / name / str(folder)).mkdir(parents=True)
            for number in range(100):
                (root / name / str(folder) / f"{number}.txt").write_bytes(b"needle abcdef\n" * (1 + number * 3))
    # Quadratic: half a minute to the end.
    (root / "line.txt").write_bytes(b"a" * 400_000)
    return root


def interrupted_after(name: str, round: int, trees: Path) -> float:
    """How long after the signal, sent at a random time, the call ended; all else that is promised is checked."""
    if not Path("/proc/self/task").exists():
        pytest.skip("threads are counted through /proc, which this system has not")
    code = textwrap.dedent(CHILD).format(call=CALLS[name])
    child = subprocess.Popen([sys.executable, "-c", code], cwd=trees, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(random.Random(round).uniform(0, 0.6))
        sent = time.time()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode == 0, err.decode()
    caught, next_call, remaining, extra = json.loads(out)
    assert caught is not None, "the call ended before it was interrupted"
    # The promise is 0.1 s; what is above it is the time of a loaded machine's scheduler.
    assert caught - sent < 0.5
    assert next_call == sum(1 + number * 3 for number in range(100))
    assert remaining == []
    if "lazy" not in name:
        assert extra == 0
    return caught - sent


@pytest.mark.parametrize(("name", "round"), [(name, at) for name in CALLS for at in range(TIMES[name])])
def test_ctrl_c(name: str, round: int, trees: Path) -> None:
    interrupted_after(name, round, trees)


@pytest.mark.hard
@pytest.mark.timeout(1800)
def test_ctrl_c_two_hundred_times(trees: Path, figures: Callable[[str], None]) -> None:
    late = [interrupted_after(name, at, trees) * 1000 for name in CALLS for at in range(TIMES[name] * 5)]
    figures(
        f"hazard 13: {len(late)} interrupts at random times, ended after {statistics.median(late):.0f} ms (median) and "
        f"{max(late):.0f} ms (most), {sum(time > 100 for time in late)} of them above 100 ms"
    )
    assert len(late) >= 200
    assert statistics.median(late) < 100
