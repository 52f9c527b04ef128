"""The cheap path: how many system calls a file costs, counted with strace. Not timed, so it holds on any machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

# The calls that name a file or use a descriptor. What threads, clocks and allocators ask for depends on the hour.
OF_FILES = "trace=%file,%desc"
NOT_OF_A_FILE = {"total", "mmap", "ioctl", "epoll_wait", "epoll_pwait", "poll", "ppoll", "write"}
# A call in ten files is one of a folder, a batch or the interpreter.
ONE_IN_TEN = 0.1
# With a ceiling on threads: a traced thread waits for its tracer, which looks like a slow disk and has others hired.
WORK = {
    "paths": "vfo.scan_files(source, threads=2).select('path').collect()",
    "metadata": "vfo.scan_files(source, threads=2).collect()",
    "search": "vfo.search_files('needle', source, threads=2)",
    "hashes": "vfo.scan_files(source, threads=2, blake3=True).select('path', 'blake3').collect()",
}
# By work, what each further file may cost; everything else is asked once a folder or once a call.
A_FILE: dict[str, dict[str, float]] = {
    "paths": {},
    "metadata": {"statx": 1},
    "search": {"openat": 1, "pread64": 1, "close": 1},
    # A hash promises a whole content: what it was when it was opened, and that it was the same at the end.
    "hashes": {"openat": 1, "pread64": 1, "close": 1, "statx": 2},
}


def traced(source: Path, work: str, folder: Path) -> Counter[str]:
    """The calls of a process that does the work three times, by name."""
    counts = folder / "counts"
    program = f"import sys, vespera_file_ops as vfo\nsource = sys.argv[1]\nfor _ in range(3): {work}"
    command = [
        "strace",
        "-f",
        "-qq",
        "-c",
        "-U",
        "name,calls",
        "-e",
        OF_FILES,
        "-o",
        str(counts),
        sys.executable,
        "-c",
        program,
    ]
    subprocess.run([*command, str(source)], check=True, timeout=120)
    found: Counter[str] = Counter()
    for line in counts.read_text().splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit() and words[0] not in NOT_OF_A_FILE:
            found[words[0]] = int(words[1])
    return found


def tree(root: Path, files: int, folders: int) -> Path:
    for number in range(files):
        folder = root / f"{number % folders:04}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06}.txt").write_bytes(b"one line\n")
    return root


# The same by folder, of one file each: the folder is opened, once, listed to its end, and closed.
A_FOLDER: dict[str, dict[str, float]] = {
    "paths": {"open": 1, "getdents64": 2, "close": 1},
    "metadata": {"open": 1, "getdents64": 2, "close": 1, "statx": 2},
}


def costs_of(work: str, trees: tuple[Path, Path], further: int, folder: Path) -> dict[str, float]:
    """The calls that each of so many further files, or folders, costs; those of a batch or the process fall away."""
    try:
        before, after = (traced(tree, work, folder) for tree in trees)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"strace may not trace here: {error}")
    costs = {call: round((after[call] - before[call]) / further / 3, 2) for call in after}
    return {call: each for call, each in costs.items() if each > ONE_IN_TEN}


def above(costs: dict[str, float], allowed: dict[str, float]) -> dict[str, float]:
    return {call: each for call, each in costs.items() if each > allowed.get(call, 0) + ONE_IN_TEN}


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@needs_strace
@pytest.mark.parametrize("name", WORK)
def test_a_file_costs_no_more_calls_than_it_did(name: str, tmp_path: Path) -> None:
    few, many = 1_000, 3_000
    trees = tree(tmp_path / "small", few, folders=20), tree(tmp_path / "large", many, folders=20)
    assert above(costs_of(WORK[name], trees, many - few, tmp_path), A_FILE[name]) == {}


@needs_strace
@pytest.mark.parametrize("name", A_FOLDER)
def test_a_folder_costs_no_more_calls_than_it_did(name: str, tmp_path: Path) -> None:
    """Of more folders than handles are kept open."""
    few, many = 1_000, 3_000
    trees = tree(tmp_path / "small", few, folders=few), tree(tmp_path / "large", many, folders=many)
    costs = costs_of(WORK[name], trees, many - few, tmp_path)
    costs["open"] = costs.pop("openat", 0) + costs.pop("openat2", 0)
    assert above(costs, A_FOLDER[name]) == {}
