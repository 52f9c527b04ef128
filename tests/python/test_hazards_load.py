"""Hazards 14, 15, 17, 18 and 19: forked workers, many threads, little memory, very large answers, costly patterns."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

import vespera_file_ops as vfo
from hazard_child import run_child

from conftest import make_tree

MIB = 1 << 20
LINE = b"%07d a line that holds the needle, and some more text\n"


@pytest.mark.hazard(14)
def test_a_forked_pool_reads_a_thousand_files(tmp_path: Path) -> None:
    """After the parent has used Polars' engine; a watchdog of 10 seconds ends what hangs."""
    contents = {f"d{at % 7}/f{at}": b"file %d\n" % at * (1 + at % 50) for at in range(1000)}
    root = make_tree(tmp_path / "tree", contents)
    names, kinds = run_child(
        """
        import multiprocessing, signal, warnings
        warnings.simplefilter("ignore")
        hits = vfo.scan_hits("file", argument).group_by("path").len().collect()
        pl.DataFrame({"a": range(100_000)}).lazy().group_by(pl.col("a") % 7).len().collect()

        def work(path):
            refused = None
            try:
                vfo.search_files("file", path)
            except vfo.ForkedProcessError:
                refused = True
            rows = sum(len(batch) for batch in vfo.stream_hits("file", path))
            content = vfo.read_file(path)
            assert vfo.read_file_string(path).encode() == content == b"".join(vfo.read_file_chunks(path))
            return path, rows == content.count(b"file") and refused, vfo.compute_file_hash(path)

        signal.alarm(10)
        with multiprocessing.get_context("fork").Pool(4) as pool:
            answers = pool.map(work, hits["path"].to_list(), chunksize=25)
        signal.alarm(0)
        expected = {path: vfo.compute_file_hash(path) for path in hits["path"]}
        assert {path: blake3 for path, _, blake3 in answers} == expected
        answer([len(expected), sorted({str(fine) for _, fine, _ in answers})])
        """,
        str(root),
        timeout=120,
    )
    assert (names, kinds) == (1000, ["True"])


_CALLBACKS = """
import random, warnings
warnings.simplefilter("ignore")
root, seconds = argument["root"], argument["seconds"]
end = time.monotonic() + seconds
calls, failures = [0] * 8, []

def python_predicate():
    frame = vfo.scan_hits("needle", root)
    return frame.filter(pl.col("path").map_elements(lambda path: path.endswith("3.txt"), pl.Boolean)).collect().height

def python_batches():
    return vfo.scan_files(root).map_batches(lambda frame: frame.filter(pl.col("size") > 0)).collect().height

def progress():
    return vfo.search("needle", root, progress=True).hits.height

def cancelled():
    token = vfo.CancelToken()
    threading.Timer(random.random() * 0.02, token.cancel).start()
    try:
        vfo.search("needle", root, cancel=token)
    except vfo.CancelledError:
        pass
    return 0

def abandoned():
    batches = iter(vfo.stream_hits("needle", root))
    return len(next(batches))

kinds = [python_predicate, python_batches, progress, cancelled, abandoned]

def work(at):
    while time.monotonic() < end and not failures:
        kind = kinds[(at + calls[at]) % len(kinds)]
        try:
            assert kind() >= 0
        except BaseException as failure:
            failures.append(f"{kind.__name__}: {failure!r}")
        calls[at] += 1

threads = [threading.Thread(target=work, args=[at]) for at in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join(seconds + 30)
answer([sum(thread.is_alive() for thread in threads), failures, sum(calls), min(calls)])
"""


def call_back(tmp_path: Path, seconds: float) -> int:
    root = make_tree(tmp_path / "tree", {f"d{at % 20}/f{at}.txt": b"needle\nhay\n" * 40 for at in range(800)})
    waiting, failures, calls, fewest = run_child(
        _CALLBACKS, {"root": str(root), "seconds": seconds}, timeout=seconds + 60
    )
    assert (waiting, failures) == (0, [])
    assert fewest > 0
    return calls


@pytest.mark.hazard(15)
def test_eight_threads_call_back_into_python(tmp_path: Path) -> None:
    """A worker that waited for the interpreter's lock would be waited for by its holder."""
    call_back(tmp_path, 3)


@pytest.mark.hard
@pytest.mark.hazard(15)
def test_eight_threads_call_back_for_a_minute(tmp_path: Path, figures: Callable[[str], None]) -> None:
    figures(f"hazard 15: {call_back(tmp_path, 60):,} calls with callbacks by 8 threads in 60 s, none waits")


