"""A saved files table against the tree now: every way in which an entry may have changed, or seem to."""

from __future__ import annotations

import mmap
import os
import shutil
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vespera_file_ops as vfo
from hazard_child import run_child

# Longer than any step of a file system's clock, so that what was written before is no more too young to be trusted.
SETTLED = 0.03


def snapshot(tree: Path, **options: object) -> pl.DataFrame:
    """A saved table of a tree in which nothing is young."""
    time.sleep(SETTLED)
    files = vfo.scan_files(tree, blake3=True, observed=True, **options).collect()
    time.sleep(SETTLED)
    return files


def statuses(table: pl.DataFrame) -> dict[str, str]:
    """What became of each entry that is not unchanged."""
    changed = table.filter(pl.col("status") != "unchanged")
    return dict(changed.select("relative_path", "status").iter_rows())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "a/b").mkdir(parents=True)
    for name in ("one", "two", "a/three", "a/b/four"):
        (root / name).write_text(f"the content of {name}\n")
    (root / "empty").touch()
    (root / "link").symlink_to("one")
    return root


def test_nothing_has_changed(tree: Path) -> None:
    old = snapshot(tree)
    table = vfo.diff_trees(old, tree)
    assert table["status"].unique().to_list() == ["unchanged"]
    assert table["path"].to_list() == old["path"].to_list()
    assert table["blake3"].to_list() == old["blake3"].to_list()


def test_every_status(tree: Path) -> None:
    old = snapshot(tree)
    (tree / "one").write_text("another content\n")
    os.utime(tree / "two")
    (tree / "a/three").unlink()
    (tree / "a/b/four").rename(tree / "five")
    (tree / "new").write_text("new\n")
    table = vfo.diff_trees(old, tree)
    assert statuses(table) == {
        "one": "modified",
        "two": "touched",
        "a/three": "removed",
        "five": "renamed",
        "new": "added",
    }
    assert table.filter(status="renamed").select("path", "old_path").rows() == [
        (f"{tree}/five", f"{tree}/a/b/four"),
    ]
    assert table["relative_path"].to_list() == sorted(table["relative_path"].to_list(), key=lambda p: p.split("/"))


