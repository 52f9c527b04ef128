"""Hazard 13: a scan that Polars has let go of ends by itself, also where Polars is never called again.

Polars drops a Python object off the interpreter's lock by noting it down for its next call. After Ctrl-C that was so
for one lazy query in a hundred, whose threads stayed until some other query came.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from hazard_child import run_child

from conftest import make_tree

pytestmark = [
    pytest.mark.hazard(13),
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted through /proc"),
]

_THREADS = """
def threads():
    names = []
    for task in os.listdir("/proc/self/task"):
        try:
            names.append(open(f"/proc/self/task/{task}/comm").read().strip())
        except OSError:
            pass
    return [name for name in names if name.startswith("vespera")]

def threads_after(seconds):
    end = time.monotonic() + seconds
    while threads() and time.monotonic() < end:
        time.sleep(0.01)
    return threads()
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {f"{folder}/{at}.txt": b"needle abcdef\n" * (1 + at * 3) for folder in range(30) for at in range(100)}
    return make_tree(tmp_path_factory.mktemp("abandoned"), files)


@pytest.mark.parametrize("reminded", [True, False])
def test_what_polars_has_let_go_of_ends(many: Path, reminded: bool) -> None:
    """A source is dropped as Polars' engine drops it; without the reminder its threads stay."""
    before, after = run_child(
        _THREADS
        + """
from vespera_file_ops import _core
from vespera_file_ops.frames import _Source
from vespera_file_ops.request import ScanRequest

if not argument["reminded"]:
    _core.no_more_reminders()
request = ScanRequest("hits", argument["root"], {"patterns": ["needle"]})
rows = _Source(request, vfo.scan_hits("needle", argument["root"]).collect_schema())(["path"], None, None, None)
while not next(rows).height:
    pass
before = threads()
# The engine is still busy with the numbers when it is the only one that holds the source.
numbers = pl.LazyFrame().select(pl.int_range(0, 4_000_000).shuffle().sort().sum().alias("n"))
holder = pl.DataFrame({"rows": pl.Series([rows], dtype=pl.Object)}).lazy()
query = pl.concat([numbers, holder.select(pl.col("rows").is_null().cast(int).alias("n"))]).collect(background=True)
del rows, holder
answer([before, threads_after(4)])
""",
        {"root": str(many), "reminded": reminded},
    )
    assert before
    assert bool(after) is not reminded


def test_a_slow_caller_loses_nothing(many: Path) -> None:
    """It is taken for gone several times, and Polars called for it."""
    rows, expected = run_child(
        """
        query = vfo.scan_hits("needle", argument).select("path", "start_byte")
        rows = 0
        for batch in query.collect_batches(chunk_size=50_000):
            rows += batch.height
            time.sleep(0.35)
        answer([rows, query.collect().height])
        """,
        str(many),
    )
    assert rows == expected == 30 * sum(1 + at * 3 for at in range(100))


@pytest.mark.parametrize("pause", [0.15, 0.19, 0.2, 0.21, 0.3])
def test_the_interpreter_ends_while_a_scan_waits(many: Path, pause: float) -> None:
    """The reminder comes at 0.2 seconds; what it does then must not meet an interpreter that is gone."""
    program = (
        "import sys, time, polars as pl, vespera_file_ops as vfo\n"
        "batches = vfo.scan_hits('needle', sys.argv[1]).collect_batches(chunk_size=1000)\n"
        "next(iter(batches)); time.sleep(float(sys.argv[2]))"
    )
    command = [sys.executable, "-c", program, os.fspath(many), str(pause)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


_INTERRUPTED = (
    """
import os, random, signal, sys, threading, time
import polars as pl
import vespera_file_ops as vfo
"""
    + _THREADS
    + """
def call():
    while True:
        vfo.scan_hits("needle|[a-f]{3}z", sys.argv[1]).collect()

def interrupt(caught):
    # One that arrives inside a finaliser is printed and forgotten by Python: then another one is sent.
    pause = random.uniform(0.001, 0.15)
    while not caught.wait(pause):
        os.kill(os.getpid(), 2)
        pause = 1

def quietly(step):
    # On a busy machine the second one may be as late as this.
    while True:
        try:
            return step()
        except KeyboardInterrupt:
            pass

def interrupted(caught):
    threading.Thread(target=interrupt, args=[caught], daemon=True).start()
    # Polars raises it twice, the second time anywhere.
    for attempt in (call, time.sleep):
        try:
            attempt(*[0.05][: attempt is time.sleep])
        except KeyboardInterrupt:
            pass

vfo.search_files("needle", sys.argv[1])
for _ in range(int(sys.argv[2])):
    caught = threading.Event()
    try:
        interrupted(caught)
        time.sleep(0.05)
    except KeyboardInterrupt:
        pass
    quietly(caught.set)
    print(quietly(lambda: "stayed" if threads_after(1) else "ended"), flush=True)
"""
)


@pytest.mark.hard
@pytest.mark.timeout(1200)
def test_a_thousand_interrupts_under_load(many: Path, figures: Callable[[str], None]) -> None:
    """Without a call into Polars between an interrupt and the count of threads."""
    command = [sys.executable, "-c", _INTERRUPTED, os.fspath(many), "250"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    seen = Counter(line for child in started for line in child.communicate()[0].split())
    figures(f"hazard 13: {seen.total()} interrupts of lazy queries, threads stayed after {seen['stayed']}")
    assert seen == {"ended": 1000}
