"""Something is put at a file's end: all of it or nothing, and if neither can be had, the error says how much."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import blake3
import pytest

import vespera_file_ops as vfo

MIB = 1 << 20


@pytest.mark.parametrize("durable", [True, False])
def test_what_is_appended_stands_at_the_end(durable: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole = b""
    for content in ("first\n", b"\x00\xff", bytearray(b"abc"), "", "größer", b"x" * (3 * MIB + 1)):
        raw = content.encode() if isinstance(content, str) else bytes(content)
        result = vfo.append_file(path, content, durable=durable)
        assert result == (str(path), len(raw), blake3.blake3(raw).hexdigest(), durable)
        whole += raw
        assert path.read_bytes() == whole
    assert os.listdir(tmp_path) == ["file"]


def test_an_empty_append_makes_the_file(tmp_path: Path) -> None:
    vfo.append_file(tmp_path / "file", b"")
    assert (tmp_path / "file").read_bytes() == b""


def test_the_file_stays_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.link(path, tmp_path / "other")
    os.symlink("file", tmp_path / "link")
    inode = path.stat().st_ino
    vfo.append_file(tmp_path / "link", b" new", mode=0o600)
    assert (tmp_path / "other").read_bytes() == b"old new"
    assert (path.stat().st_ino, stat.S_IMODE(path.stat().st_mode)) == (inode, 0o640)
    with pytest.raises(vfo.ArgumentError, match="symlink"):
        vfo.append_file(tmp_path / "link", b"x", follow_symlinks=False)


def test_a_new_file_gets_the_given_mode(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        vfo.append_file(tmp_path / "given", b"x", mode=0o664)
        vfo.append_file(tmp_path / "masked", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "given").stat().st_mode) == 0o664
    assert stat.S_IMODE((tmp_path / "masked").stat().st_mode) == 0o600


def test_a_dangling_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    os.symlink("real/file", tmp_path / "link")
    vfo.append_file(tmp_path / "link", b"x")
    assert (tmp_path / "real" / "file").read_bytes() == b"x"


def test_what_cannot_be_appended_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path, tmp_path / "pipe", "/dev/null"):
        with pytest.raises(vfo.ArgumentError, match="path"):
            vfo.append_file(target, b"x")


@pytest.mark.hazard(8)
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("room", [0, 1, 1000, 2 * MIB])
def test_a_failed_append_is_cut_off(exists: bool, room: int, tmp_path: Path) -> None:
    """A limit on the size of files makes a real short write."""
    if exists:
        (tmp_path / "file").write_bytes(b"old")
    code = f"""
        import resource, sys
        import vespera_file_ops as vfo
        resource.setrlimit(resource.RLIMIT_FSIZE, ({3 * exists + room}, {3 * exists + room}))
        try:
            vfo.append_file("file", b"x" * (4 << 20))
        except vfo.NotCommittedError as error:
            assert "cannot append: file too large" in str(error), error
            sys.exit(7)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, timeout=60, check=False)
    assert done.returncode == 7
    assert os.listdir(tmp_path) == (["file"] if exists else [])
    if exists:
        assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.hazard(8)
@pytest.mark.hazard(9)
@pytest.mark.parametrize(
    ("inject", "kind", "said"),
    [
        ("write:error=ENOSPC", "NotCommittedError", "cannot append: no space left on device"),
        ("write:error=EIO", "NotCommittedError", "cannot append: input/output error"),
        ("write:error=EINTR:when=1", "written", ""),
        ("write:retval=3", "NotCommittedError", "bytes were written"),
        ("fsync:error=EIO", "CommittedNotDurableError", "cannot flush, after the file was written"),
        ("fsync:error=EIO:when=2", "CommittedNotDurableError", "cannot flush its folder"),
        ("ftruncate:error=EIO", "written", ""),
    ],
)
@pytest.mark.parametrize("exists", [True, False])
def test_a_failing_call(inject: str, kind: str, said: str, exists: bool, tmp_path: Path) -> None:
    if exists and "when=2" in inject:
        pytest.skip("the folder of a file that is there is not flushed")
    if exists:
        (tmp_path / "file").write_bytes(b"old")
    # The name of the file is a path that nothing else is written to.
    code = """
        import sys
        import vespera_file_ops as vfo
        try:
            vfo.append_file("file", b"new")
        except vfo.VfoError as error:
            sys.stderr.write(type(error).__name__ + " " + str(error))
        else:
            sys.stderr.write("written ")
    """
    only = ["-P", str(tmp_path / "file"), "-P", str(tmp_path)]
    command = ["strace", "-f", "-qq", "-o", str(tmp_path.parent / "log"), *only, "-e", f"inject={inject}"]
    try:
        done = subprocess.run(
            [*command, sys.executable, "-c", textwrap.dedent(code)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except FileNotFoundError as error:
        pytest.skip(f"strace is not installed: {error}")
    if done.returncode != 0:
        pytest.skip(f"strace may not trace here: {done.stderr[-300:]}")
    name, _, message = done.stderr.partition(" ")
    assert name == kind, done.stderr
    assert said in message
    before = b"old" if exists else b""
    there = (tmp_path / "file").read_bytes() if (tmp_path / "file").exists() else None
    assert there == ((b"old" if exists else None) if kind == "NotCommittedError" else before + b"new")


def test_appends_of_several_threads_and_processes_do_not_mix(tmp_path: Path) -> None:
    """Each is written in several calls."""
    code = """
        import sys
        import vespera_file_ops as vfo
        for _ in range(10):
            vfo.append_file("file", sys.argv[1].encode() * (2 << 20) + b"\\n", durable=False)
    """
    children = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), letter], cwd=tmp_path) for letter in "abc"
    ]
    threads = [
        threading.Thread(
            target=lambda letter=letter: vfo.append_file(tmp_path / "file", letter * (3 * MIB) + b"\n", durable=False)
        )
        for letter in (b"d", b"e")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait(60) for child in children] == [0, 0, 0]
    lines = (tmp_path / "file").read_bytes().splitlines()
    assert len(lines) == 32
    assert all(line == line[:1] * len(line) for line in lines)
    assert sum(map(len, lines)) == (30 * 2 + 2 * 3) * MIB


def test_a_cancelled_append_leaves_nothing(tmp_path: Path) -> None:
    token = vfo.CancelToken()
    token.cancel()
    for name in ("file", "fresh"):
        if name == "file":
            (tmp_path / "file").write_bytes(b"old")
        for content in (b"x", b""):
            with pytest.raises(vfo.CancelledError):
                vfo.append_file(tmp_path / name, content, cancel=token)
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give up being root")
def test_a_read_only_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(0o444)
    tmp_path.chmod(0o777)
    child = os.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.setuid(65534)
        try:
            vfo.append_file("file", b"x")
        except vfo.AccessDeniedError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
