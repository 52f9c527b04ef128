"""What Daft hands a source of its filters, as expressions of Polars.

Daft applies what it has handed over once more, so a part that has no translation is left out: the source may give too
much, never too little.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Any

import polars as pl
from daft.expressions import ExpressionVisitor

if TYPE_CHECKING:
    from daft.expressions import Expression

__all__ = ["columns_of", "polars_filter"]

# Longer lists are left to Daft: each item is a comparison here.
_MOST_ITEMS = 64

# By Daft's names, what means the same in both.
_FUNCTIONS = {
    "or": operator.or_,
    "not": operator.invert,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less_than": operator.lt,
    "less_than_or_equal": operator.le,
    "greater_than": operator.gt,
    "greater_than_or_equal": operator.ge,
    "is_null": pl.Expr.is_null,
    "not_null": pl.Expr.is_not_null,
}


def polars_filter(expression: Expression | None, columns: pl.Schema) -> pl.Expr | None:
    """The part of a filter that has a translation: comparisons of columns with constants, and what combines them.

    Arguments:
        expression: The filter.
        columns: The columns of the table, which have other types in Daft here and there.
    """
    if expression is None:
        return None
    try:
        return _Translation(columns).visit(expression)
    except RecursionError:
        # A chain of hundreds; Daft applies it.
        return None


def columns_of(expression: Expression | None, columns: pl.Schema) -> set[str]:
    """The columns by which Daft will filter once more."""
    if expression is None:
        return set()
    try:
        return _Names().visit(expression)
    except RecursionError:
        return set(columns)


class _Names(ExpressionVisitor["set[str]"]):
    """The columns that an expression names. Daft's own visitor of this kind fails at a list."""

    def visit_col(self, name: str) -> set[str]:
        return {name}

    def visit_lit(self, *_: object) -> set[str]:
        return set()

    def visit_alias(self, expr: Expression, *_: object) -> set[str]:
        return self.visit(expr)

    def visit_cast(self, expr: Expression, *_: object) -> set[str]:
        return self.visit(expr)

    def visit_function(self, name: str, args: list[Any]) -> set[str]:  # noqa: ARG002
        found: set[str] = set()
        for arg in args:
            found |= self.visit_coalesce(arg) if isinstance(arg, list) else self.visit(arg)
        return found

    def visit_coalesce(self, args: list[Any]) -> set[str]:
        return self.visit_function("coalesce", args)


class _Translation(ExpressionVisitor["pl.Expr | None"]):
    """One expression; None where it has another meaning in Polars, or none that is known here."""

    def __init__(self, columns: pl.Schema) -> None:
        self.columns = columns
        # An operand of `and` may be left out, which keeps more rows, but not within `not` or `or`.
        self.may_lose = True

    def visit_col(self, name: str) -> pl.Expr | None:
        dtype = self.columns.get(name)
        if dtype is None or dtype.is_nested():
            return None
        # Daft has words as text, and compares them as text.
        return pl.col(name).cast(pl.String) if isinstance(dtype, pl.Enum) else pl.col(name)

    def visit_lit(self, value: Any) -> pl.Expr | None:
        # How NaN compares is not the same everywhere, and no column holds a float.
        return None if value is None or isinstance(value, float) else pl.lit(value)

    def visit_and(self, left: Expression, right: Expression) -> pl.Expr | None:
        parts = [part for part in (self.visit(left), self.visit(right)) if part is not None]
        if len(parts) == 2:
            return parts[0] & parts[1]
        return parts[0] if parts and self.may_lose else None

    def visit_is_in(self, expr: Expression, items: list[Expression]) -> pl.Expr | None:
        if len(items) > _MOST_ITEMS:
            return None
        equal = [part for item in items if (part := self.visit_function("equal", [expr, item])) is not None]
        return functools.reduce(operator.or_, equal) if equal and len(equal) == len(items) else None

    def visit_function(self, name: str, args: list[Expression]) -> pl.Expr | None:
        function: Any = _FUNCTIONS.get(name)
        if function is None:
            return None
        may_lose, self.may_lose = self.may_lose, False
        operands = [operand for arg in args if (operand := self.visit(arg)) is not None]
        self.may_lose = may_lose
        return function(*operands) if len(operands) == len(args) else None

    def visit_alias(self, *_: object) -> None:
        return None

    def visit_cast(self, *_: object) -> None:
        return None

    def visit_coalesce(self, *_: object) -> None:
        return None
