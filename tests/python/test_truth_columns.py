"""Every column name works bare where people will type it: Polars SQL, DuckDB and Nushell's `where`."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

import vespera_file_ops as vfo

NUSHELL = "0.115.1"


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


@functools.cache
def nushell() -> str | None:
    """`nu` from the path or from npm, in the user's cache folder; None where neither is to be had."""
    found = shutil.which("nu")
    if found or not shutil.which("npm"):
        return found
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vespera_file_ops" / f"nu-{NUSHELL}"
    program = cache / "node_modules/@nushell/linux-x64/bin/nu"
    if not program.exists():
        package = f"@nushell/linux-x64@{NUSHELL}"
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(cache), package]
        subprocess.run(command, check=False, capture_output=True, timeout=120)
    return str(program) if program.exists() else None


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


def test_every_column_works_bare_in_nushell(tmp_path: Path) -> None:
    program = nushell()
    if program is None:
        pytest.skip("no Nushell: neither `nu` in the path nor npm to fetch @nushell/linux-x64 with")
    columns = sorted({column for _, column in NAMES})
    file = tmp_path / "table.json"
    file.write_text(json.dumps([dict.fromkeys(columns, 1), dict.fromkeys(columns, 2)]))
    script = "\n".join(f"(open {file} | where {column} > 1 | length)" for column in columns)
    done = subprocess.run(
        [program, "-n", "-c", f"[{script}] | to json -r"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [1] * len(columns)
