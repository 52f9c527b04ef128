"""Where we and ripgrep differ on purpose: one test each, which fails on the day when either side changes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import vespera_file_ops as vfo

import truth_rg as rg


def spans(pattern: str | list[str], source: Path, **options: object) -> list[tuple[int, int]]:
    """Our ranges."""
    return vfo.search_files(pattern, source, **options).select("start_byte", "end_byte").rows()


def rg_spans(patterns: list[str], source: Path, *options: str) -> list[tuple[int, int]]:
    """The ranges of one run of rg."""
    return [(row[3], row[4]) for row in rg.rg_rows(patterns, [source], options)]


def test_an_empty_match_at_the_end_of_an_unterminated_last_line_is_kept(tmp_path: Path) -> None:
    """rg reports the line and no submatch in it."""
    (tmp_path / "f").write_bytes(b"abc\nabc")
    assert spans("$", tmp_path) == [(3, 3), (7, 7)]
    assert rg_spans(["$"], tmp_path) == [(3, 3)]
    assert spans("x*", tmp_path)[-1] == (7, 7)
    assert rg_spans(["x*"], tmp_path)[-1] == (6, 6)


def test_neighbouring_multi_line_matches_are_rows_of_their_own(tmp_path: Path) -> None:
    """`rg -U` puts them into one message; the ranges are the same."""
    (tmp_path / "f").write_bytes(b"a\nb\na\nb\n")
    command = [rg.RG, "--no-config", "--json", "-U", r"a\nb\n", str(tmp_path)]
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert out.count(b'"type":"match"') == 1
    hits = vfo.search_files(r"a\nb\n", tmp_path, multiline=True)
    assert hits.select("start_byte", "end_byte", "line_number").rows() == [(0, 4, 1), (4, 8, 3)]
    assert hits["line"].to_list() == ["a\nb", "a\nb"]
    assert rg_spans([r"a\nb\n"], tmp_path, "-U") == [(0, 4), (4, 8)]


def test_no_pattern_hides_another(tmp_path: Path) -> None:
    """`rg -e a -e b` is one alternation, in which the first that matches takes the text."""
    (tmp_path / "f").write_bytes(b"abc\n")
    assert rg_spans(["ab", "abc", "bc"], tmp_path) == [(0, 2)]
    hits = vfo.search_files(["ab", "abc", "bc"], tmp_path)
    assert hits.select("start_byte", "end_byte", "pattern").rows() == [(0, 2, 0), (0, 3, 1), (1, 3, 2)]


@pytest.mark.parametrize("bom", [b"\xef\xbb\xbf", b"\xff\xfe"], ids=["utf-8", "utf-16le"])
def test_offsets_behind_a_bom_are_those_of_the_raw_file(tmp_path: Path, bom: bytes) -> None:
    """rg counts in the text without the BOM, transcoded to UTF-8."""
    encoding = "utf-8" if len(bom) == 3 else "utf-16-le"
    raw = bom + "é needle\n".encode(encoding)
    (tmp_path / "f").write_bytes(raw)
    (start, end), *rest = spans("needle", tmp_path)
    assert raw[start:end].decode(encoding) == "needle"
    assert not rest
    assert rg_spans(["needle"], tmp_path) == [(3, 9)]
    assert start == raw.index("needle".encode(encoding)) != 3


def test_braces_in_ignore_files_are_literal(tmp_path: Path) -> None:
    """As in git; rg expands them."""
    (tmp_path / ".ignore").write_text("*.{log,tmp}\n")
    for name in ("a.log", "a.tmp", "a.{log,tmp}"):
        (tmp_path / name).touch()
    listed = vfo.scan_files(tmp_path).select("name").collect()["name"].to_list()
    assert listed == ["a.log", "a.tmp"]
    out = subprocess.run([rg.RG, "--no-config", "--files", str(tmp_path)], stdout=subprocess.PIPE, check=False).stdout
    assert out.decode().split("\n") == [f"{tmp_path}/a.{{log,tmp}}", ""]


def test_the_git_folder_is_never_entered(tmp_path: Path) -> None:
    """`rg --hidden` lists `.git`."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".hidden").write_text("ref: \n")
    out = subprocess.run([rg.RG, "--no-config", "--hidden", "-l", "ref", str(tmp_path)], stdout=-1, check=True).stdout
    assert b"/.git/HEAD" in out
    assert set(vfo.search_files("ref", tmp_path, include_hidden=True)["relative_path"]) == {".hidden"}


def test_include_narrows_and_brings_nothing_back(tmp_path: Path) -> None:
    """`rg -g` overrides the ignore rules."""
    (tmp_path / ".ignore").write_text("*.log\n")
    (tmp_path / "a.log").touch()
    (tmp_path / "a.txt").touch()
    out = subprocess.run([rg.RG, "--no-config", "--files", "-g", "*.log", str(tmp_path)], stdout=-1, check=True).stdout
    assert out.endswith(b"a.log\n")
    assert vfo.scan_files(tmp_path, include=["*.log"]).collect().height == 0


def test_paths_have_no_leading_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """rg prints `./a` for the source `.`."""
    (tmp_path / "a").write_text("x\n")
    monkeypatch.chdir(tmp_path)
    assert vfo.search_files("x", ".")["path"].to_list() == ["a"]
    assert subprocess.run([rg.RG, "--no-config", "-l", "x", "."], stdout=-1, check=True).stdout == b"./a\n"


def test_dollar_does_not_match_before_crlf(tmp_path: Path) -> None:
    """Not a difference: both keep `\\r` in the line, and only `line` drops it."""
    (tmp_path / "f").write_bytes(b"hello\r\nhello\n")
    assert spans("hello$", tmp_path) == rg_spans(["hello$"], tmp_path) == [(7, 12)]
    hits = vfo.search_files("h.+", tmp_path)
    assert hits["matched"].to_list() == ["hello\r", "hello"]
    assert hits["line"].to_list() == ["hello", "hello"]
