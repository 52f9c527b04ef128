"""Hazard 26: whatever lies on the seam of two buffers is found as if there were none.

One file has the same payload at every seam (64 KiB, 256 KiB, 1, 8 and 16 MiB), shifted by -5 to +5 bytes; every reader
is forced on it. The oracle searches the whole content with `re`.
"""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo

SEAMS = [64 << 10, 256 << 10, 1 << 20, 8 << 20, 16 << 20]
STRATEGIES = ["auto", "buffered", "mmap", "stream"]
FILLER = b"filler line of forty-seven bytes, nothing in it\n"
END = SEAMS[-1] + 70_000

PAYLOADS = {
    "needle": (b"needle", rb"needle"),
    "needle across a line end": (b"\nneedle\nneedle\r\n", rb"needle"),
    "CRLF": (b"end\r\nstart", rb"end|start"),
    "4-byte character": ("x😀😀x".encode(), "x(?:😀)+x".encode()),
    "empty lines": (b"\n\n\n\n", rb"(?m)^$"),
    "line start": (b"\nneedle", rb"(?m)^needle"),
}

Found = list[tuple[int, int, int]]


def content_with(payload: bytes, shift: int, encoding: str = "utf-8", bom: bytes = b"") -> bytes:
    """Filler with the payload written over it at every seam."""
    filler = FILLER.decode().encode(encoding)
    content = bytearray(bom + filler * ((END - len(bom)) // len(filler)))
    width = len("x".encode(encoding))
    for seam in SEAMS:
        at = seam + shift * width
        content[at : at + len(payload)] = payload
    return bytes(content)


def oracle(content: bytes, pattern: bytes) -> Found:
    """Line, start and end of every match; the position after the last line end is no line."""
    found: Found = []
    line, counted = 1, 0
    for match in re.finditer(pattern, content):
        if match.start() == len(content):
            break
        line += content.count(b"\n", counted, match.start())
        counted = match.start()
        found.append((line, match.start(), match.end()))
    return found


def ours(file: Path, pattern: str, **options: object) -> pl.DataFrame:
    """The folder is searched, not the file by name: a named file has other rules for NUL."""
    return vfo.search_files(pattern, file.parent, **options)


@pytest.mark.hazard(26)
@pytest.mark.parametrize("shift", range(-5, 6))
@pytest.mark.parametrize("name", PAYLOADS)
def test_what_lies_on_a_seam_is_found(tmp_path: Path, name: str, shift: int) -> None:
    payload, pattern = PAYLOADS[name]
    content = content_with(payload, shift)
    (tmp_path / "f").write_bytes(content)
    wanted = oracle(content, pattern)
    assert len(wanted) >= len(SEAMS)
    for strategy in STRATEGIES:
        frame = ours(tmp_path / "f", pattern.decode().removeprefix("(?m)"), strategy=strategy)
        got = frame.select("line_number", "start_byte", "end_byte").rows()
        assert got == wanted, strategy
        for start, line in frame.select("start_byte", "line").rows():
            begin = content.rfind(b"\n", 0, start) + 1
            assert content[begin:].split(b"\n", 1)[0].removesuffix(b"\r").decode(errors="replace") == line


@pytest.mark.hazard(26)
@pytest.mark.parametrize("shift", range(-3, 4))
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_surrogate_pair_on_a_seam_is_found(tmp_path: Path, encoding: str, shift: int) -> None:
    bom = "\ufeff".encode(encoding)
    payload = "x😀x".encode(encoding)
    content = content_with(payload, shift, encoding, bom)
    (tmp_path / "f").write_bytes(content)
    wanted = [(seam + 2 * shift, seam + 2 * shift + len(payload)) for seam in SEAMS]
    for strategy in STRATEGIES:
        frame = ours(tmp_path / "f", "x😀x", strategy=strategy)
        assert frame.select("start_byte", "end_byte").rows() == wanted, strategy
        assert frame["matched"].unique().to_list() == ["x😀x"]


@pytest.mark.hazard(26)
@pytest.mark.parametrize("shift", range(-5, 6))
@pytest.mark.parametrize("seam", SEAMS)
def test_a_nul_on_a_seam_ends_the_rows_there(tmp_path: Path, seam: int, shift: int) -> None:
    """In the first 64 KiB it leaves no rows; behind it the rows before the NUL stay, for every reader."""
    at = seam + shift
    content = bytearray(FILLER * ((seam + 4096) // len(FILLER)))
    content[at] = 0
    content[at + 1 : at + 8] = b"\nneedle"
    for needle in range(0, at - 6, 50_000):
        content[needle : needle + 6] = b"needle"
    (tmp_path / "f").write_bytes(content)
    binary = at < 64 << 10
    wanted = [] if binary else [match.start() for match in re.finditer(b"needle", content) if match.start() < at]
    for strategy in STRATEGIES:
        result = vfo.search("needle", tmp_path, strategy=strategy)
        assert result.hits["start_byte"].to_list() == wanted, strategy
        row = result.coverage.row(0, named=True)
        assert (row["status"], row["binary_offset"]) == ("binary", at), strategy


@pytest.mark.hazard(26)
def test_a_long_line_that_ends_on_a_seam(tmp_path: Path) -> None:
    """A line of megabytes, with a match at each of its ends."""
    for length in (SEAMS[2], SEAMS[3]):
        for shift in (-1, 0, 1):
            content = b"needle" + b"-" * (length + shift - 13) + b"needle\n" + b"needle\n"
            (tmp_path / "f").write_bytes(content)
            wanted = oracle(content, b"needle")
            for strategy in STRATEGIES:
                frame = ours(tmp_path / "f", "needle", strategy=strategy)
                assert frame.select("line_number", "start_byte", "end_byte").rows() == wanted
                assert frame["line_truncated"].to_list() == [True, True, False]
                assert frame["line"].str.len_bytes().max() <= 65536
                assert frame["line"].str.contains("needle").all()
