"""What turns texts into vectors: the protocol, and LanceDB's embedding functions made to fit it.

Nothing here downloads anything. Vectors are checked when they come, because a wrong one would be found by nobody later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import polars as pl

if TYPE_CHECKING:
    from ..errors import ArgumentError

__all__ = ["Embedder", "as_embedder", "embedded", "embedded_query"]


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors of one length.

    A `version`, if there is one, is stored as well: vectors of two versions do not compare. A method
    `embed_query(text)`, if there is one, is what a search calls; else a query is embedded as a text.
    """

    name: str
    dimension: int

    def embed(self, texts: Sequence[str]) -> Any:
        """The vectors of these texts, in their order: an Arrow FixedSizeList of float32, or what Polars reads so."""
        ...


class _LanceFunction:
    """An embedding function of LanceDB as an `Embedder`."""

    def __init__(self, function: Any) -> None:
        self.function = function
        model = getattr(function, "name", None)
        kind = type(function).__name__
        self.name = f"{kind}:{model}" if isinstance(model, str) else kind
        self.dimension = int(function.ndims())

    def embed(self, texts: Sequence[str]) -> Any:
        return self.function.compute_source_embeddings(list(texts))

    def embed_query(self, text: str) -> Any:
        return self.function.compute_query_embeddings(text)[0]


def as_embedder(given: object) -> Embedder | None:
    """The embedder that was given: one of the protocol, or an embedding function of LanceDB."""
    if given is None:
        return None
    if hasattr(given, "compute_source_embeddings") and hasattr(given, "ndims"):
        given = _LanceFunction(given)
    if not isinstance(given, Embedder) or not callable(given.embed) or isinstance(given, type):
        raise TypeError(
            "embedder: an object with `name`, `dimension` and `embed(texts)`, or one of LanceDB's embedding functions, "
            f"not {type(given).__name__}"
        )
    if not isinstance(given.name, str) or not given.name:
        raise TypeError(f"embedder: its name is a str, not {given.name!r}")
    if not isinstance(given.dimension, int) or isinstance(given.dimension, bool) or given.dimension < 1:
        raise TypeError(f"embedder: its dimension is an int of at least 1, not {given.dimension!r}")
    return given


def embedded(embedder: Embedder, texts: Sequence[str]) -> pl.Series:
    """The vectors of these texts."""
    return _checked(embedder, embedder.embed(texts), len(texts))


def embedded_query(embedder: Embedder, query: str) -> list[float]:
    """The vector of a query."""
    single = getattr(embedder, "embed_query", None)
    vectors = embedder.embed([query]) if single is None else [single(query)]
    vector: list[float] = _checked(embedder, vectors, 1).to_list()[0]
    return vector


def _checked(embedder: Embedder, vectors: object, count: int) -> pl.Series:
    wanted = pl.Array(pl.Float32, embedder.dimension)
    try:
        if isinstance(vectors, list | tuple):
            vectors = [[float(number) for number in vector] for vector in vectors]
            series = pl.Series("vector", vectors, dtype=wanted)
        else:
            given: Any = vectors
            series = pl.Series("vector", given).cast(wanted)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise _wrong(embedder, f"vectors of {embedder.dimension} float32 were expected: {error}") from error
    if len(series) != count:
        raise _wrong(embedder, f"{count} texts gave {len(series)} vectors")
    if series.null_count() or not series.explode().is_finite().all():
        raise _wrong(embedder, "a vector is null, or holds what is no number")
    return series


def _wrong(embedder: Embedder, what: str) -> ArgumentError:
    from ..errors import ArgumentError

    return ArgumentError(f"embedder: {embedder.name!r}: {what}")
