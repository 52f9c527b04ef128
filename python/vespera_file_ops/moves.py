"""Folders are made, and files and folders get another name.

Both work without Polars, so also in a forked process, and both happen in one step: a call that fails with a
`NotCommittedError` has changed nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core
from .paths import encode_path, encode_within
from .writes import ensure_types

if TYPE_CHECKING:
    from ._core import Root
    from .paths import PathArgument

__all__ = ["create_directory", "move_file"]


def create_directory(
    path: PathArgument,
    *,
    parents: bool = False,
    exist_ok: bool = False,
    within: Root | PathArgument | None = None,
) -> None:
    """Make a folder, whose name survives a loss of power when this returns.

    Arguments:
        path: The folder; its own folder must exist, but for `parents`.
        parents: Make the missing folders above it too.
        exist_ok: It is no error if there is a folder already, or a link to one.
        within: The path starts in this folder, and must not lead outside of it.

    Raises:
        PathNotFoundError: The folder above it does not exist.
        ConflictError: Something has this name already.
        NotCommittedError: A step failed, which the message names; with `parents`, folders above may have been made.
        CommittedNotDurableError: The folder was made, but the one above it could not be flushed.
        OutsideRootError: It leads out of `within`.
        AccessDeniedError: `within` denies its name.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.create_directory("reports/2026", parents=True)
        >>> vfo.create_directory("reports", exist_ok=True)
        >>> vfo.create_directory("reports")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        vespera_file_ops.errors.ConflictError: the folder exists already...
    """
    try:
        _core.create_directory(
            encode_path("path", path), parents=parents, exist_ok=exist_ok, within=encode_within(within)
        )
    except TypeError:
        ensure_types(None, {"parents": parents, "exist_ok": exist_ok}, {})
        raise


def move_file(
    source: PathArgument,
    target: PathArgument,
    *,
    overwrite: bool = False,
    durable: bool = True,
    within: Root | PathArgument | None = None,
) -> None:
    """Give a file or a folder another name, in one step: it is under the old one or the new one, whole.

    Nothing is replaced unless `overwrite` says so, also not what somebody else puts there meanwhile. A link is moved
    itself, and not what it leads to.

    Arguments:
        source: The file or folder.
        target: Its new path, with its name (not the folder to move it into); on the same file system.
        overwrite: Replace a file that has the new name; a folder neither replaces anything nor is replaced.
        durable: Return only when the new name survives a loss of power.
        within: Both paths start in this folder, and must not lead outside of it.

    Raises:
        PathNotFoundError: There is no such source, or no folder for the target.
        ConflictError: Something has the new name already.
        NotCommittedError: A step failed, which the message names: everything is as it was. The target lies on another
            file system, or somebody else holds the lock on a folder for 30 seconds.
        CommittedNotDurableError: It was moved, but a folder could not be flushed.
        OutsideRootError: A path leads out of `within`.
        AccessDeniedError: `within` denies a name, or the file to be replaced is read-only to this user.
        ArgumentError, TypeError: An argument cannot be used (a folder that would go into itself, a target that is
            replaced by nothing); the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> _ = vfo.write_file_atomic("draft.txt", "text")
        >>> vfo.move_file("draft.txt", "final.txt")
        >>> vfo.move_file("README.md", "final.txt")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        vespera_file_ops.errors.ConflictError: something has this name already...
    """
    try:
        _core.move_file(
            encode_path("source", source),
            encode_path("target", target),
            overwrite=overwrite,
            durable=durable,
            within=encode_within(within),
        )
    except TypeError:
        ensure_types(None, {"overwrite": overwrite, "durable": durable}, {})
        raise
