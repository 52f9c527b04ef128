"""A file gets a new content, whole or not at all, and keeps what else it had."""

from __future__ import annotations

import array
import ctypes
import os
import signal
import stat
import struct
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import blake3
import pytest

import vespera_file_ops as vfo
from hazard_child import run_child

MIB = 1 << 20


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize(
    ("content", "raw"),
    [
        ("", b""),
        ("one\r\ntwo\n", b"one\r\ntwo\n"),
        ("größer → 漢字 🎈", "größer → 漢字 🎈".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcdef")[2:4], b"cd"),
        (memoryview(b""), b""),
        (array.array("H", [1, 2, 3]), struct.pack("=3H", 1, 2, 3)),
        (memoryview(array.array("H", [1, 2, 3, 4])).cast("B").cast("H", (2, 2)), struct.pack("=4H", 1, 2, 3, 4)),
        ("é漢" * MIB, ("é漢" * MIB).encode()),
        ("a" * (3 * MIB + 1), b"a" * (3 * MIB + 1)),
        (bytearray(b"0123456") * MIB, b"0123456" * MIB),
    ],
    ids=str,
)
def test_what_is_written_is_there(content: object, raw: bytes, durable: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for _ in ("new", "replaced"):
        result = vfo.write_file_atomic(path, content, durable=durable)
        assert path.read_bytes() == raw
        assert result == (str(path), len(raw), blake3.blake3(raw).hexdigest(), durable)
        assert isinstance(result, vfo.WriteResult)
    assert names(tmp_path) == ["file"]


def test_every_spelling_of_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    for path in ("a", b"b", Path("c"), "d/../e", "./f", "d//g", str(tmp_path / "h")):
        assert vfo.write_file_atomic(path, "x", durable=False).path == os.fsdecode(path)
        assert vfo.read_file(path) == b"x"


@pytest.mark.hazard(24)
@pytest.mark.hazard(12)
@pytest.mark.parametrize("name", [b"odd\xff\xfe", b"n" * 250, b"n" * 255, b".vfo-0123456789abcdef01234567.tmp"])
def test_names_of_any_bytes_and_length(name: bytes, tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    for content in (b"one", b"two"):
        vfo.write_file_atomic(path, content)
        assert vfo.read_file(path) == content
    assert os.listdir(os.fsencode(tmp_path)) == [name]


def test_text_that_is_no_text_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    for content in ("bad \udcff", "ä" * (2 * MIB) + "\udcff"):
        with pytest.raises(vfo.ArgumentError, match="content"):
            vfo.write_file_atomic(tmp_path / "file", content)
        assert names(tmp_path) == []


def test_a_buffer_in_pieces_is_refused(tmp_path: Path) -> None:
    with pytest.raises(vfo.ArgumentError, match="content"):
        vfo.write_file_atomic(tmp_path / "file", memoryview(b"abcdef")[::2])


def test_what_cannot_be_a_target(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.symlink("pipe", tmp_path / "link")
    for target in ("folder", "folder/", "new/", ".", "pipe", "link"):
        with pytest.raises(vfo.ArgumentError, match="path") as caught:
            vfo.write_file_atomic(os.path.join(tmp_path, target), "x")
        assert caught.value.path == os.path.join(tmp_path, target)
        assert "cannot path" not in str(caught.value)
    with pytest.raises(vfo.ArgumentError, match="char_device"):
        vfo.write_file_atomic("/dev/null", "x")
    for path in ("gone/file", "pipe/file"):
        with pytest.raises(vfo.PathNotFoundError) as missing:
            vfo.write_file_atomic(tmp_path / path, "x")
        assert missing.value.filename == str(tmp_path / path)
    assert names(tmp_path) == ["folder", "link", "pipe"]


@pytest.mark.hazard(10)
def test_only_what_was_expected_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    hash_of = lambda content: blake3.blake3(content).hexdigest()  # noqa: E731
    with pytest.raises(vfo.ConflictError, match="does not exist"):
        vfo.write_file_atomic(path, b"one", expected_blake3=hash_of(b"zero"))
    first = vfo.write_file_atomic(path, b"one", expected_blake3="absent")
    with pytest.raises(vfo.ConflictError, match="exists"):
        vfo.write_file_atomic(path, b"two", expected_blake3="absent")
    with pytest.raises(vfo.ConflictError, match=first.blake3) as caught:
        vfo.write_file_atomic(path, b"two", expected_blake3=hash_of(b"zero"))
    assert caught.value.path == str(path)
    vfo.write_file_atomic(path, b"two", expected_blake3=first.blake3.upper())
    assert path.read_bytes() == b"two"
    path.chmod(0o600)
    vfo.write_file_atomic(path, b"three", expected_blake3=hash_of(b"two"))
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"three", 0o600)
    os.symlink("fresh", tmp_path / "link")
    vfo.write_file_atomic(tmp_path / "link", b"x", expected_blake3="absent")
    assert names(tmp_path) == ["file", "fresh", "link"]


@pytest.mark.parametrize("expected", ["", "absent ", "0" * 63, "g" * 64])
def test_an_expectation_that_is_none_raises_before_anything_else(expected: str, tmp_path: Path) -> None:
    with pytest.raises(vfo.ArgumentError, match="expected_blake3"):
        vfo.write_file_atomic(tmp_path / "gone" / "file", b"x", expected_blake3=expected)


@pytest.mark.hazard(13)
@pytest.mark.parametrize("kind", ["large", "locked"])
def test_ctrl_c_stops_a_write_and_leaves_nothing(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    code = f"""
        import fcntl, os, sys, time
        import vespera_file_ops as vfo
        content = b"x" * {2 if kind == "locked" else 64 * MIB}
        if {kind == "locked"}:
            folder = os.open(".", os.O_RDONLY)
            fcntl.flock(folder, fcntl.LOCK_EX)
        print("ready", flush=True)
        try:
            while True:
                vfo.write_file_atomic("file", content)
        except KeyboardInterrupt:
            print(time.time(), flush=True)
    """
    for delay in (0.05, 0.21, 0.4):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(delay)
        sent = time.time()
        child.send_signal(signal.SIGINT)
        stopped = float(child.communicate(timeout=30)[0])
        # The promise is 0.1 s; what is above it is the time of a loaded machine's disk and scheduler.
        assert stopped - sent < 0.5
        assert names(tmp_path) == ["file"]
        assert (tmp_path / "file").read_bytes().strip(b"x") in (b"", b"old")


def test_a_token_stops_a_write_that_waits_for_the_lock(tmp_path: Path) -> None:
    import fcntl

    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    token = vfo.CancelToken()
    threading.Timer(0.2, token.cancel).start()
    with pytest.raises(vfo.CancelledError):
        vfo.write_file_atomic(tmp_path / "file", b"x", cancel=token)
    assert names(tmp_path) == []
    os.close(folder)
    with pytest.raises(vfo.CancelledError):
        vfo.write_file_atomic(tmp_path / "file", b"x", cancel=token)
    vfo.write_file_atomic(tmp_path / "file", b"x")


def test_the_interpreter_is_free_while_a_large_content_is_written(tmp_path: Path) -> None:
    content = b"x" * (64 * MIB)
    turns = 0
    done = threading.Event()

    def count() -> None:
        nonlocal turns
        while not done.wait(0.001):
            turns += 1

    thread = threading.Thread(target=count)
    thread.start()
    vfo.write_file_atomic(tmp_path / "file", content)
    done.set()
    thread.join()
    assert turns >= 5


@pytest.mark.hazard(17)
@pytest.mark.parametrize("kind", ["bytes", "bytearray", "str"])
def test_no_memory_is_taken_beside_the_content(kind: str, tmp_path: Path) -> None:
    code = """
        content = {"bytes": lambda: b"x" * (256 << 20), "bytearray": lambda: bytearray(256 << 20),
                   "str": lambda: "\\u00e9" * (128 << 20)}[argument[0]]()
        def peak():
            return int([line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]) >> 10
        before = peak()
        vfo.write_file_atomic(argument[1], content, durable=False)
        answer(peak() - before)
    """
    assert run_child(code, [kind, str(tmp_path / "file")]) < 16


@pytest.mark.hazard(14)
def test_a_forked_child_can_write(tmp_path: Path) -> None:
    vfo.search_files("x", tmp_path)
    child = os.fork()
    if child == 0:
        try:
            vfo.write_file_atomic(tmp_path / "file", "from a child")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (tmp_path / "file").read_text() == "from a child"


def test_writing_imports_no_polars(tmp_path: Path) -> None:
    code = "import sys, vespera_file_ops as vfo; vfo.write_file_atomic('f', 'x'); sys.exit('polars' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_a_very_long_path(tmp_path: Path) -> None:
    """Longer than the system takes in one call."""
    if ctypes.sizeof(ctypes.c_void_p) < 8:
        pytest.skip("a tree this deep wants 64 bits")
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("n" * 200, dir_fd=here)
        deeper = os.open("n" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    path = os.path.join(tmp_path, *["n" * 200] * 30, "file")
    assert len(path) > 4096
    vfo.write_file_atomic(path, b"deep")
    assert vfo.read_file(path) == b"deep"
    assert os.listdir(here) == ["file"]
    os.close(here)
