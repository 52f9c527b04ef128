"""Who cuts files and embeds texts for an index: this process, or the workers of Daft.

The writer alone looks at the index. Workers are handed files to cut and texts to embed, and give back chunks and
vectors.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import polars as pl

from ..errors import ArgumentError, MissingExtraError
from ..partition import packed, unpacked
from .chunking import ChunkOptions, chunked
from .embedder import Embedder, embedded

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ENGINES", "Cut", "Engine", "EngineName", "Local", "engine_of"]

EngineName = Literal["local", "daft"]
ENGINES = ("local", "daft")

# So many texts are embedded, and stored, at once: what a kill can cost.
_TEXTS = 256


class Cut(NamedTuple):
    """What became of a batch of files.

    Arguments:
        position: Which batch it was.
        chunks: The chunks, with their file's `key`.
        ledger: One row a file: `key`, `is_known`, `error`.
    """

    position: int
    chunks: pl.DataFrame
    ledger: pl.DataFrame


class Engine(Protocol):
    """Where the work is done."""

    def cut(self, batches: Sequence[pl.DataFrame], options: ChunkOptions, run: Mapping[str, object]) -> Iterator[Cut]:
        """Cut batches of files (`key`, `path`, `path_bytes`), and give them back in any order."""

    def embed(self, embedder: Embedder, texts: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """The vectors of texts (`text_blake3`, `text`), a piece at a time: `text_blake3`, `vector`."""


class Local:
    """This process."""

    def cut(self, batches: Sequence[pl.DataFrame], options: ChunkOptions, run: Mapping[str, object]) -> Iterator[Cut]:
        """As `Engine` says; the batches in order, each when it is asked for."""
        for position, files in enumerate(batches):
            yield Cut(position, *chunked(files, options, run))

    def embed(self, embedder: Embedder, texts: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """As `Engine` says."""
        return (_embedded(embedder, piece) for piece in texts.iter_slices(_TEXTS))


class OnDaft:
    """The workers of Daft, on this machine or on the cluster that its runner is set to."""

    def cut(self, batches: Sequence[pl.DataFrame], options: ChunkOptions, run: Mapping[str, object]) -> Iterator[Cut]:
        """As `Engine` says; the batches as they are ready."""
        given = {"threads": 1, **packed(run)}
        work = [functools.partial(_cut, at, files, options, given) for at, files in enumerate(batches)]
        columns = pl.Schema({"position": pl.Int64(), "chunks": pl.Binary(), "ledger": pl.Binary()})
        for frame in _frames("vespera_file_ops index: cut", columns, work):
            for position, chunks, ledger in frame.iter_rows():
                yield Cut(position, pl.read_ipc(io.BytesIO(chunks)), pl.read_ipc(io.BytesIO(ledger)))

    def embed(self, embedder: Embedder, texts: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """As `Engine` says."""
        sent = _pickled(embedder)
        work = [functools.partial(_embedded_there, sent, piece) for piece in texts.iter_slices(_TEXTS)]
        # A list to Daft, an array to the cache.
        columns = pl.Schema({"text_blake3": pl.String(), "vector": pl.List(pl.Float32())})
        for frame in _frames("vespera_file_ops index: embed", columns, work):
            yield frame.cast({"vector": pl.Array(pl.Float32, embedder.dimension)})


def engine_of(name: str, embedder: Embedder | None) -> Engine:
    """The engine of that name.

    Raises:
        ArgumentError: There is none.
        MissingExtraError: Daft is not installed.
        TypeError: The name is no str, or the embedder cannot be sent to its workers.
    """
    if not isinstance(name, str):
        raise TypeError(f"engine: a str, not {type(name).__name__}")
    if name not in ENGINES:
        raise ArgumentError(f"engine: one of {', '.join(ENGINES)}, not {name!r}")
    if name == "local":
        return Local()
    try:
        import daft  # noqa: F401
    except ImportError as error:
        text = "engine: Daft is not installed: pip install 'vespera-file-ops[distributed]'"
        raise MissingExtraError(text) from error
    if embedder is not None:
        _pickled(embedder)
    return OnDaft()


def _frames(
    name: str, columns: pl.Schema, work: Sequence[Callable[[], Iterator[pl.DataFrame]]]
) -> Iterator[pl.DataFrame]:
    from ..distributed.tasks import run_tasks

    return run_tasks(name, columns, work) if work else iter(())


def _cut(
    position: int, files: pl.DataFrame, options: ChunkOptions, run: Mapping[str, object]
) -> Iterator[pl.DataFrame]:
    blobs = []
    for frame in chunked(files, options, unpacked(run)):
        blob = io.BytesIO()
        frame.write_ipc(blob)
        blobs.append(blob.getvalue())
    yield pl.DataFrame({"position": [position], "chunks": blobs[:1], "ledger": blobs[1:]})


def _embedded(embedder: Embedder, texts: pl.DataFrame) -> pl.DataFrame:
    vectors = embedded(embedder, texts["text"].to_list())
    return texts.select("text_blake3").with_columns(vectors.alias("vector"))


def _embedded_there(sent: bytes, texts: pl.DataFrame) -> Iterator[pl.DataFrame]:
    made = _embedded(_loaded(sent), texts)
    yield made.cast({"vector": pl.List(pl.Float32)})


def _pickled(embedder: Embedder) -> bytes:
    import cloudpickle

    try:
        sent: bytes = cloudpickle.dumps(embedder)
    except Exception as error:
        text = f"embedder: the workers of engine='daft' need it, but it cannot be pickled ({error}): give it __reduce__"
        raise TypeError(text) from error
    return sent


@functools.lru_cache(maxsize=2)
def _loaded(sent: bytes) -> Embedder:
    """The embedder on a worker; what it loads there is loaded once a process, and not once a task."""
    import cloudpickle

    loaded: Embedder = cloudpickle.loads(sent)
    return loaded
