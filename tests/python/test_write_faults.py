"""Hazards 8 and 9: whichever call fails, the file is old or new, nothing is left, and the error says which.

strace makes single calls fail. Which one is told by its name, by which time it is made after the process has said that
it begins, and the step that the error must name.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

import vespera_file_ops as vfo

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

OLD, NEW = b"old content", b"new content " * 1000

CHILD = """
    import json, sys
    import vespera_file_ops as vfo

    vfo.write_file_atomic("warm", "x")
    old, new = b"old content", b"new content " * 1000
    outcome = ["written", None, None]
    open("begins", "w").close()
    try:
        {call}
    except vfo.VfoError as error:
        outcome = [type(error).__name__, error.errno, str(error)]
    print(json.dumps(outcome))
"""

WRITE = 'vfo.write_file_atomic("file", new, durable=True)'
PLAIN = 'vfo.write_file_atomic("file", new, durable=False)'
FRESH = 'vfo.write_file_atomic("fresh", new)'
COMPARED = 'vfo.write_file_atomic("file", new, expected_blake3=vfo.compute_file_hash("file"))'
EDITED = 'vfo.replace_in_file("file", "old content", new.decode())'
EDITED_COMPARED = EDITED[:-1] + ', expected_blake3=vfo.compute_file_hash("file"))'
ABSENT = 'vfo.write_file_atomic("fresh", new, expected_blake3="absent")'


@dataclass(frozen=True)
class Fault:
    """A call of the system that fails, and what the caller is told."""

    call: str
    syscall: str
    error: str
    step: str
    when: str = "1"
    outcome: str = "NotCommittedError"


FAULTS = [
    # The open calls are those of the folder, the temporary file, and the old file for its attributes.
    *(Fault(WRITE, "openat", error, "open its folder") for error in ("EMFILE", "EIO")),
    *(
        Fault(WRITE, "openat", error, "create a temporary file", "2")
        for error in ("EACCES", "EMFILE", "ENOSPC", "EROFS")
    ),
    *(Fault(WRITE, "openat", error, "keep the extended attributes", "3") for error in ("EMFILE", "EIO")),
    *(Fault(WRITE, "write", error, "write", "1") for error in ("EIO", "ENOSPC", "EFBIG", "EDQUOT")),
    *(Fault(PLAIN, "write", error, "write") for error in ("EIO", "ENOSPC")),
    Fault(WRITE, "fchmod", "EPERM", "set the mode"),
    Fault(WRITE, "flistxattr", "EIO", "keep the extended attributes"),
    Fault(WRITE, "fgetxattr", "EIO", "keep the extended attribute user.note"),
    *(
        Fault(WRITE, "fsetxattr", error, "keep the extended attribute user.note")
        for error in ("ENOSPC", "EPERM", "EIO")
    ),
    *(Fault(WRITE, "fsync", error, "flush") for error in ("EIO", "ENOSPC", "EDQUOT")),
    *(Fault(WRITE, "renameat", error, "rename") for error in ("EIO", "ENOSPC", "EACCES", "EBUSY")),
    *(Fault(PLAIN, "renameat", error, "rename") for error in ("EIO", "ENOSPC")),
    *(Fault(FRESH, "write", error, "write") for error in ("EIO", "ENOSPC")),
    *(Fault(FRESH, "fsync", error, "flush") for error in ("EIO", "ENOSPC")),
    *(Fault(FRESH, "renameat", error, "rename") for error in ("EIO", "ENOSPC")),
    *(Fault(ABSENT, "renameat2", error, "rename") for error in ("EIO", "ENOSPC")),
    *(
        Fault(COMPARED, call, error, step)
        for call, error, step in [("fsync", "EIO", "flush"), ("renameat", "EIO", "rename")]
    ),
    Fault(WRITE, "getrandom", "ENOSYS", "create a temporary file"),
    # Hazard 9: the second flush is the folder's.
    *(
        Fault(call, "fsync", error, "flush its folder", "2", "CommittedNotDurableError")
        for call in (WRITE, FRESH, ABSENT, COMPARED)
        for error in ("EIO", "ENOSPC")
    ),
    # What is not asked twice, what has another way, and what is not needed.
    *(Fault(WRITE, call, "EINTR", "", "1", "written") for call in ("openat", "write", "fsync", "fchmod", "flock")),
    Fault(WRITE, "fsync", "EINTR", "", "2", "written"),
    *(Fault(WRITE, "flock", error, "", "1+", "written") for error in ("EOPNOTSUPP", "ENOLCK", "EBADF")),
    *(Fault(call, "flock", "ENOLCK", "", "1+", "written") for call in (ABSENT, EDITED)),
    # Without a lock nothing keeps other writers out between the comparison and the rename.
    *(
        Fault(call, "flock", error, "lock its folder, without which expected_blake3 would promise nothing", "1+")
        for call in (COMPARED, EDITED_COMPARED)
        for error in ("ENOLCK", "EOPNOTSUPP", "EINVAL")
    ),
    *(Fault(ABSENT, "renameat2", error, "", "1", "written") for error in ("EINVAL", "ENOSYS")),
    Fault(WRITE, "flistxattr", "EOPNOTSUPP", "", "1+", "written"),
]


def run_with(fault: Fault, folder: Path, inject: str) -> tuple[list[object], list[str]]:
    """What the child said, and the names in its folder."""
    code = textwrap.dedent(CHILD).format(call=fault.call)
    # Counting starts with the process: a first run without faults says which call is meant.
    command = ["strace", "-f", "-qq", "-o", str(folder.parent / "log"), "-e", f"trace={fault.syscall},openat,renameat2"]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [*command, *(["-e", *inject.split()] if inject else []), sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode != 0:
        if "strace:" in done.stderr or "ptrace" in done.stderr:
            pytest.skip(f"strace may not trace here: {done.stderr[-300:]}")
        raise AssertionError(done.stderr)
    return json.loads(done.stdout), sorted(set(os.listdir(folder)) - {"warm", "begins"})


def prepared(folder: Path) -> Path:
    folder.mkdir()
    (folder / "file").write_bytes(OLD)
    (folder / "file").chmod(0o640)
    try:
        os.setxattr(folder / "file", "user.note", b"kept")
    except OSError as error:
        pytest.skip(f"this file system has no extended attributes: {error}")
    return folder


def calls_before(fault: Fault, log: Path) -> int:
    """How often the call is made before the one that is meant."""
    lines = log.read_text().splitlines()
    begins = next(at for at, line in enumerate(lines) if '"begins"' in line)
    return sum(f" {fault.syscall}(" in f" {line.split(maxsplit=1)[1]}" for line in lines[: begins + 1])


@pytest.mark.hazard(8)
@pytest.mark.hazard(9)
@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: f"{fault.syscall}-{fault.error}-{fault.when}-{fault.call[4:30]}"
)
def test_a_failing_call(fault: Fault, tmp_path: Path) -> None:
    outcome, names = run_with(fault, prepared(tmp_path / "counted"), "")
    assert outcome == ["written", None, None]
    made = "fresh" if "fresh" in fault.call else "file"
    before = calls_before(fault, tmp_path / "log")
    when = f"{before + int(fault.when.removesuffix('+'))}{'+' if fault.when.endswith('+') else ''}"
    folder = prepared(tmp_path / "failing")
    inject = f"inject={fault.syscall}:error={fault.error}:when={when}"
    (kind, number, message), names = run_with(fault, folder, inject)
    assert "INJECTED" in (tmp_path / "log").read_text()
    assert kind == fault.outcome, message
    if kind == "NotCommittedError":
        assert names == ["file"]
        assert (folder / "file").read_bytes() == OLD
    else:
        assert names == sorted({"file", made})
        assert (folder / made).read_bytes() == NEW
    assert (folder / "file").stat().st_mode & 0o777 == 0o640
    if kind != "written":
        assert number is not None
        assert os.strerror(int(str(number))).lower() in str(message)
        assert f"cannot {fault.step}" in str(message)
        assert made in str(message)


@pytest.mark.hazard(8)
def test_a_second_name_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    """Where no rename keeps off what is there, the new file has its own name and the target's for a moment."""
    fault = Fault(ABSENT, "unlinkat", "", "")
    run_with(fault, prepared(tmp_path / "counted"), "")
    folder = prepared(tmp_path / "failing")
    inject = "inject=renameat2:error=EINVAL"
    (kind, number, message), names = run_with(fault, folder, f"{inject} -e inject=unlinkat:error=EIO:when=1+")
    assert (kind, number) == ("CommittedNotDurableError", errno.EIO), message
    left = [name for name in names if name.startswith(".vfo-")]
    assert len(left) == 1
    assert f"second name {left[0]}" in str(message)
    assert "after the file was written" in str(message)
    assert names == sorted([*left, "file", "fresh"])
    assert (folder / "fresh").read_bytes() == NEW
    # Nobody holds it any more.
    assert vfo.sweep_temp_files(folder, older_than=0) == [str(folder / left[0])]
    assert (folder / "fresh").stat().st_nlink == 1


