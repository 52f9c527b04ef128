"""Hazards 24 and 36: names that are not UTF-8, and two names that look the same once they are repaired."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo

ODD = b"\xff\xfe"


@pytest.fixture
def folder(tmp_path: Path) -> bytes:
    """A folder with an odd name that holds a file with an odd name."""
    root = os.fsencode(tmp_path) + b"/" + ODD
    os.mkdir(root)
    with open(root + b"/" + ODD + b".txt", "wb") as file:
        file.write(b"one\nneedle\n")
    return root


READERS: dict[str, Callable[..., object]] = {
    "read_file": lambda path: vfo.read_file(path),
    "read_file_string": lambda path: vfo.read_file_string(path),
    "read_file_lines": lambda path: vfo.read_file_lines(path).to_list(),
    "read_file_chunks": lambda path: b"".join(vfo.read_file_chunks(path)),
    "compute_file_hash": lambda path: vfo.compute_file_hash(path),
}


@pytest.mark.hazard(24)
@pytest.mark.parametrize("name", READERS)
def test_every_reader_takes_the_bytes(folder: bytes, tmp_path: Path, name: str) -> None:
    """As bytes, as a str with surrogate escapes, and as a PathLike: the same as for a plain name."""
    (tmp_path / "plain").write_bytes(b"one\nneedle\n")
    file = folder + b"/" + ODD + b".txt"
    wanted = READERS[name](tmp_path / "plain")
    for path in (file, os.fsdecode(file), Path(os.fsdecode(file))):
        assert READERS[name](path) == wanted


TABLES: dict[str, Callable[..., pl.DataFrame]] = {
    "scan_files": lambda source, file: vfo.scan_files(source).collect(),
    "list_directory": lambda source, file: vfo.list_directory(source),
    "glob_files": lambda source, file: vfo.glob_files(source, ["*.txt"]),
    "get_file_info": lambda source, file: vfo.get_file_info(file),
    "scan_hits": lambda source, file: vfo.scan_hits("needle", source).collect(),
    "search_files": lambda source, file: vfo.search_files("needle", source),
    "search_text": lambda source, file: vfo.search_text("needle", file),
    "search hits": lambda source, file: vfo.search("needle", source).hits,
    "search coverage": lambda source, file: vfo.search("needle", source).coverage,
    "scan_coverage": lambda source, file: vfo.scan_coverage("needle", source).collect(),
    "scan_chunks": lambda source, file: vfo.scan_chunks(source).collect(),
    "chunk_files": lambda source, file: vfo.chunk_files(file),
    "chunk chunks": lambda source, file: vfo.chunk(source).chunks,
    "chunk coverage": lambda source, file: vfo.chunk(source).coverage,
    "explain": lambda source, file: vfo.explain(file),
    "stream_files": lambda source, file: pl.DataFrame(vfo.stream_files(source)),
    "stream_hits": lambda source, file: pl.DataFrame(vfo.stream_hits("needle", source)),
    "stream_coverage": lambda source, file: pl.DataFrame(vfo.stream_coverage("needle", source)),
    "stream_chunks": lambda source, file: pl.DataFrame(vfo.stream_chunks(source)),
}


@pytest.mark.hazard(24)
@pytest.mark.parametrize("name", TABLES)
def test_every_table_gives_the_exact_bytes_and_takes_them_back(folder: bytes, name: str) -> None:
    """Lossy text for people, exact bytes beside it, and those open the file again."""
    file = folder + b"/" + ODD + b".txt"
    frame = TABLES[name](folder, file)
    assert frame.height == 1
    row = frame.row(0, named=True)
    assert row["path_bytes"] == file
    assert row["path"] == file.decode(errors="replace")
    assert row["relative_path"].endswith("\ufffd\ufffd.txt")
    if row.get("extension", "txt") is not None:
        assert row.get("extension", "txt") == "txt"
    again = TABLES[name](os.path.dirname(row["path_bytes"]), row["path_bytes"])
    assert again.drop("accessed", strict=False).equals(frame.drop("accessed", strict=False))
    assert vfo.read_file(row["path_bytes"]) == b"one\nneedle\n"


@pytest.mark.hazard(24)
def test_a_list_of_sources_takes_the_bytes_of_a_table(folder: bytes) -> None:
    paths = vfo.scan_files(folder).collect()["path_bytes"].to_list()
    assert vfo.search_files("needle", paths).height == 1


@pytest.mark.hazard(24)
def test_a_plain_name_has_no_bytes(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    assert vfo.scan_files(tmp_path).collect()["path_bytes"].to_list() == [None]


@pytest.mark.hazard(36)
def test_two_names_that_look_the_same_stay_two(tmp_path: Path) -> None:
    """A join by `path` alone would multiply them; with `path_bytes` it does not."""
    for number, name in enumerate((b"\xfe", b"\xff", b"\xf8")):
        with open(os.fsencode(tmp_path) + b"/" + name, "wb") as file:
            file.write(b"needle\n" * (number + 1))
    files = vfo.scan_files(tmp_path).collect()
    hits = vfo.search_files("needle", tmp_path)
    assert files["path"].n_unique() == 1
    assert files["path_bytes"].n_unique() == files.height == 3
    assert hits.height == 6
    keys = ["path", "path_bytes"]
    joined = hits.join(files.select(*keys, "inode"), on=keys, how="inner", nulls_equal=True)
    assert joined.height == 6
    assert joined.group_by("inode").len()["len"].sort().to_list() == [1, 2, 3]
    assert hits.join(files.select("path", "inode"), on="path").height == 18
    for row in files.iter_rows(named=True):
        assert vfo.get_file_info(row["path_bytes"])["inode"].item() == row["inode"]
        assert len(vfo.read_file(row["path_bytes"])) == row["size"]
        assert vfo.search_text("needle", row["path_bytes"]).height == row["size"] // 7
    order = files["path_bytes"].to_list()
    assert order == sorted(order)