def tree_of_hits(root: Path, hits: int) -> Path:
    lines = b"".join(LINE % at for at in range(20_000))
    return make_tree(root, {f"d{number % 7}/f{number}.txt": lines for number in range(hits // 20_000)})


@pytest.mark.hazard(17)
def test_a_search_under_a_limit_of_address_space(tmp_path: Path) -> None:
    """`ulimit -v`: a search either fits or raises; it never aborts the process, and the next call works."""
    root = tree_of_hits(tmp_path / "tree", 400_000)
    outcomes = run_child(
        """
        size = lambda: int(open("/proc/self/statm").read().split()[0]) * 4096
        outcomes = []
        for _ in vfo.stream_hits("warm", argument): pass
        for room in (2048, 512, 192):
            resource.setrlimit(resource.RLIMIT_AS, (size() + (room << 20), resource.RLIM_INFINITY))
            try:
                rows = sum(len(batch) for batch in vfo.stream_hits("needle", argument, threads=2))
            except (MemoryError, OSError, vfo.VfoError) as error:
                rows = type(error).__name__
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            outcomes.append([room, rows])
        answer([outcomes, sum(len(batch) for batch in vfo.stream_hits("needle", argument))])
        """,
        str(root),
    )
    assert outcomes[1] == 400_000
    for room, rows in outcomes[0]:
        assert rows == 400_000, room


@pytest.mark.hard
@pytest.mark.hazard(17)
@pytest.mark.timeout(900)
def test_ten_million_hits_into_a_sink(tmp_path: Path, figures: Callable[[str], None]) -> None:
    root = tree_of_hits(tmp_path / "tree", 10_000_000)
    peak, rows, seconds = run_child(
        """
        begun = time.monotonic()
        vfo.scan_hits("needle", argument["root"]).sink_parquet(argument["out"])
        seconds = time.monotonic() - begun
        rows = pl.scan_parquet(argument["out"]).select(pl.len()).collect().item()
        answer([peak(), rows, seconds])
        """,
        {"root": str(root), "out": str(tmp_path / "hits.parquet")},
        timeout=800,
    )
    figures(f"hazard 17: {rows:,} hits into a Parquet file in {seconds:.1f} s, peak {peak / MIB:.0f} MiB")
    assert rows == 10_000_000
    assert peak < 400e6


def largest_batch(root: Path, hits: int) -> tuple[int, int]:
    """The bytes of all batches of a search, and of the largest; the rows are counted and their offsets checked."""
    total, largest, rows = 0, 0, 0
    for batch in pa.RecordBatchReader.from_stream(vfo.stream_hits("needle", root)):
        total, largest, rows = total + batch.nbytes, max(largest, batch.nbytes), rows + batch.num_rows
        batch.validate(full=True)
    assert rows == hits
    return total, largest


@pytest.mark.hazard(18)
def test_batches_end_long_before_their_offsets_do(tmp_path: Path) -> None:
    total, largest = largest_batch(tree_of_hits(tmp_path / "tree", 400_000), 400_000)
    assert total > 64 * MIB
    assert largest < 40 * MIB


@pytest.mark.hard
@pytest.mark.hazard(18)
@pytest.mark.timeout(900)
def test_three_gibibytes_of_hits(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """As a stream; and as one table the eager call refuses it by name, or holds every row."""
    lines = b"".join(b"needle" + b"%01000d\n" % at for at in range(20_000))
    root = make_tree(tmp_path / "tree", {f"f{number}.txt": lines for number in range(160)})
    total, largest = largest_batch(root, 3_200_000)
    try:
        eager = f"{vfo.search_files('needle', root).height:,} rows"
    except vfo.LimitError:
        eager = "LimitError"
    figures(f"hazard 18: {total / (1 << 30):.1f} GiB of hits, largest batch {largest / MIB:.0f} MiB; eager: {eager}")
    assert total > 3 << 30
    assert largest < 40 * MIB
    assert eager in ("3,200,000 rows", "LimitError")


@pytest.mark.hazard(19)
@pytest.mark.parametrize("pattern", ["(a{1,1000}){1,1000}", r"(?:\pL{1,500}){1,500}"])
def test_a_pattern_that_would_fill_memory_is_refused_at_once(tmp_path: Path, pattern: str) -> None:
    begun = time.monotonic()
    for call in (vfo.search, vfo.scan_hits, vfo.scan_coverage, vfo.search_files, vfo.stream_hits):
        with pytest.raises(vfo.PatternError):
            call(pattern, tmp_path)
    assert time.monotonic() - begun < 5


@pytest.mark.hazard(19)
@pytest.mark.parametrize("stop", ["time_limit", "cancel"])
def test_a_costly_pattern_stops_inside_one_line(tmp_path: Path, stop: str) -> None:
    """Half a minute to the end of this line of 400 KB."""
    path = tmp_path / "line.txt"
    path.write_bytes(b"a" * 400_000)
    seconds, said = run_child(
        """
        import warnings
        warnings.simplefilter("ignore")
        token = vfo.CancelToken()
        options = {"time_limit": 0.3} if argument["stop"] == "time_limit" else {"cancel": token}
        threading.Timer(0.3, token.cancel).start()
        begun = time.monotonic()
        try:
            result = vfo.search(r"(?s).*[^a-z]|[a-z]", argument["path"], **options)
            said = result.coverage["status"].to_list()
        except vfo.CancelledError:
            said = ["not_reached"]
        answer([time.monotonic() - begun, said])
        """,
        {"path": str(path), "stop": stop},
    )
    assert said == ["not_reached"]
    assert 0.25 < seconds < 0.8
