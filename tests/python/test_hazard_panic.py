"""Hazard 30: a panic inside the core is an `InternalError`, the next call works, and no thread stays behind."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import vespera_file_ops as vfo
from vespera_file_ops import _core

from conftest import make_tree

pytestmark = pytest.mark.hazard(30)

LARGE = 9 << 20
"""Above this module's bound for reading on the calling thread, so that the panic happens in another one."""


def own_threads() -> list[str]:
    """The names of this library's threads that are alive."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        # One that ends between the two looks is not alive.
        with contextlib.suppress(OSError):
            names.append((task / "comm").read_text().strip())
    return [name for name in names if name.startswith("vespera")]


def assert_no_thread_remains() -> None:
    end = time.monotonic() + 2
    while own_threads() and time.monotonic() < end:
        time.sleep(0.01)
    assert own_threads() == []


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {f"d{folder}/f{number}.txt": b"needle\nhay\n" * 50 for folder in range(20) for number in range(20)}
    root = make_tree(tmp_path_factory.mktemp("panic"), files)
    (root / "large").write_bytes(b"0123456789abcde\n" * (LARGE // 16))
    return root


def small_file(tree: Path) -> Path:
    return tree / "d3" / "f4.txt"


def paths_of(stream: Iterable[object]) -> list[object]:
    """The paths of all rows; where one batch ends and the next begins is not promised."""
    return [path for batch in stream for path in _core.rows(batch)["path"]]


def unordered(tree: Path) -> pl.DataFrame:
    """Rows that come as they come, brought into an order in which two runs can be compared."""
    return vfo.search_files("needle", tree, ordered=False).sort("path", "start_byte")


CALLS: list[tuple[str, str, Callable[[Path], object]]] = [
    ("entry", "search", lambda tree: vfo.search("needle", tree)),
    ("entry", "read", lambda tree: vfo.read_file(small_file(tree))),
    ("listing", "scan_files", lambda tree: vfo.scan_files(tree).collect(engine="streaming")),
    ("listing", "search", lambda tree: vfo.search("needle", tree)),
    ("listing", "list_directory", lambda tree: vfo.list_directory(tree)),
    ("listing", "one file", lambda tree: vfo.search_text("needle", small_file(tree))),
    ("span", "search_files", lambda tree: vfo.search_files("needle", tree)),
    ("span", "search_files, unordered", unordered),
    ("span", "search_files, one thread", lambda tree: vfo.search_files("needle", tree, threads=1)),
    ("span", "scan_hits", lambda tree: vfo.scan_hits("needle", tree).collect()),
    ("span", "iteration", lambda tree: paths_of(vfo.stream_hits("needle", tree))),
    ("step", "search_files", lambda tree: vfo.search_files("needle", tree)),
    ("step", "scan_coverage", lambda tree: vfo.scan_coverage("needle", tree).collect()),
    ("step", "iteration", lambda tree: paths_of(vfo.stream_files(tree))),
    ("entry", "chunk", lambda tree: vfo.chunk(tree)),
    ("listing", "scan_chunks", lambda tree: vfo.scan_chunks(tree).collect()),
    ("span", "chunk_files", lambda tree: vfo.chunk_files(tree)),
    ("span", "chunk", lambda tree: vfo.chunk(tree)),
    ("batch", "scan_chunks", lambda tree: vfo.scan_chunks(tree).collect()),
    ("step", "iteration of chunks", lambda tree: paths_of(vfo.stream_chunks(tree))),
    ("taking", "chunk_files", lambda tree: vfo.chunk_files(tree)),
    ("mask", "scan_chunks", lambda tree: vfo.scan_chunks(tree).filter(pl.col("size") > 0).collect()),
    ("hashing", "scan_chunks, streamed", lambda tree: vfo.scan_chunks(tree / "large", strategy="stream").collect()),
    ("mask", "scan_hits", lambda tree: vfo.scan_hits("needle", tree).filter(pl.col("size") > 0).collect()),
    ("reading", "read_file", lambda tree: vfo.read_file(small_file(tree))),
    ("reading", "read_file, large", lambda tree: vfo.read_file(tree / "large")),
    ("reading", "read_file, mapped", lambda tree: vfo.read_file(tree / "large", strategy="mmap")),
    ("reading", "read_file_string", lambda tree: vfo.read_file_string(tree / "large")),
    ("piece", "read_file_chunks", lambda tree: list(vfo.read_file_chunks(small_file(tree)))),
    ("hashing", "compute_file_hash", lambda tree: vfo.compute_file_hash(small_file(tree))),
    ("hashing", "compute_file_hash, large", lambda tree: vfo.compute_file_hash(tree / "large")),
    ("hashing", "scan_files", lambda tree: vfo.scan_files(tree, blake3=True).collect()),
    ("decoding", "read_file_string", lambda tree: vfo.read_file_string(small_file(tree))),
    ("decoding", "read_file_lines, large", lambda tree: vfo.read_file_lines(tree / "large")),
    ("lines", "read_file_lines", lambda tree: vfo.read_file_lines(small_file(tree))),
    ("batch", "search", lambda tree: vfo.search("needle", tree)),
    ("batch", "glob_files", lambda tree: vfo.glob_files(tree, "*.txt")),
    ("writing", "write_file_atomic", lambda tree: vfo.write_file_atomic(tree / "written", "new")),
    ("writing", "write_file_atomic, large", lambda tree: vfo.write_file_atomic(tree / "written", bytearray(LARGE))),
    ("decoding", "replace_in_file", lambda tree: vfo.replace_in_file(tree / "large", "no such text", "")),
    ("writing", "append_file", lambda tree: vfo.append_file(tree / "appended", "")),
    ("writing", "create_directory", lambda tree: vfo.create_directory(tree / "made", exist_ok=True)),
    ("writing", "move_file", lambda tree: vfo.move_file(fresh_file(tree), tree / "moved", overwrite=True)),
    ("taking", "search", lambda tree: vfo.search("needle", tree)),
    ("taking", "get_file_info", lambda tree: vfo.get_file_info(small_file(tree))),
    ("watching", "watch, at the start", lambda tree: watched(tree)),
    ("listing", "watch, at the start", lambda tree: watched(tree)),
    ("batch", "watch, at the start", lambda tree: watched(tree)),
]


def fresh_file(tree: Path) -> Path:
    """A file that is there to be moved, each time."""
    (tree / "fresh").write_text("fresh")
    return tree / "fresh"


def watched(tree: Path) -> list[str]:
    """What a watcher finds at its start; its thread ends with it."""
    with vfo.watch(tree, initial=True) as watcher:
        return next(watcher)["path"].to_list()


def test_a_panic_while_a_text_is_cut_loses_nothing_of_it(tree: Path) -> None:
    """A parser's defect takes no scan down: the part where it happened is cut into windows."""
    whole = vfo.chunk(tree, include="*.txt", threads=1)
    _core.fail_once("chunking")
    cut = vfo.chunk(tree, include="*.txt", threads=1)
    assert cut.coverage.drop("hits").equals(whole.coverage.drop("hits"))
    kept = [frame.chunks.group_by("path", maintain_order=True).agg("text") for frame in (whole, cut)]
    lines = [[[line for text in texts for line in text.split("\n")] for texts in frame["text"]] for frame in kept]
    assert lines[0] == lines[1]
    assert vfo.chunk(tree, include="*.txt").chunks.equals(whole.chunks)


