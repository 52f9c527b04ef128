"""`vfo watch`: events as they come, how it ends, and that it does not chase its own log."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

VFO = [sys.executable, "-m", "vespera_file_ops", "watch"]


@contextmanager
def watching(*arguments: str, into: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command at work, from the moment when it watches."""
    with into.open("wb") as out, subprocess.Popen([*VFO, *arguments], stdout=out, stderr=subprocess.PIPE) as process:
        try:
            # What it has open tells when it watches.
            wait(lambda: any("inotify" in link for link in links(process.pid)))
            time.sleep(0.2)
            yield process
        finally:
            process.kill()


def links(pid: int) -> list[str]:
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        # Some are closed by the time they are read.
        with suppress(OSError):
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return found


def wait(until: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_events_are_lines_as_they_come_and_ctrl_c_ends_it(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with watching(into=out) as process:
        (tree / "a/new.txt").write_text("x")
        wait(lambda: "created   a/new.txt\n" in out.read_text())
        (tree / "a/new.txt").rename(tree / "a/old.txt")
        wait(lambda: "renamed   a/new.txt -> a/old.txt\n" in out.read_text())
        (tree / "c.txt").unlink()
        wait(lambda: "removed   c.txt\n" in out.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_once_ends_with_the_first_changes(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with watching("a", "--once", "-f", "ndjson", "--columns", "event,path", "-g", "*.txt", into=out) as process:
        (tree / "c.txt").write_text("outside of what is watched")
        (tree / "a/two.txt").write_text("x")
        assert process.wait(20) == 0
    assert [json.loads(line) for line in out.read_text().splitlines()] == [{"event": "created", "path": "a/two.txt"}]


def test_a_log_in_the_tree_is_not_told_of_itself(tree: Path) -> None:
    out = tree / "log"
    with watching(into=out):
        (tree / "new").write_text("x")
        wait(lambda: "created   new\n" in out.read_text())
        time.sleep(0.5)
        (tree / "newer").write_text("x")
        wait(lambda: "created   newer\n" in out.read_text())
        time.sleep(0.5)
    told = out.read_text().splitlines()
    assert not [line for line in told if line.endswith(" log")]
    assert len(told) <= 4, told


def test_what_is_there_comes_first_if_asked_for(tree: Path) -> None:
    done = subprocess.run(
        [*VFO, "--initial", "--once", "--format", "csv", "--columns", "event,path", "--types", "txt"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "event,path\ncreated,a/b/two.txt\ncreated,a/one.txt\ncreated,c.txt\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing"], "no such file or directory (missing)"),
        (["--columns", "nope"], "events has no column 'nope'"),
        (["--format", "parquet"], "invalid choice"),
        (["--output", "x"], "unrecognized arguments"),
        (["--threads", "2"], "unrecognized arguments"),
        (["--debounce", "-1"], "debounce"),
    ],
)
def test_what_it_cannot_do_is_said(arguments: list[str], said: str, tree: Path) -> None:
    done = subprocess.run([*VFO, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [[], ["--within", "."], ["--absolute-paths"]])
def test_a_log_whose_name_is_no_text_is_not_told_of_itself(options: list[str], tree: Path) -> None:
    out = tree / os.fsdecode(b"lo\xffg")
    with watching(*options, into=out):
        (tree / "new").write_text("x")
        wait(lambda: b"new\n" in out.read_bytes())
        time.sleep(0.5)
        (tree / "newer").write_text("x")
        wait(lambda: b"newer\n" in out.read_bytes())
        time.sleep(0.5)
    assert len(out.read_bytes().splitlines()) <= 4


def test_a_source_that_is_missing_among_others_is_named_and_watched_for(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with watching("a", "missing", "--once", into=out) as process:
        (tree / "missing").mkdir()
        (tree / "missing/new").write_text("x")
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b"vfo: missing: no such file or folder; it is watched for\n"
    assert out.read_text() == "created   missing/new\n"


@pytest.mark.parametrize("form", ["table", "csv", "ndjson"])
def test_a_reader_that_goes_ends_it_quietly(form: str, tree: Path) -> None:
    with subprocess.Popen([*VFO, "-f", form], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        wait(lambda: any("inotify" in link for link in links(process.pid)))
        time.sleep(0.2)
        (tree / "new").write_text("x")
        assert process.stdout.read(5)
        process.stdout.close()
        (tree / "newer").write_text("x")
        assert process.wait(20) == 0
        assert process.stderr.read() == b""
