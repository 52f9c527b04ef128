"""A watcher's events, applied to a first look, are the tree: for each kind of change, and for hundreds in a row."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo
from conftest import make_tree
from vespera_file_ops import _core

from watch_replica import Replica, files_only, truth


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    root = make_tree(tmp_path / "tree", {"a/one.txt": b"1", "a/b/two.txt": b"22", "c.txt": b"333"})
    os.chdir(root)
    yield root
    os.chdir(before)


def test_a_file_comes_changes_and_goes(tree: Path) -> None:
    with Replica() as replica:
        assert replica.converge() == []
        Path("new.txt").write_text("x")
        assert replica.converge() == [("created", "new.txt", None)]
        Path("new.txt").write_text("xy")
        assert replica.converge() == [("modified", "new.txt", None)]
        os.unlink("new.txt")
        assert replica.converge() == [("removed", "new.txt", None)]


def test_the_columns_say_what_is_there(tree: Path) -> None:
    before = time.time_ns()
    with vfo.watch() as watcher:
        Path("new.txt").write_text("xyz")
        frame = next(watcher)
    row = frame.row(0, named=True)
    assert frame.schema["time"] == pl.Datetime("ns", "UTC")
    assert before <= frame["time"].dt.epoch("ns")[0] <= time.time_ns()
    assert (row["event"], row["path"], row["path_bytes"], row["relative_path"]) == (
        "created",
        "new.txt",
        None,
        "new.txt",
    )
    assert (row["old_path"], row["kind"], row["size"]) == (None, "file", 3)
    assert frame["modified"].dt.epoch("ns")[0] == os.stat("new.txt").st_mtime_ns


def test_a_file_is_renamed(tree: Path) -> None:
    with Replica() as replica:
        os.rename("c.txt", "d.txt")
        assert replica.converge() == [("renamed", "d.txt", "c.txt")]
        os.rename("d.txt", "a/b/d.txt")
        events = files_only(replica.converge(), {"a", "a/b"})
        assert events == [("renamed", "a/b/d.txt", "d.txt")]


def test_a_folder_is_renamed_with_all_that_is_in_it(tree: Path) -> None:
    with Replica() as replica:
        os.rename("a", "z")
        events = replica.converge()
        assert events == [
            ("renamed", "z", "a"),
            ("renamed", "z/b", "a/b"),
            ("renamed", "z/b/two.txt", "a/b/two.txt"),
            ("renamed", "z/one.txt", "a/one.txt"),
        ]
        Path("z/b/three.txt").write_text("3")
        assert ("created", "z/b/three.txt", None) in replica.converge()


def test_a_tree_leaves_and_enters(tree: Path, tmp_path: Path) -> None:
    with Replica() as replica:
        count = replica.watches()
        os.rename("a", tmp_path / "outside")
        events = replica.converge()
        assert events == [
            ("removed", "a/one.txt", None),
            ("removed", "a/b/two.txt", None),
            ("removed", "a/b", None),
            ("removed", "a", None),
        ]
        assert replica.watches() == count - 2
        (tmp_path / "outside" / "one.txt").write_text("nobody looks")
        os.rename(tmp_path / "outside", "back")
        assert [event for event, _, _ in replica.converge()] == ["created"] * 4
        assert replica.watches() == count


def test_names_are_swapped_and_rotated(tree: Path) -> None:
    Path("d.txt").write_text("dddd")
    with Replica() as replica:
        os.rename("c.txt", "t")
        os.rename("d.txt", "c.txt")
        os.rename("t", "d.txt")
        assert replica.converge() == [("renamed", "c.txt", "d.txt"), ("renamed", "d.txt", "c.txt")]
        os.rename("d.txt", "e.txt")
        os.rename("c.txt", "d.txt")
        Path("c.txt").write_text("a new one")
        assert replica.converge() == [
            ("renamed", "d.txt", "c.txt"),
            ("renamed", "e.txt", "d.txt"),
            ("created", "c.txt", None),
        ]


def test_folders_are_swapped(tree: Path) -> None:
    make_tree(tree, {"x/b/other.txt": b"o", "x/one.txt": b"another one"})
    with Replica() as replica:
        os.rename("a", "t")
        os.rename("x", "a")
        os.rename("t", "x")
        assert {event for event, _, _ in replica.converge()} == {"renamed"}
        Path("a/b/other.txt").write_text("changed")
        Path("x/b/two.txt").write_text("changed")
        changed = {path for event, path, _ in replica.converge() if event == "modified"}
        assert changed == {"a/b/other.txt", "x/b/two.txt"}


def test_a_file_of_several_names_changes_under_all_of_them(tree: Path) -> None:
    os.link("c.txt", "a/b/link.txt")
    with Replica() as replica:
        os.link("c.txt", "a/second.txt")
        replica.converge()
        Path("a/second.txt").write_text("changed")
        changed = {path for event, path, _ in replica.converge() if event == "modified"}
        assert {"a/b/link.txt", "a/second.txt", "c.txt"} <= changed


def test_a_change_of_mode_is_told(tree: Path) -> None:
    with vfo.watch() as watcher:
        os.chmod("c.txt", 0o600)
        assert next(watcher).select("event", "path").rows() == [("modified", "c.txt")]
        os.chmod("a/b", 0o700)
        assert next(watcher).select("event", "path").rows() == [("modified", "a/b")]


def test_a_file_is_saved_over(tree: Path) -> None:
    with Replica() as replica:
        Path("c.tmp").write_text("saved")
        os.rename("c.tmp", "c.txt")
        assert replica.converge() == [("modified", "c.txt", None)]


def test_a_file_becomes_a_folder_and_back(tree: Path) -> None:
    with Replica() as replica:
        os.unlink("c.txt")
        make_tree(tree, {"c.txt/in.txt": b"i"})
        assert replica.converge() == [("created", "c.txt", None), ("created", "c.txt/in.txt", None)]
        os.unlink("c.txt/in.txt")
        os.rmdir("c.txt")
        Path("c.txt").symlink_to("nowhere")
        assert replica.converge() == [("removed", "c.txt/in.txt", None), ("created", "c.txt", None)]


def test_links_pipes_and_folders_are_rows(tree: Path) -> None:
    with Replica() as replica:
        os.mkfifo("pipe")
        os.symlink("c.txt", "link")
        os.mkdir("folder")
        assert replica.converge() == [("created", name, None) for name in ("folder", "link", "pipe")]


def test_the_first_look_is_the_first_frame(tree: Path) -> None:
    with Replica(initial=True) as replica:
        first = replica.next(5)
        assert first is not None
        assert first["path"].to_list() == vfo.scan_files().collect()["path"].to_list()
        assert set(first["event"]) == {"created"}
        Path("later").touch()
        assert replica.converge()[-1:] == [("created", "later", None)]


@pytest.mark.parametrize(
    "options",
    [
        {"include": "*.py"},
        {"exclude": ["build", "*.log"]},
        {"types": "py"},
        {"include_hidden": True},
        {"respect_ignore": False},
        {"require_git": False},
        {"follow_symlinks": True},
        {"max_depth": 2},
        {"max_file_size": 100},
        {"one_file_system": True},
        {"absolute_paths": True},
    ],
    ids=str,
)
def test_options_are_those_of_a_scan(tree: Path, options: dict[str, object]) -> None:
    make_tree(tree, {".gitignore": b"*.log\n", "src/app.py": b"a", "build/out.log": b"o", ".hidden/x.py": b"x"})
    os.symlink("../a", "src/link")
    with Replica(**options) as replica:
        make_tree(tree, {"src/deep/er/new.py": b"n" * 200, "build/new.py": b"b", "x.log": b"l", ".hidden/y": b"y"})
        Path("src/app.py").write_bytes(b"a" * 101)
        replica.converge()
        Path("src/app.py").write_bytes(b"a")
        os.rename("src/deep", "build/deep")
        Path("a/one.txt").write_text("through the link")
        replica.converge()
        os.rename("build", "built")
        replica.converge()


@pytest.mark.hazard(27)
def test_folders_that_are_made_and_filled_at_once_lose_nothing(tree: Path) -> None:
    with Replica() as replica:
        for number in range(200):
            os.makedirs(f"m{number}/1/2")
            Path(f"m{number}/1/2/file").write_text(str(number))
            Path(f"m{number}/early").write_text(str(number))
        replica.converge()
        found = sum(key.endswith((b"/file", b"/early")) for key in replica.rows)
        print(f"200 times mkdir -p and write: {400 - found} of 400 files lost")
        assert found == 400
        # Each of the new folders is watched now.
        for number in range(200):
            Path(f"m{number}/1/2/file").write_text("again")
        assert sum(event == "modified" for event, path, _ in replica.converge() if path.endswith("file")) == 200


@pytest.mark.hazard(27)
def test_a_loss_is_told_and_made_good(tree: Path) -> None:
    with Replica() as replica:
        replica.watcher.rescan()
        assert replica.next(5)["event"].to_list() == ["rescan"]  # type: ignore[index]
        Path("new.txt").write_text("x")
        replica.watcher.rescan()
        frame = replica.next(5)
        assert frame is not None
        assert frame.select("event", "path").rows()[0] == ("rescan", ".")
        replica.converge()


@pytest.mark.hazard(27)
def test_ignored_folders_are_not_watched(demo: Path) -> None:
    make_tree(demo, {".gitignore": b"ignored/\n", "ignored/deep/x": b"x", ".hidden/x": b"x", "kept/deep/x": b"x"})
    with Replica() as replica:
        # The source, data, kept, kept/deep, src.
        assert replica.watches() == 5
        make_tree(demo, {"ignored/deep/y": b"y", ".hidden/y": b"y", ".git/index": b"i", "a/b/.c/d": b"d"})
        assert replica.converge() == [("created", "a", None), ("created", "a/b", None)]
        assert replica.watches() == 7
    assert Replica.watches(replica) == 0
    with Replica(include_hidden=True, respect_ignore=False) as replica:
        # All of them now, but never `.git`.
        assert replica.watches() == 5 + 2 + 1 + 2 + 1


@pytest.mark.hazard(27)
def test_an_ignore_file_is_edited(demo: Path) -> None:
    make_tree(demo, {"out/x.o": b"x", "out/deep/y.o": b"y"})
    with Replica() as replica:
        watched = replica.watches()
        (demo / ".gitignore").write_text("*.log\nout/\n")
        events = replica.converge()
        assert {(event, path) for event, path, _ in events} == {
            ("removed", path) for path in ("out", "out/x.o", "out/deep", "out/deep/y.o")
        }
        assert replica.watches() == watched - 2
        (demo / "out" / "z.o").write_bytes(b"z")
        assert replica.converge() == []
        (demo / ".gitignore").unlink()
        events = replica.converge()
        assert ("created", "debug.log", None) in events
        assert ("created", "out/z.o", None) in events
        (demo / "src" / ".ignore").write_text("*.py\n")
        events = files_only(replica.converge(), {"src"})
        assert {(event, path) for event, path, _ in events} == {("removed", "src/app.py"), ("removed", "src/util.py")}


def test_rules_above_the_source_and_in_git_are_looked_at(demo: Path) -> None:
    (demo / ".git" / "info").mkdir()
    with Replica("src") as replica:
        (demo / ".gitignore").write_text("*.log\n*.rs\n")
        replica.converge()
        assert b"src/lib.rs" not in replica.rows
        (demo / ".git" / "info" / "exclude").write_text("util.py\n")
        replica.converge()
        assert list(replica.rows) == [b"src/app.py"]


def test_names_that_are_not_text(tree: Path) -> None:
    with Replica() as replica:
        os.makedirs(b"\xff\xfe/d")
        Path(os.fsdecode(b"\xff\xfe/d/\xe9")).write_text("x")
        replica.converge()
        assert b"\xff\xfe/d/\xe9" in replica.rows
        os.rename(b"\xff\xfe", b"\xfd")
        assert {event for event, _, _ in replica.converge()} == {"removed", "created"}
        os.rename(b"\xfd", b"text")
        replica.converge()
        os.rename(b"text/d", b"text/\xfc")
        # The folder's old name can be told, that of the file in it not.
        assert ("renamed", "text/\ufffd", "text/d") in replica.converge()
        frame = vfo.scan_files().collect()
        assert frame["path_bytes"].drop_nulls().len() == 2


def test_a_named_file(tree: Path) -> None:
    with Replica("c.txt") as replica:
        Path("other.txt").write_text("not asked for")
        Path("c.txt").write_text("changed")
        assert replica.converge() == [("modified", "c.txt", None)]
        os.rename("other.txt", "c.txt")
        assert replica.converge() == [("modified", "c.txt", None)]
        os.unlink("c.txt")
        found = replica.next(5)
        assert found is not None
        assert found.select("event", "path").rows() == [("removed", "c.txt")]
        Path("c.txt").write_text("back")
        assert replica.converge()[-1:] == [("created", "c.txt", None)]


def test_a_list_of_sources(tree: Path) -> None:
    make_tree(tree, {"d/x": b"x"})
    sources = ["a", "c.txt", b"d", "later"]
    with Replica(sources) as replica:
        assert b"later" not in replica.rows
        os.rename("a/one.txt", "d/one.txt")
        events = replica.converge()
        assert ("renamed", "d/one.txt", "a/one.txt") in events
        os.mkdir("later")
        Path("later/x").write_text("x")
        assert ("created", "later/x", None) in replica.converge()


def test_sources_that_overlap(tree: Path) -> None:
    with Replica([".", "a"]) as replica:
        Path("a/new").write_text("x")
        assert replica.converge().count(("created", "a/new", None)) == 1
        os.rename("a", "z")
        replica.converge()


def test_a_glob(tree: Path) -> None:
    with Replica("a/**/*.txt") as replica:
        Path("a/b/new.txt").write_text("x")
        Path("a/b/new.md").write_text("x")
        assert replica.converge() == [("created", "a/b/new.txt", None)]


@pytest.mark.parametrize("options", [{}, {"follow_symlinks": True}, {"absolute_paths": True}], ids=str)
def test_a_root_is_not_left(tree: Path, tmp_path: Path, options: dict[str, object]) -> None:
    make_tree(tmp_path, {"outside/secret": b"s", "tree/v1/x": b"1", "tree/v2/x": b"2"})
    for name, target in (("out", "../outside"), ("file", "../outside/secret"), ("in", "c.txt"), ("current", "v1")):
        os.symlink(target, name)
    with Replica(".", within=tree, **options) as replica:
        os.chdir("/")
        make_tree(tree, {"a/new": b"n", "v1/y": b"y"})
        make_tree(tmp_path, {"outside/new": b"n"})
        os.rename(tree / "a" / "b", tree / "b")
        os.symlink("../../outside", tree / "v1" / "out")
        assert replica.converge()
        assert not any(b"secret" in key or key.endswith(b"out/new") for key in replica.rows)
    with Replica("current", within=vfo.Root(tree), **options) as replica:
        os.symlink("v2", tree / "next")
        os.rename(tree / "next", tree / "current")
        replica.converge()
        # A source that leads out is one that is not there.
        os.symlink("../outside", tree / "next")
        os.rename(tree / "next", tree / "current")
        deadline = time.monotonic() + 5
        while replica.rows and time.monotonic() < deadline:
            replica.next(0.1)
        assert replica.rows == {}
    with pytest.raises(vfo.OutsideRootError):
        vfo.watch("out", within=tree)
    with pytest.raises(vfo.OutsideRootError):
        vfo.watch("../outside", within=tree)
    os.chdir(tree)


def test_a_source_goes_and_comes_back(tree: Path) -> None:
    with Replica(["a"]) as replica:
        os.rename("a", "elsewhere")
        deadline = time.monotonic() + 5
        while replica.rows and time.monotonic() < deadline:
            replica.next(0.1)
        assert replica.rows == {}
        os.makedirs("a/new")
        Path("a/new/file").write_text("x")
        replica.converge()
        Path("a/new/second").write_text("x")
        assert ("created", "a/new/second", None) in replica.converge()


def test_a_link_to_the_source_is_turned(tree: Path) -> None:
    make_tree(tree, {"v1/x": b"1", "v2/x": b"22", "v2/y": b"y"})
    os.symlink("v1", "current")
    with Replica("current") as replica:
        os.symlink("v2", "next")
        os.rename("next", "current")
        replica.converge()
        assert set(replica.rows) == {b"current/x", b"current/y"}


def test_the_process_changes_its_directory(tree: Path) -> None:
    with Replica("a") as replica:
        os.chdir("/")
        (tree / "a" / "new").write_text("x")
        frame = replica.next(5)
        assert frame is not None
        assert ("created", "a/new") in frame.select("event", "path").rows()
        os.rename(tree / "a", tree / "b")
        os.mkdir(tree / "a")
        deadline = time.monotonic() + 5
        while replica.rows and time.monotonic() < deadline:
            replica.next(0.1)
        assert replica.rows == {}
        os.chdir(tree)


def watch_what_may_not_be_read() -> None:
    with Replica() as replica:
        assert b"a" in replica.rows
        assert b"a/one.txt" not in replica.rows
        os.chmod("a", 0o755)
        replica.converge()
        assert b"a/one.txt" in replica.rows
        os.chmod("a", 0)
        replica.converge()
        assert b"a/one.txt" not in replica.rows
        os.chmod("a", 0o755)
        Path("a/b/new").touch()
        replica.converge()
        os.chmod(".", 0o311)
        replica.converge()
        os.chmod(".", 0o755)
        replica.converge()


def test_a_folder_that_may_not_be_read_and_then_may(tree: Path) -> None:
    os.chmod("a", 0)
    if os.geteuid() != 0:
        watch_what_may_not_be_read()
        return
    # Root reads every folder, so a process of its own gives up being root; pytest keeps its folders to its user.
    closed = [place for place in tree.parents if not os.stat(place).st_mode & 0o001]
    for folder, _, files in os.walk(tree):
        for place in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(place, 65534, 65534)
    for place in closed:
        os.chmod(place, os.stat(place).st_mode | 0o001)
    # What is imported at first use may lie where only root can read.
    code = """
        import os, test_watch
        with test_watch.Replica("c.txt") as replica:
            os.utime("c.txt")
            replica.converge()
        os.setgid(65534)
        os.setuid(65534)
        test_watch.watch_what_may_not_be_read()
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    finally:
        for place in closed:
            os.chmod(place, os.stat(place).st_mode & ~0o001)


