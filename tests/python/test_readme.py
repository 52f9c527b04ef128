"""The README runs: its Python in a small tree, its commands in this repository; its table has real columns."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines() if line.startswith("vfo ")]


def run_vfo(command: str) -> subprocess.CompletedProcess[str]:
    arguments = [sys.executable, "-m", "vespera_file_ops", *shlex.split(command)[1:]]
    return subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_python_blocks_run(demo: Path) -> None:
    (demo / "src" / "core.rs").write_text("pub fn pattern() {}\n")
    places = {"/path/to/file.txt": "src/core.rs", "/path/to/file": "src/core.rs", "/project": "src"}
    seen: list[dict[str, object]] = []

    async def index_search_result(match: dict[str, object]) -> None:
        seen.append(match)

    names: dict[str, object] = {"index_search_result": index_search_result}
    ran = 0
    for kind, text in BLOCKS:
        if kind == "python":
            for written, real in places.items():
                text = text.replace(written, real)
            exec(compile(text, "README.md", "exec"), names)
            ran += 1
    assert ran >= 5
    assert names["lines"].to_list() == ["pub fn pattern() {}"]
    assert names["matches"].height == 1
    import asyncio

    rows = asyncio.run(names["mcp_search_files"]("TODO", "src"))
    assert [row["path"] for row in rows] == [row["path"] for row in seen] == ["src/app.py"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_run(command: str) -> None:
    done = run_vfo(command)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_table_is_what_the_command_prints() -> None:
    command = next(line for line in COMMANDS if "functions" in line)
    shown = next(text for kind, text in BLOCKS if kind == "text").splitlines()
    printed = run_vfo(command).stdout.splitlines()
    assert printed[0].split() == shown[0].split()
    assert len(printed) == len(shown)


def test_both_make_commands_are_shown() -> None:
    assert "make demo" in README
    assert "make test" in README
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert {"demo", "test", "bench", "lint"} <= set(targets)
