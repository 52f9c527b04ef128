"""The chunker as the index uses it: named files in, their chunks and what became of each file out.

The index names single files, never a tree: which ones is known from the comparison with the manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypedDict

import polars as pl

from .. import _core, chunk

if TYPE_CHECKING:
    from typing import Any

__all__ = ["CHUNKER_VERSION", "MOST_FILE_BYTES", "ChunkOptions", "chunked", "same_chunks"]

CHUNKER_VERSION = _core.chunker_version
"""Rises with every change by which the same file gets other chunks: an older index is then built anew."""

MOST_FILE_BYTES = 256 << 20
"""A larger file is not indexed: the chunks of one file are held at once."""

# A file of these is finished; of any other, its content is not known.
_FINISHED = ("searched", "binary")


class ChunkOptions(TypedDict, total=False):
    """How files are cut into chunks; as in `chunk`."""

    chunk_size: int | None
    overlap: int | None
    tokenizer: object | None
    extractors: Mapping[str, Callable[..., object]] | None
    encoding: str | None


def chunked(files: pl.DataFrame, options: ChunkOptions, run: Mapping[str, object]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The chunks of these files, and of each file whether its content is known.

    Arguments:
        files: Columns `key`, `path` and `path_bytes`.
        options: How they are cut.
        run: Options of the walk that hold for a named file too: `within`, `threads`, `cancel`.

    Returns:
        The chunks with their file's `key`; and one row a file: `key`, `is_known`, `error`.
    """
    paths: list[Any] = [exact if exact is not None else path.encode() for path, exact in _named(files)]
    given: dict[str, Any] = {
        "max_file_size": MOST_FILE_BYTES,
        **run,
        **{name: value for name, value in options.items() if value is not None},
    }
    result = chunk(paths, **given)
    named = files.select("key", "path", "path_bytes")
    on = ["path", "path_bytes"]
    chunks = result.chunks.join(named, on=on, how="inner", nulls_equal=True, maintain_order="left")
    ledger = result.coverage.select("path", "path_bytes", "status", "error")
    ledger = named.join(ledger, on=on, how="left", nulls_equal=True, maintain_order="left").unique("key", keep="first")
    is_known = pl.col("status").is_in(_FINISHED).fill_null(value=False)
    too_large = pl.format("{}: an index takes no larger file; leave it out by exclude= or max_file_size=", "error")
    reason = pl.coalesce(pl.when(status="too_large").then(too_large), "error", "status", pl.lit("it was not reached"))
    return chunks, ledger.select("key", is_known=is_known, error=pl.when(is_known).then(None).otherwise(reason))


def _named(files: pl.DataFrame) -> list[tuple[str, bytes | None]]:
    return list(files.select("path", "path_bytes").iter_rows())


def same_chunks(old_path: str, new_path: str) -> bool:
    """Whether a file that is renamed so keeps its chunks: how it is cut depends on its extension, or else its name."""
    old, new = old_path.rpartition("/")[2], new_path.rpartition("/")[2]
    if old == new:
        return True
    stem, dot, extension = old.rpartition(".")
    return bool(stem and dot) and new.endswith(f".{extension}") and new.rpartition(".")[0] != ""
