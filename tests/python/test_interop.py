"""Other consumers: DuckDB, pyarrow and pandas take the stream objects as they are, twice, and LIMIT stops early."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

import vespera_file_ops as vfo
from vespera_file_ops import _core

MAKERS: dict[str, tuple[Callable[..., object], Callable[..., pl.LazyFrame]]] = {
    "files": (vfo.stream_files, vfo.scan_files),
    "hits": (lambda root, **options: vfo.stream_hits("a", root, **options), lambda root: vfo.scan_hits("a", root)),
    "coverage": (
        lambda root, **options: vfo.stream_coverage("a", root, **options),
        lambda root: vfo.scan_coverage("a", root),
    ),
    "chunks": (vfo.stream_chunks, vfo.scan_chunks),
}


@pytest.fixture(params=MAKERS)
def pair(request: pytest.FixtureRequest, mixed_tree: Path) -> tuple[object, pl.DataFrame]:
    stream, scan = MAKERS[request.param]
    return stream(mixed_tree), scan(mixed_tree).collect()


def test_pyarrow_reads_it_twice(pair: tuple[object, pl.DataFrame]) -> None:
    stream, expected = pair
    for _ in range(2):
        table = pa.RecordBatchReader.from_stream(stream).read_all()
        assert table.column_names == expected.columns
        assert_frame_equal(pl.DataFrame(table).drop("accessed", strict=False), expected.drop("accessed", strict=False))


def test_pandas_reads_it_twice(pair: tuple[object, pl.DataFrame]) -> None:
    stream, expected = pair
    for _ in range(2):
        # pandas 3 takes it by itself; pandas 2, the last for Python 3.10, by way of pyarrow.
        frame = pd.DataFrame.from_arrow(stream) if pd.__version__ >= "3" else pa.table(stream).to_pandas()
        assert list(frame.columns) == expected.columns
        assert frame["path"].tolist() == expected["path"].to_list()
        assert frame["size"].dropna().astype("int64").tolist() == expected["size"].drop_nulls().to_list()


def test_duckdb_reads_it_twice(pair: tuple[object, pl.DataFrame]) -> None:
    stream, expected = pair
    assert stream is not None
    for _ in range(2):
        assert duckdb.sql("select path from stream").fetchall() == [(path,) for path in expected["path"]]
    relation = duckdb.sql("select count(*), sum(size) from stream")
    assert relation.fetchall() == [(expected.height, expected["size"].sum())]


def test_duckdb_dates_work_in_microseconds(mixed_tree: Path) -> None:
    files = vfo.stream_files(mixed_tree, timestamps="us")
    assert files is not None
    months = duckdb.sql("select distinct date_trunc('year', modified)::date::varchar from files").fetchall()
    assert months == [("2023-01-01",)]


def test_iterating_gives_record_batches(mixed_tree: Path) -> None:
    stream = vfo.stream_hits("a", mixed_tree, columns=["path", "line_number"])
    for _ in range(2):
        batches = [pa.record_batch(batch) for batch in stream]
        assert sum(batch.num_rows for batch in batches) == vfo.search_files("a", mixed_tree).height
        assert all(batch.schema.names == ["path", "line_number"] for batch in batches)


def test_the_schema_is_known_without_a_scan(mixed_tree: Path) -> None:
    before = _core.counters()
    stream = vfo.stream_files(mixed_tree, columns=["path", "size", "modified"], timestamps="us")
    schema = pa.schema(stream)
    assert schema.names == ["path", "size", "modified"]
    assert schema.field("modified").type == pa.timestamp("us", "UTC")
    # Only Polars is better off with views; pyarrow cannot even filter them.
    assert schema.field("path").type in {pa.string(), pa.large_string()}
    assert _core.counters()["files_described"] - before["files_described"] <= 1
    assert pa.RecordBatchReader.from_stream(stream).schema == schema


def test_a_wish_for_another_schema_is_met_with_the_stream_s_own(mixed_tree: Path) -> None:
    # The interface calls it a wish; no value is ever narrowed to fulfil it.
    stream = vfo.stream_files(mixed_tree, columns=["path", "size"])
    wish = pa.schema([("path", pa.string()), ("size", pa.int8())])
    given = pa.RecordBatchReader.from_stream(stream, schema=wish)
    assert given.schema == pa.schema(stream)
    assert given.read_all().num_rows == vfo.scan_files(mixed_tree).collect().height


def test_pyarrow_can_compute_on_every_column(mixed_tree: Path) -> None:
    table = pa.table(pa.RecordBatchReader.from_stream(vfo.stream_hits("a", mixed_tree, captures=True, context=1)))
    assert table.filter(pa.compute.equal(table["extension"], "py")).num_rows > 0
    assert table.take([0, 1]).num_rows == 2


@pytest.fixture(scope="module")
def wide_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("wide")
    for folder in range(40):
        (root / f"{folder:03}").mkdir()
        for number in range(500):
            (root / f"{folder:03}" / f"{number:03}.txt").write_bytes(b"needle\n" * 20)
    return root


def test_limit_stops_early(wide_tree: Path) -> None:
    hits = vfo.stream_hits("needle", wide_tree)
    before = _core.counters()["files_opened"]
    assert len(duckdb.sql("select path, line from hits limit 5").fetchall()) == 5
    assert _core.counters()["files_opened"] - before < 10_000
    before = _core.counters()["files_opened"]
    assert len(next(iter(hits))) > 0
    assert _core.counters()["files_opened"] - before < 10_000


def test_a_stream_needs_neither_polars_nor_pyarrow(mixed_tree: Path) -> None:
    code = (
        "import sys, vespera_file_ops as vfo\n"
        "assert sum(len(batch) for batch in vfo.stream_hits('a', sys.argv[1])) > 0\n"
        "assert not {'polars', 'pyarrow'} & set(sys.modules), 'imported too much'\n"
    )
    subprocess.run([sys.executable, "-c", code, str(mixed_tree)], check=True, timeout=60)