@pytest.mark.parametrize(("point", "call"), [pytest.param(p, c, id=f"{p}: {n}") for p, n, c in CALLS])
def test_a_panic_is_an_exception_and_the_next_call_works(
    tree: Path, point: str, call: Callable[[Path], object]
) -> None:
    before = call(tree)
    _core.fail_once(point)
    with pytest.raises(vfo.InternalError, match=f'the fail point "{point}" fired'):
        call(tree)
    assert_no_thread_remains()
    # Not `==` on the texts themselves, whose difference pytest would spend minutes on.
    after, first = (repr(value).split("seconds")[0] for value in (call(tree), before))
    is_same = after == first
    assert is_same
    assert_no_thread_remains()


def test_a_panic_while_writing_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    _core.fail_once("writing")
    with pytest.raises(vfo.InternalError, match="fail point"):
        vfo.write_file_atomic(path, b"new")
    _core.fail_once("writing")
    with pytest.raises(vfo.InternalError, match="fail point"):
        vfo.replace_in_file(path, "old", "new")
    for appended in (path, tmp_path / "fresh"):
        _core.fail_once("writing")
        with pytest.raises(vfo.InternalError, match="fail point"):
            vfo.append_file(appended, b"more")
    assert os.listdir(tmp_path) == ["file"]
    assert path.read_bytes() == b"old"


