"""A root may deny names: nothing that has one is reached in it, whatever path or link leads there."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import vespera_file_ops as vfo

from conftest import make_tree

SECRET = "the-secret"
DENIED = [".env", ".env.*", ".git", "*.pem", "id_[rd]sa"]


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A tree with denied names, links to them, and something outside."""
    top = tmp_path / "top"
    names = (".env", "sub/.env.local", "sub/Server.PEM", ".git/config", "sub/id_rsa", "sub/.env.example")
    make_tree(tmp_path, {f"top/{name}": SECRET.encode() for name in names} | {"outside/.env": SECRET.encode()})
    make_tree(top, {"plain.txt": b"plain\n", "sub/deep.txt": b"plain\n"})
    for link, target in (
        ("to_env", ".env"), ("to_git", ".git"), ("sub/up", "../.env"), ("chain", "to_env"), ("out", "../outside"),
        ("to_absent", ".env.absent"), ("to_sub", "sub"), ("to_plain", "sub/../plain.txt"),
    ):  # fmt: skip
        (top / link).symlink_to(target)
    return top


DENIED_PATHS = [
    ".env", "./.env", ".ENV", "sub/.env.local", "sub/server.pem", "sub/Server.PEM", ".git", ".git/config",
    ".git/absent", "to_env", "to_git/config", "to_git/absent", "sub/up", "chain", ".env.absent", "to_absent",
    "sub/../.env", "to_sub/id_rsa", "sub/./id_rsa", ".git/../plain.txt",
]  # fmt: skip

