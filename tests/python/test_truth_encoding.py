"""Hazard 25: files with a BOM, in UTF-16 or in another encoding, against an oracle in Python.

The oracle decodes the whole file, searches it line by line with `re`, and finds raw offsets by encoding what stands
before: no table of offsets, so nothing is shared with the code under test.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vespera_file_ops as vfo

BOMS = {"utf-8": b"\xef\xbb\xbf", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}
TEXTS = [
    "plain needle\nneedle\n",
    "é needle 中文 needle 😀needle😀\r\n\r\nneedle",
    "😀\n" * 50 + "a needle\n" + "needle needle",
    "\nneedle\n\n",
    "needle",
    "",
]

Found = tuple[int, int, int, int, str]


def oracle(text: str, pattern: str, encoding: str, bom: int) -> list[Found]:
    """line, column, start, end and text of each match, with offsets in the raw file."""
    found, offset = [], bom
    for number, line in enumerate(text.split("\n"), 1):
        for match in re.finditer(pattern, line):
            start = offset + len(line[: match.start()].encode(encoding))
            end = start + len(match.group().encode(encoding))
            found.append((number, match.start() + 1, start, end, match.group()))
        offset += len(line.encode(encoding)) + len("\n".encode(encoding))
    return found


def ours(file: Path, pattern: str, **options: object) -> list[Found]:
    """The same of our table, after checking the promise about raw offsets."""
    columns = ["line_number", "column_number", "start_byte", "end_byte", "matched"]
    return vfo.search_files(pattern, file.parent, **options).select(columns).rows()


@pytest.mark.hazard(25)
@pytest.mark.parametrize("encoding", BOMS)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("pattern", ["needle", r"\w+le", "[^a-z\r]+", "n"])
def test_files_with_a_bom_equal_the_oracle(tmp_path: Path, encoding: str, text: str, pattern: str) -> None:
    bom = BOMS[encoding]
    (tmp_path / "f").write_bytes(bom + text.encode(encoding))
    assert ours(tmp_path / "f", pattern) == oracle(text, pattern, encoding, len(bom))


@pytest.mark.hazard(25)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(st.sampled_from("ab\n\r é中😀\U0010ffff\ufeff"), max_size=60),
    encoding=st.sampled_from(list(BOMS)),
    pattern=st.sampled_from(["a", "ab", "[^a\n\r]+", "é|中", "😀+"]),
)
def test_raw_offsets_decode_to_what_matched(tmp_path: Path, text: str, encoding: str, pattern: str) -> None:
    """The promise of the table: `raw[start_byte:end_byte]` decodes to `matched`, and nothing is missing."""
    raw = BOMS[encoding] + text.encode(encoding)
    file = tmp_path / "f"
    file.write_bytes(raw)
    rows = ours(file, pattern)
    for _, _, start, end, matched in rows:
        assert raw[start:end].decode(encoding) == matched
    assert rows == oracle(text, pattern, encoding, len(BOMS[encoding]))


@pytest.mark.hazard(25)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_cut_surrogate_is_repaired_and_loses_nothing_else(tmp_path: Path, encoding: str) -> None:
    half = "\ud83d".encode(encoding, "surrogatepass")
    raw = BOMS[encoding] + "one needle ".encode(encoding) + half + " needle\n".encode(encoding) + half
    (tmp_path / "f").write_bytes(raw)
    rows = ours(tmp_path / "f", "needle")
    assert [raw[start:end].decode(encoding) for _, _, start, end, _ in rows] == ["needle", "needle"]
    assert [column for _, column, *_ in rows] == [5, 14]


@pytest.mark.hazard(25)
def test_an_odd_last_byte_of_utf16_is_not_lost_silently(tmp_path: Path) -> None:
    raw = BOMS["utf-16-le"] + "needle\n".encode("utf-16-le") + b"n"
    (tmp_path / "f").write_bytes(raw)
    result = vfo.search("needle", tmp_path)
    assert result.hits.select("start_byte", "end_byte").rows() == [(2, 14)]
    assert result.coverage["status"].to_list() == ["searched"]


@pytest.mark.hazard(25)
def test_latin_1_matches_by_bytes_and_by_its_encoding(tmp_path: Path) -> None:
    raw = "größe needle\n".encode("latin-1")
    (tmp_path / "f").write_bytes(raw)
    plain = vfo.search_files("needle", tmp_path, raw_bytes=True).row(0, named=True)
    assert (plain["start_byte"], plain["end_byte"], plain["line"]) == (6, 12, "gr\ufffd\ufffde needle")
    assert (plain["matched_bytes"], plain["line_bytes"]) == (None, raw[:-1])
    told = vfo.search_files("größe", tmp_path, encoding="latin1").row(0, named=True)
    assert (told["start_byte"], told["end_byte"], told["matched"], told["line"]) == (0, 5, "größe", "größe needle")


@pytest.mark.hazard(25)
def test_utf16_without_a_bom_is_binary_unless_told(tmp_path: Path) -> None:
    raw = "a needle\n".encode("utf-16-le")
    (tmp_path / "f").write_bytes(raw)
    assert vfo.search("needle", tmp_path).coverage["status"].to_list() == ["binary"]
    hits = vfo.search_files("needle", tmp_path, encoding="utf-16le")
    assert hits.select("start_byte", "end_byte", "column_number").rows() == [(4, 16, 3)]


@pytest.mark.hazard(25)
@pytest.mark.parametrize("encoding", BOMS)
def test_coverage_names_the_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "f").write_bytes(BOMS[encoding] + "x\n".encode(encoding))
    row = vfo.scan_coverage("x", tmp_path).collect().row(0, named=True)
    assert row["status"] == "searched"
    assert (row["encoding"] or "").replace("-", "").lower() == encoding.replace("-", "")
