"""The ledger: every regular file that the walk found stands in it once, with what became of it and why."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo

import truth_rg as rg


@pytest.fixture(scope="module")
def tree() -> Path:
    """Crates of the registry, or this repository where there are none."""
    return rg.registry() or rg.REPOSITORY


def write(folder: Path, files: dict[str, bytes]) -> Path:
    """A folder with these files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("pattern", ["unsafe", "no_such_text_anywhere_at_all", r"\w+_\w+_\w+_\w+"])
def test_coverage_holds_each_file_once_and_sums_to_the_hits(tree: Path, pattern: str) -> None:
    source = sorted(tree.iterdir(), key=rg.component_key)[3] if pattern.startswith("\\w") else tree
    result = vfo.search(pattern, source)
    coverage, hits = result.coverage, result.hits
    files = vfo.scan_files(source).filter(pl.col("kind") == "file").select("path").collect()
    assert coverage["path"].to_list() == files["path"].to_list()

    per_file = hits.group_by("path").agg(pl.len().alias("n"), pl.col("line_number").n_unique().alias("lines"))
    joined = coverage.join(per_file, on="path", how="left").with_columns(pl.col("n", "lines").fill_null(0))
    assert joined.filter(pl.col("hits").fill_null(0) != pl.col("n")).height == 0
    assert joined.filter(pl.col("matched_lines").fill_null(0) != pl.col("lines")).height == 0
    assert coverage["hits"].sum() == hits.height

    summary = result.summary
    assert summary["found"] == coverage.height
    assert summary["hits"] == hits.height
    statuses = dict(coverage.group_by("status").len().rows())
    for status, number in statuses.items():
        assert summary[status] == number
    searched = coverage.filter(status="searched")
    assert searched.filter(pl.col("bytes_searched") > pl.col("size")).height == 0
    complete = searched.filter(pl.col("binary_offset").is_null())
    assert complete.filter(pl.col("bytes_searched") != pl.col("size")).height == 0


def test_the_three_tables_of_one_search_agree(tree: Path) -> None:
    """`search` gives from one pass what the scans give from one each."""
    result = vfo.search("impl", tree)
    assert result.hits.equals(vfo.scan_hits("impl", tree).collect())
    assert result.coverage.equals(vfo.scan_coverage("impl", tree).collect())


def test_files_with_a_nul_have_the_status_of_the_contract(tree: Path) -> None:
    """Binary, wherever it stands: in the first 64 KiB there are no rows, as in rg; later, the rows before it stay."""
    odd = rg.odd_files(tree)
    coverage = vfo.scan_coverage("e", tree).select("path", "status", "hits", "binary_offset", "encoding").collect()
    rows = {row["path"]: row for row in coverage.iter_rows(named=True)}
    listed = {path: why for path, why in odd.items() if path in rows}
    assert listed
    for path, why in listed.items():
        row, content = rows[path], Path(path).read_bytes()
        if why == "nul":
            assert row["status"] == "binary", path
            assert (row["hits"] or 0, row["binary_offset"]) == (0, content.index(b"\0")), path
        elif why == "late nul":
            assert (row["status"], row["binary_offset"]) == ("binary", content.index(b"\0")), path
            assert row["hits"] == content[: content.index(b"\0")].count(b"e"), path
    counted = subprocess.run([rg.RG, "--no-config", "-c0", "e", str(tree)], stdout=subprocess.PIPE, check=True).stdout
    names = {os.fsdecode(line.partition(b"\0")[0]) for line in counted.splitlines()}
    assert not names & {path for path, why in listed.items() if why == "nul"}
    assert set(coverage.filter(pl.col("hits") > 0)["path"]) >= names - set(odd)
    others = coverage.filter(~pl.col("path").is_in(list(odd)))
    assert set(others["status"]) == {"searched"}


