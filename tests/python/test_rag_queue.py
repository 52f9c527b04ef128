"""One writer at a time: what others add meanwhile is queued, done, and stands in nobody's way."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from vespera_file_ops.rag import Index
from vespera_file_ops.rag.lock import WriterLock

from rag_tools import HashEmbedder, counts, fresh, held, make_source


@pytest.fixture
def synced(tmp_path: Path) -> tuple[Index, Path]:
    source = make_source(tmp_path)
    index = Index(tmp_path / "index")
    index.sync(source)
    return index, source


def texts(index: Index) -> set[str]:
    return set(held(index)["text"])


def test_an_artifact_is_added_and_removed_at_once(synced: tuple[Index, Path], tmp_path: Path) -> None:
    index, source = synced
    (source / "new.py").write_text("brand new\n")
    artifact = index.add(source / "new.py")
    assert held(index).filter(relative_path="new.py")["artifact"].to_list() == [artifact]
    assert index.add(f"{source}/./src/../new.py") == artifact
    assert held(index).equals(fresh(tmp_path, source))
    # In doubt, so that the next sync makes the row from the tree.
    assert index.status()["in_doubt"].to_list() == [1]
    assert index.remove(source / "new.py") == artifact
    assert held(index).filter(artifact=artifact).is_empty()
    index.sync(source)
    assert held(index).equals(fresh(tmp_path, source))
    assert index.status()["in_doubt"].to_list() == [0]


def test_a_given_content_is_indexed_in_place_of_the_files(synced: tuple[Index, Path], tmp_path: Path) -> None:
    index, source = synced
    index.add(source / "src" / "app.py", "other = 1\n")
    assert held(index).filter(relative_path="src/app.py")["text"].to_list() == ["other = 1"]
    assert index.verify()["relative_path"].to_list() == ["src/app.py"]
    assert counts(index.sync(source))["modified"] == 1
    assert held(index).equals(fresh(tmp_path, source))
    index.add(source / "never" / "there.md", b"only said\n")
    assert "only said" in texts(index)
    assert counts(index.sync(source))["removed"] == 1
    assert held(index).equals(fresh(tmp_path, source))


def test_what_lies_in_no_source_stays(
    synced: tuple[Index, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, source = synced
    loose = tmp_path / "loose.md"
    loose.write_text("loose\n")
    monkeypatch.chdir(tmp_path)
    first, second = index.add("loose.md"), index.add("https://example.org/ticket/7", "a ticket\n")
    rows = held(index).filter(source="added")
    assert dict(rows.select("path", "artifact").iter_rows()) == {
        str(loose): first, "https:/example.org/ticket/7": second,
    }  # fmt: skip
    index.sync(source)
    assert {"loose", "a ticket"} <= texts(index)
    assert index.verify().is_empty()
    index.remove("loose.md")
    index.remove("https://example.org/ticket/7")
    assert held(index).filter(source="added").is_empty()


def test_an_index_may_begin_with_an_add(tmp_path: Path) -> None:
    index = Index(tmp_path / "index", embedder=HashEmbedder())
    index.add("note", "remember the milk\n")
    assert index.search("milk", mode="text")["relative_path"].to_list() == ["note"]


def test_bad_artifacts_are_refused_at_once(synced: tuple[Index, Path], tmp_path: Path) -> None:
    index, source = synced
    with pytest.raises(vfo.PathNotFoundError, match="no such file"):
        index.add(source / "nothing.py")
    with pytest.raises(vfo.ArgumentError, match="no regular file"):
        index.add(source)
    with pytest.raises(TypeError, match="content"):
        index.add("x", 3)  # type: ignore[arg-type]
    with pytest.raises(vfo.PathNotFoundError, match="no index here"):
        Index(tmp_path / "none").remove("x")


def test_what_is_added_while_another_writes_is_queued_and_done(synced: tuple[Index, Path]) -> None:
    index, source = synced
    (source / "new.py").write_text("brand new\n")
    with index._store.writing(0):
        artifact = index.add(source / "new.py")
        index.add("note", "first\n")
        index.add("note", "second\n")
        index.remove(source / "README.md")
        assert index.status()["queued"].to_list() == [4]
        assert index.status()["is_locked"].to_list() == [True]
        assert "brand new" not in texts(index)
        with pytest.raises(vfo.IndexBusyError, match=rf"process {os.getpid()} writes to this index.*within 0.1 s"):
            index.sync(source, wait=0.1)
    assert index.status()["queued"].to_list() == [0, 0]
    assert held(index).filter(relative_path="new.py")["artifact"].to_list() == [artifact]
    assert {"brand new", "second"} <= texts(index)
    assert "first" not in texts(index)
    assert held(index).filter(relative_path="README.md").is_empty()
    index.sync(source)
    assert index.verify().is_empty()


def test_what_is_only_queued_waits_for_a_writer(tmp_path: Path) -> None:
    index = Index(tmp_path / "index")
    assert index.drain() == 0
    artifact = index.add("note", "remember the milk\n", at_once=False)
    with pytest.raises(vfo.PathNotFoundError):
        index.search("milk")
    with index._store.lock.held(0):
        assert index.drain() == 1
    assert index.drain() == 0
    assert index.search("milk")["artifact"].to_list() == [artifact]
    with pytest.raises(TypeError, match="at_once"):
        index.add("note", "x", at_once=1)  # type: ignore[arg-type]


def test_what_a_killed_holder_left_is_done_by_the_next(synced: tuple[Index, Path]) -> None:
    index, source = synced
    code = (
        "import os, sys\nfrom vespera_file_ops.rag import Index\n"
        f"index = Index({index.uri!r})\n"
        "with index._store.writing(0):\n"
        f"    index.add({str(source / 'src' / 'lib.rs')!r}, 'queued')\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert index.status()["queued"].to_list() == [1]
    assert not index._store.lock.is_held()
    index.add("other", "other\n")
    assert "queued" in texts(index)
    assert index.status()["queued"].unique().to_list() == [0]


def test_the_queue_strands_nothing(synced: tuple[Index, Path]) -> None:
    """Many threads add while others hold the lock: whatever the order, everything arrives."""
    index, _ = synced
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for at in range(5):
                index_here = Index(index.uri)
                index_here.add(f"note/{number}/{at}", f"text {number} {at}\n")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert held(index).filter(source="added").height == 30
    assert index.status()["queued"].unique().to_list() == [0]


def test_the_lock_is_one_of_the_kernel(tmp_path: Path) -> None:
    lock = WriterLock(str(tmp_path / "lock"))
    assert not lock.is_held()
    with lock.held(0):
        assert lock.is_held()
        with pytest.raises(vfo.IndexBusyError), lock.held(0):
            pass
    assert not lock.is_held()
    (tmp_path / "lock").write_text("4711")
    with lock.held(0):
        pass


def test_reads_and_adds_go_on_during_a_sync(tmp_path: Path, figures: Callable[[str], None]) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(1500):
        (source / f"{number}.py").write_text("".join(f"word{number} line {line}\n" for line in range(100)))
    index = Index(tmp_path / "index")
    index.sync(source)
    index.add("warm", "warm\n")

    def timed() -> tuple[list[float], list[float]]:
        reads, adds = [], []
        begun = time.monotonic()
        while time.monotonic() - begun < 0.2 or child.poll() is None:
            at = time.perf_counter()
            assert index.search("word7 line", limit=3).height == 3
            reads.append(time.perf_counter() - at)
            at = time.perf_counter()
            index.add(f"note/{len(adds)}", f"note {len(adds)}\n")
            adds.append(time.perf_counter() - at)
        return reads, adds

    command = [sys.executable, "-c", "import time; time.sleep(1.5)"]
    with subprocess.Popen(command) as child:
        quiet = timed()
    for path in source.iterdir():
        path.write_text(path.read_text().replace("line", "line of"))
    # As cron runs it, with batches so small that many are committed meanwhile.
    code = (
        "from vespera_file_ops.cli import main\nfrom vespera_file_ops.rag import sync\nsync._BATCH_FILES = 200\nmain()"
    )
    command = [sys.executable, "-c", code, "index", "sync", str(source), "--index", index.uri, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        busy = timed()
        assert child.stdout is not None
        report = {row["status"]: row["files"] for row in json.load(child.stdout)}
    assert child.returncode == 0
    assert report["modified"] == 1500
    index.sync(source)
    assert index.verify().is_empty()
    assert held(index).filter(source="added").height >= max(len(quiet[1]), len(busy[1]))
    assert index.status()["queued"].unique().to_list() == [0]
    shown = [f"{statistics.median(series) * 1000:.1f}" for series in (quiet[0], busy[0], quiet[1], busy[1])]
    figures(
        f"p50 of a read {shown[0]} ms, during a sync {shown[1]}, at most {max(busy[0]) * 1000:.0f}; "
        f"of an add {shown[2]} ms, during a sync {shown[3]}"
    )
