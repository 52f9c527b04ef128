"""The eager searches: a pattern over a tree or over one file, as finished frames.

They run inside Rust from start to end, so Ctrl-C stops them within a tenth of a second and errors arrive as they are.
`search` returns the ledger with the hits; the others keep only the hits, and warn once if something was not searched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import options as opt
from . import tables
from .frames import collect
from .options import checked, documented
from .paths import is_path
from .request import ScanRequest, pattern_list
from .result import SearchResult, warn_if_incomplete

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl
    from typing_extensions import Unpack

    from .options import CompleteOptions, HitsOptions
    from .paths import PathArgument, SourceArgument

__all__ = ["search", "search_files", "search_text"]

# What a walk decides has no meaning for one named file.
_ONE_FILE = opt.without(
    opt.HITS,
    *("include", "exclude", "types", "include_hidden", "respect_ignore", "require_git", "follow_symlinks"),
    *("max_depth", "one_file_system", "ordered", "threads"),
)


@documented(opt.COMPLETE)
def search(
    pattern: str | Iterable[str],
    source: SourceArgument = ".",
    *,
    progress: bool = False,
    **options: Unpack[CompleteOptions],
) -> SearchResult:
    """Search, and account for every file: hits, coverage and summary from one pass.

    Arguments:
        pattern: A regular expression in the syntax of Rust's regex crate, or a list of them.
        source: A folder, a file, a glob such as `"src/**/*.py"`, or a list of these.
        progress: Show a progress bar (tqdm).
        {options}

    Returns:
        A `SearchResult`: `hits` with the columns of `scan_hits`, `coverage` with those of `scan_coverage`, `summary`
        (a dict of counts) and `ledger` (the summary in one line). After a `time_limit` or a `cancel()` it holds what
        was finished, and its coverage says what was not.

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A pattern or a glob does not parse, or would cost too much to run.
        LimitError: The result is above 4 GiB; `scan_hits` has no such bound.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> result = vfo.search("TODO")
        >>> result.ledger
        'found 5 = searched 4 + binary 1; 2 hits'
        >>> result.hits.select("path", "line_number").rows()
        [('README.md', 3), ('src/app.py', 5)]
        >>> result.coverage.filter(status="binary").select("path", "binary_offset").rows()
        [('data/blob.bin', 0)]
    """
    given = checked("search", options, opt.COMPLETE)
    request = ScanRequest("search", source, {**given, "patterns": pattern_list(pattern)})
    (hits, coverage), summary = collect(request, "hits", "coverage", progress=progress)
    return SearchResult(hits, coverage, summary)


@documented(opt.HITS, tables.HITS)
def search_files(
    pattern: str | Iterable[str],
    source: SourceArgument = ".",
    *,
    progress: bool = False,
    **options: Unpack[HitsOptions],
) -> pl.DataFrame:
    """The matches of a pattern in the files below a folder; the same rows as `scan_hits(...).collect()`.

    Arguments:
        pattern: A regular expression in the syntax of Rust's regex crate, or a list of them.
        source: A folder, a file, a glob such as `"src/**/*.py"`, or a list of these.
        progress: Show a progress bar (tqdm).
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A pattern or a glob does not parse, or would cost too much to run.
        CancelledError: The `cancel` token stopped it; use `search` to keep what was found until then.
        LimitError: The result is above 4 GiB; `scan_hits` has no such bound.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Warns:
        IncompleteSearchWarning: Something was unreadable, vanished, changed, too large, cut or not reached.

    Example:
        >>> import vespera_file_ops as vfo
        >>> for hit in vfo.search_files("TODO|FIXME", "src").iter_rows(named=True):
        ...     print(hit["path"], hit["line_number"], hit["line"].strip())
        src/app.py 5 # TODO: parse arguments
        src/util.py 2 return 1  # FIXME
    """
    given = checked("search_files", options, opt.HITS)
    request = ScanRequest("hits", source, {**given, "patterns": pattern_list(pattern)})
    return _hits(request, progress=progress)


@documented(_ONE_FILE, tables.HITS)
def search_text(
    pattern: str | Iterable[str],
    path: PathArgument,
    **options: Unpack[HitsOptions],
) -> pl.DataFrame:
    r"""The matches of a pattern in one file, which is searched to its end, ignored, hidden, binary or not.

    Arguments:
        pattern: A regular expression in the syntax of Rust's regex crate, or a list of them.
        path: The file; never taken for a glob.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: There is no such file.
        PatternError: A pattern does not parse, or would cost too much to run.
        CancelledError: The `cancel` token stopped it.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Warns:
        IncompleteSearchWarning: The file could not be read, changed while it was, or was cut.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.search_text(r"def (\w+)", "src/util.py", captures=True)["captures"][0][0]["text"]
        'helper'
    """
    given = checked("search_text", options, _ONE_FILE)
    if not is_path(path):
        raise TypeError(f"path: one path (str, bytes or os.PathLike), not {type(path).__name__}")
    asked = {**given, "patterns": pattern_list(pattern), "expects_file": True}
    request = ScanRequest("hits", path, asked, argument="path", globs=False)
    return _hits(request)


def _hits(request: ScanRequest, *, progress: bool = False) -> pl.DataFrame:
    (hits,), summary = collect(request, "hits", progress=progress)
    warn_if_incomplete(summary, cut_expected=request.asks_for_cut, stacklevel=3)
    return hits
