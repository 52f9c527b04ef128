"""Hazard 5: with `within=`, nothing outside of the root is written, appended to, replaced or swept."""

from __future__ import annotations

from pathlib import Path

import pytest

import vespera_file_ops as vfo
from root_escapes import ESCAPES, SECRET, WRITES, everything_in


@pytest.mark.hazard(5)
@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize("name", WRITES)
def test_nothing_is_written_outside(roots: Path, name: str, escape: str) -> None:
    (roots / "to_new").symlink_to(roots.parent / "new")
    (roots / "to_new_beside").symlink_to("../new")
    before = everything_in(roots.parent)
    for path in (escape, f"{escape}/new", "to_new", "to_new_beside"):
        with pytest.raises((vfo.OutsideRootError, NotADirectoryError, FileNotFoundError)) as caught:
            WRITES[name](path, within=roots)
        assert path == f"{escape}/new" or isinstance(caught.value, vfo.OutsideRootError), path
    assert everything_in(roots.parent) == before
    assert not list(roots.rglob(".vfo-*"))


@pytest.mark.hazard(5)
def test_a_link_inside_is_written_through_and_a_link_may_be_replaced(roots: Path) -> None:
    vfo.write_file_atomic("inside_file", "new", within=roots)
    assert (roots / "sub" / "deep" / "file").read_text() == "new"
    assert (roots / "inside_file").is_symlink()
    (roots / "to_new").symlink_to("sub/new")
    vfo.append_file("to_new", "begun", within=roots)
    assert (roots / "sub" / "new").read_text() == "begun"
    vfo.write_file_atomic("up", "no link any more", follow_symlinks=False, within=roots)
    assert not (roots / "up").is_symlink()
    assert (roots.parent / "secret").read_text() == f"{SECRET}\n"


@pytest.mark.hazard(5)
def test_nothing_outside_is_swept(roots: Path) -> None:
    left = ".vfo-0123456789abcdef01234567.tmp"
    for folder in (roots.parent / "rootless", roots / "sub"):
        (folder / left).touch()
    (roots / "out").symlink_to("../rootless")
    assert vfo.sweep_temp_files(within=roots, older_than=0) == [f"sub/{left}"]
    assert (roots.parent / "rootless" / left).exists()