def test_every_point_is_tried() -> None:
    with pytest.raises(vfo.ArgumentError, match="expected") as caught:
        _core.fail_once("nowhere")
    points = str(caught.value).split("expected ")[1].split(", got")[0].split(", ")
    # What fires where a text is cut is survived without an exception; it has a test of its own.
    assert sorted(points) == sorted({point for point, _, _ in CALLS} | {"chunking"})


@pytest.mark.parametrize("point", ["listing", "span", "step", "batch"])
def test_a_panic_under_a_foreign_consumer_is_its_error(tree: Path, point: str) -> None:
    """The C stream's callback has no Python above it: a panic that passed it would abort the process."""
    stream = vfo.stream_hits("needle", tree)
    _core.fail_once(point)
    with pytest.raises((OSError, pa.ArrowException), match="fail point"):
        pa.RecordBatchReader.from_stream(stream).read_all()
    assert_no_thread_remains()
    assert pa.RecordBatchReader.from_stream(stream).read_all().num_rows == 20 * 20 * 50


@pytest.mark.parametrize("point", ["watching", "listing", "batch"])
def test_a_panic_of_a_watcher_ends_it_with_an_error(tree: Path, point: str) -> None:
    watcher = vfo.watch(tree)
    _core.fail_once(point)
    watcher.rescan()
    for _ in range(2):
        with pytest.raises(vfo.InternalError, match="fail point"):
            next(watcher)
    assert_no_thread_remains()


