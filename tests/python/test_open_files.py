"""Links of `/proc` to what a process has open: what is read is what is open, and what is written is what is named."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

import vespera_file_ops as vfo
from root_escapes import WRITES

pytestmark = pytest.mark.hazard(5)

FOLDERS = ["/proc/self/fd", "/dev/fd", "/proc/thread-self/fd"]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[str]]:
    """An open file of the current directory."""
    monkeypatch.chdir(tmp_path)
    with open("file", "w+") as file:
        file.write("old")
        file.flush()
        yield file


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_removed_file_is_read(opened: IO[str], folder: str) -> None:
    os.unlink("file")
    path = f"{folder}/{opened.fileno()}"
    assert vfo.read_file(path) == b"old"
    assert b"".join(vfo.read_file_chunks(path)) == b"old"
    assert vfo.read_file_lines(path).to_list() == ["old"]
    assert vfo.compute_file_hash(path) == vfo.scan_files(path, blake3=True).collect()["blake3"][0]
    assert vfo.search_text("old", path)["path"].to_list() == [path]
    assert vfo.get_file_info(path)["kind"].to_list() == ["symlink"]
    assert vfo.get_file_info(path, follow_symlinks=True).select("kind", "size", "links").rows() == [("file", 3, 0)]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", WRITES)
def test_a_removed_file_is_not_written_under_another_name(opened: IO[str], name: str, folder: str) -> None:
    os.unlink("file")
    path = f"{folder}/{opened.fileno()}"
    # What the link's text names is another file, whether it is there or not.
    for there in (False, True):
        if there:
            Path("file (deleted)").write_text("old")
        with pytest.raises(
            vfo.NotCommittedError, match=re.escape(f"no path any more; a file is written by its path ({path})")
        ):
            WRITES[name](path)
        assert os.listdir() == ["file (deleted)"] * there
    assert Path("file (deleted)").read_text() == "old"


@pytest.mark.parametrize("name", WRITES)
def test_what_never_had_a_path_is_not_written(name: str) -> None:
    ends = os.pipe()
    try:
        with pytest.raises(vfo.NotCommittedError, match="has no path any more"):
            WRITES[name](f"/proc/self/fd/{ends[1]}")
    finally:
        for end in ends:
            os.close(end)


def test_a_file_that_has_its_path_is_written(opened: IO[str]) -> None:
    path = f"/dev/fd/{opened.fileno()}"
    vfo.append_file(path, "er")
    assert Path("file").read_text() == "older"
    os.rename("file", "moved")
    Path("file").write_text("another")
    vfo.append_file(path, " still")
    vfo.replace_in_file(path, "old", "bold")
    assert (Path("moved").read_text(), Path("file").read_text()) == ("bolder still", "another")
    # By now the open file is the one that was replaced, and has no path.
    with pytest.raises(vfo.NotCommittedError, match="no path any more"):
        vfo.write_file_atomic(path, "lost")
    vfo.write_file_atomic("/proc/self/cwd/moved", "new")
    assert Path("moved").read_text() == "new"
    assert sorted(os.listdir()) == ["file", "moved"]


@pytest.mark.parametrize("path", ["sub/", "sub", ".", "..", "sub/.", "new/", "sub/.."])
@pytest.mark.parametrize("name", WRITES)
def test_a_folder_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    calls: list[Callable[[], object]] = [lambda: WRITES[name](path), lambda: WRITES[name](path, within=tmp_path)]
    for call in calls[: 1 if path == ".." else 2]:
        with pytest.raises(vfo.ArgumentError) as caught:
            call()
        assert str(caught.value) == f"path: it names a folder; to write a file in it, add the file's name ({path})"
    assert os.listdir() == ["sub"]
