"""The index beside the tree: every row that is missing, stale, left over or there twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from ..differences import compare
from .chunking import ChunkOptions, chunked
from .manifest import FILES, artifact_id
from .places import Source
from .rows import Rows, quoted
from .store import placed

__all__ = ["DIFFERENCES", "differences"]

DIFFERENCES: dict[str, pl.DataType] = {
    "source": pl.String(),
    "relative_path": pl.String(),
    "chunk": pl.Int64(),
    "difference": pl.String(),
    "detail": pl.String(),
}

_BATCH_FILES = 1_000
_KEY = ["artifact", "chunk"]
# What a row says besides its key; all of it must be what the tree says now.
_TOLD = ("path", "path_bytes", "relative_path", "extension", "language", "size", "modified", "start_byte", "end_byte",
         "start_line", "end_line", "text", "text_blake3", "file_blake3")  # fmt: skip


def differences(
    rows: Rows,
    table: Any,
    source: Source,
    walk: Mapping[str, object],
    options: ChunkOptions,
) -> pl.DataFrame:
    """What differs between the rows of one source and its tree; no row if nothing does."""
    _, look = compare(pl.DataFrame(schema=FILES), source.walked, dict(walk))
    look = source.without(look, rows.folder)
    files = look.filter((pl.col("kind") == "file") & pl.col("error").is_null())
    run = {name: walk[name] for name in ("within", "threads") if walk.get(name) is not None}
    unlisted = look.filter(pl.col("error").is_not_null())
    parts = [
        _told(source, unlisted.select("relative_path", chunk=None, difference=pl.lit("unreadable"), detail="error"))
    ]
    parts += [_of(rows, table, source, part, options, run) for part in _parts(files)]
    held = rows.read(table, f"source = {quoted([source.id])}", ["artifact", "relative_path", "chunk"])
    artifacts = pl.Series([artifact_id(source.id, key) for key in files["key"]], dtype=pl.String)
    spare = held.filter(~pl.col("artifact").is_in(artifacts.implode()))
    no_file = pl.lit("the tree has no such file")
    parts.append(_told(source, spare.select("relative_path", "chunk", difference=pl.lit("extra"), detail=no_file)))
    return pl.concat(parts).sort("relative_path", "chunk", maintain_order=True)


def _parts(files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for at in range(0, files.height, _BATCH_FILES):
        yield files.slice(at, _BATCH_FILES)


def _of(
    rows: Rows,
    table: Any,
    source: Source,
    files: pl.DataFrame,
    options: ChunkOptions,
    run: Mapping[str, object],
) -> pl.DataFrame:
    """What differs in these files."""
    chunks, ledger = chunked(files, options, run)
    place = placed(files, source.id, source.root)
    unread = ledger.filter(~pl.col("is_known")).join(place, on="key", how="inner")
    tree = chunks.drop("path", "path_bytes", "relative_path").join(place, on="key", how="inner")
    tree = tree.filter(~pl.col("artifact").is_in(unread["artifact"].implode()))
    known = place.filter(~pl.col("artifact").is_in(unread["artifact"].implode()))["artifact"].to_list()
    has_vectors = "vector" in rows.schema
    columns = [*_KEY, *_TOLD, *(["vector"] if has_vectors else [])]
    held = rows.read(table, f"artifact IN ({quoted(known)})", columns) if known else pl.DataFrame(schema=rows.schema)
    counted = held.group_by(_KEY).agg(pl.col("relative_path").first(), count=pl.len()).filter(pl.col("count") > 1)
    once = held.unique(_KEY, keep="first", maintain_order=True)
    both = tree.join(once, on=_KEY, how="inner", suffix="_held", nulls_equal=True)
    unequal = [pl.when(pl.col(name).ne_missing(pl.col(f"{name}_held"))).then(pl.lit(name)) for name in _TOLD]
    if has_vectors:
        unequal.append(pl.when(pl.col("vector").is_null()).then(pl.lit("vector")))
    both = both.with_columns(detail=pl.concat_str(unequal, separator=", ", ignore_nulls=True)).filter(
        pl.col("detail") != ""
    )
    missing = tree.join(once, on=_KEY, how="anti")
    extra = once.join(tree, on=_KEY, how="anti")
    found = [
        (missing, "missing", pl.lit("the index has no such chunk")),
        (both, "stale", pl.concat_str(pl.lit("other than in the tree: "), "detail")),
        (extra, "extra", pl.lit("the file has no such chunk")),
        (counted, "duplicated", pl.concat_str(pl.lit("rows: "), "count")),
        (unread.with_columns(chunk=pl.lit(None, pl.Int64)), "unreadable", pl.col("error")),
    ]
    return pl.concat(
        _told(source, frame.select("relative_path", "chunk", difference=pl.lit(name), detail=detail))
        for frame, name, detail in found
    )


def _told(source: Source, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(source=pl.lit(source.id)).select(
        pl.col(name).cast(kind) for name, kind in DIFFERENCES.items()
    )
