"""Scans on Daft: its own runner and a Ray cluster give what the local scans give; filters, limits, errors."""

from __future__ import annotations

import datetime
import os
import pickle
import re
from collections.abc import Callable
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import vespera_file_ops as vfo
from hazard_child import run_child
from ray_child import on_ray
from vespera_file_ops import distributed
from vespera_file_ops.distributed.filters import polars_filter

from conftest import make_tree

daft = pytest.importorskip("daft")

SCANS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[str, ...]]] = {
    "files": (vfo.scan_files, distributed.scan_files, ()),
    "hits": (vfo.scan_hits, distributed.scan_hits, ("TODO|FIXME|größer",)),
    "coverage": (vfo.scan_coverage, distributed.scan_coverage, ("TODO",)),
    "chunks": (vfo.scan_chunks, distributed.scan_chunks, ()),
}
KEYS = ("relative_path", "pattern", "start_byte", "chunk")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAFT_PROGRESS_BAR", "0")


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    """As Daft has it: words as text, and rows in no order."""
    frame = frame.with_columns(pl.selectors.enum().cast(pl.String))
    # To read a folder changes when it was.
    return frame.drop("accessed", strict=False).sort([key for key in KEYS if key in frame.columns])


def collected(frame: Any) -> pl.DataFrame:
    found = pl.from_arrow(frame.to_arrow())
    assert isinstance(found, pl.DataFrame)
    return found


@pytest.mark.parametrize("table", SCANS)
def test_daft_gives_what_the_local_scan_gives(table: str, mixed_tree: Path) -> None:
    local, spread, arguments = SCANS[table]
    options: dict[str, Any] = {"include_hidden": True}
    if table == "hits":
        options |= {"context": 1, "captures": True, "raw_bytes": True}
    if table == "files":
        options |= {"blake3": True}
    if table == "coverage":
        options |= {"include_ignored": True}
    found = collected(spread(*arguments, str(mixed_tree), target_bytes=40_000, **options))
    whole = local(*arguments, str(mixed_tree), **options).collect()
    assert found.columns == whole.columns
    assert_frame_equal(ordered(found), ordered(whole))


def test_a_ray_cluster_gives_what_the_local_scan_gives_also_with_a_worker_killed(tmp_path: Path) -> None:
    code = "".join(f"def function_{at}(a, b):\n    # TODO: {at}\n    return a + {at} * b\n\n" for at in range(900))
    root = make_tree(tmp_path / "tree", {f"package{at % 7}/module{at}.py": code.encode() for at in range(120)})
    begun = tmp_path / "begun"
    begun.mkdir()
    answers = on_ray(
        """
        def ordered(frame):
            keys = [key for key in ("relative_path", "start_byte", "chunk") if key in frame.columns]
            return frame.drop("accessed", strict=False).with_columns(pl.selectors.enum().cast(pl.String)).sort(keys)
        def compare(name, *pattern, **options):
            whole = getattr(vfo, f"scan_{name}")(*pattern, argument["root"], **options).collect()
            spread = getattr(distributed, f"scan_{name}")(*pattern, argument["root"], target_bytes=200_000, **options)
            found = pl.from_arrow(spread.to_arrow())
            answer([name, ordered(found).equals(ordered(whole)), whole.height, bool(removed)])

        removed = []

        for name, *pattern in (["files"], ["hits", "TODO"], ["coverage", "TODO"], ["chunks"]):
            compare(name, *pattern)

        def text_of(raw, folder=argument["begun"]):
            import os, time
            open(os.path.join(folder, str(os.getpid())), "w").close()
            time.sleep(0.05)
            return raw.decode()

        def kill_when_all_have_begun():
            while len(set(os.listdir(argument["begun"])) - {str(os.getpid())}) < 2:
                time.sleep(0.01)
            cluster.remove_node(nodes[0], allow_graceful=False)
            removed.append(nodes[0])

        killer = threading.Thread(target=kill_when_all_have_begun)
        killer.start()
        compare("chunks", extractors={".py": text_of})
        killer.join()
        compare("chunks")

        from dataclasses import replace
        from vespera_file_ops.distributed import source

        def failure(change):
            hits = distributed.scan_hits("TODO", argument["root"])
            parts = [change(part) for part in vfo.plan(argument["root"])]
            source.plan = lambda *_, **__: iter(parts)
            try:
                answer(["found", hits.count_rows()])
            except Exception as error:
                answer(["failed", str(error)])

        failure(lambda part: replace(part, source=b"/mnt/store"))
        failure(lambda part: replace(part, version="9.9.9"))
        """,
        {"root": str(root), "begun": str(begun)},
    )
    assert answers[:3] == [["files", True, 127, False], ["hits", True, 108_000, False], ["coverage", True, 120, False]]
    chunks = answers[3][2]
    assert chunks > 3000
    assert answers[3] == ["chunks", True, chunks, False]
    # One is killed when both are at work, and long gone at the end; then the other one is alone.
    assert answers[4][:2] == ["chunks", True]
    assert answers[4][3] is True
    assert answers[5] == ["chunks", True, chunks, True]
    # What a worker refuses is what the caller is told.
    assert [kind for kind, _ in answers[6:]] == ["failed", "failed"]
    assert re.search(r"no such file or directory \(/mnt/store\) \(on \S+; every machine needs the same", answers[6][1])
    assert "planned by vespera_file_ops 9.9.9, but" in answers[7][1]
    assert "PanicException" not in answers[7][1]


