"""Hazard 34: what is not *observed* to be absent is never removed from the index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from vespera_file_ops.rag import Index

from conftest import make_tree
from rag_tools import FILES, counts, fresh, held, make_source

pytestmark = pytest.mark.hazard(34)


@pytest.fixture
def synced(tmp_path: Path) -> tuple[Index, Path]:
    source = make_source(tmp_path)
    index = Index(tmp_path / "index")
    index.sync(source)
    return index, source


def vfo_index(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vespera_file_ops", "index", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_source_that_is_missing_removes_nothing(synced: tuple[Index, Path], tmp_path: Path) -> None:
    index, source = synced
    before = held(index)
    source.rename(tmp_path / "away")
    with pytest.raises(vfo.PathNotFoundError, match="nothing was removed"):
        index.sync(source)
    done = vfo_index("sync", source, "--index", index.uri)
    assert (done.returncode, done.stdout) == (2, "")
    assert "nothing was removed" in done.stderr
    assert held(index).equals(before)
    (tmp_path / "away").rename(source)
    assert set(counts(index.sync(source))) <= {"unchanged", "touched", "modified"}
    assert index.verify().is_empty()


def test_a_source_that_is_empty_removes_nothing(synced: tuple[Index, Path]) -> None:
    index, source = synced
    before = held(index)
    shutil.rmtree(source)
    source.mkdir()
    for dry_run in (True, False):
        with pytest.raises(vfo.RemovalRefusedError, match=r"7 of the 7 files.*max_removed=0.5 allows"):
            index.sync(source, dry_run=dry_run)
    assert vfo_index("sync", source, "--index", index.uri).returncode == 2
    assert held(index).equals(before)
    assert vfo_index("sync", source, "--index", index.uri, "--max-removed", "1").returncode == 0
    assert held(index).is_empty()


def test_more_than_max_removed_is_refused_and_nothing_else_is_done(synced: tuple[Index, Path]) -> None:
    index, source = synced
    before = held(index)
    shutil.rmtree(source / "src")
    (source / "new.py").write_text("new\n")
    with pytest.raises(vfo.RemovalRefusedError, match=r"4 of the 7 files.*max_removed"):
        index.sync(source)
    assert held(index).equals(before)
    assert counts(index.sync(source, max_removed=0.6))["removed"] == 4
    assert index.verify().is_empty()


def as_nobody(index: Path, source: Path) -> subprocess.CompletedProcess[str]:
    """Sync as a user who is not root, for whom permissions count."""
    code = f"""
import json, os, tempfile
import vespera_file_ops as vfo
from vespera_file_ops.rag import Index
# The interpreter may lie where nobody may read: what a sync imports is imported now.
with tempfile.TemporaryDirectory() as folder:
    os.mkdir(folder + "/source")
    open(folder + "/source/file.py", "w").write("text")
    Index(folder + "/index").sync(folder + "/source")
os.setgid(65534)
os.setuid(65534)
os.environ["HOME"] = "/nonexistent"
try:
    report = Index({str(index)!r}).sync({str(source)!r})
    print(json.dumps(dict(report.select("status", "files").iter_rows())), report["paths"].to_list())
except vfo.VfoError as error:
    print(type(error).__name__, error)
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_what_cannot_be_listed_or_read_keeps_its_rows(tmp_path: Path) -> None:
    # Where nobody may go, unlike pytest's own folder.
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        base.chmod(0o777)
        source = make_tree(base / "source", FILES)
        first = as_nobody(base / "index", source)
        assert '"added": 7' in first.stdout, first.stderr
        before = held(Index(base / "index"))
        (source / "src").chmod(0)
        (source / "README.md").chmod(0)
        (source / "README.md").write_text("changed\n")
        second = as_nobody(base / "index", source)
        # The folder itself, the four files in it, and the file that cannot be opened.
        assert '"removed": 0' in second.stdout, second.stderr
        assert '"unknown": 6' in second.stdout
        assert held(Index(base / "index")).equals(before)
        source.chmod(0)
        third = as_nobody(base / "index", source)
        assert "nothing was removed" in third.stdout, third.stderr
        assert held(Index(base / "index")).equals(before)
        for path in (source, source / "src", source / "README.md"):
            path.chmod(0o755)
        fourth = as_nobody(base / "index", source)
        assert '"unknown": 0' in fourth.stdout, fourth.stderr
        assert held(Index(base / "index")).equals(fresh(tmp_path, source))


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount something")
@pytest.mark.parametrize("place", [".", "src"])
def test_a_mount_that_is_gone_keeps_its_rows(tmp_path: Path, place: str) -> None:
    source = tmp_path / "source"
    (source / "src").mkdir(parents=True)
    mounted = source / place
    if subprocess.run(["mount", "-t", "tmpfs", "none", mounted], capture_output=True, check=False).returncode:
        pytest.skip("this container may not mount")
    try:
        make_tree(source, FILES)
        index = Index(tmp_path / "index")
        index.sync(source)
        before = held(index)
    finally:
        subprocess.run(["umount", mounted], check=True)
    if place == ".":
        with pytest.raises(vfo.RemovalRefusedError, match="not to be mounted"):
            index.sync(source, max_removed=1)
    else:
        report = index.sync(source, max_removed=1)
        assert counts(report)["unknown"] == 4
    assert held(index).equals(before)
