"""Matches are replaced in any encoding: what stands in the file is what the table says, or nothing is written."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

import vespera_file_ops as vfo


def replaced(path: Path, raw: bytes, *arguments: object, **options: object) -> tuple[bytes, list[tuple[object, ...]]]:
    path.write_bytes(raw)
    edits = vfo.replace_in_file(path, *arguments, **{"durable": False, **options})
    return path.read_bytes(), edits.rows()


@pytest.mark.hazard(25)
def test_other_encodings_and_invalid_bytes_stay(tmp_path: Path) -> None:
    path = tmp_path / "file"
    after, rows = replaced(path, b"\xff a \xfe\r\n\x80 a", "a", "ä", encoding="utf-8")
    assert after == b"\xff \xc3\xa4 \xfe\r\n\x80 \xc3\xa4"
    after, rows = replaced(path, "größe".encode("latin-1") + b"\x81", "ö", "ü", encoding="latin-1")
    assert after == "grüße".encode("latin-1") + b"\x81"
    # A group is put back as its bytes are, also invalid ones.
    after, rows = replaced(path, b"<\xff\xfe>", r"(?-u)<([^>]*)>", "[$1]")
    assert after == b"[\xff\xfe]"
    assert rows == [(0, 4, "<\ufffd\ufffd>", "[\ufffd\ufffd]")]
    # An unpaired surrogate, and half of a unit at the end.
    raw = codecs.BOM_UTF16_LE + "a".encode("utf-16-le") + b"\x00\xd8" + "ab".encode("utf-16-le") + b"\x00"
    after, rows = replaced(path, raw, "a", "🎈")
    balloon = "🎈".encode("utf-16-le")
    assert after == codecs.BOM_UTF16_LE + balloon + b"\x00\xd8" + balloon + "b".encode("utf-16-le") + b"\x00"
    after, rows = replaced(path, "漢字".encode("shift_jis"), "字", "かな", encoding="shift_jis")
    assert after.decode("shift_jis") == "漢かな"


def test_a_character_that_the_encoding_has_not(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(vfo.ArgumentError, match=r"replacement: .*windows-1252.*'漢' \(U\+6F22\)"):
        replaced(path, b"abc", "b", "漢", encoding="windows-1252")
    assert path.read_bytes() == b"abc"


def test_a_character_that_the_encoding_writes_as_another_one(tmp_path: Path) -> None:
    """The standard makes a backslash of a yen sign, and a tilde of an overline."""
    for encoding in ("shift_jis", "euc-jp"):
        for character in "¥‾\u2212":
            with pytest.raises(vfo.ArgumentError, match=rf"replacement: .*{encoding}.*U\+{ord(character):04X}"):
                replaced(tmp_path / "file", b"abc", "b", f"x{character}", encoding=encoding)
            assert (tmp_path / "file").read_bytes() == b"abc"


# Two characters from one code of two bytes, as the standard has it; Python's own codec knows another Big5.
TWO_OF_ONE = {b"\x88\x62": "Ê\u0304", b"\x88\x64": "Ê\u030c", b"\x88\xa3": "ê\u0304", b"\x88\xa5": "ê\u030c"}


@pytest.mark.hazard(25)
@pytest.mark.parametrize("code", TWO_OF_ONE)
def test_a_code_of_two_characters_is_never_cut(code: bytes, tmp_path: Path) -> None:
    path, raw, (first, second) = tmp_path / "file", b"a" + code + b"b\n", TWO_OF_ONE[code]
    options = {"encoding": "big5"}
    for pattern, replacement in [
        (first, "x"),
        (second, "x"),
        (f"a{first}", "x"),
        (f"{second}b", "x"),
        (f"(?:a{first})", "$0$0"),
        (f"a({first}){second}", "$1"),
        (f"a{first}(){second}", "$1"),
        (rf"(?-u:\x{second.encode()[0]:02x})", "x"),
        ("(?-u:\\B)", "-"),
    ]:
        with pytest.raises(vfo.ArgumentError, match=r"pattern: .*big5 at byte 1 .*cannot be cut") as caught:
            replaced(path, raw, pattern, replacement, **options)
        assert caught.value.path == str(path)
        assert path.read_bytes() == raw
    after, rows = replaced(path, raw, f"{first}{second}", "x", **options)
    assert (after, rows) == (b"axb\n", [(1, 3, first + second, "x")])
    after, rows = replaced(path, raw, f"a({first}{second})", "${1}${1}c", **options)
    assert (after, rows) == (code * 2 + b"cb\n", [(0, 3, f"a{first}{second}", f"{first}{second}" * 2 + "c")])
    assert replaced(path, raw, "b", "漢", **options)[0] == b"a" + code + b"\xba\x7e\n"


@pytest.mark.hazard(25)
@pytest.mark.parametrize(
    ("encoding", "raw", "pattern", "replacement"),
    [
        # Half of a unit at the end takes the first byte of what is put behind it.
        ("utf-16-le", "ab".encode("utf-16-le") + b"c", "$", "x"),
        ("utf-16-be", "ab".encode("utf-16-be") + b"\x00", "$", "x"),
        ("utf-16", codecs.BOM_UTF16_LE + "ab".encode("utf-16-le") + b"c", "\ufffd", "${0}x"),
        # Two halves of a pair meet.
        ("utf-16-le", b"\x3d\xd8" + "a".encode("utf-16-le") + b"\x88\xdf", "a", ""),
        # A byte that begins a code, and had nothing behind it that could end it.
        (
            "shift_jis",
            b"a\x81\n",
            "\n",
            "@",
        ),
        ("shift_jis", b"ab\x81", "$", "a"),
        ("big5", b"ab\x88", "$", "b"),
        ("gb18030", b"ab\x81", "$", "0"),
        ("euc-kr", b"ab\xb0", "$", "\uac00"),
    ],
)
def test_what_is_put_beside_half_a_code_does_not_complete_it(
    encoding: str, raw: bytes, pattern: str, replacement: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    options = {"multiline": True} if pattern == "\n" else {}
    if encoding != "utf-16":
        options["encoding"] = encoding
    for dry_run in (True, False):
        with pytest.raises(vfo.ArgumentError, match=r"replacement: near byte \d+ .* no whole code"):
            replaced(path, raw, pattern, replacement, dry_run=dry_run, **options)
        assert path.read_bytes() == raw
    # Elsewhere in the file it does no harm, and what is no code can itself be replaced.
    if raw[:1].isalpha():
        assert replaced(path, raw, "a", "z", **options)[0] == raw.replace(b"a", b"z", 1)
    if pattern == "$":
        assert len(replaced(path, raw, "\ufffd", "z", **options)[1]) == 1


@pytest.mark.hazard(25)
@pytest.mark.parametrize(
    ("encoding", "raw", "pattern", "replacement"),
    [
        ("latin-1", b"abc", "a", "ÿþ"),
        ("latin-1", b"a\xff\xfeb", "a", ""),
        ("utf-8", b"a\xfe\xffb", "a", ""),
        ("latin-1", b"abc", "a", "ï»¿"),
    ],
)
def test_no_byte_order_mark_comes_about_by_chance(
    encoding: str, raw: bytes, pattern: str, replacement: str, tmp_path: Path
) -> None:
    with pytest.raises(vfo.ArgumentError, match="byte order mark of utf-"):
        replaced(tmp_path / "file", raw, pattern, replacement, encoding=encoding)
    assert (tmp_path / "file").read_bytes() == raw
    # One of the file's own encoding may be put there.
    assert replaced(tmp_path / "file", b"abc", r"\A", "\ufeff")[0] == codecs.BOM_UTF8 + b"abc"
