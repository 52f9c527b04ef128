"""The exceptions and the one warning of this package.

Every exception is a `VfoError`, and each leaf is also the builtin that a Python user would catch: code that says
`except FileNotFoundError` keeps working. The Rust core looks the classes up here by name and constructs each as
`cls(message, path=..., errno=...)`; the message says what was asked, of which path, and what to do.

A bad *argument* raises one of these at the call. A bad *file* never does inside a scan: it is a row of the table, with
its reason in `error`.
"""

from __future__ import annotations

from typing import cast

__all__ = [
    "AccessDeniedError",
    "ArgumentError",
    "CancelledError",
    "ChangedError",
    "CommittedNotDurableError",
    "ConflictError",
    "DecodeError",
    "FileSystemError",
    "ForkedProcessError",
    "IncompleteSearchWarning",
    "IndexBusyError",
    "IndexDamagedError",
    "IndexMismatchError",
    "InternalError",
    "LimitError",
    "MissingExtraError",
    "NotCommittedError",
    "OutsideRootError",
    "PathNotFoundError",
    "PatternError",
    "RemovalRefusedError",
    "UnindexedRowsWarning",
    "VfoError",
]


def _rebuild(cls: type[VfoError], message: str, path: str | None, errno: int | None) -> VfoError:
    """Make an exception again from what `VfoError.__reduce__` kept of it."""
    return cls(message, path=path, errno=errno)


class VfoError(Exception):
    """Everything that this package raises.

    Arguments:
        message: What was asked, of which path, and what to do about it.
        path: The path that it is about, as `os.fsdecode` gives it; None where no single path is to blame.
        errno: The system's error number; None where the failure was not the system's.
    """

    path: str | None

    def __init__(self, message: str = "", *, path: str | None = None, errno: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        # OSError has its own slots for these two. It fills `filename` only from a positional call, whose `str()`
        # would then replace the message.
        self.errno = errno
        if isinstance(self, OSError):
            system = cast("OSError", self)
            system.filename = path
            system.strerror = message

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.path, self.errno))


class ArgumentError(VfoError, ValueError):
    """An argument has a value that the call does not take; the message names it and says what it may be."""


class PatternError(VfoError, ValueError):
    """A pattern or a glob does not parse, or would cost too much to run."""


class DecodeError(VfoError, ValueError):
    """The content is not valid in the encoding that it was read with; the message names the byte that is wrong."""


class LimitError(VfoError, ValueError):
    """A bound of this package was reached; the message names the way around it."""


class PathNotFoundError(VfoError, FileNotFoundError):
    """The path names nothing."""


class AccessDeniedError(VfoError, PermissionError):
    """The system refused access to the path, or the root that `within` names denies it."""


class OutsideRootError(VfoError, PermissionError):
    """The path, or a link on its way, leads out of the root that `within` names, whether anything is there or not."""


class ConflictError(VfoError, OSError):
    """What stands there is not what was expected (`expected_blake3`, or nothing): nothing was written; look again."""


class NotCommittedError(VfoError, OSError):
    """A write failed before it took effect: the target is as it was, and nothing is left beside it."""


class CommittedNotDurableError(VfoError, OSError):
    """A write took effect, but the system could not say that it survives a loss of power."""


class ChangedError(VfoError, OSError):
    """The file changed while it was read, so no consistent content can be given; read it again."""


class FileSystemError(VfoError, OSError):
    """Any other failure that the system reported; `errno` tells which."""


class CancelledError(VfoError):
    """The caller's `CancelToken` stopped the work, and the result has no ledger that could say what is missing."""


class ForkedProcessError(VfoError, RuntimeError):
    """The call needs Polars in a process that was forked from one that had loaded it, where its engine would hang."""


class IndexBusyError(VfoError, BlockingIOError):
    """Another process writes to the retrieval index and did not finish in the time that `wait` gave it."""


class IndexDamagedError(VfoError, RuntimeError):
    """A part of the retrieval index is missing or cannot be read; `rebuild=True` makes all of it anew."""


class IndexMismatchError(VfoError, ValueError):
    """The retrieval index was built with another embedder, other chunks or a newer version than the one at hand."""


class RemovalRefusedError(VfoError, RuntimeError):
    """So much of a source is gone that it may well be the source that is gone; nothing was removed from its index."""


class MissingExtraError(VfoError, ImportError):
    """A part of this package was asked for whose own packages are not installed; the message names the extra."""


class InternalError(VfoError, RuntimeError):
    """A defect of this package, caught before it could harm its host; please report it."""


class IncompleteSearchWarning(UserWarning):
    """An eager search that returns no ledger could not search everything it found.

    `vespera_file_ops.search` returns the ledger, which names each file that was left out, and why.
    """


class UnindexedRowsWarning(UserWarning):
    """A retrieval index holds all that it should, but its disk is too full to put the new rows in order.

    Searches find them nevertheless, at a tenth of a millisecond a row. Make room: the next writer puts them in order.
    """
