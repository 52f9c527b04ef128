"""Chunks of texts that do not stand in their file as they are: notebooks, and what the caller extracts."""

from __future__ import annotations

import json
import threading
import time
import zlib
from pathlib import Path

import cloudpickle
import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import vespera_file_ops as vfo

PLACES = ["start_byte", "end_byte", "start_line", "end_line"]

NOTEBOOK = {
    "nbformat": 4,
    "metadata": {"kernelspec": {"language": "python"}},
    "cells": [
        {"cell_type": "markdown", "source": ["# Title\n", "\n", "Some text."]},
        {
            "cell_type": "code",
            "source": "def one():\n    return 1\n",
            "outputs": [{"data": {"image/png": "iVBOR" * 9999}}],
        },
        {"cell_type": "code", "source": [], "outputs": []},
        {"cell_type": "raw", "source": "raw text"},
    ],
}


def inflated(content: bytes) -> str:
    return zlib.decompress(content).decode()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Texts beside compressed ones, in an order that interleaves them."""
    for name in ("a.txt", "c.txt", "e.txt"):
        (tmp_path / name).write_text(f"text of {name}")
    for name in ("b.z", "d.Z"):
        (tmp_path / name).write_bytes(zlib.compress(f"hidden in {name}\n\nand more".encode()))
    return tmp_path


def test_a_notebook_is_chunked_by_cell(tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_text(json.dumps(NOTEBOOK))
    chunks = vfo.chunk_files(tmp_path)
    assert chunks.select("chunk", "language", "text").rows() == [
        (0, "markdown", "# Title\n\nSome text."),
        (1, "python", "def one():\n    return 1"),
        (2, None, "raw text"),
    ]
    assert all(chunks[name].is_null().all() for name in PLACES)
    assert vfo.chunk_files(tmp_path, chunk_size=10)["text"].str.len_chars().max() == 10


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1, 2]", b'{"cells": [{"source": 3}]}', b'\xff{"cells": []}', b"text"]
)
def test_what_is_no_notebook_is_chunked_as_its_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.ipynb").write_bytes(content)
    result = vfo.chunk(tmp_path)
    assert result.coverage["status"].to_list() == ["searched"]
    if content[:1] != b"\xff":
        assert result.chunks["text"].to_list() == ([content.decode()] if content else [])
        assert result.chunks["start_byte"].to_list() == ([0] if content else [])


def test_extracted_texts_stand_among_the_others(archive: Path) -> None:
    chunks = vfo.chunk_files(archive, extractors={".z": inflated})
    assert chunks.select("relative_path", "text").rows() == [
        ("a.txt", "text of a.txt"),
        ("b.z", "hidden in b.z\n\nand more"),
        ("c.txt", "text of c.txt"),
        ("d.Z", "hidden in d.Z\n\nand more"),
        ("e.txt", "text of e.txt"),
    ]
    assert chunks.filter(relative_path="b.z").select(PLACES).row(0) == (None, None, None, None)
    assert chunks.filter(relative_path="b.z")["file_blake3"].item() == vfo.compute_file_hash(archive / "b.z")
    lazy = vfo.scan_chunks(archive, extractors={".z": inflated})
    assert_frame_equal(lazy.collect(), chunks)
    assert_frame_equal(lazy.collect(engine="streaming"), chunks)
    assert_frame_equal(cloudpickle.loads(cloudpickle.dumps(lazy)).collect(), chunks)
    assert (
        lazy.filter(pl.col("extension") == "z").select("text").collect()["text"].to_list()
        == chunks["text"].to_list()[1:2]
    )
    stream = vfo.stream_chunks(archive, extractors={".z": inflated}, columns=["text"])
    assert duckdb.sql("select count(*) from stream").fetchall() == [(5,)]
    assert sum(len(batch) for batch in stream) == 5


def test_an_extractor_that_fails_loses_one_file(archive: Path) -> None:
    (archive / "broken.z").write_bytes(b"no such thing")
    result = vfo.chunk(archive, extractors={".z": inflated, ".txt": lambda content: content})  # type: ignore[dict-item]
    failed = result.coverage.filter(status="unreadable").select("relative_path", "error").rows()
    assert [path for path, _error in failed] == ["a.txt", "broken.z", "c.txt", "e.txt"]
    assert failed[1][1].startswith("its extractor raised error: ")
    assert failed[0][1] == "its extractor returned bytes, not a str"
    assert result.chunks["relative_path"].to_list() == ["b.z", "d.Z"]
    with pytest.warns(vfo.IncompleteSearchWarning, match=r"vespera_file_ops\.chunk\(\)"):
        vfo.chunk_files(archive, extractors={".z": inflated})


def test_ctrl_c_in_an_extractor_ends_the_call(archive: Path) -> None:
    def interrupted(_content: bytes) -> str:
        raise KeyboardInterrupt

    before = threading.active_count()
    for call in (vfo.chunk_files, lambda *a, **k: vfo.scan_chunks(*a, **k).collect()):
        with pytest.raises((KeyboardInterrupt, pl.exceptions.ComputeError)):
            call(archive, extractors={".z": interrupted})
    assert threading.active_count() == before


def test_a_scan_that_is_left_while_it_waits_for_a_text(archive: Path) -> None:
    for number in range(50):
        (archive / f"f{number}.z").write_bytes(zlib.compress(b"text"))
    began = time.monotonic()
    for _ in range(20):
        assert vfo.scan_chunks(archive, extractors={".z": inflated}).head(2).collect().height == 2
        next(iter(vfo.stream_chunks(archive, extractors={".z": inflated})))
    assert time.monotonic() - began < 20


def test_a_slow_extractor_and_a_time_limit(archive: Path) -> None:
    for number in range(50):
        (archive / f"f{number:02}.z").write_bytes(zlib.compress(b"text"))

    def slow(content: bytes) -> str:
        time.sleep(0.05)
        return inflated(content)

    result = vfo.chunk(archive, extractors={".z": slow}, time_limit=0.3)
    assert 0 < result.summary["searched"] < 55
    assert result.summary["not_reached"] + result.summary["searched"] == 55
    assert result.chunks["relative_path"].n_unique() == result.summary["searched"]
