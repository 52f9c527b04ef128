"""An index that is missing, broken, of a newer version or of another embedder: a clear error, and nothing lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops.rag import Index

from conftest import make_tree
from rag_tools import FILES, HashEmbedder, counts, fresh, held, make_source


@pytest.fixture
def synced(tmp_path: Path) -> tuple[Path, Path]:
    source = make_source(tmp_path)
    Index(tmp_path / "index", embedder=HashEmbedder()).sync(source)
    return tmp_path / "index", source


def manifest(index: Path) -> Path:
    (path,) = (index / "sources").glob("*.parquet")
    return path


DAMAGE: dict[str, Callable[[Path], object]] = {
    "settings gone": lambda index: (index / "settings.json").unlink(),
    "settings cut": lambda index: os.truncate(index / "settings.json", 20),
    "settings other": lambda index: (index / "settings.json").write_text('{"format": 1}'),
    "settings no object": lambda index: (index / "settings.json").write_text("[]"),
    "manifest cut": lambda index: os.truncate(manifest(index), 100),
    "manifest empty": lambda index: os.truncate(manifest(index), 0),
    "doubts broken": lambda index: manifest(index).with_suffix(".doubt.json").write_text("{"),
    "table gone": lambda index: shutil.rmtree(index / "chunks.lance"),
}
TABLE_DAMAGE: dict[str, Callable[[Path], object]] = {
    "versions gone": lambda index: shutil.rmtree(index / "chunks.lance" / "_versions"),
    "versions broken": lambda index: [
        path.write_bytes(b"junk") for path in (index / "chunks.lance/_versions").iterdir()
    ],
    "data gone": lambda index: shutil.rmtree(index / "chunks.lance" / "data"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_broken_part_is_named_and_can_be_rebuilt(synced: tuple[Path, Path], tmp_path: Path, damage: str) -> None:
    place, source = synced
    DAMAGE[damage](place)
    index = Index(place, embedder=HashEmbedder())
    with pytest.raises(vfo.IndexDamagedError, match=r"rebuild=True"):
        index.sync(source)
    index.sync(source, rebuild=True)
    assert index.verify().is_empty()
    assert held(index).equals(fresh(tmp_path, source, HashEmbedder()))


@pytest.mark.parametrize("damage", TABLE_DAMAGE)
def test_a_broken_table_is_named_where_it_is_used(synced: tuple[Path, Path], tmp_path: Path, damage: str) -> None:
    place, source = synced
    (source / "new.py").write_text("new\n")
    TABLE_DAMAGE[damage](place)
    index = Index(place, embedder=HashEmbedder())
    with pytest.raises(vfo.IndexDamagedError, match="rebuild=True"):
        index.search("zebra", mode="text")
    if damage != "data gone":
        with pytest.raises(vfo.IndexDamagedError, match="rebuild=True"):
            index.sync(source)
    index.sync(source, rebuild=True)
    assert index.verify().is_empty()


def test_a_lost_manifest_is_made_again(synced: tuple[Path, Path], tmp_path: Path) -> None:
    place, source = synced
    manifest(place).unlink()
    (source / "src" / "util.py").unlink()
    embedder = HashEmbedder()
    index = Index(place, embedder=embedder)
    index.sync(source, max_removed=1)
    assert embedder.texts == []
    assert held(index).equals(fresh(tmp_path, source, HashEmbedder()))


def test_a_newer_format_is_refused(synced: tuple[Path, Path]) -> None:
    place, source = synced
    stored = json.loads((place / "settings.json").read_text())
    (place / "settings.json").write_text(json.dumps({**stored, "format": 99, "surprise": True}))
    index = Index(place, embedder=HashEmbedder())
    for call in (lambda: index.sync(source), lambda: index.search("x"), index.verify, lambda: index.add("x", "y")):
        with pytest.raises(vfo.IndexMismatchError, match=r"format 99 by a newer version.*up to 1: update"):
            call()
    (place / "settings.json").write_text(json.dumps(stored))
    files = pl.read_parquet(manifest(place))
    meta = json.loads(pl.read_parquet_metadata(manifest(place))["vespera_file_ops"])
    files.write_parquet(manifest(place), metadata={"vespera_file_ops": json.dumps({**meta, "format": 2})})
    with pytest.raises(vfo.IndexMismatchError, match="format 2 by a newer version"):
        index.sync(source)


@pytest.mark.parametrize("other", ["none", "version", "dimension"])
def test_another_embedder_is_refused(synced: tuple[Path, Path], tmp_path: Path, other: str) -> None:
    place, source = synced
    embedder = None if other == "none" else HashEmbedder("2") if other == "version" else HashEmbedder()
    if embedder is not None and other == "dimension":
        embedder.dimension = 4
    before = held(Index(place))
    index = Index(place, embedder=embedder)
    for call in (lambda: index.sync(source), lambda: index.add("x", "y"), lambda: index.remove("x")):
        with pytest.raises(vfo.IndexMismatchError, match=r"built with the embedder 'hash' version 1 .*rebuild=True"):
            call()
    assert held(Index(place)).equals(before)
    if other != "dimension":
        index.sync(source, rebuild=True)
        assert held(index).equals(fresh(tmp_path, source, embedder))


def test_there_must_be_an_index(tmp_path: Path) -> None:
    index = Index(tmp_path / "none")
    for call in (lambda: index.search("x"), index.verify, index.status, lambda: index.table):
        with pytest.raises(vfo.PathNotFoundError, match="no index here; sync"):
            call()
    assert not (tmp_path / "none").exists()


def test_verify_names_every_difference(synced: tuple[Path, Path]) -> None:
    place, source = synced
    index = Index(place, embedder=HashEmbedder())
    table = index.table
    row = table.search().where("relative_path = 'src/util.py'").limit(1).to_arrow().select(table.schema.names)
    table.add(row)
    table.delete("relative_path = 'src/lib.rs'")
    table.update(where="relative_path = 'README.md'", values={"text": "something else"})
    (source / "src" / "app.py").unlink()
    with (source / "src" / "long.py").open("a") as file:
        file.write("more = 1\n")
    told = {(path, difference) for path, difference in index.verify().select("relative_path", "difference").iter_rows()}
    assert {
        ("src/util.py", "duplicated"), ("src/lib.rs", "missing"), ("README.md", "stale"), ("src/app.py", "extra"),
        ("src/long.py", "stale"),
    } == told  # fmt: skip
    assert index.verify(source).equals(index.verify())
    with pytest.raises(vfo.PathNotFoundError, match="no such source"):
        index.verify(name="nothing")
    assert counts(index.sync(source))["removed"] == 1
    index.sync(source, rebuild=True)
    assert index.verify().is_empty()


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small file system")
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("this container may not mount")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def used(place: Path) -> int:
    state = os.statvfs(place)
    return (state.f_blocks - state.f_bfree) * state.f_frsize


def test_a_disk_too_full_for_the_rows_loses_nothing(tmp_path: Path) -> None:
    place, source = tmp_path / "disk", tmp_path / "source"
    make_tree(source, FILES)
    with small_disk(place, 1):
        index = Index(place / "index")
        index.sync(source)
        before = used(place)
        (source / "large.txt").write_text("".join(f"a line {number}\n" for number in range(300_000)))
        for _ in range(3):
            with pytest.raises(vfo.FileSystemError, match="No space left on device; make room") as caught:
                index.sync(source)
            assert caught.value.errno == errno.ENOSPC
        # What it had written until then does not keep the disk full.
        assert used(place) < before + (256 << 10)
        assert Index(place / "index").search("zebra").height == 1
        (source / "large.txt").unlink()
        index.sync(source)
        assert index.verify().is_empty()
        assert held(index).equals(fresh(tmp_path, source))


def test_a_disk_too_full_to_index_the_rows_is_warned_of(tmp_path: Path) -> None:
    place, source = tmp_path / "disk", tmp_path / "source"
    make_tree(source, FILES)
    with small_disk(place, 3):
        index = Index(place / "index")
        index.sync(source)
        (source / "large.txt").write_text("".join(f"a line {number}\n" for number in range(300_000)))
        with pytest.warns(vfo.UnindexedRowsWarning, match="No space left on device: the rows are written"):
            index.sync(source)
        assert index.verify().is_empty()
        assert held(index).equals(fresh(tmp_path, source))
        assert index.search("zebra").height == 1
        assert index.search("299999")["relative_path"].to_list() == ["large.txt"]


def test_what_a_killed_writer_left_does_not_stay(tmp_path: Path) -> None:
    source = make_source(tmp_path)
    index = Index(tmp_path / "index")
    index.sync(source)
    data = tmp_path / "index" / "chunks.lance" / "data"
    left = data / f"{'01' * 12}{'af' * 13}.lance"
    shutil.copyfile(next(data.iterdir()), left)
    (source / "large.txt").write_text("".join(f"a line {number}\n" for number in range(100_000)))
    index.sync(source)
    assert not left.exists()
    assert index.verify().is_empty()


def test_a_file_that_grows_beyond_the_most_keeps_its_rows(tmp_path: Path) -> None:
    source = make_source(tmp_path)
    index = Index(tmp_path / "index")
    index.sync(source)
    before = held(index)
    # Holes: it takes no room on the disk.
    grown = next(path for path in source.rglob("*.py"))
    content = grown.read_bytes()
    os.truncate(grown, 300 << 20)
    report = index.sync(source).filter(pl.col("files") > 0)
    assert counts(report) == {"unchanged": len(FILES) - 1, "unknown": 1}
    (error,) = report.filter(status="unknown")["errors"].item()
    assert error.startswith("314572800 bytes, more than 268435456: an index takes no larger file; leave it out by")
    assert held(index).equals(before)
    grown.write_bytes(content)
    index.sync(source)
    assert index.verify().is_empty()


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['lancedb'] = sys.modules['onnxruntime'] = None\n"
        "import vespera_file_ops as vfo\nfrom vespera_file_ops.rag import Index, MiniLM\n"
        f"for call in (lambda: Index({str(tmp_path / 'i')!r}).add('x', 'y'), MiniLM):\n"
        "    try: call()\n"
        "    except vfo.MissingExtraError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "vespera-file-ops[rag]" in done.stdout.splitlines()[0]
    assert "vespera-file-ops[rag-onnx]" in done.stdout.splitlines()[1]
