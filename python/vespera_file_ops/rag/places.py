"""Where an artifact belongs: which source holds a path, and under which key.

A source is known by the name that it was given, or else by its canonical path, so that it does not matter how a caller
spelled it. What lies below no source belongs to the source `added`.
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from ..errors import ArgumentError, PathNotFoundError
from ..paths import encode_path, ensure_text
from .manifest import artifact_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._core import Root
    from ..paths import PathArgument
    from .manifest import SourceRecord

__all__ = ["ADDED", "Place", "Source", "place_of"]

ADDED = "added"
"""The source of what was added from outside all sources."""


class Source(NamedTuple):
    """A folder that is synced.

    Arguments:
        id: Its name, or its canonical path.
        root: Its canonical path, as `os.fsdecode` gives it.
        walked: What the walk starts at; relative to `within` where that is given.
    """

    id: str
    root: str
    walked: bytes

    @classmethod
    def of(cls, source: PathArgument, name: str | None, within: Root | PathArgument | None) -> Source:
        """The source that a caller means."""
        encoded = encode_path("source", source)
        if within is None:
            encoded = os.path.realpath(encoded)
            seen = encoded
        else:
            base: Any = getattr(within, "path", within)
            seen = os.path.realpath(os.path.join(encode_path("within", base), encoded))
        root = os.fsdecode(seen)
        if not os.path.lexists(seen):
            raise PathNotFoundError(f"{root}: there is no such folder; nothing was removed from the index", path=root)
        if not os.path.isdir(seen):
            raise ArgumentError(f"source: {root} is no folder; add() takes a single file", path=root)
        if name is not None:
            ensure_text("name", name)
        if name in {"", ADDED}:
            raise ArgumentError(f'name: {name!r} cannot be the name of a source; "{ADDED}" is where add() puts things')
        return cls(_text(root) if name is None else name, root, encoded)

    def without(self, entries: pl.DataFrame, folder: str) -> pl.DataFrame:
        """The entries of a look at the source (by `key`) but those of the index itself, where it lies in there."""
        inside = os.path.realpath(folder)
        if not _is_below(inside, self.root):
            return entries
        own = _key(os.path.relpath(inside, self.root).replace(os.sep, "/"))
        return entries.filter((pl.col("key") != own) & ~pl.col("key").str.starts_with(f"{own}/"))


class Place(NamedTuple):
    """Where one artifact stands in the index."""

    source: str
    key: str
    relative_path: str
    path: str

    @property
    def artifact(self) -> str:
        """Its id."""
        return artifact_id(self.source, self.key)


def place_of(path: PathArgument, records: Sequence[SourceRecord], *, is_label: bool = False) -> Place:
    """The place of a path in the source that holds it.

    Arguments:
        path: The path of a file, or what a content is to be known by.
        records: The sources of the index.
        is_label: Outside of every source, take the path as it is written, and not as one of this machine.
    """
    encoded = encode_path("path", path)
    folder, name = os.path.split(os.path.abspath(encoded))
    real = os.fsdecode(os.path.join(os.path.realpath(folder), name))
    holders = [record for record in records if record.root is not None and _is_below(real, record.root)]
    if holders:
        # The innermost of several.
        holder = max(holders, key=lambda record: len(record.root or ""))
        relative = os.path.relpath(real, holder.root).replace(os.sep, "/")
        return Place(holder.source, _key(relative), _text(relative), _text(real))
    label = posixpath.normpath(os.fsdecode(encoded)) if is_label else real
    return Place(ADDED, _key(label), _text(label), _text(label))


def _is_below(path: str, root: str) -> bool:
    return path.startswith(root.rstrip(os.sep) + os.sep)


def _key(relative: str) -> str:
    """The key as the comparison of trees gives it to an entry."""
    text = _text(relative)
    return text if text == relative else "\0" + os.fsencode(relative).hex()


def _text(path: str) -> str:
    """A path as text that is valid UTF-8."""
    return os.fsencode(path).decode("utf-8", "replace")
