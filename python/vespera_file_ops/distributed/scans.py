"""The four scans as Daft frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .. import options as opt
from .. import tables
from ..errors import MissingExtraError
from ..options import checked, documented
from ..request import pattern_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    import daft
    from typing_extensions import Unpack

    from ..options import ChunksOptions, CoverageOptions, FilesOptions, HitsOptions, Option, PlanOptions
    from ..paths import PathArgument

__all__ = ["scan_chunks", "scan_coverage", "scan_files", "scan_hits"]

# Of a part alone these mean something else than of the tree: tasks have no order among each other, and stop apart.
_OF_THE_WHOLE = ("cancel", "follow_symlinks", "max_hits", "ordered", "time_limit")


def _of_parts(options: dict[str, Option]) -> dict[str, Option]:
    kept = opt.without(options, *_OF_THE_WHOLE)
    threads = opt.FILES["threads"]._replace(default=1, meaning="workers of one task; Daft runs several tasks at a time")
    return {**kept, "threads": threads}


FILES = _of_parts(opt.FILES)
HITS = _of_parts(opt.HITS)
COVERAGE = _of_parts(opt.COVERAGE)
CHUNKS = _of_parts(opt.CHUNKS)


@documented(FILES, tables.FILES)
def scan_files(
    source: PathArgument = ".", *, target_bytes: int = 256 << 20, **options: Unpack[FilesOptions]
) -> daft.DataFrame:
    """The entries below a folder, one row each, as `vespera_file_ops.scan_files` has them, in no order.

    Arguments:
        source: A folder, a file or a glob, on a file system that every worker sees at the same path.
        target_bytes: How much a task is to read, as for `vespera_file_ops.plan`.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The source does not exist here.
        PatternError: A glob does not parse.
        MissingExtraError: Daft is not installed.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> from vespera_file_ops import distributed
        >>> files = distributed.scan_files("src")
        >>> files.where(files["size"] < 60).select("path").sort("path").to_pydict()
        {'path': ['src/lib.rs', 'src/util.py']}
    """
    return _frame("files", source, target_bytes, checked("scan_files", options, FILES))


@documented(HITS, tables.HITS)
def scan_hits(
    pattern: str | Iterable[str],
    source: PathArgument = ".",
    *,
    target_bytes: int = 256 << 20,
    **options: Unpack[HitsOptions],
) -> daft.DataFrame:
    """The matches of a pattern in the files below a folder, as `vespera_file_ops.scan_hits` has them, in no order.

    What could not be searched is not here but in `scan_coverage`.

    Arguments:
        pattern: A regular expression, or a list of them.
        source: A folder, a file or a glob, on a file system that every worker sees at the same path.
        target_bytes: How much a task is to read, as for `vespera_file_ops.plan`.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The source does not exist here.
        PatternError: A pattern or a glob does not parse, or would cost too much to run.
        MissingExtraError: Daft is not installed.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> from vespera_file_ops import distributed
        >>> distributed.scan_hits("TODO", types="py").select("path", "line_number").to_pydict()
        {'path': ['src/app.py'], 'line_number': [5]}
    """
    given = checked("scan_hits", options, HITS)
    return _frame("hits", source, target_bytes, {**given, "patterns": pattern_list(pattern)})


@documented(COVERAGE, tables.COVERAGE)
def scan_coverage(
    pattern: str | Iterable[str],
    source: PathArgument = ".",
    *,
    target_bytes: int = 256 << 20,
    **options: Unpack[CoverageOptions],
) -> daft.DataFrame:
    """The ledger of a search, as `vespera_file_ops.scan_coverage` has it, in no order.

    A folder that cannot be listed any more has a row for each task that reaches into it.

    Arguments:
        pattern: A regular expression, or a list of them.
        source: A folder, a file or a glob, on a file system that every worker sees at the same path.
        target_bytes: How much a task is to read, as for `vespera_file_ops.plan`.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The source does not exist here.
        PatternError: A pattern or a glob does not parse, or would cost too much to run.
        MissingExtraError: Daft is not installed.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> from vespera_file_ops import distributed
        >>> ledger = distributed.scan_coverage("TODO", include_ignored=True)
        >>> ledger.where(ledger["status"] == "ignored").select("path").to_pydict()
        {'path': ['debug.log']}
    """
    given = checked("scan_coverage", options, COVERAGE)
    return _frame("coverage", source, target_bytes, {**given, "patterns": pattern_list(pattern)})


@documented(CHUNKS, tables.CHUNKS)
def scan_chunks(
    source: PathArgument = ".", *, target_bytes: int = 256 << 20, **options: Unpack[ChunksOptions]
) -> daft.DataFrame:
    """The files below a folder cut into pieces for retrieval, as `vespera_file_ops.scan_chunks` has them, in no order.

    Arguments:
        source: A folder, a file or a glob, on a file system that every worker sees at the same path.
        target_bytes: How much a task is to read, as for `vespera_file_ops.plan`. Cutting takes far longer than
            reading: 16 to 64 MiB share work of a few minutes out well.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The source does not exist here.
        PatternError: A glob does not parse.
        MissingExtraError: Daft is not installed.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> from vespera_file_ops import distributed
        >>> chunks = distributed.scan_chunks("src", target_bytes=16 << 20)
        >>> chunks.where(chunks["language"] == "rust").select("path", "start_line", "end_line").to_pydict()
        {'path': ['src/lib.rs'], 'start_line': [1], 'end_line': [1]}
    """
    return _frame("chunks", source, target_bytes, checked("scan_chunks", options, CHUNKS))


def _frame(table: str, source: PathArgument, target_bytes: int, given: dict[str, Any]) -> daft.DataFrame:
    try:
        import daft  # noqa: F401
    except ImportError as error:
        text = "distributed: Daft is not installed: pip install 'vespera-file-ops[distributed]'"
        raise MissingExtraError(text) from error
    from .source import TreeSource

    walk = cast("PlanOptions", {name: value for name, value in given.items() if name in opt.PLAN})
    options = {"threads": 1, **{name: value for name, value in given.items() if name not in opt.PLAN}}
    return TreeSource(table, source, target_bytes, walk, options).read()
