"""The files table equals `rg --files`, `os.lstat` and the `blake3` package, in the same order at every thread count."""

from __future__ import annotations

import os
import stat
import subprocess
from datetime import datetime, timedelta, timezone
from pathlib import Path

import blake3
import polars as pl
import pytest

import vespera_file_ops as vfo

import truth_rg as rg

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFBLK: "block_device",
    stat.S_IFCHR: "char_device",
}
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def strategy_of(size: int) -> str:
    """The reader that the contract gives to a file of this size."""
    return "buffered" if size < 1 << 20 else "mmap" if size <= 16 << 20 else "stream"


@pytest.fixture(scope="module")
def tree() -> Path:
    """Crates of the registry, or this repository where there are none."""
    return rg.registry() or rg.REPOSITORY


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of everything, with sizes on both sides of each reader's bound."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "sub/.dot/deeper").mkdir(parents=True)
    (folder / "sub/.dot/deeper/file.tar.gz").write_bytes(b"x")
    (folder / "no_extension").touch(mode=0o640)
    (folder / ".hidden").touch()
    (folder / "to_file").symlink_to("no_extension")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "to_folder").symlink_to("sub")
    (folder / "twin").hardlink_to(folder / "no_extension")
    os.mkfifo(folder / "fifo")
    for size in ((1 << 20) - 1, 1 << 20, 16 << 20, (16 << 20) + 1):
        with (folder / f"{size}.bin").open("wb") as file:
            file.truncate(size)
    os.utime(folder / ".hidden", ns=(1, -1_000_000_001))
    return folder


@pytest.mark.parametrize("options", [(), ("--hidden",), ("--no-ignore",)])
def test_files_equal_rg_files(tree: Path, options: tuple[str, ...]) -> None:
    """The regular files of a walk, in component order."""
    ours = (
        vfo.scan_files(tree, include_hidden="--hidden" in options, respect_ignore="--no-ignore" not in options)
        .filter(pl.col("kind") == "file")
        .select("path")
        .collect()["path"]
        .to_list()
    )
    command = [rg.RG, "--no-config", "--files", "-0", *options, str(tree)]
    out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert ours == sorted((os.fsdecode(path) for path in out.split(b"\0") if path), key=rg.component_key)
    assert ours


def check_against_lstat(frame: pl.DataFrame, source: Path) -> None:
    """Every column of every row."""
    for row in frame.iter_rows(named=True):
        s = os.lstat(row["path"])
        kind = KINDS[stat.S_IFMT(s.st_mode)]
        name = os.path.basename(row["path"])
        extension = os.path.splitext(name)[1][1:]
        wanted = {
            "path_bytes": None,
            "relative_path": os.path.relpath(row["path"], source),
            "name": name,
            "extension": extension or None,
            "kind": kind,
            "size": s.st_size,
            "allocated": s.st_blocks * 512,
            "mode": row["mode"] if row["mode"] in (s.st_mode, stat.S_IMODE(s.st_mode)) else s.st_mode,
            "uid": s.st_uid,
            "gid": s.st_gid,
            "links": s.st_nlink,
            "inode": s.st_ino,
            "device": s.st_dev,
            "depth": len(Path(row["relative_path"]).parts),
            "hidden": name.startswith("."),
            "strategy": strategy_of(s.st_size) if kind == "file" else None,
            "error": None,
        }
        assert {key: row[key] for key in wanted} == wanted, row["path"]


def check_times(frame: pl.DataFrame) -> None:
    """Times to the nanosecond; Polars' own Python values stop at microseconds."""
    times = frame.select("path", pl.col("modified", "changed", "accessed", "created").to_physical())
    assert frame.schema["modified"] == pl.Datetime("ns", "UTC")
    for path, modified, changed, accessed, created in times.iter_rows():
        s = os.lstat(path)
        assert (modified, changed) == (s.st_mtime_ns, s.st_ctime_ns), path
        assert accessed is not None
        assert created is None or created <= changed