def test_the_spelling_of_the_source_does_not_matter(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = snapshot(tree)
    monkeypatch.chdir(tmp_path)
    assert statuses(vfo.diff_trees(old, "tree/")) == {}
    monkeypatch.chdir(tree)
    assert statuses(vfo.diff_trees(old)) == {}
    assert statuses(vfo.diff_trees(old, within=tree)) == {}
    assert statuses(vfo.diff_trees(old.lazy(), Path("."), absolute_paths=True)) == {}


def test_a_copy_is_touched_everywhere(tree: Path, tmp_path: Path) -> None:
    old = snapshot(tree)
    copy = tmp_path / "copy"
    shutil.copytree(tree, copy, symlinks=True)
    found = statuses(vfo.diff_trees(old, copy))
    assert {path for path, status in found.items() if status == "touched"} == {
        "one",
        "two",
        "a/three",
        "a/b/four",
        "empty",
    }


def test_without_hashes(tree: Path) -> None:
    old = snapshot(tree).drop("blake3")
    os.utime(tree / "two")
    (tree / "a/three").rename(tree / "moved")
    assert statuses(vfo.diff_trees(old, tree)) == {"two": "modified", "moved": "renamed"}


def test_only_what_is_needed_is_needed(tree: Path) -> None:
    old = snapshot(tree).select("relative_path", "kind", "size", "modified")
    (tree / "one").write_text("longer than it was before\n")
    found = statuses(vfo.diff_trees(old, tree))
    assert found["one"] == "modified"
    with pytest.raises(vfo.ArgumentError, match="has no column kind, modified"):
        vfo.diff_trees(old.select("relative_path", "size"), tree)


def test_the_order_of_the_saved_rows_does_not_matter(tree: Path) -> None:
    old = snapshot(tree)
    (tree / "0 first").write_text("new\n")
    (tree / "a/three").unlink()
    (tree / "zz last").write_text("new\n")
    expected = vfo.diff_trees(old, tree)
    assert statuses(expected) == {"0 first": "added", "a/three": "removed", "zz last": "added"}
    for order in (old.reverse(), old.sample(fraction=1, shuffle=True, seed=1), pl.concat([old[3:], old[:3]])):
        assert vfo.diff_trees(order, tree).equals(expected)


def test_of_a_lazy_table_only_what_is_compared_is_computed(tree: Path, tmp_path: Path) -> None:
    def never(_: pl.Series) -> pl.Series:
        raise AssertionError("this column is not needed")

    old = snapshot(tree)
    old.write_parquet(tmp_path / "old.parquet")
    lazy = pl.scan_parquet(tmp_path / "old.parquet").with_columns(
        pl.col("name").map_batches(never, return_dtype=pl.String)
    )
    assert vfo.diff_trees(lazy, tree).equals(vfo.diff_trees(old, tree))


def test_a_folder_is_renamed_with_what_is_in_it(tree: Path) -> None:
    old = snapshot(tree)
    (tree / "a").rename(tree / "z")
    table = vfo.diff_trees(old, tree)
    assert statuses(table) == dict.fromkeys(("z", "z/b", "z/b/four", "z/three"), "renamed")


def test_equal_contents_are_renamed_one_to_one(tree: Path) -> None:
    for name in ("same1", "same2", "same3"):
        (tree / name).write_text("the same\n")
    old = snapshot(tree)
    for name in ("same1", "same2", "same3"):
        (tree / name).unlink()
    for name in ("x1", "x2"):
        (tree / name).write_text("the same\n")
    table = vfo.diff_trees(old, tree)
    assert sorted(statuses(table).values()) == ["removed", "renamed", "renamed"]
    renamed = table.filter(status="renamed")
    assert renamed["old_path"].n_unique() == renamed["path"].n_unique() == 2


def test_empty_files_are_not_taken_for_each_other(tree: Path) -> None:
    old = snapshot(tree)
    (tree / "empty").unlink()
    (tree / "other").write_text("")
    os.utime(tree / "other", (1, 1))
    assert statuses(vfo.diff_trees(old, tree)) == {"empty": "removed", "other": "added"}


def test_a_file_becomes_a_folder(tree: Path) -> None:
    old = snapshot(tree)
    (tree / "one").unlink()
    (tree / "one").mkdir()
    assert statuses(vfo.diff_trees(old, tree)) == {"one": "modified"}


# Hazard 28: what looks the same and is not.


@pytest.mark.hazard(28)
def test_a_change_that_restores_size_and_time(tree: Path) -> None:
    old = snapshot(tree)
    before = (tree / "one").stat()
    (tree / "one").write_text("THE CONTENT OF one\n")
    os.utime(tree / "one", ns=(before.st_atime_ns, before.st_mtime_ns))
    after = (tree / "one").stat()
    assert (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    assert statuses(vfo.diff_trees(old, tree)) == {"one": "modified"}


@pytest.mark.hazard(28)
def test_an_older_file_of_the_same_size_takes_its_place(tree: Path) -> None:
    (tree / "old").write_text("THE CONTENT OF one\n")
    stamp = (tree / "one").stat()
    os.utime(tree / "old", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    old = snapshot(tree)
    (tree / "old").rename(tree / "one")
    found = statuses(vfo.diff_trees(old, tree))
    assert found == {"old": "removed", "one": "modified"}


@pytest.mark.hazard(28)
def test_an_inode_is_used_again(tree: Path) -> None:
    old = snapshot(tree)
    number = (tree / "one").stat().st_ino
    (tree / "one").unlink()
    for attempt in range(50):
        (tree / f"again{attempt}").write_text("the content of two\n")
        if (tree / f"again{attempt}").stat().st_ino == number:
            break
    found = statuses(vfo.diff_trees(old, tree))
    assert found.pop("one") == "removed"
    assert set(found.values()) == {"added"}, "its content is that of a file that is still there"
    assert statuses(vfo.diff_trees(old.drop("blake3"), tree))["one"] == "removed"


@pytest.mark.hazard(28)
def test_what_changes_in_the_step_of_the_look(tree: Path) -> None:
    """A second write of the same size within the clock's step leaves the same numbers, and is found all the same."""
    for attempt in range(30):
        (tree / "one").write_text(f"first {attempt:04}")
        old = vfo.scan_files(tree, blake3=True, observed=True).collect()
        with (tree / "one").open("r+") as file:
            file.write(f"again {attempt:04}")
        assert statuses(vfo.diff_trees(old, tree))["one"] == "modified"
        assert statuses(vfo.diff_trees(old.drop("observed"), tree))["one"] == "modified"


@pytest.mark.hazard(28)
def test_a_store_into_a_dirty_page_is_found_by_verify(tree: Path) -> None:
    (tree / "one").write_bytes(b"x" * 4096)
    with (tree / "one").open("r+b") as file, mmap.mmap(file.fileno(), 4096) as pages:
        pages[0] = ord("y")
        old = snapshot(tree)
        before = (tree / "one").stat()
        pages[1] = ord("z")
        after = (tree / "one").stat()
        assert statuses(vfo.diff_trees(old, tree, verify=True)) == {"one": "modified"}
        if before.st_ctime_ns == after.st_ctime_ns:
            # What no number shows, a look at the numbers cannot see.
            assert statuses(vfo.diff_trees(old, tree)) == {}


# What could not be listed is unknown, never removed.


def test_a_folder_that_may_not_be_read(tree: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    for parent in [tree, *tree.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    code = """
    old = vfo.scan_files(argument, blake3=True, observed=True).collect()
    os.chmod(argument + "/a", 0)
    os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    table = vfo.diff_trees(old, argument).filter(pl.col("status") != "unchanged")
    answer(table.select("relative_path", "status").rows())
    """
    rows = run_child(code, str(tree), home=tree.parent)
    assert dict(map(tuple, rows)) == {"a": "unknown", "a/b": "unknown", "a/b/four": "unknown", "a/three": "unknown"}


def test_a_source_that_may_not_be_read(tree: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    for parent in [*tree.parents][:-2]:
        parent.chmod(parent.stat().st_mode | 0o055)
    code = """
    old = vfo.scan_files(argument, blake3=True, observed=True).collect()
    os.chmod(argument, 0)
    os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
    answer(vfo.diff_trees(old, argument)["status"].unique().to_list())
    """
    assert run_child(code, str(tree), home=tree.parent) == ["unknown"]


def test_another_file_system_lies_there(tree: Path) -> None:
    """As when a mount point is empty: what was there is not known to be gone."""
    old = snapshot(tree)
    shutil.rmtree(tree / "a/b")
    elsewhere = old.with_columns(
        device=pl.when(pl.col("relative_path").str.starts_with("a/")).then(pl.col("device") + 1).otherwise("device")
    )
    found = statuses(vfo.diff_trees(elsewhere, tree))
    assert (found["a/b"], found["a/b/four"]) == ("unknown", "unknown")
    assert statuses(vfo.diff_trees(old, tree)) == {"a/b": "removed", "a/b/four": "removed"}


def test_a_source_that_is_gone_raises(tree: Path) -> None:
    old = snapshot(tree)
    shutil.rmtree(tree)
    with pytest.raises(vfo.PathNotFoundError):
        vfo.diff_trees(old, tree)


def test_names_that_are_not_text(tree: Path) -> None:
    folder = os.fsencode(tree)
    for name in (b"\xff", b"\xfe"):
        Path(os.fsdecode(folder + b"/" + name)).write_bytes(name)
    old = snapshot(tree)
    assert statuses(vfo.diff_trees(old, tree)) == {}
    os.unlink(folder + b"/\xff")
    table = vfo.diff_trees(old, tree)
    assert table.filter(status="removed")["path_bytes"].to_list() == [folder + b"/\xff"]


def test_several_sources_with_one_relative_path_are_refused(tree: Path, tmp_path: Path) -> None:
    shutil.copytree(tree, tmp_path / "other", symlinks=True)
    old = snapshot(tree)
    with pytest.raises(vfo.ArgumentError, match="source: two entries have the relative path"):
        vfo.diff_trees(old, [tree, tmp_path / "other"])
    with pytest.raises(vfo.ArgumentError, match="old_files: two entries"):
        vfo.diff_trees(pl.concat([old, old]), tree)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (("no frame",), TypeError, "old_files: a DataFrame or a LazyFrame, not str"),
        (
            (pl.DataFrame({"relative_path": [1], "kind": ["file"], "size": [1], "modified": [None]}),),
            vfo.ArgumentError,
            "relative_path is Int64",
        ),
    ],
)
def test_bad_arguments(arguments: tuple, error: type[Exception], text: str, tree: Path) -> None:
    with pytest.raises(error, match=text):
        vfo.diff_trees(*arguments, tree)


def test_an_empty_table_and_an_empty_tree(tree: Path, tmp_path: Path) -> None:
    old = snapshot(tree)
    (tmp_path / "nothing").mkdir()
    assert set(vfo.diff_trees(old.clear(), tree)["status"]) == {"added"}
    assert set(vfo.diff_trees(old, tmp_path / "nothing")["status"]) == {"removed"}
    both = vfo.diff_trees(old.clear(), tmp_path / "nothing")
    assert both.height == 0
    assert both.schema == vfo.diff_trees(old, tree).schema


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["write", "touch", "remove", "rename", "add"]), st.integers(0, 5), st.integers(0, 9)),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(operations=OPERATIONS)
def test_the_table_tells_how_to_get_from_one_tree_to_the_other(
    operations: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Applied to the old contents, the rows give the new contents, whatever happened in between."""
    tree = tmp_path_factory.mktemp("random")
    for number in range(6):
        (tree / f"file{number}").write_text(f"content {number}")
    old = snapshot(tree)
    contents = {path.name: path.read_text() for path in tree.iterdir()}
    for what, number, seed in operations:
        path = tree / f"file{number}"
        if what == "add":
            (tree / f"added{seed}").write_text(f"added {seed}")
        elif path.exists():
            {
                "write": lambda path=path, seed=seed: path.write_text(f"content {seed}"),
                "touch": lambda path=path: os.utime(path),
                "remove": lambda path=path: path.unlink(),
                "rename": lambda path=path, seed=seed: path.rename(tree / f"renamed{seed}"),
            }[what]()
    now = {path.name: path.read_text() for path in tree.iterdir()}
    told: dict[str, str] = {}
    for status, path, old_path, blake3 in (
        vfo.diff_trees(old, tree).select("status", "path", "old_path", "blake3").iter_rows()
    ):
        name = os.path.basename(path)
        if status in ("unchanged", "touched"):
            told[name] = contents[name]
        elif status == "renamed":
            told[name] = contents[os.path.basename(old_path)]
        elif status in ("modified", "added"):
            told[name] = now[name]
        if status in ("unchanged", "touched", "renamed"):
            assert blake3 == vfo.compute_file_hash(path)
    assert told == now
