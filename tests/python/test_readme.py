"""The README and the guides run: Python in a small tree, commands too; and what they show is what is printed."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
GUIDES = sorted((ROOT / "notebooks" / "guides").glob("*.md"))


def blocks(page: Path) -> list[tuple[str, str]]:
    """The language and the text of each block of code."""
    found = re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [(kind, text) for kind, text in found]


def commands(text: str) -> Iterator[str]:
    yield from (line for line in text.splitlines() if line.startswith("vfo "))


COMMANDS = [line for kind, text in blocks(README) if kind == "sh" for line in commands(text)]


def run_vfo(command: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "vespera_file_ops", *shlex.split(command)[1:]]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def run_python(text: str, page: Path, names: dict[str, object]) -> str:
    """Run a block among the names that those before it have left; what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, page.name, "exec"), names)
    return printed.getvalue()


def test_the_python_blocks_run(demo: Path) -> None:
    (demo / "src" / "core.rs").write_text("pub fn pattern() {}\n")
    places = {"/path/to/file.txt": "src/core.rs", "/path/to/file": "src/core.rs", "/project": "src"}
    seen: list[dict[str, object]] = []

    async def index_search_result(match: dict[str, object]) -> None:
        seen.append(match)

    names: dict[str, object] = {"index_search_result": index_search_result}
    ran = 0
    for kind, text in blocks(README):
        if kind == "python":
            for written, real in places.items():
                text = text.replace(written, real)
            run_python(text, README, names)
            ran += 1
    assert ran >= 5
    assert names["lines"].to_list() == ["pub fn pattern() {}"]
    assert names["matches"].height == 1
    import asyncio

    rows = asyncio.run(names["mcp_search_files"]("TODO", "src"))
    assert [row["path"] for row in rows] == [row["path"] for row in seen] == ["src/app.py"]


def test_the_refactoring_runs_where_nothing_is_found(demo: Path) -> None:
    import polars as pl

    import vespera_file_ops as vfo

    block = next(text for kind, text in blocks(README) if kind == "python" and "apply_edits(edits)" in text)
    assert run_python(block, README, {"pl": pl, "vfo": vfo}) == ""
    (demo / "src" / "found.py").write_text("pattern = 1\n")
    assert "+motif = 1" in run_python(block, README, {"pl": pl, "vfo": vfo})


@pytest.mark.parametrize("page", [page for page in GUIDES if blocks(page)], ids=lambda page: page.stem)
def test_the_blocks_of_a_guide_run_and_say_what_it_shows(page: Path, demo: Path) -> None:
    names: dict[str, object] = {}
    shown = 0
    for (kind, text), (after, expected) in pairwise([*blocks(page), ("", "")]):
        if kind == "python":
            printed = run_python(text, page, names)
        elif kind == "sh":
            done = [run_vfo(command, demo) for command in commands(text)]
            assert [run.returncode for run in done] == [0] * len(done), [run.stderr for run in done]
            printed = "".join(run.stdout for run in done)
        else:
            # Text that nothing prints here, other programs, and Python for a cluster, are for readers alone.
            assert kind in {"text", "console", "nu", "py"}
            continue
        if after == "text":
            shown += 1
            assert [line.rstrip() for line in printed.splitlines()] == expected.splitlines(), text
    assert shown >= 1


def test_the_guide_for_beginners_makes_the_tree_of_the_tests(demo: Path) -> None:
    from conftest import DEMO

    names: dict[str, object] = {}
    page = ROOT / "notebooks" / "guides" / "first-ten-minutes.md"
    run_python(next(text for kind, text in blocks(page) if kind == "python"), page, names)
    assert names["files"] == DEMO


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run(command: str) -> None:
    done = run_vfo(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_table_is_what_the_command_prints() -> None:
    command = next(line for line in COMMANDS if "functions" in line)
    shown = next(text for kind, text in blocks(README) if kind == "text").splitlines()
    printed = run_vfo(command).stdout.splitlines()
    assert printed[0].split() == shown[0].split()
    assert len(printed) == len(shown)


def test_both_make_commands_are_shown() -> None:
    assert "make demo" in README.read_text()
    assert "make test" in README.read_text()
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {"demo", "test", "bench", "lint", "docs", "wheel"} <= set(targets)


def test_the_demo_ends_with_what_to_do_next() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    last = done.stdout.splitlines()[-1]
    said = subprocess.run(["bash", "-c", last], capture_output=True, text=True, timeout=60, check=True).stdout
    steps = [line.strip() for line in said.splitlines() if line.startswith("  ")]
    assert steps[0] == "source .venv/bin/activate"
    assert run_vfo(steps[1]).returncode == 0
