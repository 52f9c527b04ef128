"""The command line's formats other than the table, and `--sql`: everything that needs Polars.

CSV and JSON are written batch by batch as the scan gives them, Parquet and Arrow through Polars' sinks, so memory does
not grow with the number of rows. The result of a query is collected first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING

import polars as pl

from .errors import ArgumentError
from .frames import lazy_frame, schema_of

if TYPE_CHECKING:
    from .ledger import Summary
    from .request import ScanRequest

__all__ = ["query", "scanned", "write"]


def query(requests: Sequence[ScanRequest], sql: str, observer: Callable[[Summary], None]) -> pl.LazyFrame:
    """The answer to a SQL query over the tables of these requests, each under its own name.

    Times are given without their zone, in UTC: only so does SQL compare them with `now()` and with literals.
    """
    tables = {request.table: _naive(lazy_frame(request, observer)) for request in requests}
    try:
        frame = pl.SQLContext(tables, eager=False).execute(sql)
        # What the query names is looked up here, and not before.
        frame.collect_schema()
    except pl.exceptions.SQLInterfaceError as error:
        if "relation" not in str(error):
            raise
        raise ArgumentError(f"sql: {error}; the tables here are {', '.join(tables)}") from None
    return frame


def scanned(
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
    known = schema_of(request, request.table)
    for name in columns:
        if name not in known:
            raise ArgumentError(f"columns: {request.table} has no column {name!r}; it has {', '.join(known)}")
    return frame.select(columns)


def write(frame: pl.LazyFrame, form: str, out: IO[bytes]) -> int:
    """Write a frame in one of the formats; returns its number of rows."""
    if form in {"parquet", "arrow"}:
        return _sink(frame, form, out)
    rows = 0
    for batch in _batches(frame):
        if form == "csv":
            _csv_ready(batch).write_csv(out, include_header=rows == 0)
        elif batch.height:
            lines = _json_ready(batch).write_ndjson().encode()
            if form == "json":
                lines = (b"[\n" if rows == 0 else b",\n") + lines.rstrip(b"\n").replace(b"\n", b",\n")
            out.write(lines)
        rows += batch.height
        out.flush()
    if form == "json":
        out.write(b"\n]\n" if rows else b"[]\n")
        out.flush()
    return rows


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
    if form == "parquet":
        passing.sink_parquet(out)
    else:
        passing.sink_ipc(out)
    out.flush()
    return rows


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
