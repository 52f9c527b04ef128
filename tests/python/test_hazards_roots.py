"""Hazards 3 and 4: with `within=`, nothing outside of the root is reached, by no spelling, no link and no race."""

from __future__ import annotations

import ctypes
import inspect
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import vespera_file_ops as vfo
from test_bad_arguments import CALLS

SECRET = "SECRET"
# What leads out of the root of `roots`, in every way that a path can.
ESCAPES = [
    "..",
    "../",
    "../secret",
    "../missing",
    "../rootless/secret",
    "sub/../../secret",
    "sub/deep/../../../root/file",
    "up",
    "up_missing",
    "up_folder",
    "up_folder/secret",
    "sub/up",
    "absolute",
    "absolute_missing",
    "chain",
    "sub/deep/../../up",
    "/etc/passwd",
    "/missing",
    "/",
    "//etc/passwd",
    "\udcff/../../secret",
]
# The arguments that name what is on disk.
PATHS = ("path", "source", "root")


def write_roots(top: Path) -> Path:
    """A root among secrets, with links in it that lead to them; the root's path."""
    root = top / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    os.mkdir(os.fsencode(root) + b"/\xff")
    (top / "rootless").mkdir()
    for secret in (top / "secret", top / "rootless" / "secret"):
        secret.write_text(f"{SECRET}\n")
    (root / "file").write_text("inside\n")
    (root / "sub" / "deep" / "file").write_text("inside\n")
    for target, link in (
        ("../secret", "up"),
        ("../missing", "up_missing"),
        ("../", "up_folder"),
        ("../../secret", "sub/up"),
        (str(top / "secret"), "absolute"),
        (str(top / "missing"), "absolute_missing"),
        ("up", "chain"),
        ("sub/deep", "inside"),
        ("sub/deep/file", "inside_file"),
    ):
        (root / link).symlink_to(target)
    return root


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    return write_roots(tmp_path)


def path_arguments() -> Iterator[tuple[str, str]]:
    """Every public function with each of its arguments that is a path."""
    for name in CALLS:
        parameters = inspect.signature(getattr(vfo, name)).parameters
        assert "within" in parameters or not set(PATHS) & set(parameters), f"{name} has no within="
        yield from ((name, argument) for argument in PATHS if argument in parameters)


def drained(result: Any) -> str:
    """Everything that a call gave, as text, so that a secret in it shows."""
    if isinstance(result, vfo.SearchResult):
        return drained(result.hits) + drained(result.coverage)
    if hasattr(result, "collect"):
        result = result.collect()
    if isinstance(result, pl.DataFrame):
        return str(result.rows())
    return str(list(result)) if hasattr(result, "__next__") else str(result)


@pytest.mark.hazard(3)
@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize(("name", "argument"), list(path_arguments()))
def test_no_path_leads_out(roots: Path, name: str, argument: str, escape: str) -> None:
    inside = {"path": "file"} if name in ("search_text", "explain") and argument == "source" else {}
    for spelled in (escape, os.fsencode(escape), Path(escape)):
        for within in (roots, vfo.Root(roots)):
            if name in ("get_file_info", "explain") and argument == "path" and (roots / escape).is_symlink():
                # What is described is the link itself, and that lies inside.
                told = drained(CALLS[name](**{argument: spelled, "within": within}))
                assert "symlink" in told
                assert SECRET not in told
                continue
            with pytest.raises(vfo.OutsideRootError) as caught:
                drained(CALLS[name](**{**inside, argument: spelled, "within": within}))
            assert isinstance(caught.value, PermissionError)
            assert os.path.normpath(caught.value.path or "") in (os.path.normpath(os.fsdecode(spelled)), escape[1:])


@pytest.mark.hazard(3)
@pytest.mark.parametrize("path", ["up_folder/..", "absolute_folder/..", "gone_folder/.."])
def test_what_lies_behind_a_link_and_dots_is_not_described(roots: Path, path: str) -> None:
    (roots / "absolute_folder").symlink_to(roots.parent / "rootless")
    (roots / "gone_folder").symlink_to("../gone/deep")
    row = vfo.scan_coverage("x", [path, "file"], within=roots).collect().row(0, named=True)
    assert (row["size"], row["modified"], row["status"]) == (None, None, "unreadable")
    row = vfo.get_file_info([path, "file"], within=roots).row(0, named=True)
    assert (row["size"], row["inode"]) == (None, None)


