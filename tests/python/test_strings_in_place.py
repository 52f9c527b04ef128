"""A large ASCII text is read straight into its string: it must be a string like every other."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

import vespera_file_ops as vfo

MIB = 1 << 20
LINE = b"a line of ASCII text, with a tab\t and a NUL \x00 in it\r\n"


def text_of(length: int) -> bytes:
    return (LINE * (length // len(LINE) + 1))[:length]


@pytest.mark.parametrize("length", [MIB - 1, MIB, MIB + 1, 8 * MIB + 3, 17 * MIB])
def test_it_is_the_string_that_python_reads(tmp_path: Path, length: int) -> None:
    path = tmp_path / "f"
    path.write_bytes(text_of(length))
    ours, theirs = vfo.read_file_string(path), text_of(length).decode()
    assert ours == theirs
    assert hash(ours) == hash(theirs)
    assert ours.isascii()
    assert sys.getsizeof(ours) == sys.getsizeof(theirs)
    assert (ours[-5:], ours.encode()) == (theirs[-5:], text_of(length))
    assert ours.count("NUL") == theirs.count("NUL")


@pytest.mark.parametrize("where", [0, MIB, 2 * MIB - 2])
@pytest.mark.parametrize("character", ["é", "✓", "😀"])
def test_a_character_beyond_ascii_anywhere(tmp_path: Path, where: int, character: str) -> None:
    path = tmp_path / "f"
    content = bytearray(text_of(2 * MIB))
    content[where : where + 1] = character.encode()
    path.write_bytes(content)
    assert vfo.read_file_string(path) == content.decode()


def test_other_encodings_and_marks(tmp_path: Path) -> None:
    text = text_of(2 * MIB).decode()
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / encoding).write_bytes(text.encode(encoding))
        assert vfo.read_file_string(tmp_path / encoding) == text
    (tmp_path / "latin").write_bytes((text + "é").encode("latin-1"))
    assert vfo.read_file_string(tmp_path / "latin", encoding="latin-1") == text + "é"


def test_what_is_not_utf8_is_an_error_that_names_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(text_of(2 * MIB) + b"\xff")
    with pytest.raises(vfo.DecodeError, match=f"at byte {2 * MIB}"):
        vfo.read_file_string(path)
    assert vfo.read_file_string(path, errors="replace").endswith("\ufffd")


def test_a_string_is_freed(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(text_of(64 * MIB))
    resident = Path("/proc/self/statm")
    vfo.read_file_string(path)
    gc.collect()
    before = int(resident.read_text().split()[1])
    for _ in range(8):
        vfo.read_file_string(path)
    assert (int(resident.read_text().split()[1]) - before) * 4096 < 64 * MIB
