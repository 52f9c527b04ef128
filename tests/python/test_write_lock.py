"""The lock on the folder: for how long it is held, by whom, and what is looked at under it."""

from __future__ import annotations

import fcntl
import mmap
import os
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import blake3
import pytest

import vespera_file_ops as vfo

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_locked(folder: Path) -> bool:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


@contextmanager
def delayed(folder: Path, only: Path, inject: str, code: str) -> Iterator[subprocess.Popen[str]]:
    """A process in which the calls on one path take longer; nothing of it remains."""
    command = ["strace", "-f", "-qq", "-o", str(folder.parent / "log"), "-P", str(only), "-e", f"inject={inject}"]
    program = "import vespera_file_ops as vfo\n" + textwrap.dedent(code)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    child = subprocess.Popen([*command, sys.executable, "-c", program], cwd=folder, start_new_session=True, **pipes)
    try:
        yield child
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@needs_strace
@pytest.mark.parametrize("kind", ["write", "append"])
def test_others_do_not_wait_for_the_disk(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "file"
    path.write_bytes(b"old ")
    flushed, call = (folder, "write_file_atomic") if kind == "write" else (path, "append_file")
    whole = b"new" if kind == "write" else b"old new"
    with delayed(folder, flushed, "fsync:delay_enter=4000000", f"vfo.{call}('file', 'new')") as child:
        deadline = time.monotonic() + 30
        while path.read_bytes() != whole:
            assert time.monotonic() < deadline
            if child.poll() is not None:
                pytest.skip(f"strace may not trace here: {child.communicate()[1][-300:]}")
            time.sleep(0.01)
        # The content stands there, and what is left is the flush.
        time.sleep(0.2)
        begun = time.monotonic()
        assert not is_locked(folder)
        vfo.append_file(path, b" more", durable=False)
        assert time.monotonic() - begun < 1
        assert child.poll() is None, "the flush took no time, so this has shown nothing"
        assert child.communicate(timeout=30)[1] == ""
    assert path.read_bytes() == whole + b" more"


def test_a_lock_ends_with_its_call(tmp_path: Path) -> None:
    path = tmp_path / "file"
    calls: list[Callable[[], object]] = [
        lambda: vfo.write_file_atomic(path, "old"),
        lambda: vfo.write_file_atomic(path, "new", expected_blake3=vfo.compute_file_hash(path)),
        lambda: vfo.write_file_atomic(tmp_path / "fresh", "new", expected_blake3="absent", durable=False),
        lambda: vfo.append_file(path, " more"),
        lambda: vfo.replace_in_file(path, "more", "less"),
    ]
    for call in calls:
        call()
        assert not is_locked(tmp_path)


@needs_strace
@pytest.mark.hazard(14)
@pytest.mark.parametrize("call", ["write_file_atomic('file', 'new')", "append_file('file', 'new')"])
def test_a_child_that_is_forked_in_the_middle_of_a_write_keeps_no_lock(call: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    code = f"""
        import fcntl, os, signal, threading, time
        def is_locked():
            probe = os.open(".", os.O_RDONLY)
            try:
                fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            except BlockingIOError:
                return True
            finally:
                os.close(probe)
        vfo.write_file_atomic("warm", "x")
        thread = threading.Thread(target=lambda: vfo.{call})
        thread.start()
        while thread.is_alive() and not is_locked():
            time.sleep(0.02)
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
        held = thread.is_alive() and is_locked()
        thread.join()
        print(held, is_locked(), flush=True)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    """
    # Both happen under the lock.
    slow, only = ("renameat", folder) if "atomic" in call else ("write", folder / "file")
    with delayed(folder, only, f"{slow}:delay_enter=1500000", code) as child:
        out, err = child.communicate(timeout=60)
    if child.returncode != 0 and ("strace:" in err or "ptrace" in err):
        pytest.skip(f"strace may not trace here: {err[-300:]}")
    assert child.returncode == 0, err
    assert out == "True False\n"


@pytest.mark.hard
def test_a_lock_is_not_waited_for_without_end(tmp_path: Path) -> None:
    """Half a minute, as documented; the error names the folder, also behind a link."""
    real = tmp_path / "real"
    real.mkdir()
    (real / "file").write_bytes(b"old")
    os.symlink("real/file", tmp_path / "link")
    calls: list[Callable[[], object]] = [
        lambda: vfo.write_file_atomic(tmp_path / "link", b"new"),
        lambda: vfo.append_file(tmp_path / "link", b"new"),
        lambda: vfo.replace_in_file(tmp_path / "link", "old", "new"),
        lambda: vfo.write_file_atomic("link", b"new", within=tmp_path),
    ]
    outcomes: list[object] = []

    def run(call: Callable[[], object]) -> None:
        begun = time.monotonic()
        with pytest.raises(vfo.NotCommittedError, match=r"real.* 30 s .*nothing was written.*lslocks"):
            call()
        assert 29.9 < time.monotonic() - begun < 35
        outcomes.append("told")

    with locked(real):
        threads = [threading.Thread(target=run, args=[call]) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert outcomes == ["told"] * len(calls)
    assert os.listdir(real) == ["file"]
    assert (real / "file").read_bytes() == b"old"


def held_back(folder: Path, write: Callable[[], object], meanwhile: Callable[[], object]) -> object:
    """What a write comes to that waits for the lock, its new content ready, while something happens."""
    before = set(os.listdir(folder))
    outcome: list[object] = []

    def run() -> None:
        try:
            write()
            outcome.append("written")
        except vfo.VfoError as error:
            outcome.append(error)

    with locked(folder):
        thread = threading.Thread(target=run)
        thread.start()
        deadline = time.monotonic() + 30
        while set(os.listdir(folder)) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        assert not outcome
        meanwhile()
    thread.join()
    return outcome[0]


def writes(path: Path) -> dict[str, Callable[[], object]]:
    """Three ways to make `new content` of `old content`."""
    expected = blake3.blake3(b"old content").hexdigest()
    return {
        "plain": lambda: vfo.write_file_atomic(path, b"new content"),
        "compared": lambda: vfo.write_file_atomic(path, b"new content", expected_blake3=expected),
        "edited": lambda: vfo.replace_in_file(path, "old", "new"),
    }


@pytest.mark.hazard(11)
@pytest.mark.parametrize("kind", ["plain", "compared", "edited"])
def test_what_a_file_is_given_while_it_is_written_is_kept(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old content")
    path.chmod(0o644)

    def change() -> None:
        path.chmod(0o600)
        try:
            os.setxattr(path, "user.note", b"kept")
        except OSError as error:
            pytest.skip(f"this file system has no extended attributes: {error}")

    assert held_back(tmp_path, writes(path)[kind], change) == "written"
    assert path.read_bytes() == b"new content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.getxattr(path, "user.note") == b"kept"


@pytest.mark.hazard(11)
@pytest.mark.parametrize("kind", ["plain", "compared", "edited"])
def test_a_second_name_that_a_file_is_given_while_it_is_written_is_not_torn_off(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old content")
    outcome = held_back(tmp_path, writes(path)[kind], lambda: os.link(path, tmp_path / "other"))
    assert isinstance(outcome, vfo.ArgumentError), outcome
    assert "break_hard_links=True" in str(outcome)
    assert os.path.samefile(path, tmp_path / "other")
    assert path.read_bytes() == b"old content"


@pytest.mark.hazard(11)
def test_what_comes_to_stand_there_while_it_is_written_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    for make, said in ((os.mkdir, "folder"), (os.mkfifo, "fifo")):
        path = tmp_path / said
        path.write_bytes(b"old content")

        def change(path: Path = path, make: Callable[[Path], None] = make) -> None:
            path.unlink()
            make(path)

        outcome = held_back(tmp_path, writes(path)["plain"], change)
        assert isinstance(outcome, vfo.ArgumentError), outcome
        assert said in str(outcome)
        assert not path.is_file()


@pytest.mark.hazard(10)
@pytest.mark.parametrize("kind", ["compared", "edited"])
def test_a_change_that_moves_no_time_is_seen_if_the_file_was_young(kind: str, tmp_path: Path) -> None:
    """A second store into a mapped page that is dirty already is like a second write in one tick of the clock."""
    path = tmp_path / "file"
    write = writes(path)[kind]
    path.write_bytes(b"old content")
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:

        def first() -> object:
            mapped[:3] = b"old"
            return write()

        before: list[int] = []

        def second() -> None:
            before.append(path.stat().st_ctime_ns)
            mapped[-4:] = b"ENDS"

        outcome = held_back(tmp_path, first, second)
        if path.stat().st_ctime_ns != before[0] and path.stat().st_size == 11 and path.read_bytes() != b"new content":
            pytest.skip("here a store into a dirty page moves the time")
        assert isinstance(outcome, vfo.ConflictError), outcome
        assert path.read_bytes() == b"old conENDS"
