"""Hazards 16, 20, 21, 22 and 35: what a real file system puts in a walker's way."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo
from hazard_child import run_child

from truth_rg import component_key

DEPTH = 10_000


@pytest.mark.hazard(16)
def test_fifos_sockets_and_devices_are_described_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_text("needle\n")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        start = time.monotonic()
        kinds = dict(vfo.scan_files(tmp_path).select("name", "kind").collect().rows())
        assert kinds == {"fifo": "fifo", "file": "file", "socket": "socket", "zero": "symlink"}
        strategies = vfo.scan_files(tmp_path).filter(pl.col("kind") != "file").select("strategy").collect()
        assert strategies["strategy"].null_count() == 3
        for follow in (False, True):
            result = vfo.search("needle", tmp_path, follow_symlinks=follow)
            assert result.hits["relative_path"].to_list() == ["file"]
            assert result.coverage.filter(status="searched")["relative_path"].to_list() == ["file"]
        assert vfo.get_file_info("/dev/zero")["kind"].to_list() == ["char_device"]
        for call in (vfo.read_file, vfo.compute_file_hash, vfo.read_file_string):
            for path in ("/dev/zero", tmp_path / "fifo"):
                with pytest.raises(vfo.VfoError):
                    call(path)
        assert time.monotonic() - start < 10


@pytest.mark.hazard(16)
def test_pseudo_files_of_size_0_are_read_to_their_end() -> None:
    """One read of /proc/kallsyms gives 4,071 of its millions of bytes."""
    for name in ("/proc/version", "/proc/kallsyms", "/proc/self/maps", "/proc/filesystems"):
        if not os.access(name, os.R_OK):
            continue
        with open(name, "rb") as file:
            wanted = file.read()
        got = vfo.read_file(name)
        if name == "/proc/self/maps":
            assert got.endswith(b"\n")
            assert len(got) > len(wanted) // 2
        else:
            assert got == wanted
            row = vfo.scan_coverage("e", name).collect().row(0, named=True)
            assert (row["status"], row["bytes_searched"]) == ("searched", len(wanted))
            assert row["hits"] == wanted.count(b"e")


@pytest.mark.hazard(16)
def test_a_process_s_folder_is_walked_in_bounded_time() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        start = time.monotonic()
        frame = vfo.scan_files(f"/proc/{child.pid}").collect()
        result = vfo.search("needle", f"/proc/{child.pid}", time_limit=20)
        assert frame.height > 100
        assert result.coverage.height > 50
        assert time.monotonic() - start < 30
    finally:
        child.kill()
        child.wait()


def bomb(folder: Path) -> Path:
    """11 levels, each with 3 links to the next: 3 ** 11 ways to the file at the end."""
    for level in range(12):
        (folder / f"level{level:02}").mkdir()
        for link in range(3 if level < 11 else 0):
            (folder / f"level{level:02}/link{link}").symlink_to(f"../level{level + 1:02}")
    (folder / "level11/file").write_text("needle\n")
    (folder / "level00/self").symlink_to(".")
    (folder / "level05/up").symlink_to("..")
    (folder / "level03/a").symlink_to("b")
    (folder / "level03/b").symlink_to("a")
    return folder


@pytest.mark.hazard(20)
def test_each_folder_is_entered_once_under_the_same_path(tmp_path: Path) -> None:
    """At every thread count and from every start; loops and bombs end."""
    bomb(tmp_path)
    for source in (tmp_path, tmp_path / "level00"):
        seen = []
        for threads in (1, 2, 8, 8):
            start = time.monotonic()
            frame = vfo.scan_files(source, follow_symlinks=True, threads=threads).select("path", "kind").collect()
            hits = vfo.search_files("needle", source, follow_symlinks=True, threads=threads)
            assert time.monotonic() - start < 10
            assert hits.height == 1
            assert frame.filter(pl.col("path").str.ends_with("/file")).height == 1
            assert frame.height < 200
            seen.append((frame.rows(), hits["path"].to_list()))
        assert all(each == seen[0] for each in seen)
    hits = vfo.search_files("needle", tmp_path, follow_symlinks=True)
    assert hits["path"].to_list() == [str(tmp_path / "level11/file")], "its real path, which lies inside"


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A tree of 10,000 levels; built and removed by handles, since its paths are longer than the system takes."""
    handles = [os.open(tmp_path, os.O_DIRECTORY)]
    try:
        for _ in range(DEPTH):
            os.mkdir("d", dir_fd=handles[-1])
            handles.append(os.open("d", os.O_DIRECTORY, dir_fd=handles[-1]))
            os.close(handles.pop(-2)) if len(handles) > 2 else None
        file = os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=handles[-1])
        os.write(file, b"needle\n")
        os.close(file)
        yield tmp_path
    finally:
        for handle in handles:
            os.close(handle)
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