@pytest.mark.hazard(3)
def test_a_renamed_root_keeps_its_ignore_rules(roots: Path) -> None:
    (roots / ".ignore").write_text("*.log\n")
    (roots / "sub" / "a.log").write_text("inside")
    root = vfo.Root(roots)
    before = vfo.search_files("inside", "sub", within=root)["path"].to_list()
    roots.rename(roots.parent / "root2")
    after = vfo.scan_files("sub", within=root).collect()
    assert vfo.search_files("inside", "sub", within=root)["path"].to_list() == before == ["sub/deep/file"]
    assert after["error"].is_null().all()


@pytest.mark.hazard(3)
def test_in_a_list_it_is_a_row_without_content(roots: Path) -> None:
    found = vfo.scan_files(["file", *ESCAPES], within=roots).collect()
    assert found.filter(found["error"].is_null())["path"].to_list() == ["file"]
    # Two spellings of one thing are one row.
    assert found.height > len(ESCAPES) - 4
    assert found["error"].drop_nulls().str.contains("leads outside of the root").all()
    result = vfo.search(SECRET, ["file", *ESCAPES], within=roots)
    assert result.hits.is_empty()
    assert SECRET not in drained(vfo.search(".", ["file", *ESCAPES], within=roots))


@pytest.mark.hazard(3)
@pytest.mark.parametrize("glob", ["../*", "../secre[t]", "sub/../../*", "up_folder/*", "/etc/pass*", "../root/*"])
def test_no_glob_leads_out(roots: Path, glob: str) -> None:
    for call in (vfo.scan_files, lambda source, within: vfo.scan_hits(SECRET, source, within=within)):
        with pytest.raises(vfo.OutsideRootError):
            call(glob, within=roots)


@pytest.mark.hazard(3)
def test_followed_links_stay_inside(roots: Path) -> None:
    options: dict[str, Any] = {"follow_symlinks": True, "within": roots}
    found = vfo.scan_files(**options).collect()
    outside = ["absolute", "absolute_missing", "chain", "sub/up", "up", "up_folder", "up_missing"]
    assert sorted(found.filter(found["error"].is_not_null())["path"]) == outside
    assert found["error"].drop_nulls().str.contains("leads outside of the root").all()
    # A link that stays inside is followed; a folder that is reached twice is listed at its real path.
    assert "inside_file" in found["path"].to_list()
    assert SECRET not in drained(vfo.search(".", **options))
    hits = vfo.search_files("inside", **options)
    assert hits["path"].to_list() == ["file", "inside_file", "sub/deep/file"]
    # From a source below, a link may leave the source and stay in the root.
    (roots / "sub" / "deep" / "sideways").symlink_to("../../other")
    (roots / "other").mkdir()
    (roots / "other" / "there").write_text("inside")
    hits = vfo.search_files("inside", "sub/deep", **options)
    assert hits["path"].to_list() == ["sub/deep/file", "sub/deep/sideways/there"]
    hashed = vfo.scan_files("sub/deep", blake3=True, **options).collect()
    assert hashed["blake3"].drop_nulls().len() == 2


