"""Where a watcher begins: files, lists, globs and roots, which go, come back, overlap and are turned elsewhere."""

from __future__ import annotations

import os
import time
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops import _core

from conftest import make_tree
from watch_replica import Replica, files_only


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


def test_sources_that_overlap_where_one_is_not_entered(tree: Path) -> None:
    with Replica([".", "a"], max_depth=1) as replica:
        Path("a/one.txt").write_text("changed")
        assert replica.converge() == [("modified", "a/one.txt", None)]
        Path("a/b/unseen").touch()
        assert replica.converge() == [("modified", "a/b", None)]


@pytest.mark.parametrize("sources", [["a", "a/one.txt"], ["a/one.txt", "a"], [".", "a", "a/one.txt"]], ids=str)
def test_a_file_beside_its_folder_is_one_row(tree: Path, sources: list[str]) -> None:
    with Replica(sources, initial=True) as replica:
        replica.converge()
        first = vfo.scan_files(sources).select("path", "relative_path").collect().rows()
        Path("a/one.txt").write_text("changed")
        frame = replica.next(5)
        assert frame is not None
        rows = frame.filter(pl.col("event") == "modified").select("path", "relative_path").rows()
        assert [row for row in rows if row[0] == "a/one.txt"] == [row for row in first if row[0] == "a/one.txt"]
        # It stays a row when one of its sources leaves it out.
        Path("a/.ignore").write_text("one.txt\n")
        replica.converge()
        assert b"a/one.txt" in replica.rows
        Path("a/one.txt").write_text("changed again")
        assert replica.converge() == [("modified", "a/one.txt", None)]
        os.unlink("a/.ignore")
        assert files_only(replica.converge(), {"a"}) == []
        os.unlink("a/one.txt")
        assert files_only(replica.converge(), {"a"}) == [("removed", "a/one.txt", None)]


def test_folders_behind_links_stand_where_a_scan_has_them(tree: Path, tmp_path: Path) -> None:
    make_tree(tmp_path, {"outside/x/y": b"y"})
    for name in ("a/l", "b/l", "z"):
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        os.symlink(tmp_path / "outside", name)
    with Replica(follow_symlinks=True, initial=True) as replica:
        assert replica.converge()
        assert b"a/l/x/y" in replica.rows
        (tmp_path / "outside" / "x" / "new").touch()
        assert ("created", "a/l/x/new", None) in replica.converge()


def test_what_a_link_leads_to_outside_of_the_tree_is_looked_at(tree: Path, tmp_path: Path) -> None:
    make_tree(tmp_path, {"outside/file": b"f", "outside/v1/x": b"1", "outside/v2/x": b"22"})
    os.symlink(tmp_path / "outside" / "file", "a/link")
    os.symlink(tmp_path / "outside" / "later", "dangling")
    os.symlink("v1", tmp_path / "outside" / "current")
    os.symlink(tmp_path / "outside" / "current", "turned")
    with Replica(follow_symlinks=True) as replica:
        (tmp_path / "outside" / "file").write_text("changed")
        assert replica.converge() == [("modified", "a/link", None)]
        (tmp_path / "outside" / "later").write_text("here now")
        replica.converge()
        os.symlink("v2", tmp_path / "outside" / "next")
        os.rename(tmp_path / "outside" / "next", tmp_path / "outside" / "current")
        replica.converge()
        os.unlink(tmp_path / "outside" / "file")
        replica.converge()
        before = _core.counters()["folders_listed"]
        assert replica.next(2.5) is None
        assert _core.counters()["folders_listed"] == before


def test_a_glob(tree: Path) -> None:
    with Replica("a/**/*.txt") as replica:
        Path("a/b/new.txt").write_text("x")
        Path("a/b/new.md").write_text("x")
        assert replica.converge() == [("created", "a/b/new.txt", None)]


def test_the_matches_of_a_glob_go_and_come_back(tree: Path) -> None:
    make_tree(tree, {"g/x.d/in": b"i", "g/y.txt": b"y"})
    with Replica(["g/*.d", "later/deep/*.txt"]) as replica:
        os.rename("g/x.d", "g/x")
        replica.converge()
        assert replica.rows == {}
        os.rename("g/x", "g/z.d")
        assert replica.converge() == [("created", "g/z.d/in", None)]
        # The folder in which it is looked for goes and comes back too.
        os.rename("g", "elsewhere")
        replica.converge()
        make_tree(tree, {"g/new.d/in": b"i"})
        replica.converge()
        Path("g/new.d/second").touch()
        assert replica.converge() == [("created", "g/new.d/second", None)]
        make_tree(tree, {"later/deep/x.txt": b"x"})
        replica.converge()
        assert b"later/deep/x.txt" in replica.rows
        os.rename("elsewhere", "g.new")
        os.rename("g", "g.old")
        os.rename("g.new", "g")
        replica.converge()
        assert b"g/z.d/in" in replica.rows


def test_a_glob_stays_where_the_process_was(tree: Path, tmp_path: Path) -> None:
    root = make_tree(tmp_path / "odd [x]*", {"g/x.txt": b"x"})
    os.chdir(root)
    with Replica("g/*.txt") as replica:
        os.chdir("/")
        replica.watcher.rescan()
        frame = replica.next(5)
        assert frame is not None
        assert frame.select("event", "path").rows() == [("rescan", "g")]
        os.rename(root / "g", root / "old")
        make_tree(root, {"g/y.txt": b"y"})
        deadline = time.monotonic() + 5
        while set(replica.rows) != {b"g/y.txt"} and time.monotonic() < deadline:
            replica.next(0.1)
        assert set(replica.rows) == {b"g/y.txt"}
        os.chdir(root)
        replica.converge()
    os.chdir(tree)


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


def test_a_source_that_is_not_there_raises(tree: Path) -> None:
    with pytest.raises(vfo.PathNotFoundError, match="nowhere"):
        vfo.watch("nowhere")
