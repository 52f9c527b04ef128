"""The cheap path: how many system calls a file costs, counted with strace. Not timed, so it holds on any machine."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

FOLDERS = 20
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


def tree(root: Path, files: int) -> Path:
    for number in range(files):
        folder = root / f"{number % FOLDERS:02}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:06}.txt").write_bytes(b"one line\n")
    return root


@pytest.mark.parametrize("name", WORK)
def test_a_file_costs_no_more_calls_than_it_did(name: str, tmp_path: Path) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    few, many = 1_000, 3_000
    small, large = tree(tmp_path / "small", few), tree(tmp_path / "large", many)
    try:
        before = traced(small, WORK[name], tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"strace may not trace here: {error}")
    after = traced(large, WORK[name], tmp_path)
    further = {call: (after[call] - before[call]) / (many - few) / 3 for call in after}
    costs = {call: round(each, 2) for call, each in further.items() if each > ONE_IN_TEN}
    allowed = A_FILE[name]
    assert {call: each for call, each in costs.items() if each > allowed.get(call, 0) + ONE_IN_TEN} == {}
