"""The site builds without a warning, needs nothing from elsewhere, and tells what the code says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client

import vespera_file_ops as vfo
from test_house import HAZARDS
from vespera_file_ops import distributed, rag, tables
from vespera_file_ops.cli.arguments import command_parser

from mcp_tools import server_of, with_client

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "notebooks"

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# A kept answer\n"]},
        {
            "cell_type": "code",
            "execution_count": 7,
            "metadata": {},
            "source": ["raise SystemExit('never run')"],
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["forty-two as it was committed\n"]}],
        },
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, with one notebook more; built from a copy, beside which the README and the sources are."""
    top = tmp_path_factory.mktemp("site")
    source = top / "notebooks"
    source.mkdir()
    for path in SITE.iterdir():
        if path.suffix in {".yml", ".py", ".ipynb"} or path.name == "guides":
            (source / path.name).symlink_to(path)
    (source / "kept.ipynb").write_text(json.dumps(NOTEBOOK))
    for name in ("README.md", "python", "src", "tests"):
        (top / name).symlink_to(ROOT / name)
    built = top / "built"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(source / "mkdocs.yml"), "-d", str(built)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False, cwd=source)
    assert done.returncode == 0, done.stderr
    return built


def text_of(page: Path) -> str:
    return re.sub(r"<[^>]+>", "", page.read_text())


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) >= 18
    for page in pages:
        text = page.read_text()
        fetched = re.findall(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="(?:https?:)?//[^"]*"', text)
        fetched += re.findall(r'<link\b[^>]*\bhref="(?:https?:)?//[^"]*"[^>]*>', text)
        assert not [link for link in fetched if 'rel="canonical"' not in link], page.name
        assert not re.findall(r"cdnjs|unpkg|jsdelivr|googleapis", text), page.name
        assert not re.findall(r"@import url\(|url\(['\"]?https?://", text), page.name
    assert not [path for path in site.rglob("*.css") if re.search(r"url\(['\"]?https?://", path.read_text())]


def test_no_section_of_a_docstring_is_left_as_text(site: Path) -> None:
    for page in (site / "api").glob("*.html"):
        text = text_of(page)
        left = re.findall(
            r"^\s*(?:Arguments|Columns|Example|Attributes|Raises|Returns|Warns):\s*\S+ \(", text, re.MULTILINE
        )
        assert left == [], page.name
        assert "{options}" not in text
        assert "{columns}" not in text
        assert not re.search(r"<blockquote>", page.read_text()), f"{page.name}: an example is not a block of code"


def test_every_public_name_has_its_place_in_the_reference(site: Path) -> None:
    anchors = {
        name for page in (site / "api").glob("*.html") for name in re.findall(r'id="(vespera[\w.]+)"', page.read_text())
    }
    names = {f"vespera_file_ops.{name}" for name in vfo.__all__ if name not in {"expr", "plot"}}
    names |= {f"vespera_file_ops.expr.{name}" for name in vfo.expr.__all__}
    names |= {f"vespera_file_ops.plot.{name}" for name in vfo.plot.__all__}
    names |= {f"vespera_file_ops.rag.{name}" for name in rag.__all__}
    names |= {f"vespera_file_ops.distributed.{name}" for name in distributed.__all__}
    assert names <= anchors, names - anchors


def test_the_tables_are_told_as_the_code_tells_them(site: Path) -> None:
    text = (site / "tables.html").read_text()
    for table in ("FILES", "HITS", "COVERAGE", "CHUNKS", "DIFFERENCES", "EVENTS"):
        section = text.partition(f'id="{table.lower()}"')[2].partition("<h2")[0]
        columns = re.findall(r"<td><code>(\w+)</code></td>\s*<td>([^<]+)</td>", section)
        assert columns == [(column.name, column.type) for column in getattr(tables, table)], table
    listed = (site / "api" / "scans.html").read_text()
    assert all(f"<code>{column.name}</code>" in listed for column in tables.HITS)


def test_every_promise_names_its_tests(site: Path) -> None:
    rows = re.findall(r"<tr>\s*<td>(\d+)</td>(.*?)</tr>", (site / "promises.html").read_text(), flags=re.DOTALL)
    assert [int(number) for number, _ in rows] == list(range(1, HAZARDS + 1))
    for number, row in rows:
        files = re.findall(r"<code>((?:tests|src)/[\w./]+)</code>", row)
        assert files, number
        for file in files:
            marks = rf"pytest\.mark\.hazard\([\d, ]*\b{number}\b|/// Hazards? [\d, and]*\b{number}\b"
            assert re.search(marks, (ROOT / file).read_text()), f"{file} says nothing of hazard {number}"


def test_the_figures_are_those_of_the_readme(site: Path) -> None:
    shown = text_of(site / "performance.html")
    section = (ROOT / "README.md").read_text().partition("<!-- make bench -->")[2].partition("<!-- end")[0]
    figures = re.findall(r"\| (\d[\d.]*-\d[\d.]*) \|", section)
    assert len(figures) > 50
    assert all(figure in shown for figure in figures)


def test_every_option_of_the_command_is_told(site: Path) -> None:
    shown = text_of(site / "cli.html")
    for command in command_parser()._subparsers._group_actions[0].choices.values():  # type: ignore[union-attr]
        for action in command._actions:
            assert all(name in shown for name in action.option_strings if name not in {"-h", "--help"})


def test_every_tool_of_the_server_is_told(site: Path, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    server = server_of(tmp_path / "root", index=str(tmp_path / "index"))

    async def listed(client: Client) -> list[tuple[str, dict[str, object]]]:
        return [(tool.name, tool.input_schema) for tool in (await client.list_tools()).tools]

    text = (site / "api" / "mcp.html").read_text()
    sections = dict(re.findall(r'<h2 id="(\w+)">(.*?)(?=<h2|</article)', text, flags=re.DOTALL))
    tools = with_client(server, listed)
    assert {name for name, _ in tools} == set(sections)
    for name, schema in tools:
        told = re.findall(r"<tr>\s*<td><code>(\w+)</code>", sections[name])
        assert told == list(schema["properties"]), name  # type: ignore[call-overload]


def test_a_notebook_is_shown_with_the_outputs_that_it_was_committed_with(site: Path) -> None:
    page = site / "notebooks" / "kept.html"
    text = text_of(page)
    assert "A kept answer" in text
    assert "forty-two as it was committed" in text
    assert "notebooks/kept.html" in (site / "index.html").read_text(), "the navigation leads to it"
