"""Hazard 7: after a loss of power a durable write is there, and no write is half there.

A real ext4 on a loop device is shut down in the middle of its work, as if its power had gone: what was not flushed is
lost. Then it is mounted again.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.hazard(7), pytest.mark.hard]

EXT4_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2

FILES = 12
OLD, NEW = b"o" * 300_000, b"n" * 300_000

WRITER = """
    import sys
    import vespera_file_ops as vfo
    for number in range(12):
        vfo.write_file_atomic(f"file{number}", b"n" * 300_000, durable=sys.argv[1] == "durable")
        print(number, flush=True)
    if sys.argv[1] == "durable":
        vfo.write_file_atomic("fresh", b"n" * 300_000)
        vfo.append_file("journal", b"n" * 300_000)
"""


class Disk:
    """A small ext4 that can lose its power."""

    def __init__(self, folder: Path) -> None:
        self.image, self.mounted = folder / "image", folder / "mounted"
        self.mounted.mkdir()
        self.image.write_bytes(b"")
        os.truncate(self.image, 64 << 20)
        self.device = ""

    def run(self, *command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"{command[0]} does not work here: {done.stderr.strip()}")
        return done.stdout.strip()

    def make(self) -> None:
        self.run("mkfs.ext4", "-q", "-F", str(self.image))
        self.device = self.run("losetup", "-f", "--show", str(self.image))
        self.mount()

    def mount(self) -> None:
        self.run("mount", "-t", "ext4", self.device, str(self.mounted))

    def lose_power(self) -> None:
        here = os.open(self.mounted, os.O_RDONLY)
        try:
            fcntl.ioctl(here, EXT4_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as error:
            pytest.skip(f"this kernel shuts no file system down: {error}")
        finally:
            os.close(here)
        subprocess.run(["umount", str(self.mounted)], check=True)
        self.mount()

    def close(self) -> None:
        subprocess.run(["umount", str(self.mounted)], check=False, capture_output=True)
        if self.device:
            subprocess.run(["losetup", "-d", self.device], check=False)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    missing = [tool for tool in ("mkfs.ext4", "losetup", "mount", "umount") if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root, and {', '.join(missing) or 'all tools are there'}")
    disk = Disk(tmp_path)
    try:
        disk.make()
        for number in range(FILES):
            (disk.mounted / f"file{number}").write_bytes(OLD)
        os.sync()
        yield disk
    finally:
        disk.close()


def write_in(disk: Disk, how: str) -> None:
    """In a process of its own, whose handles do not keep the disk busy."""
    command = [sys.executable, "-c", textwrap.dedent(WRITER), how]
    subprocess.run(command, cwd=disk.mounted, stdout=subprocess.DEVNULL, check=True, timeout=120)


def test_durable_writes_survive(disk: Disk) -> None:
    write_in(disk, "durable")
    disk.lose_power()
    assert [(disk.mounted / f"file{number}").read_bytes() == NEW for number in range(FILES)] == [True] * FILES
    assert (disk.mounted / "fresh").read_bytes() == NEW
    assert (disk.mounted / "journal").read_bytes() == NEW


@pytest.mark.parametrize("after", [0, 1, 5, 11])
def test_power_lost_in_the_middle_of_durable_writes(after: int, disk: Disk) -> None:
    command = [sys.executable, "-c", textwrap.dedent(WRITER), "durable"]
    writer = subprocess.Popen(command, cwd=disk.mounted, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(after + 1)]
    here = os.open(disk.mounted, os.O_RDONLY)
    fcntl.ioctl(here, EXT4_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
    os.close(here)
    said += writer.communicate(timeout=60)[0].splitlines()
    subprocess.run(["umount", str(disk.mounted)], check=True)
    disk.mount()
    contents = [(disk.mounted / f"file{number}").read_bytes() for number in range(FILES)]
    assert all(content in (OLD, NEW) for content in contents)
    # What the writer was told to be durable is there.
    assert all(content == NEW for content in contents[: len(said)])


def test_without_flushes_files_are_lost(disk: Disk) -> None:
    """The test's own test: the same writes without `durable` do lose contents, or nothing was proved above."""
    write_in(disk, "fast")
    disk.lose_power()
    contents = [(disk.mounted / f"file{number}").read_bytes() for number in range(FILES)]
    assert any(content != NEW for content in contents)
