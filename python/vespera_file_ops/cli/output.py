"""Where a command writes to, in which format, and with how much colour.

A file is written whole, or not at all: a query that fails, a disk that is full or an interrupt must not cost what
`--output` named before, and a file may be input and output of one command. So the answer goes to a new file beside the
old one and takes its place at the end.
"""

from __future__ import annotations

import io
import os
import stat
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import IO, TYPE_CHECKING, cast

from ..errors import ArgumentError, PathNotFoundError
from ..paths import encode_path
from ..text_table import visible

if TYPE_CHECKING:
    import argparse

__all__ = [
    "binary_output",
    "ensure_columns",
    "format_of",
    "is_coloured",
    "is_of_lines",
    "is_plain",
    "is_terminal",
    "say",
    "text_output",
]

_BY_EXTENSION = {
    ".txt": "table",
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}


def ensure_columns(names: Iterable[str], table: str, known: Collection[str]) -> None:
    """Refuse a name that is no column of the table."""
    for name in names:
        if name not in known:
            raise ArgumentError(f"columns: {table} has no column {name!r}; it has {', '.join(known)}")


def format_of(given: argparse.Namespace) -> str:
    """The format of --format, else that of the output's extension, else `table`."""
    if given.format is not None:
        return cast("str", given.format)
    extension = _extension(given.output)
    if extension and extension not in _BY_EXTENSION:
        known = ", ".join(_BY_EXTENSION)
        raise ArgumentError(f"output: {given.output} says no format; use one of {known}, or say which with --format")
    return _BY_EXTENSION.get(extension, "table")


def is_of_lines(given: argparse.Namespace) -> bool:
    """Whether a table of lines is wanted of `read`; without one the content itself is, in a file of any name."""
    form = given.format or _BY_EXTENSION.get(_extension(given.output), "table")
    return form != "table" or given.sql is not None or given.columns is not None


def _extension(output: str | None) -> str:
    return os.path.splitext(output or "")[1].lower()


def is_plain(given: argparse.Namespace) -> bool:
    """Whether the answer is shown without Polars."""
    return format_of(given) == "table" and given.sql is None


def is_terminal(given: argparse.Namespace) -> bool:
    """Whether somebody sees the answer as it is written."""
    return given.output is None and sys.stdout.isatty()


def is_coloured(given: argparse.Namespace) -> bool:
    """Whether --color, or the terminal and its wishes, ask for colour."""
    if given.color != "auto":
        return bool(given.color == "always")
    return is_terminal(given) and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def say(*lines: str) -> None:
    """Say on stderr what is no part of the answer; where nobody listens, nothing is said, and nothing else changes."""
    # Without a stderr, `print` would write into the answer.
    if sys.stderr is not None:
        with suppress(OSError):
            print(*map(visible, lines), sep="\n", file=sys.stderr)


def text_output(given: argparse.Namespace) -> AbstractContextManager[IO[str]]:
    """Where text goes: the file of --output, or the standard output."""
    if given.output is not None:
        return _replacing_text(given.output)
    # Text that the terminal's encoding cannot show must not end the search.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return nullcontext(sys.stdout)


def binary_output(given: argparse.Namespace) -> AbstractContextManager[IO[bytes]]:
    """Where bytes go: the file of --output, or the standard output."""
    return _replacing(given.output) if given.output is not None else nullcontext(sys.stdout.buffer)


@contextmanager
def _replacing_text(path: str) -> Iterator[IO[str]]:
    with _replacing(path) as binary:
        out = io.TextIOWrapper(binary, encoding="utf-8", newline="\n", write_through=True)
        yield out
        out.detach()


@contextmanager
def _replacing(path: str) -> Iterator[IO[bytes]]:
    """A binary file that becomes `path` when the block ends well; otherwise `path` stays as it was."""
    # It would be the current directory.
    encode_path("output", path)
    # A link stays a link; what it points to is replaced.
    target = os.path.realpath(path)
    try:
        before = os.stat(target)
    except FileNotFoundError:
        before = None
    if before is not None and stat.S_ISDIR(before.st_mode):
        example = os.path.join(path, "output.csv")
        raise ArgumentError(f"output: {path} is a folder; name a file, such as {example}", path=path)
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
