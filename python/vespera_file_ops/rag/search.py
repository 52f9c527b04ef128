"""A query's best chunks: by full text, by vector, or by both, as LanceDB ranks them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import polars as pl

from ..errors import ArgumentError
from .embedder import Embedder, embedded_query
from .rows import lance_errors
from .words import query_words

__all__ = ["Mode", "found"]

Mode = Literal["auto", "text", "vector", "hybrid"]
MODES = ("auto", "text", "vector", "hybrid")

_SHOWN = (
    "path", "relative_path", "source", "artifact", "chunk", "start_line", "end_line", "start_byte", "end_byte",
    "language", "modified", "text",
)  # fmt: skip
_SCORES = ("_score", "_distance", "_relevance_score")


def found(
    table: Any,
    folder: str,
    query: str,
    *,
    limit: int,
    mode: str,
    where: str | None,
    embedder: Embedder | None,
) -> pl.DataFrame:
    """The best chunks; the arguments are checked already."""
    builder = _builder(table, query, mode, embedder)
    if where is not None:
        builder = builder.where(where)
    try:
        with lance_errors(folder):
            rows = builder.limit(limit).to_arrow()
    except RuntimeError as error:
        cause = error.__cause__
        if where is not None and isinstance(cause, ValueError):
            raise ArgumentError(f"where: {where!r} is not a condition on the index's rows: {cause}") from error
        raise
    frame = pl.DataFrame(rows)
    return frame.select([*_SHOWN, *(name for name in _SCORES if name in frame.columns)])


def _builder(table: Any, query: str, mode: str, embedder: Embedder | None) -> Any:
    from lancedb import query as lance_query
    from lancedb.rerankers import RRFReranker

    # No query language: every query is words to be found.
    make: Any = lance_query.MatchQuery
    match = make(query_words(query), "words")
    if mode == "text" or embedder is None:
        return table.search(match, query_type="fts")
    vector: Sequence[float] = embedded_query(embedder, query)
    if mode == "vector":
        return table.search(vector, vector_column_name="vector").distance_type("cosine")
    both = table.search(query_type="hybrid", vector_column_name="vector").vector(vector).text(match)
    return both.distance_type("cosine").rerank(RRFReranker())
