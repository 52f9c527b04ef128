"""A file gets a new content, whole or not at all, and keeps what else it had."""

from __future__ import annotations

import array
import ctypes
import errno
import os
import signal
import stat
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
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


@pytest.mark.hazard(11)
def test_a_new_file_gets_what_the_mask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        vfo.write_file_atomic(tmp_path / "new", "x")
        vfo.write_file_atomic(tmp_path / "given", "x", mode=0o666)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "given").stat().st_mode) == 0o666


# One named user may read: the binary form of `setfacl -m u:1234:r--,m::r--` on a file of mode 0640.
ACCESS_LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", tag, bits, number)
    for tag, bits, number in [
        (0x01, 6, 0xFFFFFFFF),
        (0x02, 4, 1234),
        (0x04, 4, 0xFFFFFFFF),
        (0x10, 4, 0xFFFFFFFF),
        (0x20, 0, 0xFFFFFFFF),
    ]
)


@pytest.mark.hazard(11)
@pytest.mark.parametrize("readable", [True, False])
def test_mode_attributes_and_access_list_are_kept(readable: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    # Who may not read a file may not read these either; access lists may be read by everybody.
    notes = {"user.note": b"kept", "user.long": b"v" * 3000} if readable else {}
    try:
        for name, value in {**notes, "system.posix_acl_access": ACCESS_LIST}.items():
            os.setxattr(path, name, value)
    except OSError as error:
        pytest.skip(f"this file system has no extended attributes or access lists: {error}")
    if not readable:
        path.chmod(0o260)
    mode, inode = stat.S_IMODE(path.stat().st_mode), path.stat().st_ino
    access = os.getxattr(path, "system.posix_acl_access")
    write: Callable[[], object] = lambda: vfo.write_file_atomic(path, b"new")  # noqa: E731
    if not readable and os.geteuid() == 0:
        os.chown(path, 65534, 65534)
        os.chown(tmp_path, 65534, 65534)
        write = lambda: as_nobody(lambda: vfo.write_file_atomic("file", b"new"), tmp_path)  # noqa: E731
    write()
    assert path.stat().st_ino != inode
    assert stat.S_IMODE(path.stat().st_mode) == mode
    kept = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    assert kept == {**notes, "system.posix_acl_access": access}
    path.chmod(0o600)
    assert path.read_bytes() == b"new"


@pytest.mark.hazard(11)
def test_what_a_folder_gives_to_new_files_is_not_given_to_an_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    try:
        os.setxattr(tmp_path, "system.posix_acl_default", ACCESS_LIST)
    except OSError as error:
        pytest.skip(f"this file system has no access lists: {error}")
    vfo.write_file_atomic(path, b"new")
    assert os.listxattr(path) == []
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    vfo.write_file_atomic(tmp_path / "fresh", b"new")
    assert os.listxattr(tmp_path / "fresh") == ["system.posix_acl_access"]


def as_nobody(work: Callable[[], object], folder: Path) -> None:
    """Do something in a child without root's rights, which can reach the folder."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.chdir(folder)
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            work()
            status = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@needs_root
@pytest.mark.hazard(11)
def test_root_keeps_the_owner_and_the_set_user_bit(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 1234, 5678)
    path.chmod(0o6750)
    vfo.write_file_atomic(path, b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 5678, 0o6750)


@needs_root
@pytest.mark.hazard(11)
def test_where_the_owner_cannot_be_kept_no_right_grows(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o777)
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 1234, 5678)
    path.chmod(0o6762)
    as_nobody(lambda: vfo.write_file_atomic("file", b"new"), tmp_path)
    status = path.stat()
    assert (status.st_uid, status.st_gid) == (65534, 65534)
    # Its group is another one now, which gets what everybody has.
    assert stat.S_IMODE(status.st_mode) == 0o722
    assert path.read_bytes() == b"new"


@needs_root
@pytest.mark.hazard(11)
def test_a_read_only_file_is_refused_with_a_reason(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o777)
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o400)
    os.chown(path, 65534, 65534)

    def write() -> None:
        with pytest.raises(vfo.AccessDeniedError, match="read-only") as caught:
            vfo.write_file_atomic("file", b"new")
        assert caught.value.errno == errno.EACCES

    as_nobody(write, tmp_path)
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["file"])
    # Root may write it, and it stays what it is.
    vfo.write_file_atomic(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o400)


@needs_root
def test_a_folder_that_cannot_be_listed_can_be_written_to(tmp_path: Path) -> None:
    folder = tmp_path / "drop"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    folder.chmod(0o300)
    tmp_path.chmod(0o755)
    as_nobody(lambda: vfo.write_file_atomic("drop/file", b"new"), tmp_path)
    assert (folder / "file").read_bytes() == b"new"

    def compare() -> None:
        with pytest.raises(vfo.NotCommittedError, match=r"lock its folder.*may list.*permission denied"):
            vfo.write_file_atomic("drop/file", b"other", expected_blake3=blake3.blake3(b"new").hexdigest())

    as_nobody(compare, tmp_path)
    assert (folder / "file").read_bytes() == b"new"
    assert names(folder) == ["file"]


@pytest.mark.hazard(11)
def test_a_file_of_several_names_is_refused_unless_told(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"old")
    os.link(one, two)
    with pytest.raises(vfo.ArgumentError, match="break_hard_links=True"):
        vfo.write_file_atomic(one, b"new")
    vfo.write_file_atomic(one, b"new", break_hard_links=True)
    assert (one.read_bytes(), two.read_bytes()) == (b"new", b"old")


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