CALLS: dict[str, Callable[[str, vfo.Root], object]] = {
    "read_file": lambda path, root: vfo.read_file(path, within=root),
    "read_file_string": lambda path, root: vfo.read_file_string(path, within=root),
    "read_file_lines": lambda path, root: vfo.read_file_lines(path, within=root),
    "read_file_chunks": lambda path, root: list(vfo.read_file_chunks(path, within=root)),
    "compute_file_hash": lambda path, root: vfo.compute_file_hash(path, within=root),
    "search_text": lambda path, root: vfo.search_text("s", path, within=root),
    "search_files": lambda path, root: vfo.search_files("s", path, within=root),
    "scan_chunks": lambda path, root: vfo.scan_chunks(path, within=root).collect(),
    "scan_coverage": lambda path, root: vfo.scan_coverage("s", path, within=root).collect(),
    "get_file_info": lambda path, root: vfo.get_file_info(path, within=root, blake3=True, follow_symlinks=True),
    "list_directory": lambda path, root: vfo.list_directory(path, within=root),
    "glob_files": lambda path, root: vfo.glob_files(path, "*", within=root),
    "explain": lambda path, root: vfo.explain(path, within=root),
    "sweep_temp_files": lambda path, root: vfo.sweep_temp_files(path, within=root),
    "write_file_atomic": lambda path, root: vfo.write_file_atomic(path, "mine", within=root),
    "append_file": lambda path, root: vfo.append_file(path, "mine", within=root),
    "replace_in_file": lambda path, root: vfo.replace_in_file(path, "s", "mine", within=root),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", CALLS)
def test_no_call_reaches_a_denied_name(top: Path, name: str) -> None:
    root, before = vfo.Root(top, denied=DENIED, allowed=[".env.example"]), contents(top)
    for path in [*DENIED_PATHS, str(top / ".env")]:
        if name == "explain" and (top / path).is_symlink():
            # It describes the link, whose own name is not denied.
            assert "which is not followed" in vfo.explain(path, within=root)["reason"][0]
            continue
        with pytest.raises(vfo.AccessDeniedError, match=r"the name '.*' is denied by the root"):
            CALLS[name](path, root)
    for path in ("../outside/.env", "../outside/absent", str(top.parent / "outside/.env"), "../.env"):
        with pytest.raises(vfo.OutsideRootError):
            CALLS[name](path, root)
    assert contents(top) == before


def test_what_is_not_denied_is_reached_as_ever(top: Path) -> None:
    root, plain = vfo.Root(top, denied=DENIED, allowed=".env.example"), vfo.Root(top)
    for path in ("plain.txt", "to_plain", "to_sub/deep.txt", "to_sub/../plain.txt", str(top / "sub/deep.txt")):
        assert vfo.read_file(path, within=root) == vfo.read_file(path, within=plain) == b"plain\n"
    assert vfo.read_file("sub/.env.example", within=root) == SECRET.encode()
    assert vfo.list_directory("to_sub", within=root)["name"].to_list() == [".env.example", "deep.txt", "up"]
    vfo.write_file_atomic("to_plain", "other\n", within=root)
    assert (top / "plain.txt").read_bytes() == b"other\n"
    for path, error in (
        ("absent", vfo.PathNotFoundError), ("plain.txt/x", vfo.PathNotFoundError), ("out/.x", vfo.OutsideRootError),
    ):  # fmt: skip
        for within in (root, plain):
            with pytest.raises(error):
                vfo.read_file(path, within=within)
    (top / "loop").symlink_to("loop")
    with pytest.raises(vfo.FileSystemError):
        vfo.read_file("loop", within=root)


@pytest.mark.parametrize("follow", [False, True])
def test_a_walk_leaves_denied_names_out(top: Path, follow: bool) -> None:
    root = vfo.Root(top, denied=DENIED)
    options: dict[str, Any] = {
        "within": root, "include_hidden": True, "respect_ignore": False, "follow_symlinks": follow,
    }  # fmt: skip
    files = vfo.scan_files(exclude=["!.env"], **options).collect()
    links = {"chain", "out", "sub/up", "to_absent", "to_env", "to_git", "to_plain", "to_sub"}
    expected = {"plain.txt", "sub", "sub/deep.txt", *links}
    shown = set(files["path"]) | ({"to_sub", "sub/up"} if follow else set())
    assert {path for path in shown if not path.startswith("to_sub/")} == expected
    if follow:
        denied = files.filter(pl.col("error").fill_null("").str.contains("is denied"))["path"].to_list()
        assert set(denied) >= {"to_env", "to_git", "chain"}
    for frame in (
        vfo.scan_hits(SECRET, **options).collect(),
        vfo.scan_hits(SECRET, ["**/.env*", "*.pem"], **options).collect(),
        vfo.search(SECRET, include=[".env", "*.pem"], **options).hits,
    ):
        assert frame.is_empty()
    ledger = vfo.scan_coverage(SECRET, include_ignored=True, within=root).collect()
    assert not set(ledger["path"]) & {".env", ".git", "sub/id_rsa"}


def test_rows_of_denied_paths_say_so(top: Path) -> None:
    root = vfo.Root(top, denied=DENIED)
    paths = ["plain.txt", ".env", "sub/deep.txt", "sub/id_rsa", "chain"]
    told = vfo.get_file_info(paths, within=root, follow_symlinks=True)["error"].to_list()
    assert [error is not None and "denied" in error for error in told] == [False, True, False, True, True]
    frame = pl.DataFrame({"path": paths})
    texts = frame.select(text=vfo.expr.read_text("path", within=root))["text"].to_list()
    assert texts == ["plain\n", None, "plain\n", None, None]
    written = vfo.write_files(frame.with_columns(content=pl.lit("mine")), within=root)
    assert written["status"].to_list() == ["written", "error", "written", "error", "error"]
    assert (top / ".env").read_text() == SECRET


def test_what_git_leaves_out_is_left_out_though_git_is_denied(top: Path) -> None:
    make_tree(top, {".gitignore": b"*.log\n", "noise.log": b"x", ".git/info/exclude": b"mine.txt\n", "mine.txt": b"x"})
    for root in (vfo.Root(top, denied=[".git", ".env*"]), vfo.Root(top)):
        assert set(vfo.glob_files(".", "*", within=root)["path"]) & {"noise.log", "mine.txt", "plain.txt"} == {
            "plain.txt"
        }


def test_a_root_is_told_and_pickled_with_its_names(top: Path) -> None:
    root = vfo.Root(top, denied=DENIED, allowed=[".env.example"])
    again = pickle.loads(pickle.dumps(root))
    for one in (root, again):
        assert (one.path, one.denied, one.allowed) == (str(top), tuple(DENIED), (".env.example",))
        with pytest.raises(vfo.AccessDeniedError):
            vfo.read_file("to_env", within=one)
    assert repr(vfo.Root(top, denied=".env")) == f'Root("{top}", denied=[".env"])'
    assert vfo.Root(top).denied == ()
    frame = pickle.loads(pickle.dumps(vfo.scan_files(within=root, include_hidden=True))).collect()
    assert ".env" not in frame["path"].to_list()
    for wrong in ("", "a/b", "..", "[b-a]"):
        with pytest.raises(vfo.ArgumentError, match="denied: "):
            vfo.Root(top, denied=[wrong])
    with pytest.raises(TypeError, match="denied: "):
        vfo.Root(top, denied=3)  # type: ignore[arg-type]


@pytest.mark.hazard(4)
def test_nothing_denied_is_read_or_written_while_links_are_swapped(top: Path) -> None:
    root, stop = vfo.Root(top, denied=DENIED), threading.Event()

    def flip() -> None:
        number = 0
        while not stop.is_set():
            for name, targets in (("file", ["plain.txt", ".env", "to_env"]), ("folder", ["sub", ".git", "to_git"])):
                os.symlink(targets[number % 3], top / "next")
                os.replace(top / "next", top / name)
            number += 1

    os.symlink("plain.txt", top / "file")
    os.symlink("sub", top / "folder")
    (top / "sub/config").write_text("plain\n")
    thread = threading.Thread(target=flip)
    thread.start()
    read, refused = set(), 0
    try:
        for number in range(4000):
            path = ("file", "folder/config")[number % 2]
            try:
                read.add(vfo.read_file_string(path, within=root))
                if number % 8 < 2:
                    vfo.append_file(path, "", durable=False, within=root)
                    vfo.write_file_atomic(path, "plain\n", durable=False, within=root)
            except vfo.AccessDeniedError:
                refused += 1
            except (vfo.PathNotFoundError, vfo.FileSystemError):
                pass
    finally:
        stop.set()
        thread.join()
    assert read == {"plain\n"}
    assert refused > 100
    assert (top / ".env").read_text() == (top / ".git/config").read_text() == SECRET
