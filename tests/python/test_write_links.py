"""Where a write goes whose target is a link."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vespera_file_ops as vfo


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.mark.hazard(11)
@pytest.mark.hazard(5)
def test_links_are_written_through(tmp_path: Path) -> None:
    """Also the temporary file stands beside the real target: nothing else may be writable."""
    (tmp_path / "links").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_bytes(b"old")
    os.symlink("../real/file", tmp_path / "links" / "two")
    os.symlink(tmp_path / "links" / "two", tmp_path / "links" / "one")
    os.symlink("../real/new", tmp_path / "links" / "dangling")
    write = "vfo.write_file_atomic"
    made = made_files(tmp_path, f"{write}('links/one', b'new'); {write}('links/dangling', b'n')")
    assert len(made) == 2
    assert {os.path.dirname(os.path.realpath(path)) for path in made} == {str(tmp_path / "real")}
    assert (tmp_path / "real" / "file").read_bytes() == b"new"
    assert (tmp_path / "real" / "new").read_bytes() == b"n"
    assert names(tmp_path / "real") == ["file", "new"]
    assert all(path.is_symlink() for path in (tmp_path / "links").iterdir())


def made_files(folder: Path, code: str) -> list[str]:
    """The files that a process makes, by what its handles are of, as strace tells."""
    log = folder.parent / "strace.log"
    command = ["strace", "-f", "-y", "-e", "trace=openat", "-o", str(log), sys.executable, "-c"]
    try:
        subprocess.run([*command, f"import vespera_file_ops as vfo; {code}"], cwd=folder, check=True, timeout=60)
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"strace may not trace here: {error}")
    lines = [line for line in log.read_text().splitlines() if "O_EXCL" in line and ".vfo-" in line]
    return [line.rsplit("<", 1)[1].split(">")[0] for line in lines]


@pytest.mark.hazard(5)
def test_a_link_that_is_not_followed_is_replaced(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    for name, target in (("dangling", outside / "new"), ("folder", outside), ("file", outside / "file")):
        (outside / "file").write_bytes(b"theirs")
        os.symlink(target, inside / name)
        vfo.write_file_atomic(inside / name, b"mine", follow_symlinks=False)
        assert not (inside / name).is_symlink()
        assert (inside / name).read_bytes() == b"mine"
    assert names(outside) == ["file"]
    assert (outside / "file").read_bytes() == b"theirs"


@needs_root
@pytest.mark.hazard(5)
def test_a_link_that_somebody_planted_in_a_shared_folder_is_not_followed(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    os.symlink(tmp_path / "precious", shared / "link")
    os.lchown(shared / "link", 65534, 65534)
    with pytest.raises(vfo.NotCommittedError, match="follow"):
        vfo.write_file_atomic(shared / "link", b"x")
    assert not (tmp_path / "precious").exists()


def test_a_loop_of_links(tmp_path: Path) -> None:
    os.symlink("b", tmp_path / "a")
    os.symlink("a", tmp_path / "b")
    with pytest.raises(vfo.NotCommittedError) as caught:
        vfo.write_file_atomic(tmp_path / "a", b"x")
    assert caught.value.errno == errno.ELOOP