def test_reading_wakes_nobody(tree: Path) -> None:
    with Replica() as replica:
        for _ in range(3):
            vfo.search("1", ".")
            Path("c.txt").read_bytes()
            os.listdir("a")
        assert replica.next(0.5) is None


def test_a_write_has_no_folder_listed(tree: Path) -> None:
    make_tree(tree, {".ignore": b"*.log\n", "debug.log": b""})
    with vfo.watch() as watcher:
        before = _core.counters()["folders_listed"]
        for number in range(5):
            Path("debug.log").write_text(f"nobody asks for this {number}")
            time.sleep(0.1)
        Path("c.txt").write_text("changed")
        assert next(watcher).select("event", "path", "size").rows() == [("modified", "c.txt", 7)]
        assert _core.counters()["folders_listed"] == before
        Path("new.txt").touch()
        next(watcher)
        assert _core.counters()["folders_listed"] == before + 1


def test_a_file_that_is_written_all_the_time_has_one_row_a_frame(tree: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with open("busy.log", "w") as file:
            while not stop.is_set():
                file.write("line\n")
                file.flush()
                time.sleep(0.001)

    with Replica(debounce=0.05) as replica:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            deadline = time.monotonic() + 3
            frames = []
            while time.monotonic() < deadline:
                frame = replica.next(0.5)
                if frame is not None:
                    frames.append(frame)
        finally:
            stop.set()
            writer.join()
        # Never quiet, so a frame comes after ten times the debounce.
        assert 3 <= len(frames) <= 8
        replica.converge()


@pytest.mark.hazard(27)
@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.hard) for seed in range(6, 60))])
def test_hundreds_of_random_changes(tree: Path, seed: int) -> None:
    draw = random.Random(seed)
    # A change through a name that is left out is not told, so there is either the one or the other.
    has_links = seed % 2 == 1
    make_tree(tree, {".git/HEAD": b"", ".gitignore": b"*.skip\n"})

    def some(kinds: str) -> list[str]:
        found = []
        for folder, folders, files in os.walk("."):
            if ".git" in folders:
                folders.remove(".git")
            found += [os.path.join(folder, name) for name in {"d": folders, "f": files, "df": folders + files}[kinds]]
        return sorted(found)

    def name() -> str:
        return draw.choice(["a", "b", "c", "d", "f.txt", "g", "ü", *(() if has_links else ("e.skip", ".h"))])

    def step() -> None:
        folders = [".", *some("d")]
        target = os.path.join(draw.choice(folders), name())
        kind = draw.randrange(10)
        entries = some("df")
        if kind <= 1:
            Path(target).write_text("x" * draw.randrange(50))
        elif kind == 2:
            os.makedirs(os.path.join(target, name(), name()), exist_ok=True)
        elif kind == 3 and entries:
            victim = draw.choice(entries)
            os.rename(victim, target)
        elif kind == 4 and some("f"):
            os.unlink(draw.choice(some("f")))
        elif kind == 5 and len(folders) > 12:
            shutil.rmtree(draw.choice(folders[1:]))
        elif kind == 6 and entries:
            os.chmod(draw.choice(entries), draw.choice([0o700, 0o755]))
        elif kind == 7 and len(entries) > 1:
            first, second = draw.sample(entries, 2)
            os.rename(first, "swap")
            os.rename(second, first)
            os.rename("swap", second)
        elif kind == 8 and some("f") and has_links:
            os.link(draw.choice(some("f")), target)
        elif kind == 9 and draw.random() < 0.3 and not has_links:
            Path(draw.choice(folders), ".gitignore").write_text(draw.choice(["*.skip\n", "a/\n", "*.txt\nc\n", ""]))

    with Replica(debounce=0.01) as replica:
        for number in range(400):
            try:
                step()
            except OSError:
                # A name is taken, a folder is moved into itself: nothing happened.
                if os.path.lexists("swap"):
                    os.rename("swap", f"swapped{number}")
            if draw.random() < 0.05:
                replica.next(draw.random() * 0.05)
            if draw.random() < 0.02:
                replica.converge()
        replica.converge()


