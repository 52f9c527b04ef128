"""What a caller may write where a path or a source is asked for, and how it reaches the core.

The core takes bytes, because a name on disk is bytes. Text goes there through `os.fsencode`, so that what
`os.listdir` gave (surrogates included) names the same file again. Only a `str` can be a glob: bytes and `os.PathLike`
always name exactly one thing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from ._core import Root
    from .errors import ArgumentError
    from .partition import Partition

    PathArgument: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]
    """One path: str, bytes or os.PathLike."""

    SourceArgument: TypeAlias = PathArgument | Iterable[PathArgument] | Partition
    """One path or glob, or several of them, or a part of a plan."""


def encode_path(name: str, path: PathArgument) -> bytes:
    """The bytes of one path; `name` is the argument's name, for the error."""
    if not is_path(path):
        raise TypeError(f"{name}: a path is a str, bytes or os.PathLike, not {type(path).__name__}")
    try:
        encoded = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise _bad(f"{name}: not a path in the file system's encoding: {error}", path) from None
    if not encoded:
        raise _bad(f'{name}: an empty path names nothing; "." is the current directory', path)
    if b"\0" in encoded:
        raise _bad(f"{name}: a path cannot hold a NUL byte", path)
    return encoded


def encode_within(within: Root | PathArgument | None) -> Root | None:
    """The root that a call is confined to, opened if it was given as a path."""
    if within is None:
        return None
    from ._core import Root

    if isinstance(within, Root):
        return within
    if not is_path(within):
        raise TypeError(f"within: a Root, or the path of a folder, not {type(within).__name__}")
    return Root(encode_path("within", within))


def encode_place(path: PathArgument, within: Root | PathArgument | None) -> tuple[bytes, Root | None]:
    """The bytes of the argument `path`, and the root that it must not leave."""
    return encode_path("path", path), encode_within(within)


def encode_sources(name: str, source: SourceArgument, *, globs: bool = True) -> tuple[list[tuple[bytes, bool]], bool]:
    """What the core takes as sources, and whether the caller gave a list.

    Each source is its bytes and whether it may be a glob; `globs=False` takes every source literally.
    """
    if is_path(source):
        return [(encode_path(name, source), globs and isinstance(source, str))], False
    if isinstance(source, (bytearray, memoryview, Mapping)) or not isinstance(source, Iterable):
        raise TypeError(f"{name}: a path (str, bytes, os.PathLike) or a list of paths, not {type(source).__name__}")
    sources = [(encode_path(name, item), globs and isinstance(item, str)) for item in source]
    if not sources:
        raise _bad(f"{name}: the list holds no path", None)
    return sources, True


def is_path(value: object) -> TypeIs[PathArgument]:
    """Whether this is one path, and not a list of them or something else."""
    return isinstance(value, (str, bytes, os.PathLike))


def text_list(name: str, value: object) -> list[str]:
    """One str or several, as a list; `name` is the argument's name, for the error."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, (bytes, bytearray, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{name}: a str or a list of str, not {type(value).__name__}")
    items = list(value)
    for item in items:
        if not isinstance(item, str):
            raise TypeError(f"{name}: every item is a str, not {type(item).__name__}")
        ensure_text(name, item)
    return items


def ensure_text(name: str, value: object) -> None:
    """Refuse what is no str, or one that no encoding can write; `name` is the argument's name, for the error."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: a str, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        text = f"{name}: expected text, got a lone surrogate at character {error.start} of {value[:80]!r}"
        raise _bad(text, None) from None


def _bad(message: str, path: object) -> ArgumentError:
    from .errors import ArgumentError

    return ArgumentError(message, path=os.fsdecode(path) if isinstance(path, (str, bytes)) else None)
