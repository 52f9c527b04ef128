"""A watcher's events, applied to a first look, are the tree: for each kind of change, and for hundreds in a row."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo

from conftest import make_tree
from watch_replica import Replica, files_only


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


def test_the_first_name_of_a_file_knows_of_the_second(tree: Path) -> None:
    with Replica() as replica:
        os.link("c.txt", "a/second.txt")
        events = files_only(replica.converge(), {"a"})
        assert events == [("created", "a/second.txt", None), ("modified", "c.txt", None)]
        Path("a/second.txt").write_text("changed")
        assert replica.converge() == [("modified", "a/second.txt", None), ("modified", "c.txt", None)]
        os.unlink("a/second.txt")
        events = files_only(replica.converge(), {"a"})
        assert events == [("removed", "a/second.txt", None), ("modified", "c.txt", None)]
        os.link("c.txt", "a/b/third.txt")
        os.truncate("c.txt", 1)
        assert ("modified", "c.txt", None) in replica.converge()
        os.truncate("a/b/third.txt", 0)
        assert replica.converge() == [("modified", "a/b/third.txt", None), ("modified", "c.txt", None)]


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