def test_metadata_equals_lstat_for_every_kind(kinds: Path) -> None:
    frame = vfo.scan_files(kinds, include_hidden=True).collect()
    check_against_lstat(frame, kinds)
    check_times(frame)
    assert set(frame["kind"]) == {"file", "dir", "symlink", "fifo"}
    names = {os.path.join(parent, name) for parent, folders, files in os.walk(kinds) for name in [*folders, *files]}
    assert set(frame["path"]) == names
    before = frame.filter(pl.col("name") == ".hidden")["modified"].item()
    assert before < EPOCH - timedelta(seconds=1) + timedelta(microseconds=1)


def test_the_mode_is_one_convention(kinds: Path) -> None:
    """Every row's `mode` is either st_mode or its permission bits, the same for all."""
    frame = vfo.scan_files(kinds, include_hidden=True).select("path", "mode").collect()
    whole = [os.lstat(path).st_mode for path in frame["path"]]
    assert frame["mode"].to_list() in (whole, [stat.S_IMODE(mode) for mode in whole])


def test_metadata_equals_lstat_in_a_real_tree(tree: Path) -> None:
    frame = vfo.scan_files(tree).collect().gather_every(7)
    check_against_lstat(frame, tree)
    check_times(frame)
    assert frame.height > 100


def test_get_file_info_describes_the_entry_itself(kinds: Path) -> None:
    for name in ("sub", "no_extension", "dangling", "fifo", "16777216.bin"):
        row = vfo.get_file_info(kinds / name).row(0, named=True)
        s = os.lstat(kinds / name)
        assert (row["path"], row["size"], row["inode"]) == (str(kinds / name), s.st_size, s.st_ino)
        assert row["kind"] == KINDS[stat.S_IFMT(s.st_mode)]


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 65536, (1 << 20) - 1, 1 << 20, 5 << 20, (16 << 20) + 3])
def test_hash_equals_the_blake3_package(tmp_path: Path, size: int) -> None:
    """On both sides of each reader's bound, and with each reader forced."""
    content = bytes(range(251)) * (size // 251 + 1)
    file = tmp_path / "content"
    file.write_bytes(content[:size])
    wanted = blake3.blake3(content[:size]).hexdigest()
    assert vfo.compute_file_hash(file) == wanted
    for strategy in ("buffered", "mmap", "stream"):
        assert vfo.compute_file_hash(file, strategy=strategy) == wanted


def test_hash_column_equals_the_blake3_package(tree: Path) -> None:
    frame = vfo.scan_files(tree, blake3=True).filter(pl.col("kind") == "file").select("path", "blake3").collect()
    for path, digest in frame.gather_every(23).iter_rows():
        with open(path, "rb") as file:
            assert digest == blake3.blake3(file.read()).hexdigest(), path
    assert frame["blake3"].null_count() == 0


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_order_is_the_same_at_every_thread_count(tree: Path, threads: int) -> None:
    """Files, hits and coverage: the same rows in the same order, and that order is by components."""
    for scan in (
        vfo.scan_files(tree, threads=threads),
        vfo.scan_hits("unsafe", tree, threads=threads),
        vfo.scan_coverage("unsafe", tree, threads=threads),
    ):
        frame = scan.collect().drop("accessed", strict=False)
        paths = frame["path"].to_list()
        assert paths == sorted(paths, key=rg.component_key)
        assert frame.height > 10
        fingerprint = frame.hash_rows(seed=1).to_list()
        key = ",".join(frame.columns)
        assert _seen.setdefault((str(tree), key), fingerprint) == fingerprint


_seen: dict[tuple[str, str], list] = {}


def test_unordered_rows_are_the_same_set(tree: Path) -> None:
    ordered = vfo.scan_hits("unsafe", tree).select("path", "start_byte", "line_number").collect()
    loose = vfo.scan_hits("unsafe", tree, ordered=False).select("path", "start_byte", "line_number").collect()
    assert sorted(ordered.rows()) == sorted(loose.rows())


def test_component_order_of_the_contract(tmp_path: Path) -> None:
    """The example of the contract: folders and files interleave, a folder stands before its contents."""
    for name in ("a/x", "a-b", "a.txt", "b.txt", "c/y", "c/y.d/z", "c/y-d"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if not (tmp_path / name).exists():
            (tmp_path / name).touch()
    listed = vfo.scan_files(tmp_path).select("relative_path").collect()["relative_path"].to_list()
    assert listed == ["a", "a/x", "a-b", "a.txt", "b.txt", "c", "c/y", "c/y-d", "c/y.d", "c/y.d/z"]
