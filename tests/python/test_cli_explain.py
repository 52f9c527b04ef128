"""`vfo explain`: the reason of each path, with the options as the command line spells them."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from vespera_file_ops import cli
from vespera_file_ops.cli.arguments import parse
from vespera_file_ops.cli.options import option_text, search_options


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
    options = {
        "include": ["*.p y", "-x"],
        "exclude": ["--y"],
        "types": ["rust", "py"],
        "respect_ignore": False,
        "include_hidden": True,
    }
    options |= {"max_depth": 2, "binary": "search", "require_git": False, "one_file_system": True, "max_file_size": 5}
    line = " ".join(option_text(name, value) for name, value in options.items())
    assert search_options(parse(["explain", "x", *shlex.split(line)])) == options


def test_a_git_folder_is_told_by_its_own_rule(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reason = "in a .git folder, which no search enters unless it is the source"
    for flags in ([], ["--hidden"], ["-g", "*.py"]):
        assert cli.main(["explain", ".git/HEAD", ".git/", *flags]) == 1
        assert capsys.readouterr().out == f".git/HEAD: {reason}\n.git/: {reason}\n"
    assert cli.main(["explain", ".git/HEAD", "--source", ".git"]) == 0
    # A linked worktree has a file of that name, which is one as any other.
    (demo / "src/.git").write_text("gitdir: elsewhere")
    assert cli.main(["explain", "src/.git", "--hidden"]) == 0


def test_a_file_that_is_its_own_source_is_searched(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (demo / "link").symlink_to("src/app.py")
    assert cli.main(["explain", "src/app.py", "--source", "src/app.py", "-e", "TODO"]) == 0
    assert cli.main(["explain", "debug.log", "--source", "./debug.log"]) == 0
    assert cli.main(["explain", "link", "--source", "link"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "src/app.py: searched: 1 hit in 1 line",
        "debug.log: searched: nothing leaves it out",
        "link: searched: nothing leaves it out",
    ]
    assert cli.main(["explain", "src", "--source", "src"]) == 1
    assert capsys.readouterr().out.startswith("src: a folder")


def test_a_cut_file_is_told_what_cut_it(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "src/app.py", "-e", "return", "-e", "main", "-m", "1"]) == 1
    assert capsys.readouterr().out == "src/app.py: cut by --max-hits-per-file 1\n"


def test_a_followed_link_that_leads_nowhere_was_not_removed(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (demo / "broken").symlink_to("nowhere")
    assert cli.main(["explain", "-L", "broken"]) == 1
    assert capsys.readouterr().out == "broken: a symlink that leads nowhere\n"


@pytest.mark.parametrize("wrong", ["", "../demo/README.md", "missing"])
def test_a_path_that_cannot_be_explained_keeps_no_other_from_its_line(
    wrong: str, demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain", "src/util.py", wrong, "src/app.py", "--source", "src"]) == 2
    told = capsys.readouterr()
    assert [line.split(":")[0] for line in told.out.splitlines()] == ["src/util.py", "src/app.py"]
    assert told.err.count("\n") == 1


def test_what_is_wrong_with_an_option_is_said_once(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for wrong in (["-t", "nope"], ["-d", "0"], ["--source", "missing"], ["--source", ""], ["--within", "missing"]):
        assert cli.main(["explain", "src/util.py", "src/app.py", *wrong]) == 2
        assert capsys.readouterr().err.count("\n") == 1, wrong


@pytest.mark.parametrize("output", [[], ["-o", "out.txt"], ["-o", "out.csv"]])
def test_a_name_that_is_no_text_has_one_symbol_a_byte(
    output: list[str], demo: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = os.fsdecode(b"bad\xff.txt")
    Path(path).write_text("x")
    assert cli.main(["explain", path, *output]) == 0
    told = Path(output[1]).read_bytes() if output else capsysbinary.readouterr().out
    assert "bad\ufffd.txt" in told.decode()
    assert "\ufffd\ufffd" not in told.decode()
