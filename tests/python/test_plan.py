"""Plans: partitions that are balanced, hold everything once, and can be scanned anywhere."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import vespera_file_ops as vfo

from conftest import make_tree

# Names whose order by bytes and by components differ, and what the rules leave out.
NAMES = st.sampled_from(["a", "a!", "a.md", "a0", "b", "b.py", ".h", "c.log", "ü", "d"])
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=4).map(tuple), st.integers(0, 3000), min_size=1, max_size=25
).map(lambda tree: {path: size for path, size in tree.items() if not _is_folder_of_another(path, tree)})


def _is_folder_of_another(path: tuple[str, ...], tree: dict[tuple[str, ...], int]) -> bool:
    return any(other[: len(path)] == path and other != path for other in tree)


def content(size: int) -> bytes:
    return b"def needle(): pass\n\n" * (size // 20) + b"x" * (size % 20)


def write(root: Path, tree: dict[tuple[str, ...], int]) -> None:
    make_tree(root, {"/".join(path): content(size) for path, size in tree.items()})


def scans(source: str | vfo.Partition, **options: object) -> dict[str, pl.LazyFrame]:
    return {
        # To read a folder changes when it was.
        "files": vfo.scan_files(source, **options).drop("accessed"),
        "hits": vfo.scan_hits("needle", source, **options),
        "coverage": vfo.scan_coverage("needle", source, include_ignored=True, **options),
        "chunks": vfo.scan_chunks(source, chunk_size=100, **options),
    }


def assert_whole(source: str, parts: list[vfo.Partition], **options: object) -> None:
    """The rows of the parts, one after another, are those of the whole."""
    of_parts = [scans(part, **options) for part in parts]
    for table, whole in scans(source, **options).items():
        assert_frame_equal(pl.concat([part[table].collect() for part in of_parts]), whole.collect())


@settings(max_examples=40, deadline=None)
@given(tree=TREES, later=TREES, gone=st.sets(st.integers(0, 24)), target=st.integers(1, 120_000))
def test_the_parts_hold_every_row_once_also_of_what_has_come_since(
    tree: dict[tuple[str, ...], int], later: dict[tuple[str, ...], int], gone: set[int], target: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "tree"
        root.mkdir()
        make_tree(root, {".ignore": b"*.log\n"})
        write(root, tree)
        parts = list(vfo.plan(folder, target_bytes=target))
        assert parts[0].after is None
        assert parts[-1].until is None
        assert [part.after for part in parts[1:]] == [part.until for part in parts[:-1]]
        whole = vfo.scan_files(folder).filter(pl.col("kind") == "file").select(pl.len(), pl.sum("size")).collect()
        assert (sum(part.files for part in parts), sum(part.size for part in parts)) == whole.row(0)
        for threads in (1, 3):
            assert_whole(folder, parts, threads=threads)
        # What is planned to be an end stays; of the rest something goes, and something comes.
        ends = {root / os.fsdecode(part.until)[len("tree/") :] for part in parts if part.until}
        for at, path in enumerate(sorted(path for path in root.rglob("*") if path.is_file())):
            if at in gone and path not in ends:
                path.unlink()
        for path, size in later.items():
            place = root.joinpath(*path)
            if not place.exists() and not any(parent.is_file() for parent in place.parents):
                make_tree(root, {"/".join(path): content(size)})
        assert_whole(folder, parts)


def test_parts_are_full_and_no_part_holds_more_than_the_target(tmp_path: Path) -> None:
    sizes = [3000, 70_000, 10, 10, 10, 500_000, 10, 90_000, 40_000]
    root = make_tree(tmp_path, {f"f{at}": b"x" * size for at, size in enumerate(sizes)})
    parts = list(vfo.plan(root, target_bytes=100_000))
    files = [(1, 3000), (1, 70_000), (3, 30), (1, 500_000), (1, 10), (1, 90_000), (1, 40_000)]
    assert [(part.files, part.size) for part in parts] == files
    assert sum(part.files for part in vfo.plan(root, target_bytes=1)) == len(sizes)


def test_a_plan_of_nothing_and_of_one_file_is_one_part(tmp_path: Path) -> None:
    (part,) = vfo.plan(tmp_path)
    assert (part.files, part.after, part.until) == (0, None, None)
    assert vfo.scan_files(part).collect().is_empty()
    (part,) = vfo.plan(make_tree(tmp_path, {"a.txt": b"needle\n"}) / "a.txt")
    assert (part.files, part.size) == (1, 7)
    assert vfo.search_files("needle", part).height == 1


def test_a_glob_is_shared_out(mixed_tree: Path) -> None:
    source = f"{mixed_tree}/**/file[12]*"
    parts = list(vfo.plan(source, target_bytes=50_000))
    assert len(parts) > 2
    assert_whole(source, parts)


def test_the_options_of_the_walk_go_with_each_part(mixed_tree: Path) -> None:
    options = {"include": "*.py", "include_hidden": True, "max_file_size": 5000, "absolute_paths": True}
    parts = list(vfo.plan(str(mixed_tree), target_bytes=20_000, **options))
    assert len(parts) == 5
    whole = vfo.scan_files(str(mixed_tree), **options).collect()
    assert_frame_equal(pl.concat([vfo.scan_files(part).collect() for part in parts]), whole)


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_names_that_are_no_text_are_ends_too(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    for folder in (b"a", b"\xff", b"z"):
        os.mkdir(root + b"/" + folder)
        for name in (b"\xfe", b"n\xc3\xbc", b"\xc3"):
            Path(os.fsdecode(root + b"/" + folder + b"/" + name)).write_bytes(b"needle\n")
    parts = list(vfo.plan(tmp_path, target_bytes=1))
    assert [part.until for part in parts[:3]] == [b"a/n\xc3\xbc", b"a/\xc3", b"a/\xfe"]
    assert_whole(str(tmp_path), parts)


def test_another_process_scans_a_part_wherever_it_runs(demo: Path) -> None:
    parts = list(vfo.plan("src", target_bytes=17_000))
    assert len(parts) == 3
    program = (
        "import pickle, sys, vespera_file_ops as vfo\n"
        "parts = pickle.load(sys.stdin.buffer)\n"
        "print([path for part in parts for path in vfo.scan_files(part).collect()['path']])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd="/", input=pickle.dumps(parts), capture_output=True, check=True, timeout=60
    )
    assert done.stdout.decode().strip() == "['src/app.py', 'src/lib.rs', 'src/util.py']"


def test_the_plan_is_made_while_the_tree_is_walked(tmp_path: Path) -> None:
    make_tree(tmp_path, {f"d{at // 500:02}/f{at}": b"" for at in range(20_000)})
    parts = vfo.plan(tmp_path, target_bytes=10 * (16 << 10))
    first = next(parts)
    assert first.files <= 10
    for folder in range(1, 40):
        (tmp_path / f"d{folder:02}").rename(tmp_path / f"e{folder:02}")
    # The walk was ahead by no more than its buffers: it meets folders that have gone, and does not count their files.
    assert sum(part.files for part in parts) + first.files < 20_000 * 2


def test_what_a_part_ended_with_is_a_row_when_it_has_gone(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "tree", {f"{folder}/{name}.txt": b"needle\n" for folder in "abc" for name in "xyz"})
    parts = list(vfo.plan(root, target_bytes=2 * 16_400))
    assert [part.until for part in parts] == [b"a/x.txt", b"a/z.txt", b"b/x.txt", b"b/z.txt", b"c/x.txt", None]
    for path in (root / "b").iterdir():
        path.unlink()
    (root / "b").rmdir()
    (root / "c/x.txt").unlink()
    files = pl.concat([vfo.scan_files(part).collect() for part in parts])
    lost = files.filter(pl.col("error").is_not_null())
    assert lost["relative_path"].to_list() == ["b", "b", "c/x.txt"]
    assert lost["kind"].to_list() == ["dir", "dir", "file"]
    assert all("it stood here when the tree was planned, and is gone" in error for error in lost["error"])
    coverage = pl.concat([vfo.scan_coverage("needle", part).collect() for part in parts])
    assert coverage.filter(status="vanished")["relative_path"].to_list() == ["b", "b", "c/x.txt"]
    with pytest.warns(vfo.IncompleteSearchWarning):
        hits = pl.concat([vfo.search_files("needle", part) for part in parts])
    assert hits["relative_path"].to_list() == ["a/x.txt", "a/y.txt", "a/z.txt", "c/y.txt", "c/z.txt"]


def test_what_is_something_else_now_has_gone(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "s", dict.fromkeys(("a", "d/x", "d/y", "e"), b"needle\n"))
    parts = list(vfo.plan(root, target_bytes=1))
    assert [part.until for part in parts] == [b"a", b"d/x", b"d/y", None]
    (root / "d").rename(tmp_path / "d")
    (root / "d").symlink_to(tmp_path / "d")
    coverage = pl.concat([vfo.scan_coverage("needle", part).collect() for part in parts])
    assert coverage.select("relative_path", "status").rows() == [
        ("a", "searched"), ("d", "vanished"), ("d", "vanished"), ("e", "searched"),
    ]  # fmt: skip
    (root / "d").unlink()
    (root / "d").write_bytes(b"needle\n")
    coverage = pl.concat([vfo.scan_coverage("needle", part).collect() for part in parts])
    assert sorted(coverage.filter(status="vanished")["relative_path"]) == ["d", "d"]
    assert sorted(coverage.filter(status="searched")["relative_path"]) == ["a", "d", "e"]


def test_ignore_files_that_cannot_be_used_are_no_end_and_keep_their_place(tmp_path: Path) -> None:
    make_tree(tmp_path, {f"t/{path}": b"needle\n" for path in ("a", "sub/!a", "sub/a", "sub/z", ".git/HEAD")})
    for broken in ("t/.git/info/exclude", "t/sub/.git/info/exclude", "t/sub/.gitignore"):
        (tmp_path / broken).mkdir(parents=True)
    for source in (str(tmp_path / "t"), str(tmp_path / "t" / "sub")):
        parts = list(vfo.plan(source, target_bytes=1))
        assert [part.until for part in parts[:-1]] == sorted(part.until or b"" for part in parts[:-1])
        assert_whole(source, parts)
    root = vfo.Root(tmp_path / "t")
    (tmp_path / "t/.gitignore").mkdir()
    parts = list(vfo.plan("sub", target_bytes=1, within=root))
    files = [vfo.scan_files(part).drop("accessed").collect() for part in parts]
    whole = vfo.scan_files("sub", within=root).drop("accessed").collect()
    assert_frame_equal(pl.concat(files), whole)
    # What stands above the source is told by the path that it has.
    assert ".gitignore" in whole.filter(pl.col("error").is_not_null())["path"].to_list()
    empty = tmp_path / "t/sub/empty"
    empty.mkdir()
    (part,) = vfo.plan(empty)
    assert part.files == 0
    assert_whole(str(empty), [part])


def test_a_relative_source_is_the_one_from_where_it_was_planned(demo: Path, tmp_path: Path) -> None:
    parts = vfo.plan("src", target_bytes=1)
    os.chdir(tmp_path)
    assert [path for part in parts for path in vfo.scan_files(part).collect()["path"]] == [
        "src/app.py", "src/lib.rs", "src/util.py",
    ]  # fmt: skip


def test_a_machine_without_the_file_system_is_told(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "mount", {"a": b"1", "b": b"2"})
    parts = list(vfo.plan(root, target_bytes=1)) + list(vfo.plan(f"{root}/*"))
    (root / "a").unlink()
    (root / "b").unlink()
    for part in parts:
        with pytest.raises(vfo.PathNotFoundError, match="files stood in it when the tree was planned: is its file sys"):
            vfo.scan_files(part).collect()
    root.rmdir()
    for part in parts[:2]:
        with pytest.raises(vfo.PathNotFoundError, match="mount"):
            vfo.search_files("x", part)


def test_a_part_stays_in_the_root_that_it_was_planned_in(beside: Path) -> None:
    parts = list(vfo.plan(".", target_bytes=1, include_hidden=True, within=vfo.Root(beside, denied=".env")))
    parts = pickle.loads(pickle.dumps(parts))
    files = pl.concat([vfo.scan_files(part).collect() for part in parts])
    assert files["path"].to_list() == ["d", "d/x", "file", "harmless", "in.txt", "link"]
    with pytest.raises(vfo.OutsideRootError):
        vfo.plan("../outside", within=beside)


def test_another_version_is_refused(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (part,) = vfo.plan(demo)
    saved = pickle.dumps(part).replace(vfo.__version__.encode(), b"9" + vfo.__version__.encode()[1:])
    with pytest.raises(
        vfo.ArgumentError, match=r"planned by vespera_file_ops 9\S+, but .* has .*install the same vers"
    ):
        vfo.scan_files(pickle.loads(saved))


def test_what_a_plan_and_a_part_do_not_take_is_refused(demo: Path) -> None:
    for target, error in ((0, vfo.ArgumentError), (True, TypeError), ("1", TypeError)):
        with pytest.raises(error, match="target_bytes: "):
            vfo.plan(".", target_bytes=target)  # type: ignore[arg-type]
    with pytest.raises(vfo.ArgumentError, match="source: expected one folder, file or glob, got a list"):
        vfo.plan(["src", "data"])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument 'follow_symlinks'"):
        vfo.plan(".", follow_symlinks=True)  # type: ignore[call-arg]
    with pytest.raises(vfo.PathNotFoundError):
        vfo.plan("gone")
    (part,) = vfo.plan(".", include="*.py")
    with pytest.raises(vfo.ArgumentError, match="it is a part of a plan already"):
        vfo.plan(part)  # type: ignore[arg-type]
    assert {part: 1}[pickle.loads(pickle.dumps(part))] == 1
    for options in ({"include": "*.rs"}, {"follow_symlinks": False}, {"within": "."}):
        with pytest.raises(vfo.ArgumentError, match=f"{next(iter(options))}: what is walked was settled when"):
            vfo.scan_files(part, **options)  # type: ignore[arg-type]
    with pytest.raises(vfo.ArgumentError, match="a part of a plan holds no whole folders"):
        vfo.diff_trees(vfo.scan_files(".").collect(), part)
    for refused in (vfo.watch, vfo.get_file_info, lambda source: vfo.scan_files([source])):
        with pytest.raises(TypeError, match="not Partition"):
            refused(part)
