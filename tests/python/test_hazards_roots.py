"""Hazard 3: with `within=`, nothing outside of the root is reached, by no spelling and no link."""

from __future__ import annotations

import errno
import inspect
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

import vespera_file_ops as vfo
from root_escapes import ESCAPES, MAKES, OF_FRAMES, SECRET, WRITES, drained, path_arguments
from test_bad_arguments import BAD, CALLS
from vespera_file_ops import cli
from vespera_file_ops.cli.arguments import command_parser


@pytest.mark.hazard(3)
def test_every_argument_that_is_a_path_is_tried() -> None:
    """By what the arguments refuse, and by their names: a path without its annotation would be left out."""
    tried = set(path_arguments())
    assert {name for name, _ in tried} == set(CALLS) - OF_FRAMES
    refuse_a_nul = {
        argument for argument, bad in BAD.items() if any(isinstance(value, str) and "\0" in value for value in bad)
    }
    assert {argument for _, argument in tried} == refuse_a_nul - {"within"}
    for name in CALLS:
        for argument in inspect.signature(getattr(vfo, name)).parameters:
            assert ((name, argument) in tried) == (argument in refuse_a_nul - {"within"}), (name, argument)


@pytest.mark.hazard(3)
@pytest.mark.parametrize("escape", ESCAPES)
def test_no_path_leads_the_command_line_out(roots: Path, escape: str, capfd: pytest.CaptureFixture[str]) -> None:
    # A tokenizer is read from within the root too.
    assert cli.main(["chunks", "file", "--tokenizer", escape, "--within", str(roots)]) == 2
    assert SECRET not in "".join(capfd.readouterr())
    [commands] = [action for action in command_parser()._actions if action.dest == "command"]
    assert isinstance(commands.choices, dict)
    for command, parser in commands.choices.items():
        # Those of the server are tried in test_mcp_safety.py.
        if command in {"index", "serve"}:
            continue
        assert "--within" in parser._option_string_actions, command
        paths = {"search": ["."], "watch": ["--initial", "--once"]}.get(command, [])
        for given in ([escape], [escape, "file"]):
            for options in ([], ["--format", "csv"]):
                status = cli.main([command, *paths, *given, *options, "--within", str(roots)])
                told = capfd.readouterr()
                assert SECRET not in told.out + told.err
                if command in {"info", "explain"} and (roots / escape).is_symlink():
                    assert "symlink" in told.out
                elif given == [escape]:
                    assert (status, told.out) == (2, "")
                    assert "leads outside of the root" in told.err
                elif command != "read":
                    # A watcher waits for what is not there yet, and tells of what is.
                    assert "inside" in told.out or "file" in told.out