def test_eight_threads_meet_one_panic(tree: Path) -> None:
    outcomes: list[str] = []

    def search() -> None:
        try:
            outcomes.append(str(vfo.search_files("needle", tree).height))
        except vfo.InternalError:
            outcomes.append("internal")

    _core.fail_once("span")
    threads = [threading.Thread(target=search) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == sorted(["internal", *[str(20 * 20 * 50)] * 7])
    assert_no_thread_remains()


# Methods that only look at a flag or hand out what lies there.
WITHOUT_WORK = {
    *(
        "CancelToken.cancel",
        "CancelToken.cancelled",
        "MaskRequest.rows",
        "fail_once",
        "Batch.__len__",
        "Root.path",
        "Root.denied",
        "Root.allowed",
    ),
    *("TableStreamIterator.__iter__", "ChunkIterator.__iter__"),
}


WRITE: dict[str, Any] = {"durable": False, "mode": None, "follow_symlinks": True, "within": None, "cancel": None}


def entries(tree: Path) -> dict[str, Callable[[], object]]:
    """One call of every entry of the core, made ready so that nothing but the entry itself is left to do."""
    path = os.fsencode(small_file(tree))
    sources = [(os.fsencode(tree), False)]
    request = _core.Request("search", sources, {"patterns": ["needle"]})
    hits = _core.Request("hits", sources, {"patterns": ["needle"]})
    stream = hits.stream("hits", columns=None, timestamps="ns")
    scan, masked = request.open(), hits.open(prefilter=["path"])
    event = masked.next(10)
    assert event is not None
    assert event[0] == "mask"
    question = event[1]
    lines = _core.read_lines(path, encoding="auto", errors="strict", strategy="auto", cancel=None)
    batch = request.schema("hits")
    # Kept alive by the closures below, started without the guard in the way.
    pieces = _core.read_chunks(path, chunk_size=10, strategy="auto")
    rows = iter(stream)
    root = _core.Root(tree)
    watch = _core.Watch(sources, {})
    return {
        "Request.__new__": lambda: _core.Request("files", sources, {}),
        "Root.__new__": lambda: _core.Root(tree),
        "Root.relative": lambda: root.relative(path),
        "Root.status": lambda: root.status(path),
        "Request.schema": lambda: request.schema("hits"),
        "Request.open": request.open,
        "Request.stream": lambda: hits.stream("hits", columns=None, timestamps="ns"),
        "Scan.next": lambda: scan.next(0.1),
        "Scan.advance": lambda: scan.advance(0.1),
        "Scan.take": lambda: scan.take("hits"),
        "Scan.summary": scan.summary,
        "Scan.progress": scan.progress,
        "Scan.close": scan.close,
        "MaskRequest.answer": lambda: question.answer(b"\1" * 32),
        "Batch.__arrow_c_array__": batch.__arrow_c_array__,
        "Batch.__arrow_c_schema__": batch.__arrow_c_schema__,  # type: ignore[attr-defined]
        "Batches.__arrow_c_stream__": lines.__arrow_c_stream__,
        "Batches.__arrow_c_schema__": lines.__arrow_c_schema__,  # type: ignore[attr-defined]
        "TableStream.__arrow_c_stream__": stream.__arrow_c_stream__,
        "TableStream.__arrow_c_schema__": stream.__arrow_c_schema__,
        "TableStream.__iter__": lambda: iter(stream),
        "TableStreamIterator.__next__": lambda: next(rows),
        "ChunkIterator.__next__": lambda: next(pieces),
        "Watch.__new__": lambda: _core.Watch(sources, {}),
        "Watch.next": lambda: watch.next(0),
        "Watch.wait": lambda: watch.wait(0),
        "Watch.rescan": watch.rescan,
        "Watch.fileno": watch.fileno,
        "Watch.close": watch.close,
        "read_bytes": lambda: _core.read_bytes(path, strategy="auto", cancel=None),
        "read_string": lambda: _core.read_string(path, encoding="auto", errors="strict", strategy="auto", cancel=None),
        "read_lines": lambda: _core.read_lines(path, encoding="auto", errors="strict", strategy="auto", cancel=None),
        "read_chunks": lambda: _core.read_chunks(path, chunk_size=10, strategy="auto"),
        "hash_bytes": lambda: _core.hash_bytes(b"needle"),
        "hash_file": lambda: _core.hash_file(path, strategy="auto", cancel=None),
        "write_file": lambda: _core.write_file(path, b"needle", **WRITE, expected_blake3=None, break_hard_links=False),
        "append_file": lambda: _core.append_file(path, b"needle", **WRITE),
        "replace_in_file": lambda: _core.replace_in_file(path, {"patterns": ["x"], "replacements": ["y"]}),
        "write_files": lambda: _core.write_files([(path, b"needle", None)], durable=False, within=None, cancel=None),
        "edit_files": lambda: _core.edit_files([], dry_run=True, durable=False, within=None, cancel=None),
        "create_directory": lambda: _core.create_directory(path, parents=False, exist_ok=True, within=None),
        "move_file": lambda: _core.move_file(path, path + b"2", overwrite=False, durable=False, within=None),
        "sweep_temp_files": lambda: _core.sweep_temp_files(os.fsencode(tree), older_than=0, within=None, cancel=None),
        "without_dots": lambda: _core.without_dots(path, within=None),
        "counters": _core.counters,
        "no_more_reminders": _core.no_more_reminders,
        "rows": lambda: _core.rows(batch),
        "type_names": _core.type_names,
    }


def test_every_entry_is_guarded(tree: Path) -> None:
    known = set(WITHOUT_WORK)
    for name, call in entries(tree).items():
        known.add(name)
        _core.fail_once("entry")
        with pytest.raises(vfo.InternalError, match="fail point"):
            call()
    assert entry_names() == known - {"Request.__new__", "Root.__new__", "Watch.__new__"}
    assert_no_thread_remains()


def entry_names() -> set[str]:
    """Every function and method that the core defines."""
    protocol = {"__iter__", "__next__", "__len__"}
    names = set()
    for name, value in vars(_core).items():
        if isinstance(value, type):
            for method in vars(value):
                if not method.startswith("__") or method.startswith("__arrow_c_") or method in protocol:
                    names.add(f"{name}.{method}")
        elif callable(value):
            names.add(name)
    return names
