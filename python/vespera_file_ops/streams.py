"""The scans as Arrow streams, for everything that is not Polars: DuckDB, pyarrow, pandas, Daft.

A stream object holds no rows. Each consumer that takes it starts a scan of its own, so one object can be read any
number of times, and a consumer that stops early (`LIMIT 5`) stops the walk. Iterating over it gives record batches.
Neither Polars nor pyarrow is imported, so these work in a forked process too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from . import options as opt
from . import tables
from .options import checked, documented
from .paths import text_list
from .request import ScanRequest, pattern_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Unpack

    from ._core import TableStream
    from .options import ChunksOptions, CoverageOptions, FilesOptions, HitsOptions
    from .paths import SourceArgument

__all__ = ["stream_chunks", "stream_coverage", "stream_files", "stream_hits"]


@documented(opt.FILES, tables.FILES)
def stream_files(
    source: SourceArgument = ".",
    *,
    columns: Iterable[str] | None = None,
    timestamps: Literal["ns", "us"] = "ns",
    **options: Unpack[FilesOptions],
) -> TableStream:
    """The entries below a folder, as an Arrow stream; what `scan_files` gives.

    Arguments:
        source: A folder, a file, a glob, or a list of these.
        columns: These columns alone, in the table's order; the others are not computed.
        timestamps: The unit of times; DuckDB's date functions want "us".
        {options}

    Columns:
        {columns}

    Returns:
        An object with `__arrow_c_stream__` (a fresh scan each call) and `__arrow_c_schema__`, which also iterates over
        record batches.

    Raises:
        PathNotFoundError: The one source does not exist.
        ArgumentError, TypeError: An argument, or the name of a column, cannot be used.

    Example:
        >>> import pyarrow
        >>> import vespera_file_ops as vfo
        >>> files = vfo.stream_files("src", columns=["name", "size"])
        >>> pyarrow.RecordBatchReader.from_stream(files).read_all().num_rows
        3
    """
    request = ScanRequest("files", source, checked("stream_files", options, opt.FILES))
    return _stream(request, columns, timestamps)


@documented(opt.HITS, tables.HITS)
def stream_hits(
    pattern: str | Iterable[str],
    source: SourceArgument = ".",
    *,
    columns: Iterable[str] | None = None,
    timestamps: Literal["ns", "us"] = "ns",
    **options: Unpack[HitsOptions],
) -> TableStream:
    """The matches of a pattern, as an Arrow stream; what `scan_hits` gives.

    Arguments:
        pattern: A regular expression, or a list of them.
        source: A folder, a file, a glob, or a list of these.
        columns: These columns alone, in the table's order; the others are not computed.
        timestamps: The unit of times; DuckDB's date functions want "us".
        {options}

    Columns:
        {columns}

    Returns:
        An object with `__arrow_c_stream__` (a fresh scan each call) and `__arrow_c_schema__`, which also iterates over
        record batches.

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A pattern or a glob does not parse.
        ArgumentError, TypeError: An argument, or the name of a column, cannot be used.

    Example:
        >>> import duckdb
        >>> import vespera_file_ops as vfo
        >>> hits = vfo.stream_hits("TODO|FIXME", "src", timestamps="us")
        >>> duckdb.sql("select matched, count(*) from hits group by all order by all").fetchall()
        [('FIXME', 1), ('TODO', 1)]
    """
    given = checked("stream_hits", options, opt.HITS)
    return _stream(ScanRequest("hits", source, {**given, "patterns": pattern_list(pattern)}), columns, timestamps)


@documented(opt.COVERAGE, tables.COVERAGE)
def stream_coverage(
    pattern: str | Iterable[str],
    source: SourceArgument = ".",
    *,
    columns: Iterable[str] | None = None,
    timestamps: Literal["ns", "us"] = "ns",
    **options: Unpack[CoverageOptions],
) -> TableStream:
    """The ledger of a search, as an Arrow stream; what `scan_coverage` gives.

    Arguments:
        pattern: A regular expression, or a list of them.
        source: A folder, a file, a glob, or a list of these.
        columns: These columns alone, in the table's order; the others are not computed.
        timestamps: The unit of times; DuckDB's date functions want "us".
        {options}

    Columns:
        {columns}

    Returns:
        An object with `__arrow_c_stream__` (a fresh scan each call) and `__arrow_c_schema__`, which also iterates over
        record batches.

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A pattern or a glob does not parse.
        ArgumentError, TypeError: An argument, or the name of a column, cannot be used.

    Example:
        >>> import pyarrow
        >>> import vespera_file_ops as vfo
        >>> frame = pyarrow.table(vfo.stream_coverage("TODO", columns=["status"])).to_pandas()
        >>> frame["status"].value_counts().to_dict()
        {'searched': 4, 'binary': 1}
    """
    given = checked("stream_coverage", options, opt.COVERAGE)
    return _stream(ScanRequest("coverage", source, {**given, "patterns": pattern_list(pattern)}), columns, timestamps)


@documented(opt.CHUNKS, tables.CHUNKS)
def stream_chunks(
    source: SourceArgument = ".",
    *,
    columns: Iterable[str] | None = None,
    timestamps: Literal["ns", "us"] = "ns",
    **options: Unpack[ChunksOptions],
) -> TableStream:
    """The retrieval chunks of files, as an Arrow stream; what `scan_chunks` gives.

    Arguments:
        source: A folder, a file, a glob, or a list of these.
        columns: These columns alone, in the table's order; the others are not computed.
        timestamps: The unit of times; DuckDB's date functions want "us".
        {options}

    Columns:
        {columns}

    Returns:
        An object with `__arrow_c_stream__` (a fresh scan each call) and `__arrow_c_schema__`, which also iterates over
        record batches.

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A glob does not parse.
        ArgumentError, TypeError: An argument, or the name of a column, cannot be used.

    Example:
        >>> import duckdb
        >>> import vespera_file_ops as vfo
        >>> chunks = vfo.stream_chunks("src", columns=["path", "text", "language"])
        >>> duckdb.sql("select language, count(*) from chunks group by all order by all").fetchall()
        [('python', 2), ('rust', 1)]
    """
    request = ScanRequest("chunks", source, checked("stream_chunks", options, opt.CHUNKS))
    return _stream(request, columns, timestamps)


def _stream(request: ScanRequest, columns: Iterable[str] | None, timestamps: str) -> TableStream:
    if not isinstance(timestamps, str):
        raise TypeError(f'timestamps: "ns" or "us", not {type(timestamps).__name__}')
    names = None if columns is None else text_list("columns", columns)
    return request.build().stream(request.table, columns=names, timestamps=timestamps)
