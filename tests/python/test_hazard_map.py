"""Hazard 1: a file that is truncated while it is mapped neither kills its host nor passes zeros off as content."""

from __future__ import annotations

import faulthandler
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import blake3
import pytest

from changing_file import numbered_lines, truncating
from truncation_reader import HANDLERS

pytestmark = pytest.mark.hazard(1)

SIZES = [1 << 20, 4 << 20, 16 << 20, 64 << 20]
SECONDS = 0.7


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


def read_while_truncated(
    folder: Path, content: dict[str, str], strategy: str, handler: str, *, seconds: float, threads: int = 1
) -> dict[str, int]:
    """What a process of its own saw; `seconds` for each size."""
    argument = {
        "tests": str(Path(__file__).parent),
        "folder": str(folder),
        "strategy": strategy,
        "faulthandler": handler,
        "sizes": SIZES,
        "seconds": seconds,
        "threads": threads,
        **content,
    }
    reader = Path(__file__).with_name("truncation_reader.py")
    command = [sys.executable, str(reader), json.dumps(argument)]
    # With the fourth of the time for sparse files, and as much again for whatever else a loaded machine does.
    timeout = 60 + seconds * len(SIZES) * 3
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert "Fatal Python error" not in done.stderr
    assert done.returncode == 0, (done.returncode, done.stderr[-3000:])
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("strategy", "handler"),
    [*(("mmap", handler) for handler in HANDLERS), *(("auto", handler) for handler in ("never", "between"))],
)
def test_truncation_under_a_reader(tmp_path: Path, content: dict[str, str], strategy: str, handler: str) -> None:
    seen = read_while_truncated(tmp_path, content, strategy, handler, seconds=SECONDS)
    assert seen["changed"] > 5, seen
    assert seen["searched"] > 5, seen
    assert seen["mapped"] > 5, seen
    if strategy == "mmap":
        assert seen["faults"] > 0, seen


CHURN_SECONDS = float(os.environ.get("VESPERA_CHURN_SECONDS", "3600"))


@pytest.mark.hard
@pytest.mark.timeout(CHURN_SECONDS * 2 + 300)
@pytest.mark.parametrize("handler", HANDLERS)
@pytest.mark.parametrize("strategy", ["mmap", "auto"])
def test_four_readers_of_truncated_files(
    tmp_path: Path, content: dict[str, str], figures: Callable[[str], None], strategy: str, handler: str
) -> None:
    """`VESPERA_CHURN_SECONDS` in all."""
    seconds = CHURN_SECONDS / (2 * len(HANDLERS)) / (1.25 * len(SIZES))
    seen = read_while_truncated(tmp_path, content, strategy, handler, seconds=seconds, threads=4)
    figures(
        f"hazard 1: {strategy}, faulthandler {handler}: {seen['truncations']} truncations survived by 4 threads, "
        f"{seen['searched']} whole, {seen['changed']} changed, {seen['mapped']} maps, {seen['faults']} faults caught"
    )
    assert seen["changed"] > 0, seen
    assert seen["searched"] > 0, seen
    assert seen["faults"] > 0 or strategy == "auto", seen


_SENT = """
import faulthandler, os, signal, sys
import vespera_file_ops as vfo
if sys.argv[2] == "faulthandler":
    faulthandler.enable()
vfo.read_file(sys.argv[1], strategy="mmap")
os.kill(os.getpid(), signal.SIGBUS)
"""


@pytest.mark.parametrize("owner", ["nobody", "faulthandler"])
def test_a_signal_that_was_sent_is_its_owners(tmp_path: Path, owner: str) -> None:
    """As if we were not there: the process dies of it, and who asked for a dump gets one."""
    (tmp_path / "file").write_bytes(b"x" * 5000)
    command = [sys.executable, "-c", _SENT, str(tmp_path / "file"), owner]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -signal.SIGBUS
    assert ("Fatal Python error: Bus error" in done.stderr) is (owner == "faulthandler")


def test_the_interpreter_lets_nobody_else_register_the_signal() -> None:
    """The one more way in which `faulthandler` could take the signal is closed by itself."""
    with pytest.raises(RuntimeError, match="cannot be registered"):
        faulthandler.register(signal.SIGBUS)


_INSIDE = """
import faulthandler
faulthandler.enable()
faulthandler.disable()
try:
    import vespera_file_ops._core
except ImportError as error:
    assert "main interpreter only" in str(error), error
else:
    raise AssertionError("the core was imported into a second interpreter")
"""

_SUBINTERPRETERS = """
import sys
sys.path.insert(0, sys.argv[2])
import vespera_file_ops as vfo
from changing_file import truncating
from pathlib import Path
try:
    import _interpreters as interpreters
    run = interpreters.exec
    # From Python 3.13 on another kind is the default, in which no faulthandler can be loaded either.
    kind = ["legacy"]
except ImportError:
    import _xxsubinterpreters as interpreters
    run = interpreters.run_string
    kind = []
path = Path(sys.argv[1])
content = path.read_bytes()
seen = {"whole": 0, "changed": 0}
with truncating(path):
    for _ in range(12):
        other = interpreters.create(*kind)
        raised = run(other, sys.argv[3])
        assert raised is None, raised
        interpreters.destroy(other)
        for _ in range(10):
            try:
                assert content.startswith(vfo.read_file(path, strategy="mmap"))
                seen["whole"] += 1
            except vfo.ChangedError:
                seen["changed"] += 1
assert min(seen.values()) > 0, seen
assert vfo._core.counters()["faults_caught"] > 0
print("survived")
"""


def test_a_second_interpreter_is_refused_and_disturbs_nothing(tmp_path: Path) -> None:
    """It is made, tries to import the core, touches the handler and ends, between maps that lose their files."""
    path = tmp_path / "file"
    path.write_bytes(numbered_lines(4 << 20))
    arguments = [str(path), str(Path(__file__).parent), _INSIDE]
    command = [sys.executable, "-W", "ignore", "-c", _SUBINTERPRETERS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "survived\n"), (done.returncode, done.stderr[-3000:])


_MAPPING = """
import sys, vespera_file_ops as vfo
path, strategy = sys.argv[1:]
assert vfo.search("x{43}", path, strategy=strategy).hits.height == 65536
vfo.read_file(path, strategy=strategy)
vfo.compute_file_hash(path, strategy=strategy)
print(vfo._core.counters()["files_mapped"])
"""


@pytest.mark.parametrize(
    ("environment", "strategy", "maps"),
    [
        ({}, "auto", 3),
        ({"VESPERA_NO_MMAP": "1"}, "auto", 0),
        ({"VESPERA_NO_MMAP": "1"}, "mmap", 0),
        ({}, "buffered", 0),
    ],
)
def test_maps_can_be_turned_off(tmp_path: Path, environment: dict[str, str], strategy: str, maps: int) -> None:
    """The system's own record of a search, a read and a hash of 4 MiB: which calls mapped that file."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed, and nothing else sees every mapping")
    path, log = tmp_path / "watched-file", tmp_path / "log"
    path.write_bytes(numbered_lines(4 << 20))
    trace = ["strace", "-f", "-y", "-e", "trace=mmap", "-o", str(log)]
    command = [*trace, sys.executable, "-c", _MAPPING, str(path), strategy]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    mapped = sum("watched-file" in line for line in log.read_text(errors="replace").splitlines())
    assert (mapped, int(done.stdout)) == (maps, maps)


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
