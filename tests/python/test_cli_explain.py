"""`vfo explain`: the reason of each path, with the options as the command line spells them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from vespera_file_ops import cli
from vespera_file_ops.cli.arguments import option_text, parse, search_options


def test_every_path_has_a_line_with_its_reason(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (demo / ".hidden").write_text("x")
    (demo / "link").symlink_to("README.md")
    paths = ["README.md", "debug.log", "data/blob.bin", ".hidden", "link", "src"]
    assert cli.main(["explain", *paths]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "README.md: searched: nothing leaves it out",
        "debug.log: ignored by .gitignore:1:*.log; --no-respect-ignore takes it",
        "data/blob.bin: taken for binary: it has a NUL byte at byte 0; --text or its encoding searches it",
        ".hidden: hidden: its name begins with a dot; --hidden takes it",
        "link: a symlink, which is not followed; --follow-symlinks takes what it points to",
        "src: a folder: the ledger has rows for files; ask for a file in it",
    ]


@pytest.mark.parametrize(
    "remedy", ["--no-respect-ignore debug.log", "--text data/blob.bin", "--hidden .hidden", "--follow-symlinks link"]
)
def test_what_it_advises_is_taken_and_helps(remedy: str, demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (demo / ".hidden").write_text("x")
    (demo / "link").symlink_to("README.md")
    assert cli.main(["explain", *remedy.split()]) == 0
    assert ": searched: nothing leaves it out" in capsys.readouterr().out


def test_the_status_is_that_of_all_paths(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "README.md", "src/app.py", "-e", "TODO"]) == 0
    assert capsys.readouterr().out == ("README.md: searched: 1 hit in 1 line\nsrc/app.py: searched: 1 hit in 1 line\n")
    assert cli.main(["explain", "README.md", "debug.log"]) == 1
    capsys.readouterr()
    assert cli.main(["explain", "missing", "README.md"]) == 2
    told = capsys.readouterr()
    assert told.out == "README.md: searched: nothing leaves it out\n"
    assert "missing" in told.err
    assert cli.main(["explain", "README.md", "--columns", "nope"]) == 2
    assert "explain has no column 'nope'" in capsys.readouterr().err


def test_what_narrows_is_named_as_it_was_given(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "src/app.py", "-g", "*.rs", "-g", "!lib*", "-t", "rust", "-d", "1"]) == 1
    assert capsys.readouterr().out == (
        "src/app.py: left out by --include '*.rs', --exclude 'lib*', --types rust, --max-depth 1\n"
    )
    assert cli.main(["explain", "README.md", "--max-file-size", "5", "--source", "."]) == 1
    assert capsys.readouterr().out == "README.md: too large: 25 bytes, --max-file-size 5\n"


def test_the_row_is_that_of_the_python_face(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "debug.log", "-f", "ndjson"]) == 1
    row = json.loads(capsys.readouterr().out)
    expected = vfo.explain("debug.log").row(0, named=True)
    assert list(row) == list(expected)
    assert (row["status"], row["excluded_by"]) == (expected["status"], expected["excluded_by"])
    assert row["reason"] == expected["reason"].replace("respect_ignore=False", "--no-respect-ignore")


def test_an_option_reads_back_as_what_it_says() -> None:
    options = {"include": ["*.p y"], "types": ["rust", "py"], "respect_ignore": False, "include_hidden": True}
    options |= {"max_depth": 2, "binary": "search", "require_git": False, "one_file_system": True, "max_file_size": 5}
    line = " ".join(option_text(name, value) for name, value in options.items())
    assert search_options(parse(["explain", "x", *shlex.split(line)])) == options
