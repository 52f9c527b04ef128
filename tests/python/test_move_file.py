"""`move_file`: an entry gets another name, nothing is replaced unless told, and nothing leads outside of a root."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

import vespera_file_ops as vfo

from conftest import make_tree


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A few files and folders."""
    make_tree(tmp_path / "top", {"a": b"a", "b": b"b", "sub/c": b"c", "sub/deep/d": b"d", "other/e": b"e"})
    return tmp_path / "top"


def test_files_folders_and_links_are_moved(top: Path) -> None:
    vfo.move_file("a", "sub/a2", within=top)
    vfo.move_file(top / "sub", top / "other" / "sub")
    (top / "link").symlink_to("nowhere")
    vfo.move_file(os.fsencode(top / "link"), top / "moved", durable=False)
    assert (top / "other/sub/a2").read_bytes() == b"a"
    assert (top / "other/sub/deep/d").read_bytes() == b"d"
    assert os.readlink(top / "moved") == "nowhere"
    vfo.move_file("other/sub/", "sub/", within=top)
    assert sorted(os.listdir(top)) == ["b", "moved", "other", "sub"]


def test_nothing_is_replaced_unless_told_and_then_only_a_file(top: Path) -> None:
    (top / "link").symlink_to("b")
    (top / "empty").mkdir()
    for target in ("b", "sub", "empty", "link", "a"):
        with pytest.raises(vfo.ConflictError, match="overwrite=True"):
            vfo.move_file("a", target, within=top)
    for source, target, said in (
        ("a", "sub", "a dir has this name"), ("a", "empty", "a dir has"), ("a", "link", "a symlink has"),
        ("sub", "b", "a folder replaces nothing"), ("sub", "empty", "a folder replaces nothing"),
    ):  # fmt: skip
        with pytest.raises(vfo.ArgumentError, match=f"target: .*{said}"):
            vfo.move_file(source, target, overwrite=True, within=top)
    vfo.move_file("a", "a", overwrite=True, within=top)
    vfo.move_file("a", "b", overwrite=True, within=top)
    assert (top / "b").read_bytes() == b"a"
    assert not (top / "a").exists()
    os.link(top / "b", top / "second")
    with pytest.raises(vfo.ArgumentError, match="second name"):
        vfo.move_file("b", "second", overwrite=True, within=top)


def test_what_cannot_be_moved_is_refused_and_says_why(top: Path) -> None:
    for target in ("sub/deep/sub", "sub/sub"):
        with pytest.raises(vfo.ArgumentError, match="into itself"):
            vfo.move_file("sub", target, within=top)
    for source, target in (("gone", "x"), ("a", "gone/x"), ("a/x", "y")):
        with pytest.raises(vfo.PathNotFoundError):
            vfo.move_file(source, target, within=top)
    for source, target, argument in (
        (".", "x", "source"), ("sub/..", "x", "source"), ("a", ".", "target"), (str(top), "x", "source"),
        ("a/", "x", "source"), ("a", "new/", "target"),
    ):  # fmt: skip
        with pytest.raises(vfo.ArgumentError, match=f"{argument}: "):
            vfo.move_file(source, target, within=top)
    if os.path.exists("/dev/shm") and os.stat("/dev/shm").st_dev != top.stat().st_dev:
        with pytest.raises(vfo.NotCommittedError, match=r"another file system.*write_file_atomic"):
            vfo.move_file(top / "a", f"/dev/shm/vfo-test-{os.getpid()}")
    assert (top / "a").read_bytes() == b"a"


@pytest.mark.hazard(5)
def test_nothing_is_moved_out_in_or_to_a_denied_name(top: Path) -> None:
    make_tree(top.parent, {"outside/f": b"outside", "top/.env": b"secret"})
    (top / "out").symlink_to("../outside")
    (top / "to_env").symlink_to(".env")
    root = vfo.Root(top, denied=[".env", "*.pem"])
    for path in ("../outside/f", "out/f", str(top.parent / "outside/f"), "sub/../../outside/f", "..", "out/.."):
        for source, target in ((path, "taken"), ("a", path)):
            with pytest.raises(vfo.OutsideRootError):
                vfo.move_file(source, target, overwrite=True, within=root)
    for source, target in ((".env", "x"), ("a", ".ENV"), ("a", "sub/k.pem"), ("sub/../.env", "x")):
        with pytest.raises(vfo.AccessDeniedError, match="denied"):
            vfo.move_file(source, target, overwrite=True, within=root)
    # The link itself is moved, and leads nowhere else by that; a folder takes along what is denied in it.
    vfo.move_file("to_env", "renamed", within=root)
    with pytest.raises(vfo.AccessDeniedError):
        vfo.read_file("renamed", within=root)
    make_tree(top, {"sub/.env": b"secret"})
    vfo.move_file("sub", "other/sub", within=root)
    with pytest.raises(vfo.AccessDeniedError):
        vfo.read_file("other/sub/.env", within=root)
    assert (top.parent / "outside/f").read_bytes() == b"outside"
    assert (top / "other/sub/.env").read_bytes() == (top / ".env").read_bytes() == b"secret"


@pytest.mark.hazard(5)
def test_of_many_that_move_to_one_name_one_wins(top: Path) -> None:
    def moved(source: str) -> bool:
        try:
            vfo.move_file(source, "won", durable=False, within=top)
        except vfo.ConflictError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        for number in range(150):
            names = [f"{number}-{racer}" for racer in range(4)]
            for name in names:
                (top / name).mkdir() if number % 3 == 2 else (top / name).write_text(name)
            won = list(pool.map(moved, names))
            assert sum(won) == 1
            assert [not (top / name).exists() for name in names] == won
            if number % 3 == 2:
                (top / "won").rmdir()
            else:
                assert (top / "won").read_text() == names[won.index(True)]
                (top / "won").unlink()


@pytest.mark.hazard(5)
def test_no_race_moves_anything_out(top: Path) -> None:
    outside = top.parent / "outside"
    outside.mkdir()
    root, stop = vfo.Root(top), threading.Event()

    def flip() -> None:
        number = 0
        while not stop.is_set():
            os.symlink(["other", "../outside"][number % 2], top / "next")
            os.replace(top / "next", top / "folder")
            number += 1

    os.symlink("other", top / "folder")
    thread = threading.Thread(target=flip)
    thread.start()
    seen = {"moved": 0, "refused": 0}
    try:
        for _ in range(20_000):
            for source, target in (("a", "folder/a"), ("folder/a", "a")):
                # Where it was not moved out, there is nothing to be moved back.
                with suppress(vfo.PathNotFoundError):
                    try:
                        vfo.move_file(source, target, durable=False, within=root)
                        seen["moved"] += 1
                    except vfo.OutsideRootError:
                        seen["refused"] += 1
            assert not os.listdir(outside)
            if min(seen.values()) > 200:
                break
    finally:
        stop.set()
        thread.join()
    assert min(seen.values()) > 200, seen
    assert [path.read_bytes() for path in (top / "a", top / "other/a") if path.exists()] == [b"a"]
