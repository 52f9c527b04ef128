"""Writers that change a file under its readers, each in a process of its own, so that both run at full speed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LINE = 64

_TRUNCATING = """
import os, random, sys, time
path, sparse = sys.argv[1], sys.argv[2] == "sparse"
fd = os.open(path, os.O_RDWR)
size = os.fstat(fd).st_size
content = os.pread(fd, size, 0)
parent = os.getppid()
counted, rounds = os.open(path + ".truncations", os.O_RDWR | os.O_CREAT), 0
print("ready", flush=True)
while os.getppid() == parent:
    rounds += 1
    os.pwrite(counted, b"%d" % (2 * rounds), 0)
    time.sleep(random.random() * 0.06)
    os.ftruncate(fd, size // 2 + 123)
    time.sleep(random.random() * 0.02)
    os.ftruncate(fd, 0)
    if sparse:
        os.ftruncate(fd, size)
        continue
    time.sleep(random.random() * 0.005)
    for at in range(0, size, 1 << 20):
        os.pwrite(fd, content[at : at + (1 << 20)], at)
"""

_ALTERNATING = """
import os, random, sys, time
path, size, piece, pause = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
line = 4096
contents = [(letter * (line - 1) + b"\\n") * (size // line) for letter in (b"B", b"A")]
fd = os.open(path, os.O_RDWR)
parent = os.getppid()
print("ready", flush=True)
while os.getppid() == parent:
    for content in contents:
        for at in range(0, size, piece):
            os.pwrite(fd, content[at : at + piece], at)
        time.sleep(random.random() * pause)
"""


def numbered_lines(size: int) -> bytes:
    """Lines of 64 bytes, each of which begins with its own offset: every row tells its place."""
    return b"".join([b"%020d%s\n" % (at, b"x" * 43) for at in range(0, size, LINE)])


@contextlib.contextmanager
def _running(program: str, *arguments: str) -> Iterator[None]:
    # A writer ends with its parent, and holds no pipe that somebody waits for.
    command = [sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            yield
            assert writer.poll() is None, "the writer ended"
        finally:
            writer.kill()


def truncating(path: Path, *, sparse: bool = False) -> contextlib.AbstractContextManager[None]:
    """Cut the file in its middle, then to nothing, and write it anew, all the while.

    At every moment it holds a beginning of what it held at first, which is why a reader that sees anything else was
    deceived: it is grown by writing. Unless it is `sparse`: then it is grown by truncation, and does hold zeros.

    How often it was cut stands in a file beside it, whose name ends in `.truncations`.
    """
    return _running(_TRUNCATING, str(path), "sparse" if sparse else "dense")


def alternating(path: Path, size: int, *, piece: int, pause: float) -> contextlib.AbstractContextManager[None]:
    """Rewrite the file in place, in turn all of `B` and all of `A`, in lines of 4,096 bytes, `piece` bytes a call.

    Between two contents it waits up to `pause` seconds.
    """
    return _running(_ALTERNATING, str(path), str(size), str(piece), str(pause))
