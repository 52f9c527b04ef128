"""The files that the command line writes: whole, or not at all.

A query that fails, a disk that is full or an interrupt must not cost what `--output` named before, and a file may be
input and output of one command. So the answer goes to a new file beside the old one and takes its place at the end.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from .errors import PathNotFoundError

__all__ = ["replacing"]


@contextmanager
def replacing(path: str) -> Iterator[IO[bytes]]:
    """A binary file that becomes `path` when the block ends well; otherwise `path` stays as it was."""
    # A link stays a link; what it points to is replaced.
    target = os.path.realpath(path)
    try:
        before = os.stat(target)
    except FileNotFoundError:
        before = None
    if before is not None and not stat.S_ISREG(before.st_mode):
        # A pipe or a device cannot be replaced, and holds nothing that could be lost.
        with open(target, "wb") as out:
            yield out
        return
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise PathNotFoundError(f"output: there is no folder {folder}", path=folder)
    handle, temporary = tempfile.mkstemp(prefix=".vfo-", dir=folder)
    try:
        with open(handle, "wb") as out:
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(temporary, stat.S_IMODE(before.st_mode) if before is not None else 0o666 & ~mask)
            yield out
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
