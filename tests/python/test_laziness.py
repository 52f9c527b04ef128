"""Laziness: a lazy query gives what the same query over the eager frame gives, twice, and does no more than it must."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import vespera_file_ops as vfo
from vespera_file_ops import _core
from vespera_file_ops.frames import _Source, collect
from vespera_file_ops.predicates import FILE_COLUMNS, FilePredicate, conjuncts
from vespera_file_ops.request import ScanRequest

TABLES = ("files", "hits", "coverage", "chunks")
CHUNKING = {"chunk_size": 60, "overlap": 10}
PATTERN = ["TODO|FIXME", "a"]


def lazy(table: str, root: Path, **options: object) -> pl.LazyFrame:
    if table == "files":
        return vfo.scan_files(root, **options)
    if table == "chunks":
        return vfo.scan_chunks(root, **CHUNKING, **options)
    return (vfo.scan_hits if table == "hits" else vfo.scan_coverage)(PATTERN, root, **options)


def eager(table: str, root: Path) -> pl.DataFrame:
    if table == "files":
        return collect(ScanRequest("files", root, {}), "files")[0][0]
    if table == "chunks":
        return vfo.chunk(root, **CHUNKING).chunks
    result = vfo.search(PATTERN, root)
    return result.hits if table == "hits" else result.coverage


LEAVES = {
    "files": [
        pl.col("size") > 40,
        pl.col("size").is_between(10, 400),
        pl.col("extension") == "py",
        pl.col("extension").is_null(),
        pl.col("kind") == "file",
        pl.col("path").str.contains("a/"),
        pl.col("depth") <= 2,
        pl.col("modified") > pl.lit("2023-11-15").str.to_datetime(time_zone="UTC"),
        pl.col("name").str.len_chars() % 2 == 0,
        ~pl.col("hidden"),
    ],
    "hits": [
        pl.col("size") > 40,
        pl.col("extension").is_in(["py", "md"]),
        pl.col("extension") != "py",
        pl.col("relative_path").str.starts_with("a"),
        pl.col("path_bytes").is_null(),
        pl.col("line_number") > 2,
        pl.col("matched") == "TODO",
        pl.col("pattern") == 0,
        pl.col("column_number") + pl.col("size") > 60,
        pl.col("line").str.len_bytes() > 20,
        pl.lit(True),
    ],
    "coverage": [
        pl.col("size") > 40,
        pl.col("extension") == "rs",
        pl.col("extension").is_null(),
        pl.col("status") == "searched",
        pl.col("hits") > 1,
        pl.col("relative_path").str.ends_with(".md"),
        pl.col("binary_offset").is_not_null(),
        pl.col("error").is_null(),
    ],
    "chunks": [
        pl.col("size") > 40,
        pl.col("extension").is_in(["py", "md"]),
        pl.col("relative_path").str.starts_with("a"),
        pl.col("modified") > pl.lit("2023-11-15").str.to_datetime(time_zone="UTC"),
        pl.col("chunk") > 0,
        pl.col("language") == "python",
        pl.col("language").is_null(),
        pl.col("start_line") + pl.col("size") > 60,
        pl.col("text").str.len_chars() < 40,
        pl.col("file_blake3") != pl.col("text_blake3"),
    ],
}


@st.composite
def predicates(draw: st.DrawFn, table: str) -> pl.Expr:
    expression: pl.Expr = draw(st.sampled_from(LEAVES[table]))
    for _ in range(draw(st.integers(0, 3))):
        other = draw(st.sampled_from(LEAVES[table]))
        shape = draw(st.integers(0, 3))
        if shape == 0:
            expression = expression | other
        elif shape == 1:
            expression = ~expression & other
        else:
            expression = expression & other
    return expression


Query = Callable[[pl.LazyFrame], pl.LazyFrame]


@st.composite
def queries(draw: st.DrawFn, table: str) -> list[Query]:
    """A few steps; every one has an answer that does not depend on how it is run."""
    columns = {
        "files": ["path", "size", "extension", "kind", "depth"],
        "hits": ["path", "size", "extension", "line_number", "start_byte", "pattern"],
        "coverage": ["path", "size", "extension", "status", "hits"],
        "chunks": ["path", "size", "extension", "chunk", "chunk_id", "text", "start_byte", "file_blake3"],
    }[table]
    steps: list[Query] = []
    for _ in range(draw(st.integers(1, 3))):
        shape = draw(st.sampled_from(["filter", "filter", "slice", "head", "tail", "with"]))
        if shape == "filter":
            predicate = draw(predicates(table))
            steps.append(lambda frame, predicate=predicate: frame.filter(predicate))
        elif shape == "slice":
            at, length = draw(st.integers(0, 20)), draw(st.integers(0, 20))
            steps.append(lambda frame, at=at, length=length: frame.slice(at, length))
        elif shape == "head":
            count = draw(st.integers(0, 30))
            steps.append(lambda frame, count=count: frame.head(count))
        elif shape == "tail":
            count = draw(st.integers(0, 30))
            steps.append(lambda frame, count=count: frame.tail(count))
        else:
            steps.append(lambda frame: frame.with_columns(twice=pl.col("size") * 2))
    end = draw(st.sampled_from(["none", "select", "count", "group", "join", "sort"]))
    chosen = draw(st.lists(st.sampled_from(columns), min_size=1, unique=True))
    if end == "select":
        steps.append(lambda frame: frame.select(chosen))
    elif end == "count":
        steps.append(lambda frame: frame.select(pl.len()))
    elif end == "group":
        steps.append(
            lambda frame: frame.group_by("extension").agg(pl.len(), pl.col("size").sum()).sort("extension", "len")
        )
    elif end == "join":
        steps.append(
            lambda frame: (
                frame.select("path", "size")
                .unique()
                .join(frame.select("path", "extension").unique(), on="path")
                .sort("path", "extension")
            )
        )
    elif end == "sort":
        steps.append(lambda frame: frame.sort("path", descending=True, maintain_order=True))
    return steps


def run(steps: list[Query], frame: pl.LazyFrame) -> pl.LazyFrame:
    for step in steps:
        frame = step(frame)
    return frame


def comparable(frame: pl.DataFrame) -> pl.DataFrame:
    """Without the one column that the scan itself may change."""
    return frame.drop("accessed", strict=False)


@pytest.mark.parametrize("table", TABLES)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_lazy_query_equals_the_query_over_the_eager_frame(table: str, data: st.DataObject, mixed_tree: Path) -> None:
    steps = data.draw(queries(table))
    expected = run(steps, eager(table, mixed_tree).lazy()).collect()
    query = run(steps, lazy(table, mixed_tree))
    for engine in ("streaming", "in-memory"):
        assert_frame_equal(comparable(query.collect(engine=engine)), comparable(expected))


@pytest.mark.parametrize("table", TABLES)
def test_the_eager_frame_is_the_collected_one_column_for_column(table: str, mixed_tree: Path) -> None:
    assert_frame_equal(comparable(eager(table, mixed_tree)), comparable(lazy(table, mixed_tree).collect()))
    if table == "hits":
        frame = vfo.search_files(PATTERN, mixed_tree)
        assert_frame_equal(frame, lazy(table, mixed_tree).collect())
    if table == "chunks":
        assert_frame_equal(vfo.chunk_files(mixed_tree, **CHUNKING), lazy(table, mixed_tree).collect())
    if table == "files":
        frame = vfo.glob_files(mixed_tree, ["*.py", "/a"])
        assert_frame_equal(comparable(frame), comparable(vfo.scan_files(mixed_tree, include=["*.py", "/a"]).collect()))


@pytest.mark.parametrize("table", TABLES)
def test_the_schema_is_known_before_and_kept(table: str, mixed_tree: Path) -> None:
    frame = lazy(table, mixed_tree)
    schema = frame.collect_schema()
    assert frame.collect().schema == schema
    assert frame.filter(pl.col("path") == "nothing").collect().schema == schema
    for name in schema.names():
        assert frame.select(name).collect().schema == {name: schema[name]}


def test_a_filter_on_the_file_chunks_only_what_passes(mixed_tree: Path) -> None:
    frame = vfo.scan_chunks(mixed_tree)
    for predicate in (pl.col("extension") == "py", pl.col("size") > 60, pl.col("path").str.ends_with(".py")):
        opened = counted(lambda predicate=predicate: frame.filter(predicate).collect())["files_opened"]
        assert opened == vfo.scan_files(mixed_tree).filter(kind="file").filter(predicate).collect().height


def test_max_hits_counts_before_a_filter_does(mixed_tree: Path) -> None:
    expected = vfo.search_files("a", mixed_tree, max_hits=7).filter(pl.col("extension") == "rs")
    assert_frame_equal(
        vfo.scan_hits("a", mixed_tree, max_hits=7).filter(pl.col("extension") == "rs").collect(), expected
    )


def test_one_lazy_frame_in_several_threads(mixed_tree: Path) -> None:
    frame = lazy("hits", mixed_tree)
    expected = frame.collect()
    found: list[pl.DataFrame] = []
    threads = [threading.Thread(target=lambda: found.append(frame.collect())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 6
    for one in found:
        assert_frame_equal(one, expected)


@pytest.mark.parametrize("table", TABLES)
def test_a_lazy_frame_survives_a_pickle(table: str, mixed_tree: Path) -> None:
    frame = lazy(table, mixed_tree).filter(pl.col("size") > 20)
    twin = cloudpickle.loads(cloudpickle.dumps(frame))
    assert_frame_equal(comparable(twin.collect()), comparable(frame.collect()))


def test_the_functions_that_extract_text_survive_a_pickle(mixed_tree: Path) -> None:
    frame = vfo.scan_chunks(mixed_tree, extractors={".md": lambda content: content.decode().upper()})
    twin = cloudpickle.loads(cloudpickle.dumps(frame))
    assert_frame_equal(twin.collect(), frame.collect())
    assert "ALPHA" in "".join(frame.filter(pl.col("extension") == "md").collect()["text"])


def test_a_collect_sees_the_files_of_its_time(tmp_path: Path) -> None:
    frame = vfo.scan_hits("x", tmp_path)
    assert frame.collect().height == 0
    (tmp_path / "new.txt").write_text("x\n")
    assert frame.collect().height == 1


def counted(run: Callable[[], object]) -> dict[str, int]:
    """What a call made the core do."""
    before = _core.counters()
    run()
    return {name: count - before[name] for name, count in _core.counters().items()}


def test_selecting_paths_describes_nothing(mixed_tree: Path) -> None:
    frame = vfo.scan_files(mixed_tree)
    for names in (["path"], ["relative_path", "name", "extension", "kind", "depth", "hidden"]):
        assert counted(lambda names=names: frame.select(names).collect())["files_described"] == 0
    assert counted(lambda: frame.select(pl.len()).collect())["files_described"] == 0
    files = frame.filter(kind="file").collect().height
    assert counted(lambda: frame.select("size").collect())["files_described"] >= files


@pytest.mark.parametrize(
    "predicate",
    [
        pl.col("extension") == "py",
        pl.col("path").str.ends_with(".py"),
        (pl.col("size") > 60) & (pl.col("extension") == "rs"),
        (pl.col("extension") == "py") & (pl.col("line_number") > 1),
        (pl.col("line_number") > 1) & (pl.col("relative_path").str.contains("a")) & (pl.col("size") > 10),
    ],
)
def test_a_filter_on_the_file_opens_only_what_passes(predicate: pl.Expr, mixed_tree: Path) -> None:
    frame = vfo.scan_hits("a|TODO", mixed_tree)
    opened = counted(lambda: frame.filter(predicate).collect())["files_opened"]
    on_file = [part for part in conjuncts(predicate) if set(part.meta.root_names()) <= set(FILE_COLUMNS)]
    files = vfo.scan_coverage("a", mixed_tree).filter(on_file).collect()
    assert opened <= files.height
    assert opened > 0
    assert opened < counted(lambda: frame.collect())["files_opened"]


@pytest.fixture(scope="module")
def wide_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50,000 files with one hit each."""
    root = tmp_path_factory.mktemp("wide")
    for folder in range(100):
        (root / f"{folder:03}").mkdir()
        for number in range(500):
            (root / f"{folder:03}" / f"{number:03}.txt").write_bytes(b"needle\n")
    return root


