"""One SELECT over named tables, and nothing else: what is refused, and what is written the way that Polars takes it.

A real parser (sqlglot) says what a text is. It is not the parser that runs it, so what two parsers could read in two
ways is refused as a whole: comments, and every function of the names by which Polars' SQL opens files.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from typing import TYPE_CHECKING

import polars as pl

from ..errors import ArgumentError
from .answer import nearest, resembled

if TYPE_CHECKING:
    from sqlglot import exp

__all__ = ["checked_sql", "collected", "filtered", "where_of"]

_LONGEST = 10_000
_LONGEST_CONDITION = 4_000
# What a condition is made of: each costs no more than its rows are long.
_CONDITION = (
    "Column", "Identifier", "Literal", "Null", "Boolean", "Paren", "And", "Or", "Not", "EQ", "NEQ", "GT", "GTE", "LT",
    "LTE", "Between", "In", "Is", "Like", "ILike", "StartsWith", "EndsWith", "Lower", "Upper", "Length", "Neg", "Cast",
    "DataType", "Interval", "Var", "CurrentTimestamp",
)  # fmt: skip
# The table functions of Polars' SQL, with and without quotes.
_OPENS_FILES = re.compile(r"[\"`]?\b(?:read|scan)_\w+[\"`]?\s*\(", re.IGNORECASE)
_UNITS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86400,
    "week": 7 * 86400,
    "month": 30 * 86400,
    "year": 365 * 86400,
}
_NOW = r"(?:now\s*\(\s*\)|current_timestamp\b(?:\s*\(\s*\))?|localtimestamp\b)"
_UNIT = rf"(?:{'|'.join(_UNITS)})s?\b"
_INTERVAL = rf"\s*[-+]\s*interval\s*(?:'[^']*'|\d+)(?:\s*{_UNIT})?"
_TIMES = re.compile(
    rf"(?P<string>'(?:[^']|'')*')|(?P<now>\b{_NOW})(?P<shifts>(?:{_INTERVAL})*)"
    r"|\btimestamp\s+(?P<stamp>'[^']*')|\bcast\s*\(\s*(?P<cast>'[^']*')\s+as\s+timestamp\s*\)",
    re.IGNORECASE,
)
_SHIFT = re.compile(r"([-+])\s*interval\s*(?:'\s*(\d+)\s*([a-z]*)\s*'|(\d+))\s*([a-z]*)", re.IGNORECASE)


def checked_sql(sql: str, tables: Collection[str]) -> str:
    """The query as Polars runs it.

    Arguments:
        sql: What was asked.
        tables: The names of the tables that it may speak of.

    Raises:
        ArgumentError: It is no single SELECT over these tables, or could be read as something else.
    """
    from sqlglot import expressions as exp

    statements = _parsed("sql", sql, _LONGEST)
    if _OPENS_FILES.search(sql):
        raise ArgumentError(
            "sql: no function opens files here; declare what you need in tables and select from its name"
        )
    if len(statements) != 1 or not isinstance(statements[0], (exp.Select, exp.SetOperation)):
        raise ArgumentError(
            "sql: expected exactly one SELECT, such as select extension, count(*) as n from h group by 1"
        )
    statement = statements[0]
    bad = statement.find(exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lateral, exp.Values)
    with_ = statement.args.get("with_") or statement.args.get("with")
    if bad is not None and not isinstance(bad, exp.Query):
        raise ArgumentError(f"sql: {type(bad).__name__.lower()} is not taken; only SELECT over the tables is")
    if with_ is not None and with_.args.get("recursive"):
        raise ArgumentError("sql: a recursive WITH is not taken")
    known = list(dict.fromkeys([*tables, *(cte.alias for cte in statement.find_all(exp.CTE))]))
    for table in statement.find_all(exp.Table):
        name = table.name
        if not isinstance(table.this, exp.Identifier) or table.args.get("db") or table.args.get("catalog"):
            raise ArgumentError(f"sql: {table.sql()[:80]} is no table; the tables are {', '.join(tables)}")
        if name not in known:
            parts = [f"sql: {name!r} is no table", f"the tables are {', '.join(known)}", resembled(name, known)]
            raise ArgumentError("; ".join(part for part in parts if part))
    return _TIMES.sub(_in_utc, sql.strip().rstrip(";"))


def filtered(rows: pl.LazyFrame, condition: str | None) -> pl.LazyFrame:
    """The rows for which a condition holds, lazily, so that a scan opens no file that it leaves out.

    Raises:
        ArgumentError: As `where_of`.
    """
    if condition is None:
        return rows
    sql = where_of(condition, rows.collect_schema().names())
    try:
        return pl.SQLContext(rows=rows).execute(f"select * from rows where {sql}", eager=False)
    except pl.exceptions.PolarsError as error:
        raise _no_condition(error) from None


def collected(rows: pl.LazyFrame) -> pl.DataFrame:
    """The rows of a scan that a condition may have filtered.

    Raises:
        ArgumentError: The condition compares what cannot be compared.
    """
    try:
        return rows.collect()
    except pl.exceptions.PolarsError as error:
        raise _no_condition(error) from None


def _no_condition(error: Exception) -> ArgumentError:
    said = str(error).splitlines()[0]
    hint = "; a time is written as '2026-01-31' or '2026-01-31 12:00:00'" if "datetime" in said else ""
    return ArgumentError(f"where: {said}{hint}")


def where_of(condition: str, columns: Collection[str]) -> str:
    """A condition on the rows of one table as Polars runs it.

    Raises:
        ArgumentError: It is none, speaks of other columns, or has a part that could cost more than comparing does.
    """
    from sqlglot import expressions as exp

    parsed = _parsed("where", condition, _LONGEST_CONDITION)
    if len(parsed) != 1:
        raise ArgumentError("where: expected one condition, such as size > 1000 and extension = 'py'")
    for part in parsed[0].walk():
        kind = type(part).__name__
        if isinstance(part, exp.Column) and (part.name not in columns or part.args.get("table")):
            raise ArgumentError(f"where: {part.sql()[:80]!r} is no column; {nearest(part.name, columns)}")
        is_now = isinstance(part, exp.Anonymous) and part.name.lower() == "now"
        # Of arithmetic only `now() - interval`: Polars takes seconds to see the type of a long sum.
        is_shift = isinstance(part, (exp.Add, exp.Sub)) and isinstance(part.expression, exp.Interval)
        if kind not in _CONDITION and not is_now and not is_shift:
            raise ArgumentError(f"where: {part.sql()[:80]!r} is not taken in a condition; query takes whole SQL")
    return _TIMES.sub(_in_utc, condition.strip(" ;\n"))


def _parsed(argument: str, sql: str, longest: int) -> list[exp.Expr]:
    """What a real parser reads in a text that it alone need not be trusted with."""
    import sqlglot
    from sqlglot.errors import SqlglotError

    if len(sql) > longest:
        raise ArgumentError(f"{argument}: {len(sql)} characters are more than the {longest} that are taken")
    outside = re.sub(r"'(?:[^']|'')*'", "''", sql)
    if "--" in outside or "/*" in outside or "#" in outside or "$$" in outside or "\0" in sql:
        raise ArgumentError(f"{argument}: comments and dollar quotes are not taken; write the SQL alone")
    try:
        parsed = sqlglot.parse(sql)
    except SqlglotError as error:
        raise ArgumentError(f"{argument}: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise ArgumentError(f"{argument}: it is nested too deeply") from None
    return [statement for statement in parsed if statement is not None]


def _in_utc(found: re.Match[str]) -> str:
    """Times are compared as text that Polars reads in the column's own zone: UTC."""
    if found["string"]:
        return found["string"]
    if found["stamp"] or found["cast"]:
        return found["stamp"] or found["cast"]
    moment = dt.datetime.now(dt.timezone.utc)
    for sign, count, inside, bare, after in _SHIFT.findall(found["shifts"]):
        unit = (inside or after).lower().removesuffix("s")
        if unit not in _UNITS:
            raise ArgumentError(f"interval: one of {', '.join(_UNITS)}, such as interval '30 days', not {unit[:80]!r}")
        seconds = int(count or bare) * _UNITS[unit]
        moment += dt.timedelta(seconds=seconds if sign == "+" else -seconds)
    return f"'{moment:%Y-%m-%d %H:%M:%S.%f}'"
