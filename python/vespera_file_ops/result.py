"""What `search` and `chunk` return: rows, coverage and summary of one pass; and the warning where none is kept."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import IncompleteSearchWarning
from .ledger import Summary, incomplete_text, ledger_text

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ChunkResult", "SearchResult"]


@dataclass(frozen=True)
class SearchResult:
    """Hits, coverage and summary of one pass over the files.

    Attributes:
        hits: One row a match; the columns of `scan_hits`.
        coverage: One row for each file that was found, with what became of it; the columns of `scan_coverage`.
        summary: What was counted: files by status, `hits`, `matched_lines`, `bytes_searched`, `seconds`, `complete`.
    """

    hits: pl.DataFrame
    coverage: pl.DataFrame
    summary: Summary

    @property
    def ledger(self) -> str:
        """One line: `found 120 = searched 110 + binary 8 + unreadable 2; 31 hits`."""
        return ledger_text(self.summary)

    def __repr__(self) -> str:
        return f"SearchResult({self.ledger})"

    def _repr_html_(self) -> str:
        from .display import html_of

        return html_of(self)


@dataclass(frozen=True)
class ChunkResult:
    """Chunks, coverage and summary of one pass over the files.

    Attributes:
        chunks: One row a retrieval chunk; the columns of `scan_chunks`.
        coverage: One row for each file that was found, with what became of it; the columns of `scan_coverage`, where
            `hits` are its chunks.
        summary: What was counted: files by status, `hits` (the chunks), `bytes_searched`, `seconds`, `complete`.
    """

    chunks: pl.DataFrame
    coverage: pl.DataFrame
    summary: Summary

    @property
    def ledger(self) -> str:
        """One line: `found 120 = searched 110 + binary 8 + unreadable 2; 310 chunks`."""
        return ledger_text(self.summary, "chunk")

    def __repr__(self) -> str:
        return f"ChunkResult({self.ledger})"

    def _repr_html_(self) -> str:
        from .display import html_of

        return html_of(self)


def warn_if_incomplete(summary: Summary, *, cut_expected: bool, stacklevel: int, named_by: str = "search") -> None:
    """Warn, once a call, of what a scan without ledger did not read."""
    text = incomplete_text(summary, cut_expected=cut_expected, work="chunking" if named_by == "chunk" else "search")
    if text is not None:
        message = f"{text}; vespera_file_ops.{named_by}() names each file in its coverage"
        warnings.warn(message, IncompleteSearchWarning, stacklevel=stacklevel + 1)
