"""Files as retrieval chunks, at once: the chunks alone, or with the ledger of one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import options as opt
from . import tables
from .frames import collect
from .options import checked, documented
from .request import ScanRequest
from .result import ChunkResult, warn_if_incomplete

if TYPE_CHECKING:
    import polars as pl
    from typing_extensions import Unpack

    from .options import ChunkOptions, ChunksOptions
    from .paths import SourceArgument

__all__ = ["chunk", "chunk_files"]


@documented(opt.CHUNK)
def chunk(source: SourceArgument = ".", *, progress: bool = False, **options: Unpack[ChunkOptions]) -> ChunkResult:
    """Chunk files, and account for every file: chunks, coverage and summary from one pass.

    Arguments:
        source: A folder, a file, a glob such as `"docs/**/*.md"`, or a list of these.
        progress: Show a progress bar (tqdm).
        {options}

    Returns:
        A `ChunkResult`: `chunks` with the columns of `scan_chunks`, `coverage` with those of `scan_coverage` (its
        `hits` are the chunks of each file), `summary` (a dict of counts) and `ledger` (the summary in one line). After
        a `time_limit` or a `cancel()` it holds what was finished, and its coverage says what was not.

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A glob does not parse.
        LimitError: The result is above 4 GiB; `scan_chunks` has no such bound.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> result = vfo.chunk(".")
        >>> result.ledger
        'found 5 = searched 4 + binary 1; 4 chunks'
        >>> result.chunks.select("path", "language", "start_line", "end_line").rows()[1]
        ('src/app.py', 'python', 1, 6)
    """
    given = checked("chunk", options, opt.CHUNK)
    (chunks, coverage), summary = collect(ScanRequest("chunk", source, given), "chunks", "coverage", progress=progress)
    return ChunkResult(chunks, coverage, summary)


@documented(opt.CHUNKS, tables.CHUNKS)
def chunk_files(
    source: SourceArgument = ".", *, progress: bool = False, **options: Unpack[ChunksOptions]
) -> pl.DataFrame:
    r"""The retrieval chunks of the files below a folder; the same rows as `scan_chunks(...).collect()`.

    Arguments:
        source: A folder, a file, a glob such as `"docs/**/*.md"`, or a list of these.
        progress: Show a progress bar (tqdm).
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A glob does not parse.
        CancelledError: The `cancel` token stopped it; use `chunk` to keep what was finished until then.
        LimitError: The result is above 4 GiB; `scan_chunks` has no such bound.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Warns:
        IncompleteSearchWarning: Something was unreadable, vanished, changed, too large or not reached.

    Example:
        >>> import vespera_file_ops as vfo
        >>> chunks = vfo.chunk_files("src", chunk_size=40)
        >>> chunks.filter(path="src/util.py").select("chunk", "start_line", "text").rows()
        [(0, 1, 'def helper():\n    return 1  # FIXME')]
    """
    request = ScanRequest("chunks", source, checked("chunk_files", options, opt.CHUNKS))
    (chunks,), summary = collect(request, "chunks", progress=progress)
    warn_if_incomplete(summary, cut_expected=False, stacklevel=2, named_by="chunk")
    return chunks
