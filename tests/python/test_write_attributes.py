"""What a replaced file keeps: owner, mode, extended attributes and access list, and no right that grows."""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import blake3
import pytest

import vespera_file_ops as vfo


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


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
