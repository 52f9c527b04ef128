"""The formats other than the table, and `--sql`: everything that needs Polars.

CSV and JSON are written batch by batch as the scan gives them, Parquet and Arrow through Polars' sinks, so memory does
not grow with the number of rows. The result of a query is collected first.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

import polars as pl

from ..errors import ArgumentError
from ..frames import lazy_frame, schema_of
from .output import binary_output, ensure_columns, format_of, is_terminal, text_output
from .rows import drain, report, status_of, text_table

if TYPE_CHECKING:
    import argparse

    from ..ledger import Summary
    from ..request import ScanRequest

__all__ = ["LineWriter", "export", "query", "write", "write_frame"]


def export(
    given: argparse.Namespace,
    requests: Sequence[ScanRequest],
    columns: Sequence[str] | None = None,
    where: pl.Expr | None = None,
) -> int:
    """Write the first request's table, or the answer to --sql over all of them, through Polars."""
    summaries: list[Summary] = []
    if given.sql is not None:
        frame = query({request.table: lazy_frame(request, summaries.append) for request in requests}, given.sql)
    else:
        frame = _scanned(requests[0], columns or given.columns, where, summaries.append)
    rows = write_frame(given, frame)
    # A query may have stopped early, or searched in several passes; the ledger is that of one whole pass.
    if requests[0].table == "hits" and given.ledger:
        report(given, requests[0], drain(requests[1], ["path", "status"], lambda _: None))
    elif requests[0].table == "chunks" and given.ledger and given.sql is not None:
        report(given, requests[0], drain(requests[0], ["path"], lambda _: None))
    elif summaries:
        # A query that stops early (LIMIT) has no summary: it asked for no more.
        report(given, requests[0], summaries[-1])
    return status_of(given, rows)


def write_frame(given: argparse.Namespace, frame: pl.LazyFrame) -> int:
    """Write a frame as it is wanted; returns its number of rows."""
    form = format_of(given)
    if form != "table":
        if form in {"parquet", "arrow"} and is_terminal(given):
            raise ArgumentError(f"format: {form} is not for a terminal; use --output")
        with binary_output(given) as binary:
            return write(frame, form, binary)
    collected = frame.collect()
    with text_output(given) as out:
        table = text_table(given, collected.columns, out)
        table.add(collected.to_dict(as_series=False))
        table.finish()
    return collected.height


def query(tables: Mapping[str, pl.LazyFrame], sql: str) -> pl.LazyFrame:
    """The answer to a SQL query over tables by their names.

    Times are given without their zone, in UTC: only so does SQL compare them with `now()` and with literals.
    """
    try:
        frame = pl.SQLContext({name: _naive(table) for name, table in tables.items()}, eager=False).execute(sql)
        # What the query names is looked up here, and not before.
        frame.collect_schema()
    except pl.exceptions.SQLInterfaceError as error:
        if "relation" not in str(error):
            raise
        raise ArgumentError(f"sql: {error}; the tables here are {', '.join(tables)}") from None
    return frame


def _scanned(
    request: ScanRequest,
    columns: Sequence[str] | None,
    where: pl.Expr | None,
    observer: Callable[[Summary], None],
) -> pl.LazyFrame:
    """A request's table, with these columns and rows alone."""
    frame = lazy_frame(request, observer)
    if where is not None:
        frame = frame.filter(where)
    if columns is None:
        return frame
    ensure_columns(columns, request.table, list(schema_of(request, request.table)))
    return frame.select(columns)


def write(frame: pl.LazyFrame, form: str, out: IO[bytes]) -> int:
    """Write a frame in one of the formats; returns its number of rows."""
    if form in {"parquet", "arrow"}:
        return _sink(frame, form, out)
    lines = LineWriter(form, out)
    for batch in _batches(frame):
        lines.add(batch)
    lines.finish()
    return lines.rows


class LineWriter:
    """Writes frames one behind the other as CSV, as one JSON array, or as JSON a line, each as soon as it is there."""

    def __init__(self, form: str, out: IO[bytes]) -> None:
        self.rows = 0
        self._form = form
        self._out = out

    def add(self, batch: pl.DataFrame) -> None:
        """Write its rows, and before the first of all what stands above them."""
        if self._form == "csv":
            with _for_polars(self._out) as out:
                _csv_ready(batch).write_csv(out, include_header=self.rows == 0)
        elif batch.height:
            lines = _json_ready(batch).write_ndjson().encode()
            if self._form == "json":
                lines = (b"[\n" if self.rows == 0 else b",\n") + lines.rstrip(b"\n").replace(b"\n", b",\n")
            self._out.write(lines)
        self.rows += batch.height
        self._out.flush()

    def finish(self) -> None:
        """Write what stands below the last row."""
        if self._form == "json":
            self._out.write(b"\n]\n" if self.rows else b"[]\n")
            self._out.flush()


def _batches(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    """The frame's rows as they come; at least one batch, and only the first may be empty."""
    first = True
    pending: Iterable[pl.DataFrame] = frame.collect_batches(maintain_order=True)
    for batch in pending:
        if batch.height:
            yield batch
            first = False
    if first:
        yield pl.DataFrame(schema=frame.collect_schema())


def _sink(frame: pl.LazyFrame, form: str, out: IO[bytes]) -> int:
    rows = 0

    def counted(batch: pl.DataFrame) -> pl.DataFrame:
        nonlocal rows
        rows += batch.height
        return batch

    passing = frame.map_batches(counted, streamable=True)
    with _for_polars(out) as into:
        if form == "parquet":
            passing.sink_parquet(into)
        else:
            passing.sink_ipc(into)
    out.flush()
    return rows


@contextmanager
def _for_polars(out: IO[bytes]) -> Iterator[IO[bytes]]:
    """The file for Polars to write to, whose errors leave the block as they are: Polars has its own words for them."""
    passed = _Passed(out)
    try:
        yield cast("IO[bytes]", passed)
    except (OSError, pl.exceptions.PolarsError):
        if passed.error is not None:
            raise passed.error from None
        raise


class _Passed(io.RawIOBase):
    """A file that keeps the error of a write."""

    def __init__(self, out: IO[bytes]) -> None:
        self.error: OSError | None = None
        self._out = out

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return self._out.write(data)
        except OSError as error:
            self.error = error
            raise


def _naive(frame: pl.LazyFrame) -> pl.LazyFrame:
    zoned = [name for name, kind in frame.collect_schema().items() if isinstance(kind, pl.Datetime)]
    return frame.with_columns(pl.col(name).dt.replace_time_zone(None) for name in zoned)


def _json_ready(frame: pl.DataFrame) -> pl.DataFrame:
    """Exact bytes as hexadecimal digits, because JSON has no bytes."""
    return frame.with_columns(pl.col(pl.Binary).bin.encode("hex"))


def _csv_ready(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists as JSON, because CSV has no lists."""
    frame = _json_ready(frame)
    nested = [column for column in frame if column.dtype.is_nested()]
    return frame.with_columns(
        pl.Series(column.name, [None if cell is None else json.dumps(cell) for cell in column.to_list()], pl.String)
        for column in nested
    )
