"""What a stopped or inherited scan says of itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

import vespera_file_ops as vfo


def test_a_files_table_tells_what_the_time_limit_left_out(mixed_tree: Path) -> None:
    # Reading a folder moves its time of access.
    whole = vfo.scan_files(mixed_tree).drop("accessed").collect()
    cut = vfo.scan_files(mixed_tree, time_limit=1e-9).collect()
    assert cut.height > 0
    assert cut["error"].str.contains("not reached").all()
    assert cut["size"].is_null().all()
    assert vfo.scan_files(mixed_tree, time_limit=60).drop("accessed").collect().equals(whole)


def test_a_cancelled_explanation_gives_no_false_reason(demo: Path) -> None:
    token = vfo.CancelToken()
    token.cancel()
    with pytest.raises(vfo.CancelledError):
        vfo.explain("src/app.py", cancel=token)


def test_one_file_is_asked_for_by_search_text(demo: Path) -> None:
    with pytest.raises(vfo.ArgumentError, match="is a folder; search_files"):
        vfo.search_text("TODO", "src")


def test_more_threads_than_any_host_has_are_not_started(demo: Path) -> None:
    assert vfo.search_files("TODO", threads=2**31).height == 2


@pytest.mark.hazard(14)
def test_a_forked_child_cannot_continue_a_scan_and_does_not_hang(mixed_tree: Path) -> None:
    batches = iter(vfo.stream_hits("a", mixed_tree))
    next(batches)
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        status = 1
        try:
            for _ in batches:
                pass
        except vfo.ForkedProcessError:
            del batches
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    for _ in batches:
        pass
