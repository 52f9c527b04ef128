"""Hazards 6 and 12: a writer that is killed leaves the old content or the new one, and what it leaves can be swept."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

import vespera_file_ops as vfo

KILLS = 200
TEMP_NAME = re.compile(r"\.vfo-[0-9a-f]{24}\.tmp")

# Writes contents of one letter, of changing lengths, until it is killed.
WRITER = """
    import os, sys
    import vespera_file_ops as vfo
    contents = [letter * (size << 20) for letter, size in ((b"A", 1), (b"B", 2), (b"A", 3), (b"B", 4))]
    durable = sys.argv[1] == "durable"
    print("ready", flush=True)
    while True:
        for content in contents:
            vfo.write_file_atomic("file", content, durable=durable)
"""
SIZES = {size << 20 for size in (1, 2, 3, 4)}


class Reader(threading.Thread):
    """Reads all the time, and remembers what was no whole content."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.done, self.seen, self.torn = path, threading.Event(), Counter[bytes](), 0

    def run(self) -> None:
        while not self.done.is_set():
            content = self.path.read_bytes()
            first = content[:1]
            self.seen[first] += 1
            if len(content) not in SIZES or content.count(first) != len(content):
                self.torn += 1


@pytest.mark.hazard(6)
@pytest.mark.hazard(12)
@pytest.mark.timeout(600)
def test_a_killed_writer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"A" * (1 << 20))
    reader = Reader(path)
    reader.start()
    chance = random.Random(6)
    # A process takes longer to start than a write: some start while others are killed.
    command = [sys.executable, "-c", textwrap.dedent(WRITER)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for kill in range(KILLS):
            while len(started) < 3:
                started.append(
                    subprocess.Popen(
                        [*command, "durable" if kill % 2 else "fast"], cwd=tmp_path, stdout=subprocess.PIPE
                    )
                )
            writer = started.pop(0)
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(chance.uniform(0, 0.03))
            writer.send_signal(signal.SIGKILL)
            assert writer.wait() == -signal.SIGKILL
            writer.stdout.close()
    finally:
        reader.done.set()
        reader.join()
        for writer in started:
            writer.kill()
            writer.communicate()
    left = sorted(set(os.listdir(tmp_path)) - {"file"})
    with capsys.disabled():
        reads = ", ".join(f"{count} of {letter.decode()}" for letter, count in sorted(reader.seen.items()))
        print(f"\n{KILLS} kills: {reads} read whole, {reader.torn} torn; {len(left)} temporary files left", end=" ")
    assert reader.torn == 0
    assert reader.seen[b"A"] > 0
    assert reader.seen[b"B"] > 0
    assert all(TEMP_NAME.fullmatch(name) for name in left)
    assert left, "no writer was killed in the middle of a write"
    assert vfo.sweep_temp_files(tmp_path, older_than=0) == [str(tmp_path / name) for name in left]
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.hazard(12)
def test_sweeping_takes_nothing_from_the_living(tmp_path: Path) -> None:
    """Writers write while sweepers sweep: no write fails, and what the dead left goes."""
    code = """
        import sys
        import vespera_file_ops as vfo
        for number in range(300):
            vfo.write_file_atomic(sys.argv[1], str(number) * 1000, durable=False)
    """
    writers = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), f"file{at}"], cwd=tmp_path) for at in range(2)
    ]
    left = tmp_path / "sub" / ".hidden" / ".vfo-0123456789abcdef01234567.tmp"
    left.parent.mkdir(parents=True)
    removed: list[str] = []
    while any(writer.poll() is None for writer in writers):
        left.write_bytes(b"half")
        removed += vfo.sweep_temp_files(tmp_path, older_than=0)
    assert [writer.wait() for writer in writers] == [0, 0]
    assert str(left) in removed
    for at in range(2):
        assert (tmp_path / f"file{at}").read_text() == "299" * 1000
    vfo.sweep_temp_files(tmp_path, older_than=0)
    assert sorted(os.listdir(tmp_path)) == ["file0", "file1", "sub"]


@pytest.mark.hazard(12)
def test_only_old_files_of_exactly_that_name_are_swept(tmp_path: Path) -> None:
    name = ".vfo-0123456789abcdef01234567.tmp"
    kept = [".vfo-0123456789ABCDEF01234567.tmp", ".vfo-0123.tmp", f"x{name}", f"{name}x"]
    for other in kept:
        (tmp_path / other).write_bytes(b"x")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / name).write_bytes(b"x")
    root = tmp_path / "root"
    (root / "folder" / name).mkdir(parents=True)
    os.symlink(tmp_path / "outside", root / "link")
    os.symlink(tmp_path / "outside" / name, root / ".vfo-111111111111111111111111.tmp")
    os.mkfifo(root / ".vfo-222222222222222222222222.tmp")
    (root / name).write_bytes(b"x")
    (root / ".gitignore").write_text("*\n")
    for other in kept:
        (root / other).write_bytes(b"x")
    assert vfo.sweep_temp_files(root) == []
    assert vfo.sweep_temp_files(root, older_than=0) == [str(root / name)]
    assert (tmp_path / "outside" / name).exists()
    assert len(os.listdir(root)) == 5 + len(kept)
    os.utime(root / kept[0], (0, 0))
    (root / name).write_bytes(b"x")
    time.sleep(0.3)
    assert vfo.sweep_temp_files(root, older_than=0.2) == [str(root / name)]


@pytest.mark.hazard(12)
@pytest.mark.hazard(24)
def test_a_folder_of_a_name_that_is_no_text(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/odd\xff"
    os.mkdir(folder)
    path = folder + b"/.vfo-0123456789abcdef01234567.tmp"
    with open(path, "wb"):
        pass
    assert vfo.sweep_temp_files(folder, older_than=0) == [os.fsdecode(path)]


@pytest.mark.hazard(12)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give up being root")
def test_what_cannot_be_swept_is_told(tmp_path: Path) -> None:
    for folder in ("mine", "theirs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / ".vfo-0123456789abcdef01234567.tmp").write_bytes(b"x")
    tmp_path.chmod(0o777)
    os.chown(tmp_path / "mine", 65534, 65534)
    (tmp_path / "unreadable").mkdir(mode=0o700)
    child = os.fork()
    if child == 0:
        os.chdir(tmp_path)
        os.setuid(65534)
        try:
            vfo.sweep_temp_files(older_than=0)
        except vfo.FileSystemError as error:
            told = "1 temporary files were removed, but 2 places were not swept, such as "
            os._exit(0 if str(error).startswith(told) and str(error).count("(") == 1 else 2)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert os.listdir(tmp_path / "mine") == []
