"""Every column name works bare where people will type it: Polars SQL, DuckDB and Nushell's `where`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

import nu_shell
import vespera_file_ops as vfo


def tables() -> dict[str, list[str]]:
    """Every table with every column that it can have."""
    everything = {"captures": True, "context": 1, "raw_bytes": True}
    scans: dict[str, Callable[[], pl.LazyFrame]] = {
        "files": lambda: vfo.scan_files(".", blake3=True),
        "hits": lambda: vfo.scan_hits("x", ".", **everything),
        "coverage": lambda: vfo.scan_coverage("x", ".", include_ignored=True),
        "chunks": lambda: vfo.scan_chunks("."),
    }
    return {name: scan().collect_schema().names() for name, scan in scans.items()}


NAMES = sorted({(table, column) for table, columns in tables().items() for column in columns})


def test_the_contract_s_columns_are_there() -> None:
    """The test below is worth what this list holds."""
    assert {"path", "size", "modified", "kind", "inode", "error"} <= set(tables()["files"])
    assert {"start_byte", "end_byte", "matched", "line", "captures", "before", "after"} <= set(tables()["hits"])
    assert {"status", "hits", "excluded_by", "binary_offset"} <= set(tables()["coverage"])
    assert {"chunk", "chunk_id", "text", "start_line", "language", "file_blake3"} <= set(tables()["chunks"])


@pytest.mark.parametrize(("table", "column"), NAMES)
def test_every_column_works_bare_in_polars_sql(table: str, column: str) -> None:
    frame = pl.DataFrame({column: [1, 2]})
    query = f"select {column} from {table} where {column} > 1 group by {column} order by {column}"
    assert pl.SQLContext({table: frame}).execute(query, eager=True).rows() == [(2,)]


@pytest.mark.parametrize(("table", "column"), NAMES)
def test_every_column_works_bare_in_duckdb(table: str, column: str) -> None:
    connection = duckdb.connect()
    connection.register(table, pl.DataFrame({column: [1, 2]}).to_arrow())
    query = f"select {column} from {table} where {column} > 1 group by {column} order by {column}"
    assert connection.execute(query).fetchall() == [(2,)]


@pytest.mark.skipif(nu_shell.MISSING is not None, reason=nu_shell.MISSING or "")
def test_every_column_works_bare_in_nushell(tmp_path: Path) -> None:
    columns = sorted({column for _, column in NAMES})
    (tmp_path / "table.json").write_text(json.dumps([dict.fromkeys(columns, 1), dict.fromkeys(columns, 2)]))
    counts = "\n".join(f"($rows | where {column} > 1 | length)" for column in columns)
    found = nu_shell.values(f"do {{ let rows = (open table.json); [{counts}] }}", tmp_path)
    assert found == [1] * len(columns)
