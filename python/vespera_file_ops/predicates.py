"""The part of a query's predicate that can be decided before a file is opened.

Polars hands a source the predicate of the query. Where it is a conjunction, those conjuncts that speak of the file
alone (its path, size, extension, time) are evaluated by Polars itself on the walked entries, between walk and open: no
expression is parsed here, so its meaning is exact. The whole predicate is applied again to every row that comes out,
so this may only ever keep too much. Where anything is unusual it keeps everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from ._core import MaskRequest

__all__ = ["FILE_COLUMNS", "FilePredicate", "conjuncts"]

FILE_COLUMNS = ("path", "path_bytes", "relative_path", "extension", "size", "modified")
"""The columns of hits and coverage that the walk knows before it opens the file."""


class FilePredicate:
    """The conjuncts of a predicate that speak of the file alone.

    Arguments:
        expression: Their conjunction.
    """

    def __init__(self, expression: pl.Expr) -> None:
        self.expression = expression
        roots = set(expression.meta.root_names())
        self.columns = [name for name in FILE_COLUMNS if name in roots]

    @classmethod
    def of(cls, predicate: pl.Expr | None) -> FilePredicate | None:
        """The file-level part of a query's predicate, or None if it has none."""
        if predicate is None:
            return None
        try:
            parts = [part for part in conjuncts(predicate) if _is_file_level(part)]
            if not parts:
                return None
            whole = parts[0]
            for part in parts[1:]:
                whole = whole & part
            return cls(whole)
        except Exception:
            # The forms of `meta` are not promised to stay; without this part the query is slower, not wrong.
            return None

    def answer(self, question: MaskRequest) -> None:
        """Tell the scan which of the walked entries to open."""
        question.answer(self.mask(pl.DataFrame(question.rows)))

    def mask(self, entries: pl.DataFrame) -> bytes:
        """One byte for each entry: 1 to open it, 0 to leave it out."""
        everything = b"\1" * entries.height
        try:
            # A filter drops a row whose predicate is null.
            keep = entries.select(self.expression.fill_null(False).cast(pl.UInt8)).to_series()
        except Exception:
            # What fails here may fail on a file without a single hit, where the query itself would never see it. If
            # it is a true failure, the final filter raises it.
            return everything
        # An expression of another height is not row by row.
        return bytes(keep.to_list()) if keep.len() == entries.height else everything


def conjuncts(predicate: pl.Expr) -> list[pl.Expr]:
    """The expressions whose conjunction is `predicate`, from left to right."""
    parts: list[pl.Expr] = []
    # A loop, because a conjunction of thousands is a left-deep tree.
    waiting = [predicate]
    while waiting:
        expression = waiting.pop()
        inputs = expression.meta.pop()
        if len(inputs) == 2:
            # `pop` gives the right input first.
            right, left = inputs
            if (left & right).meta.eq(expression):
                waiting += [right, left]
                continue
            if (right & left).meta.eq(expression):
                waiting += [left, right]
                continue
        parts.append(expression)
    return parts


def _is_file_level(expression: pl.Expr) -> bool:
    """Whether a conjunct needs nothing that is only known once the file has been read."""
    roots = set(expression.meta.root_names())
    # One that names no column is constant or worse (random); it is left to the final filter.
    return bool(roots) and roots.issubset(FILE_COLUMNS)
