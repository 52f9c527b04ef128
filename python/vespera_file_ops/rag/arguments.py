"""The arguments of an index's calls: what is wrong with one is told before anything is read or written."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, cast

from .. import options as opt
from ..errors import ArgumentError, PathNotFoundError
from ..options import checked, without
from ..paths import text_list
from .chunking import ChunkOptions
from .sync import Limits

__all__ = ["WALK", "chunk_options", "ensure_file", "ensure_flag", "ensure_number", "limits_of", "walk_options"]

WALK = without(opt.DIFF, "absolute_paths")
"""The options of the walk that a sync takes."""


def ensure_file(path: bytes) -> None:
    """Refuse what is no file."""
    text = os.fsdecode(path)
    if not os.path.lexists(path):
        raise PathNotFoundError(f"{text}: there is no such file", path=text)
    if not os.path.isfile(path):
        raise ArgumentError(f"path: {text} is no regular file; sync() takes a folder", path=text)


def walk_options(function: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The options of the walk, by the names that it has."""
    walk = checked(function, given, WALK)
    for name in ("include", "exclude", "types"):
        if walk.get(name) is not None:
            walk[name] = text_list(name, walk[name])
    return walk


def limits_of(max_removed: object, *, dry_run: object, progress: object) -> Limits:
    """How far a sync may go."""
    ensure_number("max_removed", max_removed)
    share = float(max_removed)  # type: ignore[arg-type]  # checked
    if share > 1:
        raise ArgumentError(f"max_removed: a share from 0 to 1, got {max_removed}")
    ensure_flag("dry_run", dry_run)
    return Limits(share, bool(dry_run), bool(progress))


def ensure_number(name: str, value: object) -> None:
    """Refuse what is no number of at least 0."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise TypeError(f"{name}: a number, not {type(value).__name__}")
    if not value >= 0:
        raise ArgumentError(f"{name}: at least 0, got {value}")


def ensure_flag(name: str, value: object) -> None:
    """Refuse what is not True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: a bool, not {type(value).__name__}")


def chunk_options(
    chunk_size: int | None,
    overlap: int | None,
    tokenizer: object,
    extractors: Mapping[str, Callable[..., object]] | None,
    encoding: str | None,
) -> ChunkOptions:
    """The options that were given."""
    given = {
        "chunk_size": chunk_size, "overlap": overlap, "tokenizer": tokenizer, "extractors": extractors,
        "encoding": encoding,
    }  # fmt: skip
    for name in ("chunk_size", "overlap"):
        value = given[name]
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise TypeError(f"{name}: an int, not {type(value).__name__}")
    if extractors is not None and not (
        isinstance(extractors, Mapping)
        and all(isinstance(key, str) and key.startswith(".") and callable(made) for key, made in extractors.items())
    ):
        raise TypeError('extractors: a dict of functions by extension, such as {".pdf": function}')
    return cast("ChunkOptions", {name: value for name, value in given.items() if value is not None})