@pytest.mark.parametrize("known", [True, False])
def test_files_come_in_pieces_whose_contents_fit_into_memory(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the sizes that a filter looks at too, and with no row lost, doubled or moved."""
    sizes = [0] * 3000 + [3 << 20] * 40 + [100] * 300 + [1 << 30] + [700 << 10] * 50
    for number, size in enumerate(sizes):
        with (tmp_path / f"{number:04}").open("wb") as file:
            file.truncate(size)
    heights: list[int] = []
    call = _Source.__call__

    def counting(self: _Source, *arguments: Any) -> Iterator[pl.DataFrame]:
        for piece in call(self, *arguments):
            heights.append(piece.height)
            yield piece

    monkeypatch.setattr(_Source, "__call__", counting)
    files = vfo.scan_files(tmp_path)
    if known:
        files = files.filter(pl.col("size") >= 0)
    found = files.select("path").collect()["path"].to_list()
    assert found == [f"{tmp_path}/{number:04}" for number in range(len(sizes))]
    assert max(heights) <= 256
    first = 0
    held = []
    for height in heights:
        held.append((sum(sizes[first : first + height]), height))
        first += height
    assert first == len(sizes)
    assert all(held_bytes <= 4 << 20 or height <= 8 for held_bytes, height in held) == known
    # And not more pieces than that takes.
    assert len([height for height in heights if height]) < 60


def fewest(name: str, frame: pl.LazyFrame) -> int:
    """What a query makes the core do; the workers go on while the engine is held up, so by the least of three."""
    return min(counted(frame.collect)[name] for _ in range(3))


def test_head_stops_the_walk(wide_tree: Path) -> None:
    hits = vfo.scan_hits("needle", wide_tree)
    assert fewest("files_opened", hits.head(10)) < 5_000
    assert fewest("files_opened", hits.filter(pl.col("line_number") == 1).head(10)) < 15_000
    assert fewest("files_opened", vfo.scan_chunks(wide_tree).head(10)) < 5_000
    assert fewest("files_described", vfo.scan_files(wide_tree).select("size").head(10)) < 15_000


def test_a_conjunction_is_split_into_its_parts() -> None:
    parts = [pl.col("a") > 1, pl.col("b") == "x", pl.col("c").is_null() | pl.col("d"), pl.col("e").is_in([1, 2])]
    whole = parts[0] & (parts[1] & parts[2]) & parts[3]
    assert [str(part) for part in conjuncts(whole)] == [str(part) for part in parts]
    assert len(conjuncts(parts[2])) == 1


def test_a_predicate_that_fails_on_some_file_leaves_nothing_out() -> None:
    entries = pl.DataFrame({"extension": ["py", "1", None], "size": [1, 2, 3]})
    failing = FilePredicate.of(pl.col("extension").cast(pl.Int64) > 0)
    assert failing is not None
    assert failing.mask(entries) == b"\1\1\1"
    fine = FilePredicate.of((pl.col("extension") == "py") & (pl.col("line_number") > 1))
    assert fine is not None
    assert fine.columns == ["extension"]
    assert fine.mask(entries) == b"\1\0\0"
    assert FilePredicate.of(pl.col("line_number") > 1) is None
    assert FilePredicate.of(None) is None


def test_a_python_function_in_a_predicate_works(mixed_tree: Path) -> None:
    odd = pl.col("path").map_elements(lambda path: len(path) % 2 == 1, return_dtype=pl.Boolean)
    expected = vfo.search_files("a", mixed_tree).filter(odd)
    assert_frame_equal(vfo.scan_hits("a", mixed_tree).filter(odd).collect(), expected)


def test_an_error_in_a_predicate_arrives_and_hangs_nothing(mixed_tree: Path) -> None:
    for column in ("extension", "line"):
        with pytest.raises(pl.exceptions.PolarsError):
            vfo.scan_hits("a", mixed_tree).filter(pl.col(column).cast(pl.Int64) > 0).collect()
    assert vfo.scan_hits("a", mixed_tree).collect().height > 0
