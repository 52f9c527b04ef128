"""What a watcher looks at: the options of a scan, ignore files that change, folders that may not be read."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from conftest import make_tree
from watch_replica import Replica, files_only


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
        # Another folder, which may be read, comes under the name of one that never could, and so has no watch.
        os.mkdir("closed", 0)
        replica.converge()
        make_tree(Path.cwd(), {"fresh/deep/two.txt": b"2"})
        replica.converge()
        os.rename("closed", "gone")
        os.rename("fresh", "closed")
        replica.converge()
        assert b"closed/deep/two.txt" in replica.rows
        Path("closed/deep/three.txt").touch()
        assert ("created", "closed/deep/three.txt", None) in replica.converge()
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
        import os, test_watch_rules
        with test_watch_rules.Replica("c.txt") as replica:
            os.utime("c.txt")
            replica.converge()
        os.setgid(65534)
        os.setuid(65534)
        test_watch_rules.watch_what_may_not_be_read()
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    finally:
        for place in closed:
            os.chmod(place, os.stat(place).st_mode & ~0o001)
