"""Every kind of error: its class, the builtin that it is as well, what it tells, and that it survives a pickle."""

from __future__ import annotations

import copy
import errno
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from vespera_file_ops import errors

BUILTINS = {
    "AccessDeniedError": PermissionError,
    "ArgumentError": ValueError,
    "CancelledError": Exception,
    "ChangedError": OSError,
    "CommittedNotDurableError": OSError,
    "ConflictError": OSError,
    "DecodeError": ValueError,
    "FileSystemError": OSError,
    "ForkedProcessError": RuntimeError,
    "IndexBusyError": BlockingIOError,
    "IndexDamagedError": RuntimeError,
    "IndexMismatchError": ValueError,
    "InternalError": RuntimeError,
    "LimitError": ValueError,
    "MissingExtraError": ImportError,
    "NotCommittedError": OSError,
    "OutsideRootError": PermissionError,
    "PathNotFoundError": FileNotFoundError,
    "PatternError": ValueError,
    "RemovalRefusedError": RuntimeError,
}
LEAVES = sorted(set(errors.__all__) - {"VfoError", "IncompleteSearchWarning", "UnindexedRowsWarning"})


def test_every_leaf_has_its_builtin_here() -> None:
    assert sorted(BUILTINS) == LEAVES


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_is_its_builtin_and_survives_a_pickle(name: str) -> None:
    cls = getattr(vfo, name)
    assert issubclass(cls, vfo.VfoError)
    assert issubclass(cls, BUILTINS[name])
    error = cls("cannot open", path="/a\udcff", errno=errno.EACCES)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is cls
        assert str(twin) == "cannot open"
        assert (twin.path, twin.errno) == ("/a\udcff", errno.EACCES)
        if isinstance(twin, OSError):
            assert (twin.filename, twin.strerror) == ("/a\udcff", "cannot open")


def test_path_not_found_names_the_path(tmp_path: Path) -> None:
    gone = tmp_path / "gone.txt"
    calls: list[Callable[[], object]] = [
        lambda: vfo.read_file(gone),
        lambda: vfo.read_file_string(gone),
        lambda: vfo.read_file_lines(gone),
        lambda: list(vfo.read_file_chunks(gone)),
        lambda: vfo.compute_file_hash(gone),
        lambda: vfo.get_file_info(gone),
        lambda: vfo.list_directory(gone),
        lambda: vfo.glob_files(gone, "*"),
        lambda: vfo.scan_files(gone),
        lambda: vfo.scan_hits("x", gone),
        lambda: vfo.scan_coverage("x", gone),
        lambda: vfo.scan_chunks(gone),
        lambda: vfo.stream_files(gone),
        lambda: vfo.stream_hits("x", gone),
        lambda: vfo.stream_coverage("x", gone),
        lambda: vfo.stream_chunks(gone),
        lambda: vfo.chunk(gone),
        lambda: vfo.chunk_files(gone),
        lambda: vfo.search("x", gone),
        lambda: vfo.search_files("x", gone),
        lambda: vfo.search_text("x", gone),
        lambda: vfo.explain(gone),
        lambda: vfo.write_file_atomic(gone / "file", "x"),
        lambda: vfo.append_file(gone / "file", "x"),
        lambda: vfo.replace_in_file(gone, "x", "y"),
        lambda: vfo.sweep_temp_files(gone),
    ]
    for call in calls:
        with pytest.raises(vfo.PathNotFoundError) as caught:
            call()
        assert str(gone) in str(caught.value)
        assert str(caught.value.filename).removesuffix("/file") == str(gone)
        assert caught.value.errno == errno.ENOENT


def test_a_missing_path_in_a_list_is_a_row(demo: Path) -> None:
    for frame in (vfo.scan_files(["src", "gone"]).collect(), vfo.get_file_info(["src", "gone"])):
        (row,) = frame.filter(path="gone").iter_rows(named=True)
        assert row["error"]
        assert row["size"] is None
        assert row["kind"] is None
    for result in (vfo.search("TODO", ["src", "gone"]), vfo.chunk(["src", "gone"])):
        (row,) = result.coverage.filter(path="gone").iter_rows(named=True)
        assert row["status"] == "unreadable"
        assert row["error"]


def refused(path: Path) -> bool:
    """Whether reading a file is refused as it should be."""
    try:
        vfo.read_file(path)
    except vfo.AccessDeniedError as error:
        return error.errno == errno.EACCES and error.filename == str(path)
    return False


def test_access_denied(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0)
    if os.geteuid() != 0:
        assert refused(secret)
        return
    # Root may read everything, so a child gives up being root first.
    assert not refused(secret)
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        os._exit(0 if refused(secret) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=tmp_path.name) as caught:
        vfo.read_file(tmp_path)
    assert isinstance(caught.value, vfo.VfoError)


def test_pattern(demo: Path) -> None:
    for pattern in ("(", "a{2,1}", r"\p{Nope}", "(a{1,1000}){1,1000}"):
        for call in (vfo.scan_hits, vfo.scan_coverage, vfo.search, vfo.search_files, vfo.stream_hits):
            with pytest.raises(vfo.PatternError):
                call(pattern)
    with pytest.raises(vfo.PatternError):
        vfo.search(["fine", "("])


def test_decode_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes("grün".encode("latin-1"))
    for call in (vfo.read_file_string, vfo.read_file_lines):
        with pytest.raises(vfo.DecodeError, match="2") as caught:
            call(path)
        assert str(path) in str(caught.value)
    assert vfo.read_file_string(path, errors="replace") == "gr\ufffdn"
    assert vfo.read_file_string(path, encoding="latin1") == "grün"


def test_cancelled_before_and_during(mixed_tree: Path) -> None:
    token = vfo.CancelToken()
    assert token.cancelled is False
    token.cancel()
    assert token.cancelled is True
    with pytest.raises(vfo.CancelledError):
        vfo.search_files("a", mixed_tree, cancel=token)
    with pytest.raises(vfo.CancelledError):
        vfo.glob_files(mixed_tree, "*", cancel=token)
    with pytest.raises(vfo.CancelledError):
        vfo.read_file(mixed_tree / "file0.py", cancel=token)
    result = vfo.search("a", mixed_tree, cancel=token)
    assert result.summary["complete"] is False
    assert result.summary["searched"] == 0


def test_cancel_reaches_a_costly_search(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_bytes(b"a" * 400_000)
    token = vfo.CancelToken()
    timer = threading.Timer(0.3, token.cancel)
    timer.start()
    result = vfo.search(r"(?s).*[^a-z]|[a-z]", path, cancel=token)
    timer.join()
    assert result.summary["complete"] is False
    assert result.summary["seconds"] < 5
    assert result.coverage["status"].to_list() == ["not_reached"]


def test_a_file_that_changes_between_its_pieces(tmp_path: Path) -> None:
    path = tmp_path / "growing.txt"
    path.write_bytes(b"a" * 100)
    pieces = vfo.read_file_chunks(path, chunk_size=60)
    assert next(pieces) == b"a" * 60
    path.write_bytes(b"b" * 90)
    with pytest.raises(vfo.ChangedError) as caught:
        list(pieces)
    assert caught.value.filename == str(path)
