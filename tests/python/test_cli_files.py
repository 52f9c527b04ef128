"""What the command line writes is whole, or what was there before; and it says what it could not do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from vespera_file_ops.cli.arguments import FORMATS


def run(*arguments: str, shell: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vespera_file_ops", *arguments]
    if shell:
        command = ["sh", "-c", f'"$@" {shell}', "sh", *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("read", "missing"),
        ("files", ".", "--sql", "select nope from files"),
        ("files", ".", "--columns", "nope"),
        ("search", "(", "."),
        ("hash", "missing"),
    ],
)
def test_a_failure_leaves_the_output_as_it_was(arguments: tuple[str, ...], demo: Path) -> None:
    (demo / "old.csv").write_text("precious")
    assert run(*arguments, "-o", "old.csv").returncode == 2
    assert (demo / "old.csv").read_text() == "precious"
    assert [name for name in os.listdir(demo) if name.startswith(".vfo-")] == []


def test_a_file_may_be_input_and_output(demo: Path) -> None:
    (demo / "text").write_text("precious")
    assert run("read", "text", "-o", "text").returncode == 0
    assert (demo / "text").read_text() == "precious"


def test_a_replaced_file_keeps_its_mode_and_its_link(demo: Path) -> None:
    (demo / "real.csv").write_text("old")
    (demo / "real.csv").chmod(0o640)
    (demo / "link.csv").symlink_to("real.csv")
    assert run("files", "src", "-o", "link.csv").returncode == 0
    assert (demo / "link.csv").is_symlink()
    assert (demo / "real.csv").read_text().startswith("path,")
    assert stat.S_IMODE((demo / "real.csv").stat().st_mode) == 0o640


def test_a_closed_output_and_a_full_disk_are_errors_of_one_line(demo: Path) -> None:
    for arguments in (("search", "TODO"), ("files",), ("hash", "README.md"), ("files", "-f", "csv")):
        done = run(*arguments, shell=">&-")
        assert done.returncode == 2
        assert "standard output is closed" in done.stderr
        assert done.stderr.count("\n") == 1
    if Path("/dev/full").exists():
        assert run("files", "-o", "/dev/full").returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_and_a_closed_pipe_are_told_alike_in_every_format(form: str, demo: Path) -> None:
    done = run("files", "-f", form, shell=">/dev/full")
    assert (done.returncode, done.stderr) == (2, "vfo: [Errno 28] No space left on device\n")
    done = run("files", "-f", form, "-o", "/dev/full")
    assert (done.returncode, done.stderr) == (2, "vfo: [Errno 28] No space left on device\n")
    # The shell closes the reading end before the command begins.
    done = run("files", "-f", form, shell="| exec 0<&-; echo done")
    assert (done.stdout, done.stderr) == ("done\n", "")


def test_a_closed_error_output_changes_no_exit_status(demo: Path) -> None:
    for arguments in (
        ("search", "TODO", "gone", "src"),
        ("files", "gone"),
        ("hash", "gone"),
        ("explain", "gone"),
        ("(",),
    ):
        done = run(*arguments, shell="2>&-")
        assert done.returncode == 2, arguments
        assert "gone" not in done.stdout
        assert "usage" not in done.stdout


def test_a_pipe_beside_a_closed_output_may_be_closed_too(demo: Path) -> None:
    os.mkfifo("pipe")
    done = run("files", "/usr/lib", "-f", "csv", "-o", "pipe", shell=">&- & exec 3<pipe; exec 3<&-; wait $!")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("form", ["table", "csv"])
def test_the_ledger_beside_a_limit_is_that_of_the_search(form: str, demo: Path) -> None:
    done = run("search", "e", ".", "--ledger", "--max-hits", "3", "-f", form)
    assert done.returncode == 0
    assert done.stderr.strip() == vfo.search("e", ".", max_hits=3).ledger


def test_a_missing_source_among_others_is_named(demo: Path) -> None:
    for command in (("search", "TODO", "gone", "src"), ("files", "gone", "src"), ("info", "gone", "src")):
        done = run(*command)
        assert done.returncode == 2
        assert "gone: no such file or folder" in done.stderr
        assert "src" in done.stdout


@pytest.mark.parametrize("form", [(), ("-f", "csv"), ("--columns", "path,error")])
def test_a_missing_source_is_told_once(form: tuple[str, ...], demo: Path) -> None:
    done = run("hash", "README.md", "gone", *form)
    assert done.returncode == 2
    assert "README.md" in done.stdout
    (line,) = done.stderr.splitlines()
    assert "gone: " in line
    assert "no such file or" in line


@pytest.mark.parametrize(
    "command",
    [
        ("files", "src"),
        ("search", "TODO", "src"),
        ("hash", "README.md"),
        ("read", "README.md", "--sql", "select * from lines"),
    ],
)
def test_an_output_of_an_unknown_kind_is_refused(command: tuple[str, ...], demo: Path) -> None:
    done = run(*command, "-o", "out.xyz")
    assert (done.returncode, done.stdout) == (2, "")
    assert "out.xyz" in done.stderr
    for known in (".csv", ".ndjson", ".parquet", ".txt", "--format"):
        assert known in done.stderr
    assert not (demo / "out.xyz").exists()
    for arguments in (("-o", "out.xyz", "--format", "csv"), ("-o", "out.txt"), ("-o", "out"), ("-o", "out.d/out")):
        (demo / "out.d").mkdir(exist_ok=True)
        assert run(*command, *arguments).returncode == 0
    assert (demo / "out.txt").read_text() == (demo / "out").read_text()


def test_the_content_of_a_file_goes_to_any_name(demo: Path) -> None:
    assert run("read", "src/app.py", "-o", "copy.py").returncode == 0
    assert (demo / "copy.py").read_bytes() == (demo / "src" / "app.py").read_bytes()


def test_what_cannot_be_hashed_is_said(demo: Path) -> None:
    os.mkfifo(demo / "pipe")
    done = run("hash", "pipe")
    assert (done.returncode, done.stdout) == (2, "")
    assert "fifo" in done.stderr


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"vfo {vfo.__version__}\n"
