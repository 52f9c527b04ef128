"""What careless calls of the command line are met with: one line that says what is wrong, and the exit status 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vespera_file_ops import cli

COMMANDS = {
    "search": ["TODO"],
    "files": [],
    "chunks": [],
    "info": ["src"],
    "hash": ["src"],
    "read": ["README.md"],
    "explain": ["README.md"],
    "watch": ["--initial", "--once"],
}


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The last line of what is said of a command line that is refused."""
    try:
        status = cli.main(arguments)
    except SystemExit as end:
        status = int(str(end.code))
    told = capsys.readouterr()
    assert status == 2, arguments
    assert told.out == ""
    assert "Traceback" not in told.err
    return told.err.splitlines()[-1]


@pytest.mark.parametrize("form", ["table", "csv"])
@pytest.mark.parametrize("command", COMMANDS)
def test_columns_are_checked_alike_by_every_command(
    command: str, form: str, demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = [command, *COMMANDS[command], "-f", form, "--columns"]
    assert "path is named twice" in refusal([*call, "path, path"], capsys)
    for empty in ("", ",", " ,"):
        assert "no column is named" in refusal([*call, empty], capsys)
    assert "has no column 'nope'; it has " in refusal([*call, "path,nope"], capsys)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in {"explain", "watch"}])
def test_a_query_names_its_columns_itself(command: str, demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = [command, *COMMANDS[command], "--sql", "select 1", "--columns", "path"]
    assert "the query of --sql says which columns it gives" in refusal(call, capsys)


def test_a_query_of_lines_is_told_its_table(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(["read", "README.md", "--sql", "select * from hits"], capsys)
    assert said == "vfo: sql: relation 'hits' was not found; the tables here are lines"


def test_a_name_that_is_no_text_is_repaired_as_in_every_table(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = os.fsdecode(b"bad\xff.txt")
    Path(path).write_text("x\n")
    assert cli.main(["read", path, "-f", "csv"]) == 0
    assert capsys.readouterr().out == "path,line_number,line\nbad\ufffd.txt,1,x\n"


def test_what_is_searched_for_is_text(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for call in (["search", "\udcff"], ["search", "-e", "\udcff"], ["explain", "README.md", "-e", "\udcff"]):
        assert "pattern: expected text, got a lone surrogate" in refusal(call, capsys)


def test_a_message_that_speaks_of_a_pipe_is_still_an_error(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal(["search", "(os error 32)("], capsys)
    refusal(["files", "(os error 32)"], capsys)


def test_a_folder_is_no_output(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = "vfo: output: src is a folder; name a file, such as src/output.csv"
    for arguments in (["files"], ["files", "-f", "csv"], ["read", "README.md"], ["explain", "README.md"]):
        assert refusal([*arguments, "-o", "src"], capsys) == said


def test_an_output_needs_a_name(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["files"], ["files", "-f", "csv"], ["read", "README.md"], ["explain", "README.md"]):
        assert "output: an empty path names nothing" in refusal([*arguments, "-o", ""], capsys)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_acts_on_a_terminal_is_a_symbol_in_a_refusal(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal([command, *COMMANDS[command], "--\x1b[2J\nforged"], capsys)
    assert said == f"vfo {command}: error: unrecognized arguments: --\u241b[2J\u240aforged"


def test_sources_may_stand_behind_options(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in ("TODO -i src", "-i TODO src", "TODO src -i", "-e TODO -i src", "-i -e todo src", "TODO -i -- src"):
        assert cli.main(["search", "--columns", "path", *words.split()]) == 0, words
        assert capsys.readouterr().out == "path\nsrc/app.py\n", words
    for words in ("README.md --color never src/lib.rs", "--color never README.md src/lib.rs"):
        assert cli.main(["hash", *words.split()]) == 0
        assert [line.split()[1] for line in capsys.readouterr().out.splitlines()] == ["README.md", "src/lib.rs"]
    assert "unrecognized arguments: --nope src" in refusal(["search", "TODO", "-i", "--nope", "src"], capsys)
    assert "unrecognized arguments: b" in refusal(["index", "search", "a", "b", "--index", "x"], capsys)
