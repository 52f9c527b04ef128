"""Files are written: whole or not at all, or at their end; and what killed writers left behind is swept away.

All of it works without Polars, so also in a forked process. A write that fails says whether it took effect: if not, it
is a `NotCommittedError`, and nothing has changed; if it did, a `CommittedNotDurableError`.

Writers keep each other out by a lock on the folder (`flock`), which is held for a rename, a comparison or an append.
Who finds it held waits for up to 30 seconds, and stops then with a `NotCommittedError`; Ctrl-C and `cancel` are heard
meanwhile.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from . import _core
from .errors import ArgumentError
from .paths import encode_path, encode_within

if TYPE_CHECKING:
    from typing import TypeAlias

    from typing_extensions import Buffer

    from ._core import CancelToken, Root
    from .paths import PathArgument

    ContentArgument: TypeAlias = str | Buffer
    """What can be written: text, which is written as UTF-8, or bytes in anything that holds them in one piece."""

__all__ = ["WriteResult", "append_file", "sweep_temp_files", "write_file_atomic"]

_ALL_MODE_BITS = 0o7777


class WriteResult(NamedTuple):
    """What a write did.

    Arguments:
        path: The path as it was given, as `os.fsdecode` shows it.
        bytes: How many bytes were written.
        blake3: The BLAKE3 hash of these bytes, as 64 hexadecimal digits.
        durable: Whether they are known to survive a loss of power.
    """

    path: str
    bytes: int
    blake3: str
    durable: bool


def write_file_atomic(
    path: PathArgument,
    content: ContentArgument,
    *,
    durable: bool = True,
    expected_blake3: str | None = None,
    mode: int | None = None,
    follow_symlinks: bool = True,
    break_hard_links: bool = False,
    within: Root | PathArgument | None = None,
    cancel: CancelToken | None = None,
) -> WriteResult:
    r"""Give a file a new content, whole or not at all; whoever reads meanwhile sees the old one or the new one.

    The content goes to a temporary file beside the target, which then takes the target's place. Mode, owner, extended
    attributes and access lists of an existing file are kept. Where its owner may not be given (only root may), the new
    file belongs to the caller, without set-user and set-group bits, and where its group cannot be kept, the new group
    may no more than everybody. A killed writer leaves at most a file named `.vfo-<24 hexadecimal digits>.tmp`.

    Arguments:
        path: The file; its folder must exist.
        content: A str, written as UTF-8 with its newlines as they are, or bytes, bytearray, memoryview or another
            buffer.
        durable: Return only when content and name survive a loss of power. False is faster, and as atomic for
            everybody but a machine that loses its power.
        expected_blake3: Compare and swap: the hash of what the file must hold now, or "absent" if there must be no
            file. Writers in this package keep each other out between the comparison and its effect, by a lock on the
            folder: where that cannot be locked, as on many network file systems, a hash is refused.
        mode: The permission bits. By default those of the file that is replaced, or 0o666 without the process's mask.
        follow_symlinks: Write to where a link leads, also if nothing is there yet. False replaces the link itself.
        break_hard_links: Replace a file that has other names, which keep the old content; without it that is refused.
        within: The path starts in this folder, and must not lead outside of it.
        cancel: Stop when `cancel()` is called on it, from any thread; nothing is written then.

    Returns:
        A `WriteResult`: path, bytes, blake3 and durable.

    Raises:
        ConflictError: The file does not hold what `expected_blake3` says.
        NotCommittedError: A step failed, which the message names: the file is as it was, and nothing is left beside it.
            Such a step is the lock on the folder, if somebody else holds it for 30 seconds.
        CommittedNotDurableError: The file has its new content, but its folder could not be flushed, or the name of the
            temporary file could not be removed, under which it stands there a second time until it is swept.
        OutsideRootError: It leads out of `within`.
        PathNotFoundError: The folder does not exist.
        AccessDeniedError: The file is read-only to this user, although its folder is not, or `within` denies its name.
        CancelledError: `cancel` stopped it.
        ArgumentError, TypeError: An argument cannot be used (a folder, a pipe, a file of several names); the message
            names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> first = vfo.write_file_atomic("notes.txt", "one line\n")
        >>> first.bytes
        9
        >>> second = vfo.write_file_atomic("notes.txt", b"another\n", expected_blake3=first.blake3)
        >>> vfo.write_file_atomic("notes.txt", "too late\n", expected_blake3=first.blake3)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        vespera_file_ops.errors.ConflictError: the file holds blake3 ...
    """
    try:
        written, blake3 = _core.write_file(
            encode_path("path", path),
            content if isinstance(content, (str, bytes)) else _bytes_of(content),
            durable=durable,
            expected_blake3=expected_blake3,
            mode=mode if mode is None else _mode(mode),
            follow_symlinks=follow_symlinks,
            break_hard_links=break_hard_links,
            within=encode_within(within),
            cancel=cancel,
        )
    except TypeError:
        ensure_types(
            cancel,
            {"durable": durable, "follow_symlinks": follow_symlinks, "break_hard_links": break_hard_links},
            {"expected_blake3": expected_blake3},
        )
        raise
    return WriteResult(os.fsdecode(path), written, blake3, durable)


def append_file(
    path: PathArgument,
    content: ContentArgument,
    *,
    durable: bool = True,
    mode: int | None = None,
    follow_symlinks: bool = True,
    within: Root | PathArgument | None = None,
    cancel: CancelToken | None = None,
) -> WriteResult:
    r"""Put something at the end of a file, which is made if there is none.

    Appends of this package to files of one folder take turns, so that they never mix (but where the file system knows
    no locks). An append that fails in the middle, or is cancelled, is cut off again; if somebody else has written
    behind it by then, the error says how many bytes stand in the file.

    Arguments:
        path: The file; its folder must exist.
        content: A str, written as UTF-8 with its newlines as they are, or bytes, bytearray, memoryview or another
            buffer.
        durable: Return only when the content, and the name of a new file, survive a loss of power.
        mode: The permission bits of a new file; by default 0o666 without the process's mask. An old one keeps its own.
        follow_symlinks: Append to where a link leads, also if nothing is there yet. False refuses a link.
        within: The path starts in this folder, and must not lead outside of it.
        cancel: Stop when `cancel()` is called on it, from any thread; nothing is appended then.

    Returns:
        A `WriteResult`: path, durable, and bytes and blake3 of what was appended (not of the whole file).

    Raises:
        NotCommittedError: A step failed, which the message names: the file is as it was. Such a step is the lock on the
            folder, if somebody else holds it for 30 seconds.
        FileSystemError: A step failed, and a part of the content stands in the file; the message says how much.
        CommittedNotDurableError: The content stands in the file, but could not be flushed.
        OutsideRootError: It leads out of `within`.
        PathNotFoundError: The folder does not exist.
        AccessDeniedError: The file is read-only to this user, or `within` denies its name.
        CancelledError: `cancel` stopped it.
        ArgumentError, TypeError: An argument cannot be used (a folder, a pipe); the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.append_file("journal.txt", "first\n").bytes
        6
        >>> vfo.append_file("journal.txt", "second\n", durable=False).bytes
        7
        >>> vfo.read_file_string("journal.txt")
        'first\nsecond\n'
    """
    try:
        written, blake3 = _core.append_file(
            encode_path("path", path),
            content if isinstance(content, (str, bytes)) else _bytes_of(content),
            durable=durable,
            mode=mode if mode is None else _mode(mode),
            follow_symlinks=follow_symlinks,
            within=encode_within(within),
            cancel=cancel,
        )
    except TypeError:
        ensure_types(cancel, {"durable": durable, "follow_symlinks": follow_symlinks}, {})
        raise
    return WriteResult(os.fsdecode(path), written, blake3, durable)


def sweep_temp_files(
    root: PathArgument = ".",
    *,
    older_than: float = 60.0,
    within: Root | PathArgument | None = None,
    cancel: CancelToken | None = None,
) -> list[str]:
    """Remove the temporary files that killed writers left below a folder.

    A living writer holds its temporary file locked, and what is locked stays. So does what has another name than
    `.vfo-<24 hexadecimal digits>.tmp`, and what is no regular file. Hidden folders are searched too, ignore files do
    not count, no link is followed, and `.git` is not entered.

    Arguments:
        root: The folder.
        older_than: Only files that nobody has changed for so many seconds, for file systems whose locks do not reach
            the writers of other machines. 0 leaves it to the locks alone.
        within: The path starts in this folder, and must not lead outside of it.
        cancel: Stop when `cancel()` is called on it, from any thread.

    Returns:
        The paths of the removed files, in order, as `os.fsdecode` gives them.

    Raises:
        OutsideRootError: It leads out of `within`.
        PathNotFoundError: There is no such folder.
        FileSystemError: Something could not be removed, or looked into; all else was. The message counts both.
        CancelledError: `cancel` stopped it.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> with open("src/.vfo-0123456789abcdef01234567.tmp", "w") as left_behind:
        ...     written = left_behind.write("half of a cont")
        >>> vfo.sweep_temp_files(older_than=60)
        []
        >>> vfo.sweep_temp_files(older_than=0)
        ['src/.vfo-0123456789abcdef01234567.tmp']
    """
    if not isinstance(older_than, (int, float)) or isinstance(older_than, bool):
        raise TypeError(f"older_than: a number of seconds, not {type(older_than).__name__}")
    if not older_than >= 0:
        raise ArgumentError(f"older_than: expected a number of seconds of at least 0, got {older_than}")
    # An int may be longer than any float.
    older_than = float(min(older_than, sys.float_info.max))
    try:
        removed = _core.sweep_temp_files(
            encode_path("root", root), older_than=older_than, within=encode_within(within), cancel=cancel
        )
    except TypeError:
        ensure_types(cancel, {}, {})
        raise
    return [os.fsdecode(path) for path in removed]


def _bytes_of(content: Buffer) -> memoryview:
    """The bytes of a buffer, not copied."""
    try:
        view = memoryview(content)
    except TypeError:
        text = f"content: expected a str or bytes (bytearray, memoryview, ...), not {type(content).__name__}"
        raise TypeError(text) from None
    if not view.c_contiguous:
        raise ArgumentError("content: the buffer does not lie in one piece; copy it, for example with bytes()")
    # An empty view of several dimensions cannot be cast.
    return view.cast("B") if view.nbytes else memoryview(b"")


def _mode(mode: object) -> int:
    if not isinstance(mode, int) or isinstance(mode, bool):
        raise TypeError(f"mode: expected permission bits such as 0o640, not {type(mode).__name__}")
    if not 0 <= mode <= _ALL_MODE_BITS:
        raise ArgumentError(f"mode: expected permission bits from 0 to 0o7777, got {mode:#o}")
    return mode


def ensure_types(cancel: object, flags: dict[str, object], texts: dict[str, object]) -> None:
    """Name the argument that has not the type that it must have.

    A single write asks only when the core has refused an argument: checking takes longer than a small write.
    """
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name}: expected True or False, got {type(value).__name__} {value!r}") from None
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise TypeError(f"{name}: a str, not {type(value).__name__}") from None
    if cancel is not None and not isinstance(cancel, _core.CancelToken):
        raise TypeError(f"cancel: a CancelToken, not {type(cancel).__name__}") from None
