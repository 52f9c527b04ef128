"""Hazards 2 and 33: hostile ignore files and globs, and more threads than asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from hazard_child import run_child

HOSTILE = {
    "13500 braces": b"{" * 13_500 + b"a" + b"}" * 13_500 + b"\n",
    "60000 braces": b"{" * 60_000 + b"\n",
    "60000 comma braces": b"{a," * 60_000 + b"b" + b"}" * 60_000 + b"\n",
    "60000 brackets": b"[" * 60_000 + b"\n",
    "stars": b"*a" * 20_000 + b"b\n",
    "double stars": b"**/" * 20_000 + b"b\n",
    "50000 rules": b"".join(b"*.x%d\n/y%d/**/z?%d\n" % (n, n, n) for n in range(25_000)),
    "4 MB line": b"x" * 4_000_000 + b"\n",
    "4 MB of backslashes": b"\\" * 4_000_000 + b"\n",
}


@pytest.mark.hazard(2)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_ignore_file_is_used_or_is_an_error_row(tmp_path: Path, name: str) -> None:
    """On a 2 MiB thread, in bounded memory and time: never an abort, and never silence."""
    (tmp_path / ".ignore").write_bytes(HOSTILE[name] + b"ignored\n")
    (tmp_path / "sub").mkdir()
    for file in ("seen", "ignored", "sub/seen", "a" * 200):
        (tmp_path / file).write_text("hit\n")
    code = """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {}
    def scan():
        frame = vfo.scan_files(argument).select("relative_path", "error").collect()
        found["files"] = frame.rows()
        found["hits"] = vfo.scan_hits("hit", argument).collect()["relative_path"].to_list()
    threading.stack_size(2 << 20)
    thread = threading.Thread(target=scan)
    thread.start(); thread.join()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    answer({**found, "grown": grown // 1024})
    """
    found = run_child(code, str(tmp_path))
    listed = {path for path, error in found["files"] if error is None}
    errors = {path: error for path, error in found["files"] if error is not None}
    assert {"seen", "sub", "sub/seen"} <= listed
    if errors:
        assert list(errors) == [".ignore"]
        assert "ignored" in listed
    else:
        assert "ignored" not in listed
    assert set(found["hits"]) == {path for path in listed if path != "sub"}
    assert found["grown"] < 200, f"{found['grown']} MiB"


@pytest.mark.hazard(2)
@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize("depth", [17, 250, 13_500, 60_000])
def test_a_hostile_glob_raises_at_the_call(tmp_path: Path, option: str, depth: int) -> None:
    """Braces are allowed to a depth of 16; what is deeper is refused by name, on a 2 MiB thread too."""
    code = """
    option, depth, folder = argument
    said = []
    def scan():
        try:
            vfo.scan_files(folder, **{option: ["{a," * depth + "b" + "}" * depth]})
        except ValueError as error:
            said.append([isinstance(error, vfo.VfoError), str(error)[:2000]])
    threading.stack_size(2 << 20)
    thread = threading.Thread(target=scan)
    thread.start(); thread.join()
    answer(said)
    """
    ((is_ours, message),) = run_child(code, [option, depth, str(tmp_path)])
    assert is_ours
    assert option in message or "brace" in message


@pytest.mark.hazard(2)
def test_braces_to_a_depth_of_16_are_taken(tmp_path: Path) -> None:
    (tmp_path / "b").touch()
    (tmp_path / "c").touch()
    code = """
    names = vfo.scan_files(argument, include=["{a," * 16 + "b" + "}" * 16]).collect()["name"].to_list()
    answer(names)
    """
    assert run_child(code, str(tmp_path)) == ["b"]


@pytest.mark.hazard(33)
def test_the_import_starts_no_thread() -> None:
    code = """
    answer([len(os.listdir("/proc/self/task")), threading.active_count()])
    """
    with_us = run_child(code)
    without = run_child("answer([len(os.listdir('/proc/self/task')), threading.active_count()])")
    assert with_us == without
    assert with_us[1] == 1


@pytest.mark.hazard(33)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_never_more_workers_than_asked_for(tmp_path: Path, threads: int) -> None:
    """Under 8 concurrent calls; afterwards the process has as many threads as before."""
    for folder in range(20):
        (tmp_path / f"d{folder}").mkdir()
        for file in range(20):
            (tmp_path / f"d{folder}/f{file}").write_text("some text to hit\n" * 50)
    code = """
    folder, threads = argument
    count = lambda: len(os.listdir("/proc/self/task"))
    vfo.search_files("hit", folder, threads=threads, max_hits=10)
    pl.DataFrame({"a": [1, 2]}).group_by("a").len()
    time.sleep(0.3)
    base, most, busy = count(), 0, 8
    def call():
        global busy
        for _ in range(3):
            vfo.search_files("hit|text", folder, threads=threads)
        busy -= 1
    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers: caller.start()
    # A thread that was joined may be listed for a moment longer: what counts is seen three times running.
    recent = [0, 0, 0]
    while busy:
        recent = [*recent[1:], count()]
        most = max(most, min(recent))
    for caller in callers: caller.join()
    time.sleep(0.5)
    answer([base, most, count()])
    """
    base, most, after = run_child(code, [str(tmp_path), threads], timeout=120)
    assert most <= base + 8 + 8 * threads
    assert most > base
    assert after <= base + threads
