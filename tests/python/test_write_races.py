"""Hazard 10: of two writers that compare, one wins and the other is told; nothing is lost silently."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import vespera_file_ops as vfo

COUNTER = """
    import sys
    import vespera_file_ops as vfo
    from blake3 import blake3
    conflicts = 0
    for _ in range(int(sys.argv[1])):
        while True:
            with open("counter", "rb") as file:
                before = file.read()
            after = str(int(before) + 1)
            try:
                vfo.write_file_atomic("counter", after, expected_blake3=blake3(before).hexdigest(), durable=False)
                break
            except vfo.ConflictError:
                conflicts += 1
    print(conflicts)
"""


def run_all(folder: Path, code: str, *arguments: list[str]) -> list[str]:
    """The output of as many processes, which run at the same time."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    children = [
        subprocess.Popen([*command, *each], cwd=folder, stdout=subprocess.PIPE, text=True) for each in arguments
    ]
    outputs = [child.communicate(timeout=200)[0] for child in children]
    assert [child.returncode for child in children] == [0] * len(children)
    return outputs


@pytest.mark.hazard(10)
def test_eight_processes_count_to_a_thousand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "counter").write_text("0")
    conflicts = run_all(tmp_path, COUNTER, *[["125"]] * 8)
    with capsys.disabled():
        print(f"\n1000 increments by 8 processes, {sum(map(int, conflicts))} conflicts", end=" ")
    assert (tmp_path / "counter").read_text() == "1000"
    assert os.listdir(tmp_path) == ["counter"]


@pytest.mark.hazard(10)
def test_writers_that_do_not_compare_cannot_come_between(tmp_path: Path) -> None:
    """Each appends or writes its own marks; whoever compares keeps every mark that it saw."""
    (tmp_path / "counter").write_text("0")
    appender = """
        import vespera_file_ops as vfo
        for _ in range(300):
            vfo.append_file("log", "x", durable=False)
        print(0)
    """
    rewriter = """
        import vespera_file_ops as vfo
        from blake3 import blake3
        done = 0
        while done < 100:
            with open("log", "rb") as file:
                before = file.read()
            try:
                expected = blake3(before).hexdigest()
                vfo.write_file_atomic("log", before + b"y", expected_blake3=expected, durable=False)
                done += 1
            except vfo.ConflictError:
                pass
        print(0)
    """
    (tmp_path / "log").write_text("")
    code = "import sys\nexec(sys.argv[1])"
    run_all(tmp_path, code, *[[textwrap.dedent(each)] for each in (appender, rewriter, appender, rewriter)])
    log = (tmp_path / "log").read_text()
    assert (log.count("x"), log.count("y")) == (600, 200)


@pytest.mark.hazard(10)
def test_of_many_that_want_to_make_a_file_one_does(tmp_path: Path) -> None:
    code = """
        import sys
        import vespera_file_ops as vfo
        made = 0
        for number in range(100):
            try:
                vfo.write_file_atomic(f"file{number}", sys.argv[1], expected_blake3="absent", durable=False)
                made += 1
            except vfo.ConflictError:
                pass
        print(made)
    """
    made = run_all(tmp_path, code, *[[str(at)] for at in range(6)])
    assert sum(map(int, made)) == 100
    assert len(os.listdir(tmp_path)) == 100


@pytest.mark.hazard(10)
def test_a_conflict_leaves_the_file_of_the_other(tmp_path: Path) -> None:
    first = vfo.write_file_atomic(tmp_path / "file", "theirs")
    vfo.write_file_atomic(tmp_path / "file", "mine", expected_blake3=first.blake3)
    with pytest.raises(vfo.ConflictError, match="read it again"):
        vfo.write_file_atomic(tmp_path / "file", "late", expected_blake3=first.blake3)
    assert (tmp_path / "file").read_text() == "mine"