def test_what_the_query_uses_is_handed_to_the_scan(mixed_tree: Path) -> None:
    from daft import col

    source = distributed.source.TreeSource("hits", str(mixed_tree), 40_000, {}, {"patterns": ["TODO"]})
    tasks = tasks_of(source, columns=["path"], filters=(col("size") < 400) & (col("path").contains("a/")), limit=3)
    assert len(tasks) > 2
    assert tasks[0].columns.names() == ["path", "size"]
    assert str(tasks[0].frames.predicate) == str(pl.col("size") < 400)
    assert tasks[0].frames.limit is None
    assert pickle.loads(pickle.dumps(tasks[0])).frames.part == tasks[0].frames.part
    assert tasks_of(source, columns=["line"], filters=None, limit=3)[0].frames.limit == 3
    hits = distributed.scan_hits("TODO", str(mixed_tree), target_bytes=40_000)
    assert len(hits.limit(3).to_pydict()["path"]) == 3
    few = hits.where((hits["size"] < 400) & (hits["extension"] == "md")).select("path", "line_number")
    whole = vfo.scan_hits("TODO", str(mixed_tree)).filter(pl.col("size") < 400, pl.col("extension") == "md")
    assert sorted(few.to_arrow().to_pydict()["path"]) == sorted(whole.collect()["path"])


def tasks_of(source: Any, **pushdowns: Any) -> list[Any]:
    import asyncio

    from daft.io.pushdowns import Pushdowns

    async def all_of_them() -> list[Any]:
        return [task async for task in source.get_tasks(Pushdowns(**pushdowns))]

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("table", ["files", "coverage"])
def test_filters_keep_what_they_keep_in_polars(table: str, mixed_tree: Path) -> None:
    from daft import col

    local, spread, arguments = SCANS[table]
    noon = datetime.datetime.fromtimestamp(1_700_010_000, datetime.timezone.utc)
    word = "kind" if table == "files" else "status"
    cases: list[tuple[Any, pl.Expr]] = [
        (col("size") > 100, pl.col("size") > 100),
        ((col("size") > 100) | (col("extension") == "py"), (pl.col("size") > 100) | (pl.col("extension") == "py")),
        (~(col("extension") == "py"), ~(pl.col("extension") == "py")),
        (col("extension").is_null(), pl.col("extension").is_null()),
        (
            col("extension").is_in(["py", "rs", "md", "txt", "none"]),
            pl.col("extension").is_in(["py", "rs", "md", "txt"]),
        ),
        # More than so many items are a list in Daft's plan, too.
        (col("extension").is_in([*"abcdef", "py"]), pl.col("extension") == "py"),
        (~col("extension").is_in([*"abcdef", "py"]), pl.col("extension") != "py"),
        (reduce(or_, [col("size") == at for at in range(400)]), pl.col("size") < 400),
        (col("size").between(50, 500), pl.col("size").is_between(50, 500)),
        (col("modified") < noon, pl.col("modified") < noon),
        (col(word) == "file", pl.col(word).cast(pl.String) == "file"),
        (col(word) < "g", pl.col(word).cast(pl.String) < "g"),
        (col(word).is_in(["dir", "searched"]), pl.col(word).cast(pl.String).is_in(["dir", "searched"])),
        (col("size") / 3 > 40.5, pl.col("size") / 3 > 40.5),
        (col("path").contains("a/") & (col("size") > 10), pl.col("path").str.contains("a/") & (pl.col("size") > 10)),
        (col("error").not_null(), pl.col("error").is_not_null()),
    ]
    for of_daft, of_polars in cases:
        found = collected(
            spread(*arguments, str(mixed_tree), target_bytes=60_000).where(of_daft).select("path", "size")
        )
        whole = local(*arguments, str(mixed_tree)).filter(of_polars).select("path", "size").collect()
        assert_frame_equal(found.sort("path"), whole.sort("path"))