def test_nul_on_both_sides_of_the_window(tmp_path: Path) -> None:
    """A NUL at the last byte of the window is seen, one byte later the rows before it stand."""
    window = rg.BINARY_WINDOW
    files = {
        "first": b"\0hit\n",
        "last_inside": b"hit\n" + b"-" * (window - 5) + b"\0hit\n",
        "first_outside": b"hit\n" + b"-" * (window - 4) + b"\0hit\n",
        "none": b"hit\n",
    }
    write(tmp_path, files)
    result = vfo.search("hit", tmp_path)
    status = dict(result.coverage.select("relative_path", "status").rows())
    assert status == {"first": "binary", "last_inside": "binary", "first_outside": "binary", "none": "searched"}
    offsets = dict(result.coverage.select("relative_path", "binary_offset").rows())
    assert offsets == {"first": 0, "last_inside": window - 1, "first_outside": window, "none": None}
    assert result.hits.select("relative_path", "start_byte").rows() == [("first_outside", 0), ("none", 0)]
    for name, content in files.items():
        named = vfo.search("hit", tmp_path / name)
        assert named.coverage["status"].to_list() == ["searched"], name
        assert named.hits.height == content.count(b"hit"), name
        assert named.coverage["binary_offset"].item() == (content.index(b"\0") if b"\0" in content else None)


def test_ignored_and_hidden_files_are_named_with_their_rule(tmp_path: Path) -> None:
    """A pruned folder is one row; nothing is silent."""
    write(
        tmp_path,
        {".ignore": b"*.log\n/build/\n", "a.log": b"x", "build/deep/b": b"x", ".env": b"x", ".d/c": b"x", "seen": b"x"},
    )
    frame = vfo.scan_coverage("x", tmp_path, include_ignored=True).collect()
    found = {row["relative_path"]: (row["status"], row["excluded_by"]) for row in frame.iter_rows(named=True)}
    assert found["seen"] == ("searched", None)
    assert {name: status for name, (status, _) in found.items() if status == "ignored"} == {
        "a.log": "ignored",
        "build": "ignored",
    }
    assert {name for name, (status, _) in found.items() if status == "hidden"} == {".ignore", ".env", ".d"}
    assert (found["a.log"][1] or "").endswith(".ignore:1:*.log")
    assert (found["build"][1] or "").endswith(".ignore:2:/build/")
    assert len(found) == frame.height == 6
    assert vfo.search("x", tmp_path).coverage["relative_path"].to_list() == ["seen"]


def test_an_unreadable_file_is_a_row(tmp_path: Path) -> None:
    """Under root nothing is unreadable by its mode, so the mode is only part of the test."""
    write(tmp_path, {"good": b"hit", "sub/good": b"hit"})
    if os.geteuid() == 0:
        pytest.skip("root reads everything: test_hazards_walk.py does this as another user")
    (tmp_path / "bad").write_bytes(b"hit")
    (tmp_path / "bad").chmod(0)
    with pytest.warns(vfo.IncompleteSearchWarning):
        hits = vfo.search_files("hit", tmp_path)
    assert hits.height == 2
    row = vfo.scan_coverage("hit", tmp_path).filter(relative_path="bad").collect().row(0, named=True)
    assert row["status"] == "unreadable"
    assert row["error"]


@pytest.mark.parametrize(("option", "value"), [("max_hits", 3), ("max_hits_per_file", 1), ("max_file_size", 10)])
def test_what_a_limit_cut_is_marked(tmp_path: Path, option: str, value: int) -> None:
    """The rows are the first of the table, and the ledger says where something is missing."""
    write(tmp_path, {f"f{n}": b"hit hit\n" * n for n in range(1, 5)})
    everything = vfo.search("hit", tmp_path)
    result = vfo.search("hit", tmp_path, **{option: value})
    if option == "max_hits":
        assert result.hits.equals(everything.hits.head(value))
        assert set(result.coverage.filter(pl.col("path") > result.hits["path"][-1])["status"]) <= {"limit", "searched"}
    statuses = result.coverage["status"].to_list()
    assert len(statuses) == 4
    wanted = {"max_hits": "limit", "max_hits_per_file": "limit", "max_file_size": "too_large"}[option]
    assert wanted in statuses
    assert result.coverage["hits"].sum() == result.hits.height
