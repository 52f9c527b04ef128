"""Arrow to Polars: the lazy source and the eager run.

A lazy frame is a real IO source: every collect starts a fresh Rust scan, which computes the columns that the query uses
and no others, opens only the files that the query's predicate can keep, and stops when the query has enough. The eager
run gathers inside Rust and hands over whole tables, so that Ctrl-C and errors are clean; it gives the same rows.

Polars does not apply again what it hands to a source, so the source owes the whole of it: rows, predicate, projection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import polars as pl
from polars.io.plugins import register_io_source

from . import interrupts
from .forks import ensure_not_forked
from .predicates import FilePredicate
from .progress import ProgressBar

if TYPE_CHECKING:
    from ._core import Batch, Batches
    from .ledger import Summary
    from .request import ScanRequest

__all__ = ["collect", "frames_of", "lazy_frame", "schema_of", "to_frame"]

# How long the engine's thread waits for rows, in seconds. The engine calls the source off the main thread, where no
# signal arrives: this is the time by which Ctrl-C can be late.
_BOX_SECONDS = 0.025

# How long the eager run stays inside Rust between two looks at the progress bar. Rust itself watches for signals.
_GATHER_SECONDS = 0.1

# A batch of files is passed on in pieces of at most so many rows, and of files that hold at most so much together if
# their sizes are known. Polars holds tens of pieces between a source and a sink, and counts rows: what an expression
# reads of the files of one piece is in memory at once. Pieces of fewer rows than the least would cost a query that
# reads nothing more than the walk does.
_ROWS_OF_PIECE = 256
_FILE_BYTES_OF_PIECE = 4 << 20
_LEAST_ROWS_OF_PIECE = 8


def to_frame(table: Batch | Batches) -> pl.DataFrame:
    """A batch or a stream from the core as a frame; its buffers are shared, not copied."""
    ensure_not_forked()
    return pl.DataFrame(table)


def schema_of(request: ScanRequest, table: str) -> pl.Schema:
    """The schema of one of the request's tables; it depends on the arguments alone."""
    return to_frame(request.build().schema(table)).schema


def lazy_frame(request: ScanRequest, observer: Callable[[Summary], None] | None = None) -> pl.LazyFrame:
    """The request's table as a lazy frame, which can be collected any number of times, from any thread.

    Arguments:
        request: A request for "files", "hits", "coverage" or "chunks".
        observer: Told the summary of each run that came to its end.
    """
    interrupts.listen()
    schema = schema_of(request, request.table)
    source = _Source(request, schema, observer)
    # Pure, so that Polars may scan once what one query names twice with the same columns and filters.
    return register_io_source(source, schema=schema, is_pure=True, explain_name=f"vespera_file_ops {request.table}")


def frames_of(request: ScanRequest, columns: list[str], predicate: pl.Expr | None = None) -> Iterator[pl.DataFrame]:
    """The rows of a request's table that satisfy a predicate, as they are found, for an engine that is not Polars."""
    return _Source(request, schema_of(request, request.table))(columns, predicate, None, None)


def collect(
    request: ScanRequest, *tables: str, columns: dict[str, list[str]] | None = None, progress: bool = False
) -> tuple[list[pl.DataFrame], Summary]:
    """Run a request to its end: the named tables, whole or with these columns alone, and what the scan counted."""
    ensure_not_forked()
    scan = request.build().open(columns=columns)
    try:
        row = "chunk" if "chunks" in tables else "hit"
        with ProgressBar(request.table, enabled=progress, row=row) as bar:
            while not scan.advance(_GATHER_SECONDS):
                bar.update(scan.progress())
            bar.update(scan.progress())
        return [pl.DataFrame(scan.take(table)) for table in tables], scan.summary()
    finally:
        scan.close()


class _Source:
    """What Polars calls for every collect. A class, not a closure, so that it pickles by name."""

    def __init__(
        self, request: ScanRequest, schema: pl.Schema, observer: Callable[[Summary], None] | None = None
    ) -> None:
        self.request = request
        self.schema = schema
        self.observer = observer

    def __call__(
        self,
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        _batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        ensure_not_forked()
        table = self.request.table
        columns = list(self.schema) if with_columns is None else with_columns
        before_opening = self._before_opening(predicate, n_rows)
        scan = self.request.build().open(
            columns={table: columns},
            n_rows=n_rows,
            prefilter=None if before_opening is None else before_opening.columns,
        )
        interrupted = interrupts.watcher()
        nothing = pl.DataFrame(schema={name: self.schema[name] for name in columns})
        wanted = n_rows
        try:
            while wanted is None or wanted > 0:
                event = scan.next(_BOX_SECONDS)
                # Where Polars hears of Ctrl-C itself, this never says so.
                if interrupted():
                    raise KeyboardInterrupt
                if event is None:
                    yield nothing
                    continue
                if event[0] == "end":
                    if self.observer is not None:
                        self.observer(scan.summary())
                    return
                if event[0] == "mask":
                    if before_opening is not None:
                        before_opening.answer(event[1])
                    continue
                frame = pl.DataFrame(event[1])
                if wanted is not None:
                    frame = frame.head(wanted)
                    wanted -= frame.height
                if predicate is not None:
                    frame = frame.filter(predicate)
                for piece in _pieces(frame) if table == "files" else (frame,):
                    # A selection goes through Polars' engine, which takes longer than the rows of a batch took.
                    yield piece if piece.columns == columns else piece.select(columns)
        except (Exception, KeyboardInterrupt):
            # The traceback keeps this frame, and with it the scan. In every other case the end of the frame drops the
            # scan, whose workers stop then: Polars' second KeyboardInterrupt would skip any cleanup written here.
            scan.close()
            raise

    def _before_opening(self, predicate: pl.Expr | None, n_rows: int | None) -> FilePredicate | None:
        """The part of the predicate that may leave files out, where leaving them out changes no other row."""
        # Entries are not opened for the files table. With a count of rows or hits, a file that the predicate drops
        # still uses up some of the count.
        if self.request.table == "files" or n_rows is not None or "max_hits" in self.request.options:
            return None
        return FilePredicate.of(predicate)


def _pieces(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows of a batch of files, so few at a time that their contents can be held; one piece at least."""
    for start in range(0, max(frame.height, 1), _ROWS_OF_PIECE):
        piece = frame.slice(start, _ROWS_OF_PIECE)
        if "size" not in frame.columns or piece["size"].sum() <= _FILE_BYTES_OF_PIECE:
            yield piece
            continue
        first = held = 0
        for row, size in enumerate(piece["size"].to_list()):
            if row - first >= _LEAST_ROWS_OF_PIECE and held + (size or 0) > _FILE_BYTES_OF_PIECE:
                yield piece.slice(first, row - first)
                first, held = row, 0
            held += size or 0
        yield piece.slice(first)
