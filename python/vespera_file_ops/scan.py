"""The lazy scans: a folder as a Polars LazyFrame of its entries, its hits, its chunks or its coverage.

They are real IO sources. A column that the query does not use is not computed (`select("path")` stats nothing), a
filter on path, extension, size or time runs before a file is opened, and `head(n)` stops the walk. Every collect looks
at the files again. An argument that cannot be used raises here, not at the collect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import options as opt
from . import tables
from .frames import lazy_frame
from .options import checked, documented
from .request import ScanRequest, pattern_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl
    from typing_extensions import Unpack

    from .options import ChunksOptions, CoverageOptions, FilesOptions, HitsOptions
    from .paths import SourceArgument

__all__ = ["scan_chunks", "scan_coverage", "scan_files", "scan_hits"]


@documented(opt.FILES, tables.FILES)
def scan_files(source: SourceArgument = ".", **options: Unpack[FilesOptions]) -> pl.LazyFrame:
    """The entries below a folder, one row each: metadata only, so it is always cheap.

    Folders are rows unless `include` or `types` is given. The source itself is no row, unless it is a file.

    Arguments:
        source: A folder, a file, a glob such as `"src/**/*.py"` (a str with `*`, `?` or `[` that names nothing that
            exists), or a list of these. In a list, a path that does not exist is a row with `error`.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A glob does not parse.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> vfo.scan_files("src").filter(pl.col("extension") == "py").select("path", "size").collect().rows()
        [('src/app.py', 75), ('src/util.py', 36)]
    """
    return lazy_frame(ScanRequest("files", source, checked("scan_files", options, opt.FILES)))


@documented(opt.HITS, tables.HITS)
def scan_hits(
    pattern: str | Iterable[str], source: SourceArgument = ".", **options: Unpack[HitsOptions]
) -> pl.LazyFrame:
    """The matches of a pattern in the files below a folder, one row each.

    Matching is ripgrep's, line by line. Several patterns are several searches in one pass: each has the rows that it
    would have alone. What could not be searched is not here but in `scan_coverage`; `search` gives both at once.

    Arguments:
        pattern: A regular expression in the syntax of Rust's regex crate, or a list of them.
        source: A folder, a file (always searched, ignored, hidden or not), a glob such as `"src/**/*.py"`, or a list
            of these.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A pattern or a glob does not parse, or would cost too much to run.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> hits = vfo.scan_hits("TODO|FIXME").filter(pl.col("extension") == "py")
        >>> hits.select("path", "line_number", "matched").collect().rows()
        [('src/app.py', 5, 'TODO'), ('src/util.py', 2, 'FIXME')]
    """
    given = checked("scan_hits", options, opt.HITS)
    return lazy_frame(ScanRequest("hits", source, {**given, "patterns": pattern_list(pattern)}))


@documented(opt.COVERAGE, tables.COVERAGE)
def scan_coverage(
    pattern: str | Iterable[str], source: SourceArgument = ".", **options: Unpack[CoverageOptions]
) -> pl.LazyFrame:
    """The ledger of a search: one row for each regular file that was found, with what became of it.

    There is one more row for each folder, ignore file or source that could not be read, and with `include_ignored`
    for what a rule left out; a folder that was left out is one row.

    Arguments:
        pattern: A regular expression, or a list of them, as for `scan_hits`.
        source: A folder, a file, a glob such as `"src/**/*.py"`, or a list of these.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A pattern or a glob does not parse, or would cost too much to run.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.scan_coverage("TODO", include_ignored=True).select("path", "status", "hits").collect().rows()[:3]
        [('.git', 'hidden', 0), ('.gitignore', 'hidden', 0), ('README.md', 'searched', 1)]
    """
    given = checked("scan_coverage", options, opt.COVERAGE)
    return lazy_frame(ScanRequest("coverage", source, {**given, "patterns": pattern_list(pattern)}))


@documented(opt.CHUNKS, tables.CHUNKS)
def scan_chunks(source: SourceArgument = ".", **options: Unpack[ChunksOptions]) -> pl.LazyFrame:
    """The files below a folder cut into pieces for retrieval, one row each.

    Source code (Bash, C, C++, Go, Java, JavaScript, Python, Rust, TypeScript) is cut between the nodes of its syntax
    tree, Markdown between its sections, a notebook between its cells, all other text between paragraphs and sentences;
    text with lines above 16 KiB into windows of a fixed size. The same file gives the same chunks on every machine.
    A file with a NUL in its first 64 KiB gives none, and one with a later NUL the text before that; bytes that are not
    valid in the encoding become U+FFFD.

    Arguments:
        source: A folder, a file, a glob such as `"docs/**/*.md"`, or a list of these.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A glob does not parse.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> chunks = vfo.scan_chunks(".").filter(pl.col("extension") == "py")
        >>> chunks.select("path", "chunk", "start_line", "end_line", "language").collect().rows()
        [('src/app.py', 0, 1, 6, 'python'), ('src/util.py', 0, 1, 2, 'python')]
    """
    return lazy_frame(ScanRequest("chunks", source, checked("scan_chunks", options, opt.CHUNKS)))