@pytest.mark.hazard(3)
@pytest.mark.parametrize("escape", ESCAPES)
def test_no_path_leads_the_index_of_the_command_line_out(
    roots: Path, escape: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The command lowers the priority of its process, which is that of the other tests.
    monkeypatch.setattr(os, "nice", lambda _more: 0)
    index = tmp_path / "index"
    assert cli.main(["index", "sync", escape, "--index", str(index), "--within", str(roots)]) == 2
    told = capfd.readouterr()
    assert SECRET not in told.out + told.err
    assert told.out == ""
    assert not (index / "chunks.lance").exists()


@pytest.mark.hazard(3)
@pytest.mark.parametrize("escape", ESCAPES)
@pytest.mark.parametrize(("name", "argument"), list(path_arguments()))
def test_no_path_leads_out(roots: Path, name: str, argument: str, escape: str) -> None:
    inside = {"path": "file"} if name in ("search_text", "explain") and argument == "source" else {}
    if name == "move_file":
        inside = {"source": "file", "target": "moved"}
    if name in MAKES and (roots / escape).is_symlink():
        # What stands there, or is moved, is the link itself, and that lies inside.
        return
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
def test_explain_goes_up_from_where_a_link_leads_and_no_further(roots: Path) -> None:
    (roots / "sub" / "file").write_text("beside the folder\n")
    (roots / "sub" / "deep" / "back").symlink_to("../..")
    (roots / "root").mkdir()
    (roots / "root" / "file").write_text("a name of the root's, in the root\n")
    for path, real in (("inside/../file", "sub/file"), ("sub/deep/back/inside/../deep/file", "sub/deep/file")):
        for spelled in (path, f"{roots}//{path}"):
            found = vfo.explain(spelled, "beside|inside", within=roots)
            assert (found["path"].to_list(), found["reason"][0]) == ([real], "searched: 1 hit in 1 line")
    assert vfo.explain("sub/file", source="inside/..", within=roots)["relative_path"].to_list() == ["file"]
    # Where the spelling leads inside and the link does not, it is outside.
    out = ("up_folder/../root/file", "up_folder/../file", "sub/deep/back/../root/file", "inside/../../../secret")
    for path in (*out, "sub/deep/back/.."):
        for arguments in ({"path": path}, {"path": "file", "source": f"{path}/.."}):
            with pytest.raises(vfo.OutsideRootError):
                vfo.explain(**arguments, within=roots)


@pytest.mark.hazard(3)
def test_a_magic_link_leads_out(roots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links of `/proc` lead to what a process has open, by no path."""
    monkeypatch.chdir(roots)
    with open(roots / "file", "rb") as file:
        for path in (
            "self/cwd/file",
            "self/cwd/missing",
            "self/root/etc/passwd",
            f"self/fd/{file.fileno()}",
            "self/exe",
        ):
            for name, argument in path_arguments():
                if argument == "root" or (name in ("get_file_info", "explain", *MAKES) and "cwd" not in path):
                    continue
                inside = {"path": "version"} if name in ("search_text", "explain") and argument == "source" else {}
                if name == "move_file":
                    inside = {"source": "version", "target": "moved"}
                with pytest.raises(vfo.OutsideRootError):
                    drained(CALLS[name](**{**inside, argument: path, "within": "/proc"}))
        for write in WRITES.values():
            with pytest.raises(vfo.OutsideRootError):
                write(f"self/fd/{file.fileno()}", within="/proc")
    assert (roots / "file").read_text() == "inside\n"
    # In a list it is a row.
    row = vfo.scan_files(["self/cwd/file", "version"], within="/proc").collect().row(0, named=True)
    assert "leads outside of the root" in row["error"]


@pytest.mark.hazard(3)
@pytest.mark.parametrize("path", ["one", "one/file", "self", "sub/../two"])
def test_a_loop_of_links_is_no_escape(roots: Path, path: str) -> None:
    for target, link in (("two", "one"), ("one", "two"), ("self", "self")):
        (roots / link).symlink_to(target)
    for call in (vfo.read_file, vfo.compute_file_hash, vfo.scan_files, vfo.list_directory, *WRITES.values()):
        with pytest.raises(OSError, match="too many levels of symbolic links") as caught:
            call(path, within=roots)
        assert not isinstance(caught.value, vfo.OutsideRootError)
        assert caught.value.errno == errno.ELOOP


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
    chunked = vfo.chunk(["file", *ESCAPES], within=roots, extractors={".txt": bytes.decode})
    assert chunked.chunks["path"].to_list() == ["file"]
    assert SECRET not in drained(chunked)


@pytest.mark.hazard(3)
@pytest.mark.parametrize("glob", ["../*", "../secre[t]", "sub/../../*", "up_folder/*", "/etc/pass*", "../root/*"])
def test_no_glob_leads_out(roots: Path, glob: str) -> None:
    def hits(source: str, within: Path) -> object:
        return vfo.scan_hits(SECRET, source, within=within)

    for call in (vfo.scan_files, vfo.scan_chunks, hits):
        with pytest.raises(vfo.OutsideRootError):
            call(glob, within=roots)


@pytest.mark.hazard(3)
def test_followed_links_stay_inside(roots: Path) -> None:
    options: dict[str, Any] = {"follow_symlinks": True, "within": roots}
    found = vfo.scan_files(**options).collect()
    outside = ["absolute", "absolute_inside", "absolute_missing", "chain", "new\nline", "sub/up"]
    outside += ["up", "up_folder", "up_missing"]
    assert sorted(found.filter(found["error"].is_not_null())["path"]) == outside
    assert found["error"].drop_nulls().str.contains("leads outside of the root").all()
    # A link that stays inside is followed; a folder that is reached twice is listed at its real path.
    assert "inside_file" in found["path"].to_list()
    assert SECRET not in drained(vfo.search(".", **options))
    assert SECRET not in drained(vfo.chunk(".", **options))
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
    top, name = os.path.split(roots)
    for root in (roots, f"{top}//{name}/", f"{top}/./{name}/."):
        for front in (f"{roots}//", f"{roots}/./", f"/{roots}/", f"/.{roots}/", f"{top}//.//{name}/"):
            assert vfo.read_file(f"{front}sub/deep/file", within=root) == b"inside\n", (root, front)
            assert vfo.get_file_info(f"{front}sub", within=root)["path"].to_list() == ["sub"]
            assert vfo.scan_files(f"{front}sub//", within=root).collect()["path"][:2].to_list() == [
                "sub/deep",
                "sub/deep/file",
            ]
            assert vfo.explain(f"{front}sub/deep/file", within=root)["path"].to_list() == ["sub/deep/file"]
            vfo.write_file_atomic(f"{front}sub/deep/file", "inside\n", durable=False, within=root)
            assert (
                vfo.scan_files(front, within=root)
                .collect()["path"]
                .equals(vfo.scan_files(within=root).collect()["path"])
            )
        for front in (f"{roots}less/", f"/{roots}less//", f"{roots}.less/../", f"{top}//{name}less/./"):
            with pytest.raises(vfo.OutsideRootError):
                vfo.read_file(f"{front}secret", within=root)
    with pytest.raises(vfo.PathNotFoundError, match="not a directory"):
        vfo.read_file(f"{roots}//file/", within=roots)
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