def test_a_query_that_needs_no_column_counts_rows(mixed_tree: Path) -> None:
    import daft

    hits = distributed.scan_hits("TODO", str(mixed_tree), target_bytes=60_000)
    rows = vfo.search_files("TODO", str(mixed_tree)).height
    assert hits.count_rows() == rows
    assert hits.select(daft.lit(1).alias("one")).to_pydict() == {"one": [1] * rows}
    assert daft.sql("select count(*) as n from hits").to_pydict() == {"n": [rows]}
    assert len(daft.sql("select 1 as one from hits").to_pydict()["one"]) == rows


def test_only_what_means_the_same_is_translated() -> None:
    from daft import col

    columns = pl.Schema({"size": pl.Int64(), "path": pl.String(), "kind": pl.Enum(["file"])})
    size, path = pl.col("size") > 10, pl.col("path") == "a"
    unknown = col("path").lower() == "b"
    for of_daft, of_polars in [
        ((col("size") > 10) & unknown, size),
        (unknown & ((col("path") == "a") & (col("size") > 10)), path & size),
        ((col("size") > 10) | unknown, None),
        (~((col("size") > 10) & unknown), None),
        (col("size") > 1.5, None),
        (col("other") == 1, None),
        (col("size").is_in(list(range(1000))), None),
        (col("kind") == "file", pl.col("kind").cast(pl.String) == "file"),
    ]:
        assert str(polars_filter(of_daft, columns)) == str(of_polars)
    assert polars_filter(None, columns) is None


def test_a_folder_that_goes_while_it_is_scanned_is_told_and_takes_no_rows_with_it(tmp_path: Path) -> None:
    root = make_tree(tmp_path, {f"{folder}/{at}.txt": b"needle\n" for folder in "abc" for at in range(9)})
    source = distributed.source.TreeSource(
        "coverage", str(root), 3 * 17_000, {}, {"patterns": ["needle"], "threads": 1}
    )
    tasks = tasks_of(source)
    for path in (root / "b").iterdir():
        path.unlink()
    (root / "b").rmdir()
    rows = pl.concat(
        [batch.to_arrow_table() and pl.DataFrame(batch.to_arrow_table()) for task in tasks for batch in read(task)]
    )
    assert sorted(rows.filter(status="searched")["relative_path"]) == [f"{f}/{at}.txt" for f in "ac" for at in range(9)]
    lost = rows.filter(pl.col("status") != "searched")
    assert set(lost["relative_path"]) == {"b"}
    assert lost.height == sum(bytes(task.frames.part.until or b"").startswith(b"b/") for task in tasks)
    assert all("is gone" in error for error in lost["error"])


def read(task: Any) -> list[Any]:
    import asyncio

    async def batches() -> list[Any]:
        return [batch async for batch in task.read()]

    return asyncio.run(batches())


