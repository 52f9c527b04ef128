"""Where a watcher begins: files, lists, globs and roots, which go, come back, overlap and are turned elsewhere."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from conftest import make_tree

from watch_replica import Replica


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


def test_a_source_that_is_not_there_raises(tree: Path) -> None:
    with pytest.raises(vfo.PathNotFoundError, match="nowhere"):
        vfo.watch("nowhere")
