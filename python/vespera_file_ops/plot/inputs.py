"""What a chart is made from: the columns that it needs, of whatever frame was given, and its checked arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import polars as pl

from ..errors import ArgumentError
from ..forks import ensure_not_forked

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FOLDER", "Measure", "checked_count", "checked_measure", "checked_title", "files_of", "needed"]

Measure: TypeAlias = Literal["bytes", "files"]

# The folder of a path as people write it.
FOLDER = (
    pl.when(pl.col("path").str.starts_with("/") & ~pl.col("path").str.slice(1).str.contains("/", literal=True))
    .then(pl.lit("/"))
    .otherwise(pl.col("path").str.extract(r"(?s)^(.*)/"))
    .fill_null(".")
)

_TYPES: dict[str, tuple[str, pl.DataType]] = {
    "path": ("a String", pl.String()),
    "size": ("an integer", pl.Int64()),
    "modified": ("a Datetime", pl.Datetime("us")),
    "extension": ("a String", pl.String()),
    "language": ("a String", pl.String()),
    "line_number": ("an integer", pl.Int64()),
}


def needed(
    name: str, frame: object, columns: tuple[str, ...], source: str
) -> tuple[pl.LazyFrame, Mapping[str, object]]:
    """The frame, lazily, once it has been seen to have the columns; and its schema.

    Arguments:
        name: The argument's name, for the error.
        frame: What the caller gave.
        columns: Which columns the chart needs.
        source: What gives such a frame, for the error: "a files table is needed, as of scan_files".
    """
    ensure_not_forked()
    if not isinstance(frame, pl.DataFrame | pl.LazyFrame):
        raise TypeError(f"{name}: a DataFrame or a LazyFrame, not {type(frame).__name__}")
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    missing = [column for column in columns if column not in schema]
    if missing:
        raise ArgumentError(f"{name}: has no column {', '.join(missing)}; {source}")
    for column in columns:
        meaning, kind = _TYPES[column]
        given = schema[column]
        if given == pl.Null:
            # An empty frame that was made by hand has no types.
            lazy = lazy.with_columns(pl.col(column).cast(kind))
        elif not (given.base_type() == kind.base_type() or (given.is_integer() and kind.is_integer())):
            raise ArgumentError(f"{name}: its column {column} is {given}, not {meaning}; {source}")
    return lazy, schema


def files_of(lazy: pl.LazyFrame, schema: Mapping[str, object], *columns: str) -> pl.DataFrame:
    """One row for each regular file that has a size: path, size, and these columns.

    A table of hits or chunks names a file many times, and a files table holds folders too, whose size is no content.
    """
    if "kind" in schema:
        lazy = lazy.filter(pl.col("kind") == "file")
    keys = ["path", "path_bytes"] if "path_bytes" in schema else ["path"]
    rows = lazy.select(*keys, "size", *columns).filter(pl.col("size").is_not_null()).collect()
    return rows.unique(keys, keep="first", maintain_order=True).with_columns(pl.col("size").cast(pl.Int64))


def checked_measure(value: object, allowed: tuple[str, ...] = ("bytes", "files")) -> str:
    """The measure, if it is one of these."""
    if not isinstance(value, str):
        raise TypeError(f"measure: a str, not {type(value).__name__}")
    if value not in allowed:
        raise ArgumentError(f"measure: expected {' or '.join(repr(name) for name in allowed)}, got {value!r}")
    return value


def checked_count(name: str, value: object, most: int) -> int:
    """How many marks there may be: at least one, and no more than a chart can show."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: an int, not {type(value).__name__}")
    if not 1 <= value <= most:
        raise ArgumentError(f"{name}: expected 1 to {most}, got {value}")
    return value


def checked_title(value: object) -> str | None:
    """The title, if there is one."""
    if value is not None and not isinstance(value, str):
        raise TypeError(f"title: a str, not {type(value).__name__}")
    return value