@pytest.mark.hazard(21)
def test_a_tree_of_10000_levels_is_listed_with_64_descriptors(deep: Path) -> None:
    """No recursion, bounded descriptors, and paths above 4,096 bytes are searched too."""
    code = """
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    frame = vfo.scan_files(argument).select("depth", "kind", "size", "error").collect()
    result = vfo.search("needle", argument)
    answer([frame["depth"].to_list(), frame["error"].drop_nulls().to_list()[:3], frame["kind"][-1], frame["size"][-1],
            result.hits["start_byte"].to_list(), result.coverage["status"].to_list()])
    """
    depths, errors, kind, size, hits, statuses = run_child(code, str(deep), timeout=120)
    assert errors == []
    assert depths == list(range(1, DEPTH + 2))
    assert (kind, size, hits, statuses) == ("file", 7, [0], ["searched"])


@pytest.mark.hazard(21)
def test_names_of_255_bytes(tmp_path: Path) -> None:
    names = ["n" * 255, "é" * 127, "😀" * 63]
    for name in names:
        (tmp_path / name).write_text("needle\n")
    assert sorted(vfo.search_files("needle", tmp_path)["relative_path"]) == sorted(names)
    for name in names:
        assert vfo.read_file_string(tmp_path / name) == "needle\n"


def list_one_folder(tmp_path: Path, many: int) -> None:
    handle = os.open(tmp_path, os.O_DIRECTORY)
    try:
        for number in range(many):
            os.mknod(f"f{number}", dir_fd=handle)
    finally:
        os.close(handle)
    try:
        names = vfo.scan_files(tmp_path).select("name").collect()["name"]
        assert names.len() == many
        assert names.equals(names.sort())
        coverage = vfo.scan_coverage("x", tmp_path).select("status").collect()
        assert coverage["status"].value_counts().rows() == [("searched", many)]
    finally:
        shutil.rmtree(tmp_path)


@pytest.mark.hazard(21)
def test_very_many_files_in_one_folder_are_listed_in_order(tmp_path: Path) -> None:
    list_one_folder(tmp_path, 150_000)


@pytest.mark.hard
@pytest.mark.hazard(21)
@pytest.mark.timeout(900)
def test_a_million_files_in_one_folder(tmp_path: Path, figures: Callable[[str], None]) -> None:
    list_one_folder(tmp_path, 1_000_000)
    figures("hazard 21: 1,000,000 files in one folder, listed in order and searched")


@pytest.mark.hazard(22)
def test_entries_that_vanish_are_rows_and_the_others_are_complete(tmp_path: Path) -> None:
    """A deleter works in the same tree; what it never touches is always there, and nothing raises."""
    for folder in range(30):
        (tmp_path / f"d{folder:02}/sub").mkdir(parents=True)
        for file in range(20):
            (tmp_path / f"d{folder:02}/keep{file:02}").write_text("needle\n")
    kept = {f"d{folder:02}/keep{file:02}" for folder in range(30) for file in range(20)}
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for folder in range(30):
                for file in range(5):
                    path = tmp_path / f"d{folder:02}/sub/gone{file}"
                    path.parent.mkdir(exist_ok=True)
                    path.write_text("needle\n")
            for folder in range(30):
                shutil.rmtree(tmp_path / f"d{folder:02}/sub")

    deleter = threading.Thread(target=churn)
    deleter.start()
    seen: set[str] = set()
    try:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            result = vfo.search("needle", tmp_path)
            hits = result.hits["relative_path"].to_list()
            assert kept <= set(hits)
            assert len(hits) == len(set(hits))
            statuses = result.coverage.select("status", "error")
            seen |= set(statuses["status"])
            assert seen <= {"searched", "vanished", "changed"}
            assert statuses.filter((pl.col("status") != "searched") & pl.col("error").is_null()).height == 0
            assert result.coverage["hits"].sum() == result.hits.height
            files = vfo.scan_files(tmp_path).collect()
            assert kept <= set(files["relative_path"])
            assert files.filter(pl.col("error").is_null() & pl.col("size").is_null()).height == 0
    finally:
        stop.set()
        deleter.join()


