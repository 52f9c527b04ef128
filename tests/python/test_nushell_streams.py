"""Rows of the Nushell plugin come while it works, and its workers stop when nobody wants more."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import nu_shell

pytestmark = pytest.mark.skipif(nu_shell.MISSING is not None, reason=nu_shell.MISSING or "")

FILES = 400
LINES = 2_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many hits that taking all of them takes seconds."""
    root = tmp_path_factory.mktemp("large")
    text = "".join(f"a needle in line {number}\n" for number in range(LINES))
    for number in range(FILES):
        (root / f"{number:03}.txt").write_text(text)
    return root


def test_the_first_rows_do_not_wait_for_the_last(large: Path) -> None:
    begun = time.perf_counter()
    assert nu_shell.values("vfo search needle | first 3 | get line_number", large) == [1, 2, 3]
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    assert nu_shell.values("vfo search needle | length", large, timeout=300) == FILES * LINES
    whole = time.perf_counter() - begun
    assert first < whole / 3, (first, whole)


def test_a_dropped_stream_stops_the_workers(large: Path) -> None:
    # The plugin's threads before, while a stream waits to be read, and after it was dropped.
    code = """
        let before = (vfo files | first 1 | length)
        let pid = (plugin list | where name == vfo | get 0.pid)
        let count = {|| ls $"/proc/($pid)/task" | length }
        sleep 200ms
        let idle = (do $count)
        let busy = (vfo search needle | first 2000 | each {|row| if $row.line_number == 1000 { do $count } } | first)
        sleep 500ms
        let peak = (open --raw $"/proc/($pid)/status" | parse --regex 'VmHWM:\\s+(?<kib>\\d+)' | get 0.kib | into int)
        {idle: $idle, busy: $busy, after: (do $count), peak: $peak}
    """
    found = nu_shell.values(f"do {{ {code} }}", large)
    assert found["busy"] > found["idle"], found
    assert found["after"] <= found["idle"] + 1, found
    # What waits to be taken is bounded, although Nushell takes rows one by one.
    assert found["peak"] < 400 << 10, found


def test_ctrl_c_stops_the_workers_and_nothing_else(large: Path, tmp_path: Path) -> None:
    with nu_shell.Terminal(large, tmp_path) as terminal:
        terminal.type("vfo search needle | each {|row| sleep 1ms; $row } | length\r")
        plugin = _plugin_of(terminal.pid)
        _wait_until(lambda: plugin.num_threads() > 4)
        busy = plugin.num_threads()
        terminal.type("\x03")
        assert terminal.wait_for("nterrupt") < 1
        _wait_until(lambda: plugin.num_threads() < busy)
        terminal.type('vfo files | length | $"there are ($in) files"\r')
        terminal.wait_for(f"there are {FILES} files")
        assert plugin.is_running()
    plugin.wait(10)


def _wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it does not come to hold"
        time.sleep(0.02)


def _plugin_of(shell: int) -> psutil.Process:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for child in psutil.Process(shell).children(recursive=True):
            if "nu_plugin_vfo" in child.name():
                return child
        time.sleep(0.02)
    raise AssertionError("the plugin was not started")
