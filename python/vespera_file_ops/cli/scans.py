"""`vfo search`, `vfo files` and `vfo chunks`: a scan of a tree, each row as it is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..request import ScanRequest, pattern_list
from .options import chunk_options, search_options, walk_options
from .output import is_plain
from .rows import one_or_list, show

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["chunks", "files", "search"]

_FILES_COLUMNS = ("kind", "size", "modified", "path", "blake3", "error")
_HITS_COLUMNS = ("path", "line_number", "line")
_CHUNKS_COLUMNS = ("path", "chunk", "start_line", "end_line", "language", "text")


def search(given: argparse.Namespace) -> int:
    """The matches of a pattern, one row each."""
    source = _source(given.source)
    options = {**search_options(given), "patterns": pattern_list(given.pattern)}
    # A ledger is exact only where coverage is kept: a search for hits alone ends with the last one wanted.
    request = ScanRequest("search" if given.ledger and is_plain(given) else "hits", source, options)
    if is_plain(given):
        shown = given.columns or [*_HITS_COLUMNS, *(("before", "after") if given.context else ())]
        extra = [] if given.columns else ["column_number", "matched"]
        return show(given, request, shown, [*shown, *extra])
    without = ("context", "captures", "raw_bytes")
    tables = [
        request,
        ScanRequest("coverage", source, {name: value for name, value in options.items() if name not in without}),
        ScanRequest("files", source, walk_options(given)),
    ]
    from .export import export

    return export(given, tables)


def files(given: argparse.Namespace) -> int:
    """The entries below a folder, one row each."""
    options = walk_options(given) | ({"blake3": True} if given.blake3 else {})
    request = ScanRequest("files", _source(given.source), options)
    if not is_plain(given):
        from .export import export

        return export(given, [request])
    shown = given.columns or [name for name in _FILES_COLUMNS if name != "blake3" or given.blake3]
    return show(given, request, shown, shown)


def chunks(given: argparse.Namespace) -> int:
    """Pieces of files for retrieval, one row each."""
    source = _source(given.source)
    request = ScanRequest("chunks", source, chunk_options(given))
    if not is_plain(given):
        from .export import export

        return export(given, [request, ScanRequest("files", source, walk_options(given))])
    shown = given.columns or list(_CHUNKS_COLUMNS)
    return show(given, request, shown, shown)


def _source(paths: Sequence[str]) -> str | list[str]:
    return one_or_list(paths) if paths else "."