@pytest.mark.hazard(27)
def test_close_from_another_thread_ends_the_iteration(tree: Path) -> None:
    watcher = vfo.watch()
    ended: list[float] = []

    def consume() -> None:
        for _ in watcher:
            pass
        ended.append(time.monotonic())

    consumer = threading.Thread(target=consume)
    consumer.start()
    time.sleep(0.2)
    closed = time.monotonic()
    watcher.close()
    consumer.join(5)
    assert ended[0] - closed < 0.1
    assert list(watcher) == []
    watcher.close()
    assert watch_threads() == []


def watch_threads() -> list[str]:
    names = []
    for task in os.listdir("/proc/self/task"):
        # One that ends between the two looks is not alive.
        with contextlib.suppress(OSError):
            names.append(Path(f"/proc/self/task/{task}/comm").read_text().strip())
    return [name for name in names if name.startswith("vespera-watch")]


def test_dropping_it_ends_its_thread(tree: Path) -> None:
    watcher = vfo.watch()
    assert watch_threads() == ["vespera-watch"]
    del watcher
    assert watch_threads() == []


def test_a_token_cancels_it(tree: Path) -> None:
    token = vfo.CancelToken()
    watcher = vfo.watch(cancel=token)
    threading.Timer(0.2, token.cancel).start()
    began = time.monotonic()
    with pytest.raises(vfo.CancelledError):
        next(watcher)
    assert time.monotonic() - began < 0.5
    with pytest.raises(vfo.CancelledError):
        vfo.watch(cancel=token)


