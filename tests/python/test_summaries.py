"""Answers sized for their reader: summaries of hits, and tables as people read them."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vespera_file_ops as vfo


def hits_of(*files: tuple[str, int]) -> pl.DataFrame:
    """A hits table of so many hits in each file."""
    rows = [
        (path, line, 1, "needle", f"needle {line} in {path}") for path, count in files for line in range(1, count + 1)
    ]
    text, number = pl.String, pl.Int64
    schema = {"path": text, "line_number": number, "column_number": number, "matched": text, "line": text}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_the_totals_are_exact_and_the_rows_are_spread() -> None:
    hits = hits_of(("a/many", 1000), ("a/b/few", 3), ("c", 1), ("d/e", 2))
    summary = vfo.summarize_hits(hits, max_rows=6)
    assert summary.totals == {"hits": 1006, "files": 4, "folders": 4}
    assert summary.folders.rows()[0] == ("a", 1, 1000)
    assert summary.files.rows()[:2] == [("a/many", 1000), ("a/b/few", 3)]
    assert summary.rows["path"].unique(maintain_order=True).to_list() == ["a/many", "a/b/few", "c", "d/e"]
    assert summary.rows.height == 6
    assert summary.left_out == {"hits": 1000, "files": 0, "folders": 0}
    assert summary.rows.columns == hits.columns
    assert str(summary).endswith("left out: 1000 hits")


def test_with_more_files_than_rows_each_row_is_of_another_file() -> None:
    hits = hits_of(*((f"folder{number // 10}/file{number}", 5) for number in range(100)))
    summary = hits.vfo.summarize(max_rows=10)
    assert summary.rows["path"].n_unique() == 10
    assert summary.rows["path"].str.extract("^(.*)/").n_unique() == 10
    assert summary.left_out["files"] == 90


def test_little_room_shortens_the_text_and_says_so() -> None:
    hits = hits_of(*((f"some/folder/{'x' * 50}{number}", 5) for number in range(50)))
    summary = vfo.summarize_hits(hits, max_rows=50, max_bytes=600)
    assert len(summary.text.encode()) <= 600
    assert summary.totals["hits"] == 250
    assert summary.left_out["hits"] == 250 - summary.rows.height > 200
    assert summary.text.splitlines()[0] == "250 hits in 50 files of 1 folder"


def test_no_hits() -> None:
    summary = vfo.summarize_hits(hits_of())
    assert (summary.text, summary.rows.height, summary.left_out) == ("0 hits", 0, {"hits": 0, "files": 0, "folders": 0})


def test_a_line_cannot_break_the_text(tmp_path: Path) -> None:
    (tmp_path / "a\nb").write_bytes(b"needle \x1b[31m \r and " + b"x" * 500)
    text = vfo.summarize_hits(vfo.search_files("needle", tmp_path)).text
    assert all(line.isprintable() for line in text.split("\n"))
    assert len(text) < 700


FILES = st.lists(
    st.tuples(st.text("ab/é\n", min_size=1, max_size=40), st.integers(1, 9)),
    max_size=30,
    unique_by=lambda file: file[0],
)


@settings(max_examples=100, deadline=None)
@given(files=FILES, max_rows=st.integers(1, 40), max_bytes=st.integers(256, 3000))
def test_bounds_hold_and_nothing_is_miscounted(files: list[tuple[str, int]], max_rows: int, max_bytes: int) -> None:
    hits = hits_of(*files)
    summary = vfo.summarize_hits(hits, max_rows=max_rows, max_bytes=max_bytes)
    assert len(summary.text.encode()) <= max_bytes
    assert summary.rows.height <= max_rows
    assert summary.totals["hits"] == sum(count for _, count in files)
    assert summary.left_out["hits"] + summary.rows.height == summary.totals["hits"]
    assert summary.left_out["files"] + summary.rows["path"].n_unique() == summary.totals["files"]
    assert summary.rows.equals(hits.join(summary.rows, on=["path", "line_number"], how="semi", maintain_order="left"))


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([],), TypeError, "hits: a DataFrame"),
        ((pl.DataFrame({"path": ["a"]}),), vfo.ArgumentError, "has no column line_number"),
    ],
)
def test_bad_arguments(arguments: tuple, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        vfo.summarize_hits(*arguments)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("max_rows", 0, vfo.ArgumentError), ("max_bytes", 10, vfo.ArgumentError), ("max_rows", "1", TypeError)],
)
def test_bad_numbers(name: str, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=name):
        vfo.summarize_hits(hits_of(), **{name: value})


def shown(table: object, **options: object) -> str:
    out = io.StringIO()
    vfo.show(table, file=out, **options)
    return out.getvalue()


def test_a_search_is_shown_with_its_ledger(demo: Path) -> None:
    text = shown(vfo.search("TODO"))
    assert text.splitlines()[-1] == "found 5 = searched 4 + binary 1; 2 hits"
    assert "src/app.py            5" in text


def test_other_tables(demo: Path) -> None:
    assert shown(vfo.scan_files().collect()).splitlines()[-1].endswith("entries; 152 B")
    assert shown(vfo.scan_coverage("TODO").collect()).splitlines()[-1] == "5 rows; 4 searched, 1 binary"
    old = vfo.scan_files(blake3=True, observed=True).collect()
    assert "unchanged" in shown(vfo.diff_trees(old))
    assert shown(pl.DataFrame({"a": [1, 2]})) == "a\n1\n2\n2 rows\n"
    assert shown(pl.DataFrame({"a": []})) == "0 rows\n"


def test_a_frame_of_somebody_else_is_shown_whole() -> None:
    text = shown(pl.DataFrame({"status": ["added"], "files": [3], "event": ["sync"]}))
    assert text == "status  files  event\nadded       3  sync\n1 row; 1 added\n"


def test_paths_are_whole_and_rows_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:03}").write_text("needle")
    text = shown(vfo.search_files("needle", tmp_path), max_rows=5)
    assert text.count(str(folder)) == 5
    assert text.splitlines()[-1] == "60 hits in 60 files (55 more not shown)"


def test_the_frame_shows_itself(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vfo.search_files("TODO").vfo.show(columns=["path"])
    assert capsys.readouterr().out.splitlines() == ["path", "README.md", "src/app.py", "2 hits in 2 files"]


def test_what_cannot_be_shown(demo: Path) -> None:
    with pytest.raises(TypeError, match="table: a DataFrame, a SearchResult or a ChunkResult, not list"):
        vfo.show([])
    with pytest.raises(vfo.ArgumentError, match="columns: the table has no column 'x'"):
        vfo.show(pl.DataFrame({"a": [1]}), columns=["x"])
    with pytest.raises(vfo.ArgumentError, match="max_rows"):
        vfo.show(pl.DataFrame({"a": [1]}), max_rows=0)