@pytest.mark.hazard(22)
def test_what_another_user_may_not_read_is_a_row(tmp_path: Path) -> None:
    """Folders and files of mode 0000, seen by a process that is not root."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    (tmp_path / "listed").mkdir()
    for name in ("open/good", "open/bad", "closed/file", "listed/file"):
        (tmp_path / name).write_text("needle\n")
    (tmp_path / "open/bad").chmod(0)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "listed").chmod(0o444)
    for parent in [tmp_path, *tmp_path.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    code = """
    vfo.scan_files(argument).collect(); vfo.search("needle", argument)
    os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    files = vfo.scan_files(argument).select("relative_path", "size", "error").collect().rows()
    result = vfo.search("needle", argument)
    coverage = result.coverage.select("relative_path", "status", "error").rows()
    answer([files, coverage, result.hits["relative_path"].to_list()])
    """
    files, coverage, hits = run_child(code, str(tmp_path), home=tmp_path)
    errors = {path for path, _, error in files if error}
    assert {"closed", "listed/file"} <= errors
    assert "open/bad" not in errors
    statuses = {path: status for path, status, error in coverage if error or status == "searched"}
    assert statuses == {
        "closed": "unreadable",
        "listed/file": "unreadable",
        "open/bad": "unreadable",
        "open/good": "searched",
    }
    assert hits == ["open/good"]


@pytest.mark.hazard(22)
def test_no_descriptors_left_is_said_and_not_kept_silent(tmp_path: Path) -> None:
    """With none to spare: an exception or error rows; with a few, everything."""
    for folder in range(50):
        (tmp_path / f"d{folder}/e/f").mkdir(parents=True)
        (tmp_path / f"d{folder}/e/f/file").write_text("needle\n")
    code = """
    vfo.search("needle", argument)
    answers = []
    for spare in (0, 1, 2, 3, 4, 6, 40):
        taken = [os.open("/dev/null", os.O_RDONLY)]
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + spare, 4096))
        while True:
            try:
                taken.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        for handle in [taken.pop() for _ in range(min(spare, len(taken)))]:
            os.close(handle)
        try:
            result = vfo.search("needle", argument)
        except vfo.VfoError as error:
            result = None
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        for handle in taken:
            os.close(handle)
        if result is None:
            answers.append([spare, 0, 1, False])
        else:  # Polars itself wants descriptors, so it is asked when there are some
            errors = result.coverage["error"].drop_nulls().len()
            answers.append([spare, result.hits.height, errors, bool(result.summary["complete"])])
    answer(answers)
    """
    answers = run_child(code, str(tmp_path))
    for spare, hits, errors, complete in answers:
        assert hits == 50 or errors > 0, f"{spare} spare descriptors: {hits} hits and no error"
        assert complete == (hits == 50 and errors == 0)
    assert answers[-1][1:] == [50, 0, True]


@pytest.mark.hazard(35)
def test_a_time_that_does_not_fit_is_null_and_said(tmp_path: Path) -> None:
    """Nanoseconds in 64 bits end in 2262; ext4's own times end in 2446."""
    far = 13_569_465_600  # 2400-01-01
    (tmp_path / "far").write_text("needle\n")
    (tmp_path / "near").write_text("needle\n")
    os.utime(tmp_path / "far", (far, far))
    if os.stat(tmp_path / "far").st_mtime != far:
        pytest.skip("this file system cannot hold a time beyond 2262")
    rows = {row["name"]: row for row in vfo.scan_files(tmp_path).collect().iter_rows(named=True)}
    assert rows["far"]["modified"] is None
    assert "modified" in rows["far"]["error"]
    assert rows["far"]["size"] == 7
    assert rows["near"]["modified"] is not None
    assert rows["near"]["error"] is None
    hits = vfo.search_files("needle", tmp_path).select("relative_path", "modified").rows()
    assert hits[0] == ("far", None)
    assert hits[1][1] is not None
    status = vfo.scan_coverage("needle", tmp_path).filter(relative_path="far").collect().row(0, named=True)
    assert (status["status"], status["modified"]) == ("searched", None)


def test_the_order_of_a_walk_is_by_components(tmp_path: Path) -> None:
    """Names that sort around the separator: the order of strings is not the order of components."""
    for name in ("a/z", "a!/z", "a0", "a.b/c", "a/b/c", "a/b-", "A"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    listed = vfo.scan_files(tmp_path).select("relative_path").collect()["relative_path"].to_list()
    assert listed == sorted(listed, key=component_key)
    assert len(listed) == 11
