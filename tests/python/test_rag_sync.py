"""A sync makes the index what an index built from nothing would be, at the price of what changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops.rag import Index
from vespera_file_ops.rag.sync import REPORT, STATUSES

from conftest import make_tree
from rag_tools import FILES, HashEmbedder, counts, fresh, held, make_source


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_source(tmp_path)


def test_the_first_sync_indexes_what_is_text(tmp_path: Path, source: Path) -> None:
    index = Index(tmp_path / "index")
    report = index.sync(source)
    assert dict(report.schema) == REPORT
    assert tuple(report["status"]) == STATUSES
    assert counts(report) == {"added": len(FILES)}
    rows = held(index)
    assert set(rows["relative_path"]) == {name for name in FILES if not name.startswith("data/")}
    assert rows["path"].to_list() == [f"{source}/{name}" for name in rows["relative_path"]]
    assert report.filter(status="added")["chunks"].item() == rows.height
    assert rows.filter(relative_path="src/long.py").height > 1
    assert index.verify().is_empty()


def test_a_sync_that_does_nothing_opens_no_table(tmp_path: Path, source: Path) -> None:
    Index(tmp_path / "index").sync(source)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*") if path.name != "lock"}
    code = (
        "import sys; from vespera_file_ops.rag import Index\n"
        f"print(dict(Index({str(tmp_path / 'index')!r}).sync({str(source)!r}).select('status', 'files').iter_rows()))\n"
        "assert not {'lancedb', 'pyarrow', 'onnxruntime'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert eval(done.stdout) == {**dict.fromkeys(STATUSES, 0), "unchanged": len(FILES)}
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*") if path.name != "lock"}
    assert after == before


def test_importing_the_package_imports_no_index() -> None:
    code = (
        "import sys, vespera_file_ops as vfo; vfo.scan_files; print([m for m in sys.modules if 'rag' in m.split('.')])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_what_changed_is_done_and_nothing_else(tmp_path: Path, source: Path) -> None:
    embedder = HashEmbedder()
    index = Index(tmp_path / "index", embedder=embedder)
    index.sync(source)
    embedder.texts.clear()
    (source / "src" / "long.py").write_text("value_0 = 0\n")
    (source / "src" / "util.py").rename(source / "zebra.py")
    (source / "src" / "lib.rs").unlink()
    (source / "new.py").write_text("import os\n")
    os.utime(source / "README.md", (1_700_000_000, 1_700_000_000))
    report = index.sync(source)
    assert counts(report) == {"added": 1, "modified": 1, "renamed": 1, "touched": 1, "removed": 1, "unchanged": 3}
    assert report.filter(status="renamed")["paths"].item().to_list() == ["zebra.py"]
    assert report["embedded"].sum() == 2
    assert sorted(embedder.texts) == ["import os", "value_0 = 0"]
    assert index.verify().is_empty()
    assert held(index).equals(fresh(tmp_path, source, HashEmbedder()))


def test_equal_text_is_embedded_once_and_again_never(tmp_path: Path, source: Path) -> None:
    embedder = HashEmbedder()
    index = Index(tmp_path / "index", embedder=embedder)
    shutil.copy(source / "src" / "app.py", source / "copy.py")
    report = index.sync(source)
    assert len(embedder.texts) == len(set(embedder.texts)) == report["embedded"].sum()
    assert report["chunks"].sum() == len(embedder.texts) + 1
    embedder.texts.clear()
    kept = {name: (source / name).read_bytes() for name in ("copy.py", "src/app.py", "src/long.py")}
    for name in kept:
        (source / name).write_text("nothing here\n")
    index.sync(source)
    assert embedder.texts == ["nothing here"]
    # Back again, and under another name and extension, from a cache that no row holds.
    for name, content in kept.items():
        (source / name).with_suffix(".txt").write_bytes(content)
    report = index.sync(source)
    assert report["embedded"].sum() == 0
    assert embedder.texts == ["nothing here"]
    assert held(index).equals(fresh(tmp_path, source, HashEmbedder()))


def test_a_rename_that_changes_how_a_file_is_cut_cuts_it_again(tmp_path: Path, source: Path) -> None:
    index = Index(tmp_path / "index")
    index.sync(source)
    (source / "src" / "app.py").rename(source / "src" / "app.txt")
    (source / "src").rename(source / "lib")
    assert index.sync(source).filter(status="renamed")["files"].item() == 4
    assert held(index).equals(fresh(tmp_path, source))


def test_a_file_that_becomes_something_else_loses_its_rows(tmp_path: Path, source: Path) -> None:
    index = Index(tmp_path / "index")
    index.sync(source)
    (source / "README.md").unlink()
    (source / "README.md").mkdir()
    (source / "src" / "app.py").write_bytes(b"\0\0\0")
    (source / "src" / "lib.rs").unlink()
    (source / "src" / "lib.rs").symlink_to("util.py")
    report = index.sync(source)
    assert set(report.filter(status="removed")["paths"].item()) == {"README.md", "src/lib.rs"}
    assert held(index).equals(fresh(tmp_path, source))
    assert index.verify().is_empty()


def test_the_rows_do_not_depend_on_how_the_source_was_spelled(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(source)
    monkeypatch.chdir(source / "src")
    expected = fresh(tmp_path, source)
    for spelled in ("..", "../.", f"{source}/", os.fsencode(source), tmp_path / "link", "../../source"):
        index = Index(tmp_path / "one")
        index.sync(spelled)
        assert held(index).equals(expected)
        assert index.status()["source"].to_list() == [str(source)]
    assert Index(tmp_path / "within").sync("source", within=tmp_path).height
    assert held(Index(tmp_path / "within")).equals(expected)


def test_a_source_with_a_name_may_move(tmp_path: Path, source: Path) -> None:
    index = Index(tmp_path / "index", embedder=HashEmbedder())
    index.sync(source, name="docs")
    source.rename(tmp_path / "elsewhere")
    embedder = HashEmbedder()
    index = Index(tmp_path / "index", embedder=embedder)
    report = index.sync(tmp_path / "elsewhere", name="docs")
    assert (report["embedded"].sum(), embedder.texts) == (0, [])
    assert "removed" not in counts(report)
    assert held(index).equals(fresh(tmp_path, tmp_path / "elsewhere", HashEmbedder(), name="docs"))


def test_several_sources_live_in_one_index(tmp_path: Path, source: Path) -> None:
    other = make_tree(tmp_path / "other", {"src/app.py": b"other\n", "only.md": b"only here\n"})
    index = Index(tmp_path / "index")
    index.sync(source)
    index.sync(other)
    assert index.status()["files"].to_list() == [2, 5]
    shutil.rmtree(source / "src")
    index.sync(source, max_removed=0.9)
    assert index.verify().is_empty()
    assert held(index).filter(source=str(other)).height == 2
    assert held(index).filter(source=str(source)).height == 1


def test_options_of_the_walk_say_what_the_source_holds(tmp_path: Path, source: Path) -> None:
    index = Index(tmp_path / "index")
    index.sync(source, include="*.py")
    assert {path.rpartition(".")[2] for path in held(index)["relative_path"]} == {"py"}
    assert index.verify().is_empty()
    report = index.sync(source, include=["*.py", "*.rs"])
    assert counts(report).get("added") == 1
    assert index.verify().is_empty()
    index.sync(source, exclude="*.rs", max_file_size=100)
    assert set(held(index)["relative_path"]) == {"README.md", "src/app.py", "src/util.py"}


def test_a_dry_run_changes_nothing(tmp_path: Path, source: Path) -> None:
    assert counts(Index(tmp_path / "index").sync(source, dry_run=True)) == {"added": len(FILES)}
    assert not (tmp_path / "index").exists()
    index = Index(tmp_path / "index")
    index.sync(source)
    before = held(index)
    (source / "new.py").write_text("x\n")
    (source / "src" / "lib.rs").unlink()
    report = index.sync(source, dry_run=True)
    assert (counts(report)["added"], counts(report)["removed"]) == (1, 1)
    assert report.filter(status="added")["chunks"].item() is None
    assert held(index).equals(before)


def test_a_file_that_cannot_be_read_keeps_its_rows(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vespera_file_ops.rag import engines

    index = Index(tmp_path / "index")
    index.sync(source)
    before = held(index)
    (source / "src" / "util.py").write_text("changed\n")
    (source / "src" / "new.py").write_text("new\n")
    real = engines.chunked

    def failing(files: pl.DataFrame, *rest: object) -> object:
        chunks, ledger = real(files, *rest)  # type: ignore[arg-type]
        bad = pl.col("key").str.starts_with("src/")
        return chunks, ledger.with_columns(
            is_known=~bad & pl.col("is_known"), error=pl.when(bad).then(pl.lit("changed")).otherwise("error")
        )

    monkeypatch.setattr(engines, "chunked", failing)
    report = index.sync(source)
    unknown = report.filter(status="unknown")
    assert unknown["paths"].item().to_list() == ["src/new.py", "src/util.py"]
    assert unknown["errors"].item().to_list() == ["changed", "changed"]
    assert held(index).equals(before)
    monkeypatch.setattr(engines, "chunked", real)
    report = index.sync(source)
    assert counts(report)["added"] == 1
    assert index.verify().is_empty()


def test_names_that_are_not_text_are_told_apart(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in (b"a\xff.py", b"a\xfe.py", "größe.py".encode()):
        (source / os.fsdecode(name)).write_bytes(b"content of " + name.hex().encode() + b"\n")
    index = Index(tmp_path / "index")
    index.sync(source)
    rows = held(index)
    assert rows.height == rows["artifact"].n_unique() == 3
    exact = [path for path in rows["path_bytes"] if path is not None]
    assert sorted(exact) == [os.fsencode(source) + b"/a\xfe.py", os.fsencode(source) + b"/a\xff.py"]
    (source / os.fsdecode(b"a\xff.py")).unlink()
    (source / os.fsdecode(b"a\xfe.py")).rename(source / os.fsdecode(b"b\xfe.py"))
    index.add(source / os.fsdecode(b"b\xfe.py"))
    index.sync(source, max_removed=1)
    assert index.verify().is_empty()
    assert held(index).equals(fresh(tmp_path, source))


def test_an_index_does_not_index_itself(tmp_path: Path, source: Path) -> None:
    index = Index(source / "the.index")
    for _ in range(3):
        report = index.sync(source)
    assert counts(report) == {"unchanged": len(FILES)}
    assert index.verify().is_empty()
    assert set(held(index)["relative_path"]) == {name for name in FILES if not name.startswith("data/")}


def test_vectors_that_no_row_has_needed_for_long_are_dropped(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vespera_file_ops.rag import vectors

    monkeypatch.setattr(vectors, "_SPARE", 0)
    embedder = HashEmbedder()
    index = Index(tmp_path / "index", embedder=embedder)
    (source / "many").mkdir()
    for number in range(40):
        (source / "many" / f"{number}.txt").write_text(f"text {number}\n")
    index.sync(source)
    shutil.rmtree(source / "many")
    index.sync(source, max_removed=1)
    assert index._store._cache is not None
    assert index._store._cache._open().count_rows() == held(index)["text_blake3"].n_unique() < 40
    embedder.texts.clear()
    (source / "README.md").rename(source / "README.txt")
    index.sync(source)
    assert embedder.texts == []
    assert index.verify().is_empty()


def test_the_options_of_the_index_hold_for_every_sync(tmp_path: Path, source: Path) -> None:
    index = Index(tmp_path / "index")
    index.sync(source, chunk_size=300)
    rows = held(index)
    with pytest.raises(vfo.IndexMismatchError, match=r"chunk_size=300, not 500.*rebuild=True"):
        index.sync(source, chunk_size=500)
    index.sync(source)
    assert held(index).equals(rows)
    other = make_tree(tmp_path / "other", {"a.py": FILES["src/long.py"]})
    index.sync(other)
    assert held(index).filter(source=str(other)).height == rows.filter(relative_path="src/long.py").height
    index.sync(source, chunk_size=500, rebuild=True)
    assert held(index).equals(fresh(tmp_path, source, chunk_size=500))