def test_asyncio(tree: Path) -> None:
    async def main() -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        async with vfo.watch() as watcher:
            ticking = asyncio.create_task(tick())
            first = asyncio.create_task(anext(watcher))
            await asyncio.sleep(0.05)
            with pytest.raises(RuntimeError, match="another task"):
                await anext(watcher)
            # A task that is cancelled takes nothing with it.
            first.cancel()
            Path("new.txt").write_text("x")
            await asyncio.sleep(0.3)
            Path("stop.txt").touch()
            async for changes in watcher:
                seen += changes.select("event", "path").rows()
                if ("created", "stop.txt") in seen:
                    break
            asyncio.get_running_loop().call_later(0.1, watcher.close)
            assert [frame async for frame in watcher] == []
            ticking.cancel()
        assert ticks > 20
        return seen

    assert asyncio.run(main()) == [("created", "new.txt"), ("created", "stop.txt")]


def test_it_can_be_closed_before_it_is_used(tree: Path) -> None:
    with vfo.watch() as watcher:
        pass
    assert list(watcher) == []
    assert truth(".") != {}


def test_a_fork_has_no_watcher(tree: Path) -> None:
    watcher = vfo.watch()
    child = os.fork()
    if child == 0:
        try:
            next(watcher)
        except vfo.ForkedProcessError:
            watcher.close()
            os._exit(17)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 17
    Path("after").touch()
    assert next(watcher)["path"].to_list() == ["after"]
    watcher.close()


def test_a_source_that_is_not_there_raises(tree: Path) -> None:
    with pytest.raises(vfo.PathNotFoundError, match="nowhere"):
        vfo.watch("nowhere")