@pytest.mark.hazard(3)
def test_no_ignore_file_outside_is_consulted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / ".git" / "info").mkdir(parents=True)
    (tmp_path / "rules").write_text("*.txt\n")
    (tmp_path / ".ignore").write_text("*.md\n")
    config = tmp_path / "config" / "git"
    config.mkdir(parents=True)
    (config / "ignore").write_text("*.rs\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("a.txt", "b.md", "c.rs", "d.py"):
        (root / "sub" / name).write_text("x")
    (root / ".ignore").write_text("*.py\n")
    # A link in the place of an ignore file leads outside: it is a problem of its own, and none of its rules apply.
    (root / "sub" / ".gitignore").symlink_to("../../rules")
    found = vfo.scan_files("sub", within=root).collect()
    assert found.filter(found["error"].is_null())["name"].to_list() == ["a.txt", "b.md", "c.rs"]
    assert found.filter(found["error"].is_not_null())["path"].to_list() == ["sub/.gitignore"]
    # Without a root, the same rules apply from everywhere.
    assert vfo.scan_files(root / "sub").collect()["name"].to_list() == []


@pytest.mark.hazard(3)
def test_a_worktree_s_repository_outside_is_not_read(tmp_path: Path) -> None:
    git = tmp_path / "elsewhere"
    (git / "info").mkdir(parents=True)
    (git / "info" / "exclude").write_text("*.txt\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / ".git").write_text(f"gitdir: {git}\n")
    (root / "a.txt").write_text("x")
    assert vfo.scan_files(root).collect().is_empty()
    assert vfo.scan_files(within=root).collect()["path"].to_list() == ["a.txt"]


def test_paths_are_told_from_the_root(roots: Path) -> None:
    assert vfo.glob_files(".", "file", within=roots)["path"].to_list() == ["file", "sub/deep/file"]
    assert vfo.glob_files("sub", "file", within=roots)["path"].to_list() == ["sub/deep/file"]
    absolute = vfo.glob_files("sub", "file", within=roots, absolute_paths=True)
    assert absolute["path"].to_list() == [f"{roots}/sub/deep/file"]
    # An absolute path that begins with the root's own is what follows it.
    assert vfo.read_file(roots / "sub" / "deep" / "file", within=roots) == b"inside\n"
    assert vfo.get_file_info(f"{roots}/sub", within=roots)["path"].to_list() == ["sub"]
    assert vfo.explain("sub/deep/file", within=roots)["reason"][0] == "searched: nothing leaves it out"
    assert vfo.explain("sub/deep/file", "inside", "sub", within=roots)["path"].to_list() == ["sub/deep/file"]


def test_a_root_stays_the_folder_that_it_was(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(roots.parent)
    root = vfo.Root("root")
    assert root.path == str(roots)
    assert repr(root) == f'Root("{roots}")'
    frame = vfo.scan_files(within=root)
    roots.rename(roots.parent / "moved")
    roots.mkdir()
    (roots / "impostor").touch()
    monkeypatch.chdir("/")
    assert vfo.read_file("file", within=root) == b"inside\n"
    assert "file" in frame.collect()["path"].to_list()
    # A pickle holds the path alone.
    assert vfo.scan_files(within=pickle.loads(pickle.dumps(root))).collect()["path"].to_list() == ["impostor"]


def test_a_root_must_be_a_folder_that_is_there(roots: Path) -> None:
    with pytest.raises(vfo.PathNotFoundError, match="root"):
        vfo.Root(roots / "missing")
    with pytest.raises(vfo.PathNotFoundError):
        vfo.read_file("file", within=roots / "file")


def everything_in(folder: Path) -> list[str]:
    """The names and contents of all that lies outside of the root."""
    files = [path for path in sorted(folder.rglob("*")) if "root" not in path.relative_to(folder).parts]
    return [f"{path} {path.read_bytes() if path.is_file() else path.lstat().st_mode}" for path in files]


WRITES: dict[str, Callable[..., object]] = {
    "write_file_atomic": lambda path, **options: vfo.write_file_atomic(path, "new", **options),
    "append_file": lambda path, **options: vfo.append_file(path, "new", **options),
    "replace_in_file": lambda path, **options: vfo.replace_in_file(path, ".", "new", **options),
}


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
@pytest.mark.hard
def test_no_race_leads_out_in_400_000_opens(roots: Path, figures: Callable[[str], None]) -> None:
    seen = race(roots, 400_000)
    figures(f"hazard 4: {seen['inside']} reads inside and {seen['refused']} refused, {seen['swaps']} swaps, 0 leaks")


@pytest.mark.hazard(4)
def test_no_race_leads_out(roots: Path) -> None:
    seen = race(roots, 20_000)
    assert min(seen.values()) > 100, seen
