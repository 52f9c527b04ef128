"""Hazards 4 and 5: nothing leads out of a root while somebody swaps its folders for links."""

from __future__ import annotations

import ctypes
import inspect
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import vespera_file_ops as vfo
from root_escapes import MAKES, SECRET, WRITES, drained, everything_in, path_arguments
from test_bad_arguments import CALLS


@contextmanager
def flipping(folder: Path, link: Path) -> Iterator[Callable[[], int]]:
    """Swap a folder and a link, at once and without end; gives the number of swaps so far."""
    libc = ctypes.CDLL(None, use_errno=True)
    done = threading.Event()
    swaps = 0

    def flip() -> None:
        nonlocal swaps
        names = os.fsencode(folder), os.fsencode(link)
        while not done.is_set():
            # RENAME_EXCHANGE
            assert libc.renameat2(-100, names[0], -100, names[1], 2) == 0, os.strerror(ctypes.get_errno())
            swaps += 1

    flipper = threading.Thread(target=flip)
    flipper.start()
    try:
        yield lambda: swaps
    finally:
        done.set()
        flipper.join()


def race(roots: Path, opens: int) -> dict[str, int]:
    """Read through a folder that is swapped for a link to the outside, so many times."""
    outside = roots.parent / "rootless"
    (outside / "file").write_text(SECRET)
    (outside / "deep").mkdir()
    (outside / "deep" / "file").write_text(SECRET)
    (roots / "out").symlink_to("../rootless")
    seen = {"inside": 0, "refused": 0, "swaps": 0}
    root = vfo.Root(roots)
    with flipping(roots / "sub", roots / "out") as swaps:
        for at in range(opens):
            try:
                content = vfo.read_file("sub/deep/file", within=root)
                assert content == b"inside\n", "a leak"
                seen["inside"] += 1
            except vfo.OutsideRootError:
                seen["refused"] += 1
            if at % 500 == 0:
                for follow in (False, True):
                    found = drained(vfo.search(".", within=root, follow_symlinks=follow))
                    assert SECRET not in found, "a leak"
        seen["swaps"] = swaps()
    return seen


@pytest.mark.hazard(5)
def test_no_race_writes_outside(roots: Path) -> None:
    outside = roots.parent / "rootless"
    (roots / "out").symlink_to("../rootless")
    before = everything_in(roots.parent)
    seen = {"written": 0, "refused": 0, "swaps": 0}
    root = vfo.Root(roots)
    with flipping(roots / "sub", roots / "out") as swaps:
        # Which of the two stands there when a write begins is up to the scheduler, and not by halves.
        for at in range(200_000):
            if at >= 4_000 and min(seen["written"], seen["refused"]) > 50:
                break
            try:
                if at % 2:
                    vfo.write_file_atomic("sub/new", str(at), durable=False, within=root)
                else:
                    vfo.append_file("sub/log", str(at), durable=False, within=root)
                seen["written"] += 1
            except vfo.OutsideRootError:
                seen["refused"] += 1
            assert len(os.listdir(outside)) == 1
        seen["swaps"] = swaps()
    assert everything_in(roots.parent) == before
    assert min(seen.values()) > 50, seen


@pytest.mark.hazard(4)
def test_no_race_leads_any_function_out(roots: Path) -> None:
    outside = roots.parent / "rootless"
    (outside / "deep").mkdir()
    for name in ("file", "deep/file", "deep/only_outside"):
        (outside / name).write_text(SECRET)
    (outside / ".ignore").write_text(f"{SECRET}\n*\n")
    (roots / "out").symlink_to("../rootless")
    before = everything_in(roots.parent)
    seen = {"done": 0, "refused": 0}
    root = vfo.Root(roots)
    with flipping(roots / "sub", roots / "out"):
        for _ in range(60):
            for name, argument in path_arguments():
                if name in MAKES:
                    continue
                where = "sub/deep/file" if argument == "path" and name != "list_directory" else "sub/deep"
                given: dict[str, Any] = {argument: where, "within": root}
                if name in ("search_text", "explain") and argument == "source":
                    given["path"] = "sub/deep/file"
                parameters = inspect.signature(getattr(vfo, name)).parameters
                if "follow_symlinks" in parameters and name not in WRITES:
                    given["follow_symlinks"] = True
                if "pattern" in parameters and name not in WRITES:
                    given["pattern"] = "."
                try:
                    result = CALLS[name](**given)
                    if isinstance(result, vfo.Watcher):
                        result.close()
                    else:
                        told = drained(result)
                        assert SECRET not in told, name
                        assert "only_outside" not in told, name
                    seen["done"] += 1
                except vfo.OutsideRootError:
                    seen["refused"] += 1
    assert everything_in(roots.parent) == before
    assert min(seen.values()) > 50, seen


@pytest.mark.hazard(4)
@pytest.mark.hard
def test_no_race_leads_out_in_400_000_opens(roots: Path, figures: Callable[[str], None]) -> None:
    seen = race(roots, 400_000)
    figures(f"hazard 4: {seen['inside']} reads inside and {seen['refused']} refused, {seen['swaps']} swaps, 0 leaks")


@pytest.mark.hazard(4)
def test_no_race_leads_out(roots: Path) -> None:
    seen = race(roots, 20_000)
    assert min(seen.values()) > 100, seen