@pytest.mark.hazard(8)
def test_a_write_that_ends_short_goes_on(tmp_path: Path) -> None:
    """The system took one byte of the first call, or so it says."""
    fault = Fault(WRITE, "write", "", "")
    run_with(fault, prepared(tmp_path / "counted"), "")
    when = calls_before(fault, tmp_path / "log") + 1
    # The call is not made at all, so the file has one byte less than it should: the length tells.
    (kind, _, message), names = run_with(fault, prepared(tmp_path / "short"), f"inject=write:retval=1:when={when}")
    assert kind == "NotCommittedError"
    assert "bytes were written and the file has" in str(message)
    assert names == ["file"]
    assert (tmp_path / "short" / "file").read_bytes() == OLD


@pytest.mark.hazard(8)
@pytest.mark.parametrize("limit", [0, 1, 4096, len(NEW) - 1])
def test_a_limit_on_the_size_of_files(limit: int, tmp_path: Path) -> None:
    """A real short write: what fits is written, and the next call fails."""
    code = f"""
        import resource, sys
        import vespera_file_ops as vfo
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        try:
            vfo.write_file_atomic("file", b"new content " * 1000)
        except vfo.NotCommittedError as error:
            assert "cannot write: file too large" in str(error), error
            sys.exit(7)
    """
    folder = prepared(tmp_path / "limited")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=folder, timeout=60, check=False)
    assert done.returncode == 7
    assert os.listdir(folder) == ["file"]
    assert (folder / "file").read_bytes() == OLD


@pytest.mark.hazard(8)
def test_a_full_disk(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        (folder / "file").write_bytes(OLD)
        code = """
            import sys
            import vespera_file_ops as vfo
            try:
                vfo.write_file_atomic("file", b"x" * 300_000)
            except vfo.NotCommittedError as error:
                assert "cannot write: no space left on device" in str(error), error
                sys.exit(7)
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], cwd=folder, timeout=60, check=False)
        assert done.returncode == 7
        assert os.listdir(folder) == ["file"]
        assert (folder / "file").read_bytes() == OLD
    finally:
        subprocess.run(["umount", str(folder)], check=True)