def test_a_worker_without_the_files_and_another_version_are_clear_errors(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "mount", {f"{at}.txt": b"needle\n" for at in range(20)})
    source = distributed.source.TreeSource("hits", str(root), 17_000 * 4, {}, {"patterns": ["needle"]})
    tasks = tasks_of(source)
    assert len(read(tasks[0])) == 1
    os.rename(root, tmp_path / "elsewhere")
    for _ in range(2):
        with pytest.raises(vfo.PathNotFoundError, match=r"mount.* \(on .*every machine needs the same files"):
            read(tasks[0])
        root.mkdir(exist_ok=True)
    other = pickle.dumps(tasks[0]).replace(vfo.__version__.encode(), b"9" + vfo.__version__.encode()[1:])
    with pytest.raises(vfo.ArgumentError, match=r"planned by vespera_file_ops 9.*install the same version everywhere"):
        read(pickle.loads(other))


def test_an_error_of_a_worker_reaches_the_query(tmp_path: Path) -> None:
    root = make_tree(tmp_path / "mount", {f"{at}.txt": b"needle\n" for at in range(20)})
    hits = distributed.scan_hits("needle", str(root), target_bytes=17_000 * 4)
    source_of = hits.select("path")
    os.rename(root, tmp_path / "elsewhere")
    with pytest.raises(Exception, match="no such file or directory"):
        source_of.collect()


def test_what_cannot_be_used_is_refused_at_the_call(demo: Path) -> None:
    with pytest.raises(vfo.PatternError):
        distributed.scan_hits("(")
    with pytest.raises(vfo.PathNotFoundError):
        distributed.scan_files("gone")
    with pytest.raises(vfo.ArgumentError, match="target_bytes"):
        distributed.scan_files(target_bytes=0)
    with pytest.raises(vfo.ArgumentError, match="expected one folder, file or glob, got a list"):
        distributed.scan_chunks(["src", "data"])  # type: ignore[arg-type]
    with pytest.raises(vfo.ArgumentError, match="a part of a plan already"):
        distributed.scan_files(next(vfo.plan(".")))  # type: ignore[arg-type]
    for name in ("max_hits", "ordered", "time_limit", "cancel", "follow_symlinks"):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
            distributed.scan_hits("x", **{name: 1})  # type: ignore[arg-type]


def test_it_writes_parquet_and_lance(mixed_tree: Path, tmp_path: Path) -> None:
    chunks = distributed.scan_chunks(str(mixed_tree), target_bytes=100_000)
    whole = ordered(vfo.scan_chunks(str(mixed_tree)).collect())
    chunks.write_parquet(str(tmp_path / "parquet"))
    assert_frame_equal(ordered(pl.read_parquet(tmp_path / "parquet/*.parquet")), whole)
    import lance

    chunks.write_lance(str(tmp_path / "chunks.lance"))
    found = lance.dataset(str(tmp_path / "chunks.lance")).to_table()
    assert_frame_equal(ordered(pl.DataFrame(found)), whole)


def test_extractors_go_to_the_workers(tmp_path: Path) -> None:
    make_tree(tmp_path, {"a.upper": b"text", "b.txt": b"other"})
    chunks = distributed.scan_chunks(str(tmp_path), extractors={".upper": lambda raw: raw.decode().upper()})
    assert sorted(chunks.to_pydict()["text"]) == ["TEXT", "other"]


def test_ctrl_c_ends_the_planning_too(mixed_tree: Path) -> None:
    kind, seconds, was_told = run_child(
        """
        import signal
        from vespera_file_ops import distributed
        from vespera_file_ops.distributed import source

        begun, told = threading.Event(), threading.Event()
        def endless(*arguments, cancel, **options):
            begun.set()
            while not cancel.cancelled:
                time.sleep(0.01)
            told.set()
            raise vfo.CancelledError("planning: cancelled")
            yield

        hits = distributed.scan_hits("TODO", argument)
        source.plan = endless
        def interrupt():
            begun.wait()
            time.sleep(0.2)
            answers.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        answers = []
        threading.Thread(target=interrupt).start()
        try:
            hits.collect()
        except BaseException as error:
            answer([type(error).__name__, time.monotonic() - answers[0], told.wait(5)])
        """,
        str(mixed_tree),
    )
    assert (kind, was_told) == ("KeyboardInterrupt", True)
    assert seconds < 2


def test_without_daft_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, demo: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "daft", None)
    with pytest.raises(vfo.MissingExtraError, match=r"vespera-file-ops\[distributed\]"):
        distributed.scan_files()
