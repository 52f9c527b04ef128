"""Hazard 1: a file that is truncated while it is mapped neither kills its host nor passes zeros off as content."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from changing_file import numbered_lines

pytestmark = pytest.mark.hazard(1)

SIZES = [1 << 20, 4 << 20, 16 << 20, 64 << 20]
SECONDS = 1.2

_READER = """
import faulthandler, json, sys, time
argument = json.loads(sys.argv[1])
if argument["faulthandler"] == "before":
    faulthandler.enable()
sys.path.insert(0, argument["tests"])
import blake3
import vespera_file_ops as vfo
from changing_file import LINE, numbered_lines, truncating
from pathlib import Path

def prefix_hashes(content):
    hasher, known, cut = blake3.blake3(), {blake3.blake3().hexdigest()}, len(content) // 2 + 123
    known.add(blake3.blake3(content[:cut]).hexdigest())
    for at in range(0, len(content), 4096):
        hasher.update(content[at : at + 4096])
        known.add(hasher.hexdigest())
    return known

def check_search(path, strategy, content):
    for options in ({"binary": "search"}, {}):
        result = vfo.search(["\\x00", r"^\\d{20}x"], path, strategy=strategy, **options)
        (file,) = result.coverage.iter_rows(named=True)
        assert file["status"] in ("searched", "changed"), file
        assert file["binary_offset"] is None, file
        hits = result.hits
        assert set(hits["pattern"].unique()) <= {1}, "zeros were found"
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
for size in argument["sizes"]:
    content = numbered_lines(size)
    hashes = prefix_hashes(content)
    path = Path(argument["folder"]) / "file"
    for sparse in (False, True):
        path.write_bytes(content)
        with truncating(path, size, sparse=sparse):
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


def run(program: str, argument: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program, argument], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("handler", ["never", "before", "between"])
@pytest.mark.parametrize("strategy", ["mmap", "auto"])
def test_truncation_under_a_reader(tmp_path: Path, strategy: str, handler: str) -> None:
    import json

    argument = {
        "tests": str(Path(__file__).parent),
        "folder": str(tmp_path),
        "strategy": strategy,
        "faulthandler": handler,
        "sizes": SIZES,
        "seconds": SECONDS,
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
    from changing_file import truncating

    path, quiet = tmp_path / "busy", tmp_path / "quiet"
    for file in (path, quiet):
        file.write_bytes(numbered_lines(4 << 20))
    with truncating(path, 4 << 20):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _FORKING, os.fspath(path), os.fspath(quiet)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    assert done.stdout == "survived\n"
