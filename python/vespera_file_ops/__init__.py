"""A file tree is a data frame: walk, read, search, describe, hash, write and watch files, and get a table.

    >>> import vespera_file_ops as vfo
    >>> vfo.search_files("TODO", "src").select("path", "line_number").rows()
    [('src/app.py', 5)]

The `scan_*` functions are lazy, the others are eager; `stream_*` give Arrow to anything that is not Polars. Every table
joins with every other by `path`, and what could not be read is a row too.

Names are imported at first use: `import vespera_file_ops` alone loads neither Polars nor the Rust core.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

# Imported now, because it notes which process this is.
from . import forks as _forks
from . import namespaces as _namespaces

if TYPE_CHECKING:
    from . import expr as expr
    from . import plot as plot
    from ._core import CancelToken, Root
    from ._core import __version__ as __version__
    from .bulk import apply_edits, write_files
    from .chunks import chunk, chunk_files
    from .differences import diff_trees
    from .display import show
    from .edits import replace_in_file
    from .errors import (
        AccessDeniedError,
        ArgumentError,
        CancelledError,
        ChangedError,
        CommittedNotDurableError,
        ConflictError,
        DecodeError,
        FileSystemError,
        ForkedProcessError,
        IncompleteSearchWarning,
        IndexBusyError,
        IndexDamagedError,
        IndexMismatchError,
        InternalError,
        LimitError,
        MissingExtraError,
        NotCommittedError,
        OutsideRootError,
        PathNotFoundError,
        PatternError,
        RemovalRefusedError,
        UnindexedRowsWarning,
        VfoError,
    )
    from .explanation import explain
    from .files import compute_file_hash, read_file, read_file_chunks, read_file_lines, read_file_string
    from .listing import get_file_info, glob_files, list_directory
    from .moves import create_directory, move_file
    from .partition import Partition
    from .planning import plan
    from .result import ChunkResult, SearchResult
    from .scan import scan_chunks, scan_coverage, scan_files, scan_hits
    from .searches import search, search_files, search_text
    from .streams import stream_chunks, stream_coverage, stream_files, stream_hits
    from .summaries import HitsSummary, summarize_hits
    from .watching import Watcher, watch
    from .writes import WriteResult, append_file, sweep_temp_files, write_file_atomic

__all__ = [
    "AccessDeniedError",
    "ArgumentError",
    "CancelToken",
    "CancelledError",
    "ChangedError",
    "ChunkResult",
    "CommittedNotDurableError",
    "ConflictError",
    "DecodeError",
    "FileSystemError",
    "ForkedProcessError",
    "HitsSummary",
    "IncompleteSearchWarning",
    "IndexBusyError",
    "IndexDamagedError",
    "IndexMismatchError",
    "InternalError",
    "LimitError",
    "MissingExtraError",
    "NotCommittedError",
    "OutsideRootError",
    "Partition",
    "PathNotFoundError",
    "PatternError",
    "RemovalRefusedError",
    "Root",
    "SearchResult",
    "UnindexedRowsWarning",
    "VfoError",
    "Watcher",
    "WriteResult",
    "append_file",
    "apply_edits",
    "chunk",
    "chunk_files",
    "compute_file_hash",
    "create_directory",
    "diff_trees",
    "explain",
    "expr",
    "get_file_info",
    "glob_files",
    "list_directory",
    "move_file",
    "plan",
    "plot",
    "read_file",
    "read_file_chunks",
    "read_file_lines",
    "read_file_string",
    "replace_in_file",
    "scan_chunks",
    "scan_coverage",
    "scan_files",
    "scan_hits",
    "search",
    "search_files",
    "search_text",
    "show",
    "stream_chunks",
    "stream_coverage",
    "stream_files",
    "stream_hits",
    "summarize_hits",
    "sweep_temp_files",
    "watch",
    "write_file_atomic",
    "write_files",
]

# Where each name comes from. Errors are found without a table: they all come from one module.
_HOMES = {
    "CancelToken": "_core",
    "ChunkResult": "result",
    "HitsSummary": "summaries",
    "Partition": "partition",
    "Root": "_core",
    "SearchResult": "result",
    "Watcher": "watching",
    "WriteResult": "writes",
    "__version__": "_core",
    "append_file": "writes",
    "apply_edits": "bulk",
    "chunk": "chunks",
    "chunk_files": "chunks",
    "compute_file_hash": "files",
    "create_directory": "moves",
    "diff_trees": "differences",
    "explain": "explanation",
    "get_file_info": "listing",
    "glob_files": "listing",
    "list_directory": "listing",
    "move_file": "moves",
    "plan": "planning",
    "read_file": "files",
    "read_file_chunks": "files",
    "read_file_lines": "files",
    "read_file_string": "files",
    "replace_in_file": "edits",
    "scan_chunks": "scan",
    "scan_coverage": "scan",
    "scan_files": "scan",
    "scan_hits": "scan",
    "search": "searches",
    "search_files": "searches",
    "search_text": "searches",
    "show": "display",
    "stream_chunks": "streams",
    "stream_coverage": "streams",
    "stream_files": "streams",
    "stream_hits": "streams",
    "summarize_hits": "summaries",
    "sweep_temp_files": "writes",
    "watch": "watching",
    "write_file_atomic": "writes",
    "write_files": "bulk",
}


def __getattr__(name: str) -> object:
    if name != "__version__" and name not in __all__:
        # With the module and the name, Python says what was meant.
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    if name in {"expr", "plot"}:
        return import_module(f".{name}", __name__)
    value = getattr(import_module(f".{_HOMES.get(name, 'errors')}", __name__), name)
    # Found once, it is an ordinary attribute.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__doc__", "__name__", "__path__"])


_namespaces.register()

del _forks, _namespaces
