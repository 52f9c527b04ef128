"""Hazard 1: a file that is truncated while it is mapped neither kills its host nor passes zeros off as content."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import blake3
import pytest

from changing_file import numbered_lines, truncating

pytestmark = pytest.mark.hazard(1)

SIZES = [1 << 20, 4 << 20, 16 << 20, 64 << 20]
SECONDS = 0.7

_READER = """
import faulthandler, json, sys, time
argument = json.loads(sys.argv[1])
if argument["faulthandler"] == "before":
    faulthandler.enable()
sys.path.insert(0, argument["tests"])
import vespera_file_ops as vfo
from changing_file import LINE, truncating
from pathlib import Path

def check_search(path, strategy, content):
    for options in ({"binary": "search"}, {}):
        patterns = [r"^\\d{20}x"] if sparse else [r"^\\d{20}x", r"\\x00"]
        result = vfo.search(patterns, path, strategy=strategy, **options)
        (file,) = result.coverage.iter_rows(named=True)
        assert file["status"] in ("searched", "changed"), file
        assert file["binary_offset"] is None, file
        hits = result.hits
        assert set(hits["pattern"].unique()) <= {0}, "zeros were found"
        # Every row tells its own place.
        assert ((hits["line_number"] - 1) * LINE == hits["start_byte"]).all()
        assert (hits["line"].str.slice(0, 20).cast(int) == hits["start_byte"]).all()
        if file["status"] == "searched":
            assert hits.height == file["bytes_searched"] // LINE + (file["bytes_searched"] % LINE > 20), file
        seen[file["status"]] += 1

def check_read(path, strategy, content):
    got = vfo.read_file(path, strategy=strategy)
    assert content.startswith(got), "read what the file never held"

def check_hash(path, strategy, content):
    assert vfo.compute_file_hash(path, strategy=strategy) in hashes, "hashed what the file never held"

seen = {"changed": 0, "searched": 0}
every = Path(argument["content"]).read_bytes()
hashes = set(Path(argument["hashes"]).read_text().split())
for size in argument["sizes"]:
    content = every[:size]
    path = Path(argument["folder"]) / "file"
    for sparse in (False, True):
        path.write_bytes(content)
        with truncating(path, sparse=sparse):
            end = time.monotonic() + argument["seconds"] / (4 if sparse else 1)
            while time.monotonic() < end:
                for check in (check_read, check_hash, check_search):
                    if argument["faulthandler"] == "between":
                        faulthandler.disable()
                        faulthandler.enable()
                    try:
                        check(path, argument["strategy"], content)
                        seen["searched"] += 1
                    except vfo.ChangedError:
                        seen["changed"] += 1
                    except AssertionError:
                        # Grown by truncation, the file does hold zeros: all that is promised is that we live.
                        if not sparse:
                            raise
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The longest content, of which the others are beginnings, and the hashes of all that a file may hold."""
    folder = tmp_path_factory.mktemp("content")
    every = numbered_lines(SIZES[-1])
    (folder / "content").write_bytes(every)
    known = [blake3.blake3(every[: size // 2 + 123]).hexdigest() for size in SIZES]
    hasher = blake3.blake3()
    for at in range(0, len(every) + 1, 4096):
        known.append(hasher.hexdigest())
        hasher.update(every[at : at + 4096])
    (folder / "hashes").write_text("\n".join(known))
    return {"content": str(folder / "content"), "hashes": str(folder / "hashes")}


def run(program: str, argument: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, argument], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("handler", ["never", "before", "between"])
@pytest.mark.parametrize("strategy", ["mmap", "auto"])
def test_truncation_under_a_reader(tmp_path: Path, content: dict[str, str], strategy: str, handler: str) -> None:
    argument = {
        "tests": str(Path(__file__).parent),
        "folder": str(tmp_path),
        "strategy": strategy,
        "faulthandler": handler,
        "sizes": SIZES,
        "seconds": SECONDS,
        **content,
    }
    done = run(_READER, json.dumps(argument))
    assert "Fatal Python error" not in done.stderr
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    seen = json.loads(done.stdout)
    assert seen["changed"] > 5, seen
    assert seen["searched"] > 5, seen


_FORKING = """
import os, signal, sys, threading, time
import vespera_file_ops as vfo
path, quiet = sys.argv[1:]
stop = threading.Event()
failed = []

def search():
    while not stop.is_set():
        try:
            vfo.search("x{43}", [path, quiet], strategy="mmap")
        except BaseException as error:
            failed.append(error)

searcher = threading.Thread(target=search)
searcher.start()
expected = vfo.compute_file_hash(quiet, strategy="mmap")
for _ in range(40):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        status = 1
        try:
            for _ in range(3):
                try:
                    vfo.read_file(path, strategy="mmap")
                    vfo.compute_file_hash(path, strategy="mmap")
                except vfo.ChangedError:
                    pass
            assert vfo.compute_file_hash(quiet, strategy="mmap") == expected
            assert len(vfo.read_file_string(quiet)) == 4 << 20
            status = 0
        finally:
            os._exit(status)
    _, how = os.waitpid(child, 0)
    assert how == 0, how
stop.set()
searcher.join()
assert not failed, failed
print("survived")
"""


@pytest.mark.hazard(14)
def test_a_child_forked_in_the_middle_of_maps_reads(tmp_path: Path) -> None:
    path, quiet = tmp_path / "busy", tmp_path / "quiet"
    for file in (path, quiet):
        file.write_bytes(numbered_lines(4 << 20))
    with truncating(path):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _FORKING, os.fspath(path), os.fspath(quiet)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    assert done.stdout == "survived\n"
