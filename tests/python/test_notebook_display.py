"""Tables as HTML: what people read is there, and no file can put markup, script or an address of its own into it."""

from __future__ import annotations

import io
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote_to_bytes

import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops.html_table import html_table

TAGS = {"a", "code", "div", "mark", "span", "table", "tbody", "td", "th", "thead", "tr"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;"


class Reader(HTMLParser):
    """Reads HTML as a browser does, and keeps what matters: tags, attributes, links and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.marked: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag == "mark":
            self.marked.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.tags and self.tags[-1] == "mark" and self.marked[-1] == "":
            self.marked[-1] = data


def test_a_search_is_read_at_a_glance(demo: Path) -> None:
    seen = Reader(vfo.search("TODO")._repr_html_())
    assert seen.links == ["./README.md", "./src/app.py"]
    assert seen.marked == ["TODO", "TODO"]
    assert "found 5 = searched 4 + binary 1; 2 hits" in seen.text
    assert "skipped: data/blob.bin (binary)" in seen.text
    assert "# TODO: parse arguments" in seen.text


def test_chunks_are_read_at_a_glance(demo: Path) -> None:
    result = vfo.chunk()
    seen = Reader(result._repr_html_())
    assert "./src/app.py" in seen.links
    assert result.ledger in seen.text
    assert "start_line" in seen.text
    assert result.chunks["chunk_id"][0] not in seen.text


def test_what_a_file_says_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = HOSTILE.replace("/", "%2f")
    for path in (name, "javascript:alert(1)", "a\nb\x1b[31m", "ü\u202egpj.exe", "50%20.txt"):
        Path(path).write_text(f"needle {HOSTILE} \x1b[31m\u202e needle\n")
    Path(b"\xff<b>".decode(errors="surrogateescape")).write_text("needle")
    result = vfo.search("needle")
    assert result.hits.height == 11
    for table in (result, vfo.search(r"needle <script>.*", context=1), vfo.chunk()):
        seen = Reader(table._repr_html_())
        assert set(seen.tags) <= TAGS
        assert seen.names <= {"style", "href", "title"}
        assert all(link.startswith("./") for link in seen.links)
        assert "\x1b" not in seen.text
        assert "\u202e" not in seen.text
    links = {unquote_to_bytes(link.removeprefix("./")) for link in Reader(result._repr_html_()).links}
    assert links == {path.encode("utf-8", "surrogateescape") for path in map(str, Path().iterdir())}
    assert HOSTILE in Reader(result._repr_html_()).text


def test_every_table_is_safe_from_its_own_columns() -> None:
    seen = Reader(html_table([HOSTILE, "note"], [{HOSTILE: HOSTILE, "note": None}], [HOSTILE, ""]))
    assert set(seen.tags) <= TAGS
    assert seen.text.count(HOSTILE) == 3
    assert "note" not in seen.text


def test_numbers_sizes_and_times_are_legible(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 1_234_567)
    files = vfo.scan_files(tmp_path).filter(kind="file").collect()
    html = html_table(["path", "size", "modified", "links"], files.rows(named=True), [])
    seen = Reader(html)
    assert seen.links == [f"file://{tmp_path}/large"]
    assert '<span title="1,234,567 bytes">1.2 MiB</span>' in html
    assert "modified (UTC)" in seen.text
    assert files["modified"].dt.strftime("%Y-%m-%d %H:%M:%S")[0] in seen.text
    assert "12,345" in html_table(["n"], [{"n": 12345}], [])


def test_a_path_that_leads_nowhere_from_here_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "inside").write_text("needle")
    seen = Reader(vfo.search("needle", within=tmp_path)._repr_html_())
    assert seen.links == []
    assert "inside" in seen.text


def test_a_long_line_is_cut_around_its_match(tmp_path: Path) -> None:
    (tmp_path / "long").write_text("a" * 5000 + "needle" + "b" * 5000)
    (tmp_path / "whole").write_text("c" * 5000)
    seen = Reader(vfo.search("needle", tmp_path)._repr_html_())
    assert seen.marked == ["needle"]
    assert "…aaa" in seen.text
    assert "bbb…" in seen.text
    assert len(seen.text) < 600
    assert len(Reader(vfo.search("c+", tmp_path)._repr_html_()).text) < 600


def test_many_skipped_files_are_one_line(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.bin").write_bytes(b"\0needle")
    text = Reader(vfo.search("needle", tmp_path, include="*.bin")._repr_html_()).text
    assert text.count("(binary)") == 3
    assert text.endswith("2.bin (binary), and 6 other files")


def test_only_a_kernel_gets_html(
    demo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shown: list[dict[str, str]] = []
    shell = SimpleNamespace(kernel=object())
    module = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(
        sys.modules, "IPython.display", SimpleNamespace(display=lambda bundle, raw: shown.append(bundle))
    )
    vfo.show(vfo.search("TODO"), max_rows=1)
    assert capsys.readouterr().out == ""
    assert set(shown[0]) == {"text/html", "text/plain"}
    assert "(1 more not shown)" in shown[0]["text/html"]
    # A stream that was asked for gets text, and so does IPython on a terminal.
    out = io.StringIO()
    vfo.show(vfo.search("TODO"), file=out, max_rows=1)
    assert out.getvalue() == shown[0]["text/plain"]
    shell = SimpleNamespace(kernel=None)
    vfo.show(vfo.search("TODO"), max_rows=1)
    assert capsys.readouterr().out == out.getvalue()
    assert len(shown) == 1


def test_an_empty_table_is_its_last_line() -> None:
    assert Reader(html_table(["a"], [], ["0 rows"])).text == "0 rows"
    assert vfo.show(pl.DataFrame({"a": []}), file=io.StringIO()) is None
