"""`create_directory`: a folder is made, and nothing outside of a root."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import vespera_file_ops as vfo


def test_a_folder_is_made_with_its_parents_if_told(tmp_path: Path) -> None:
    vfo.create_directory(tmp_path / "one")
    assert (tmp_path / "one").is_dir()
    with pytest.raises(vfo.PathNotFoundError):
        vfo.create_directory(tmp_path / "a/b/c")
    assert not (tmp_path / "a").exists()
    vfo.create_directory(os.fsencode(tmp_path / "a/b/../c//d/"), parents=True)
    assert (tmp_path / "a/b").is_dir()
    assert (tmp_path / "a/c/d").is_dir()
    mask = os.umask(0o027)
    try:
        vfo.create_directory("masked", within=tmp_path)
    finally:
        os.umask(mask)
    assert (tmp_path / "masked").stat().st_mode & 0o777 == 0o750


def test_what_is_there_is_an_error_unless_it_is_a_folder_and_may_be(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "nowhere").symlink_to("gone")
    for name in ("folder", "file", "link", "nowhere", "folder/"):
        with pytest.raises(
            vfo.ConflictError, match="exists already" if "fol" in name or name == "link" else "no folder"
        ):
            vfo.create_directory(tmp_path / name)
    for name in ("folder", "link", "folder/", "folder/..", "."):
        vfo.create_directory(name, exist_ok=True, within=tmp_path)
        vfo.create_directory(name, exist_ok=True, parents=True, within=tmp_path) if name != "folder/.." else None
    for name in ("file", "nowhere"):
        with pytest.raises(vfo.ConflictError, match="no folder"):
            vfo.create_directory(tmp_path / name, exist_ok=True, parents=True)
    with pytest.raises(vfo.PathNotFoundError):
        vfo.create_directory(tmp_path / "file/x")
    with pytest.raises(vfo.ConflictError):
        vfo.create_directory(tmp_path / "file/x/y", parents=True)
    with pytest.raises(vfo.ArgumentError, match="path: "):
        vfo.create_directory(tmp_path / "folder/..")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "link", "nowhere"]


@pytest.mark.hazard(5)
def test_nothing_is_made_outside(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "sub").mkdir(parents=True)
    outside.mkdir()
    (root / "out").symlink_to("../outside")
    (root / "absolute").symlink_to(outside)
    (root / "to_new").symlink_to("../outside/new")
    within = vfo.Root(root, denied=[".git", ".env"])
    for path in (
        "../new",
        "sub/../../new",
        str(outside / "new"),
        "out/new",
        "absolute/new",
        "out/a/b",
        "..",
        "sub/../..",
    ):
        for parents in (False, True):
            with pytest.raises(vfo.OutsideRootError):
                vfo.create_directory(path, parents=parents, exist_ok=True, within=within)
    with pytest.raises(vfo.ConflictError):
        vfo.create_directory("to_new", exist_ok=True, within=within)
    for path in (".git", ".git/hooks", "sub/.ENV", ".git/.."):
        with pytest.raises(vfo.AccessDeniedError):
            vfo.create_directory(path, parents=True, exist_ok=True, within=within)
    assert os.listdir(outside) == []
    assert sorted(os.listdir(root)) == ["absolute", "out", "sub", "to_new"]


def test_many_make_the_same_folders_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for number in range(50):
            made = [
                pool.submit(vfo.create_directory, tmp_path / f"{number}/b/c", parents=True, exist_ok=True)
                for _ in range(8)
            ]
            for one in made:
                one.result()
    assert all((tmp_path / f"{number}/b/c").is_dir() for number in range(50))
