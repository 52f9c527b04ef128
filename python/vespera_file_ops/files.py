"""One file's content: as bytes, text, lines, chunks, or as its hash.

All but `read_file_lines` work without Polars, so also in a forked process. A file that changes while it is read is read
again, and if it keeps changing raises `ChangedError`: never a mixture of two versions, and never a torn hash.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from . import _core
from .errors import ArgumentError
from .paths import encode_place

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from ._core import CancelToken, Root
    from .options import StrategyName
    from .paths import PathArgument

__all__ = ["compute_file_hash", "read_file", "read_file_chunks", "read_file_lines", "read_file_string"]

_CHUNK_BYTES = 8 * 1024 * 1024


def read_file(
    path: PathArgument,
    *,
    strategy: StrategyName = "auto",
    within: Root | PathArgument | None = None,
    cancel: CancelToken | None = None,
) -> bytes:
    r"""The content of a file, as bytes.

    Arguments:
        path: The file.
        strategy: How it is read: "auto" (by its size), "buffered", "mmap" or "stream".
        within: The path starts in this folder, and must not lead outside of it.
        cancel: Stop when `cancel()` is called on it, from any thread.

    Raises:
        PathNotFoundError, AccessDeniedError, FileSystemError: The system refused it.
        OutsideRootError: It leads out of `within`.
        ChangedError: It changed while it was read.
        CancelledError: `cancel` stopped it.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.read_file("data/blob.bin")
        b'\x00\x01\x02'
    """
    _check(cancel, strategy=strategy)
    encoded, root = encode_place(path, within)
    return _core.read_bytes(encoded, strategy=strategy, within=root, cancel=cancel)


def read_file_string(
    path: PathArgument,
    *,
    encoding: str = "auto",
    errors: Literal["strict", "replace"] = "strict",
    strategy: StrategyName = "auto",
    within: Root | PathArgument | None = None,
    cancel: CancelToken | None = None,
) -> str:
    r"""The content of a file, as text; a BOM is dropped, and newlines are left alone.

    Arguments:
        path: The file.
        encoding: A WHATWG encoding label such as "utf-16le" or "windows-1252"; "auto": by the BOM, else UTF-8.
        errors: "strict" raises at the first byte that is not valid; "replace" gives U+FFFD for it.
        strategy: How it is read: "auto" (by its size), "buffered", "mmap" or "stream".
        within: The path starts in this folder, and must not lead outside of it.
        cancel: Stop when `cancel()` is called on it, from any thread.

    Raises:
        DecodeError: The content is not valid in the encoding; the message names the byte.
        PathNotFoundError, AccessDeniedError, FileSystemError: The system refused it.
        OutsideRootError: It leads out of `within`.
        ChangedError: It changed while it was read.
        CancelledError: `cancel` stopped it.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.read_file_string("src/lib.rs")
        'fn main() {}\n'
    """
    _check(cancel, encoding=encoding, errors=errors, strategy=strategy)
    encoded, root = encode_place(path, within)
    return _core.read_string(encoded, encoding=encoding, errors=errors, strategy=strategy, within=root, cancel=cancel)


def read_file_lines(
    path: PathArgument,
    *,
    encoding: str = "auto",
    errors: Literal["strict", "replace"] = "strict",
    strategy: StrategyName = "auto",
    within: Root | PathArgument | None = None,
    cancel: CancelToken | None = None,
) -> pl.Series:
    """The lines of a file, without their terminators, as a String Series named `line`.

    Arguments:
        path: The file.
        encoding: A WHATWG encoding label such as "utf-16le" or "windows-1252"; "auto": by the BOM, else UTF-8.
        errors: "strict" raises at the first byte that is not valid; "replace" gives U+FFFD for it.
        strategy: How it is read: "auto" (by its size), "buffered", "mmap" or "stream".
        within: The path starts in this folder, and must not lead outside of it.
        cancel: Stop when `cancel()` is called on it, from any thread.

    Raises:
        DecodeError: The content is not valid in the encoding; the message names the byte.
        ForkedProcessError: This process was forked from one that had loaded Polars.
        PathNotFoundError, AccessDeniedError, FileSystemError: The system refused it.
        OutsideRootError: It leads out of `within`.
        ChangedError: It changed while it was read.
        CancelledError: `cancel` stopped it.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.read_file_lines("src/util.py").to_list()
        ['def helper():', '    return 1  # FIXME']
    """
    from .forks import ensure_not_forked

    _check(cancel, encoding=encoding, errors=errors, strategy=strategy)
    ensure_not_forked()
    from .frames import to_frame

    encoded, root = encode_place(path, within)
    lines = _core.read_lines(encoded, encoding=encoding, errors=errors, strategy=strategy, within=root, cancel=cancel)
    return to_frame(lines).to_series().alias("line")


def read_file_chunks(
    path: PathArgument,
    *,
    chunk_size: int = _CHUNK_BYTES,
    strategy: StrategyName = "auto",
    within: Root | PathArgument | None = None,
) -> Iterator[bytes]:
    """The content of a file in pieces, in constant memory; joined, they are what `read_file` gives.

    Arguments:
        path: The file.
        chunk_size: The size of each piece but the last, in bytes.
        strategy: How it is read: "auto" (by its size), "buffered", "mmap" or "stream".
        within: The path starts in this folder, and must not lead outside of it.

    Raises:
        PathNotFoundError, AccessDeniedError, FileSystemError: The system refused it.
        OutsideRootError: It leads out of `within`.
        ChangedError: It changed while it was read; what has been yielded is not to be trusted.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> [len(chunk) for chunk in vfo.read_file_chunks("src/app.py", chunk_size=50)]
        [50, 25]
    """
    _check(None, strategy=strategy)
    if not isinstance(chunk_size, int) or isinstance(chunk_size, bool):
        raise TypeError(f"chunk_size: a number of bytes, not {type(chunk_size).__name__}")
    if chunk_size < 1:
        raise ArgumentError(f"chunk_size: expected at least 1, got {chunk_size}")
    # No file is larger.
    chunk_size = min(chunk_size, sys.maxsize)
    encoded, root = encode_place(path, within)
    return _core.read_chunks(encoded, chunk_size=chunk_size, strategy=strategy, within=root)


def compute_file_hash(
    path: PathArgument,
    *,
    strategy: StrategyName = "auto",
    within: Root | PathArgument | None = None,
    cancel: CancelToken | None = None,
) -> str:
    """The BLAKE3 hash of a file's content, as 64 hexadecimal digits; what `b3sum` prints.

    Arguments:
        path: The file.
        strategy: How it is read: "auto" (by its size), "buffered", "mmap" or "stream".
        within: The path starts in this folder, and must not lead outside of it.
        cancel: Stop when `cancel()` is called on it, from any thread.

    Raises:
        PathNotFoundError, AccessDeniedError, FileSystemError: The system refused it.
        OutsideRootError: It leads out of `within`.
        ChangedError: It changed while it was read.
        CancelledError: `cancel` stopped it.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.compute_file_hash("data/blob.bin")[:16]
        'e1be4d7a8ab5560a'
    """
    _check(cancel, strategy=strategy)
    encoded, root = encode_place(path, within)
    return _core.hash_file(encoded, strategy=strategy, within=root, cancel=cancel)


def _check(cancel: object, **texts: object) -> None:
    """Name the argument that has the wrong type; the core checks the values."""
    for name, value in texts.items():
        if not isinstance(value, str):
            raise TypeError(f"{name}: a str, not {type(value).__name__}")
    if cancel is not None and not isinstance(cancel, _core.CancelToken):
        raise TypeError(f"cancel: a CancelToken, not {type(cancel).__name__}")
