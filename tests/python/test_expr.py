"""Columns on demand: each expression equals its plain function, in every engine, over good files and bad ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_series_equal

import vespera_file_ops as vfo

FILES = 10_000

CONTENTS = [
    b"",
    b"one line\n",
    b"needle\nand another needle\n\nlast",
    "größe → 漢字 needle\r\n".encode(),
    "\ufeffneedle with a mark\n".encode(),
    "needle größe\r\n".encode("utf-16"),
    "zwei\nneedle".encode("utf-16-be"),
    b"\xff\xfe",
    b"needle \xff not UTF-8\n",
    b"needle\n\x00needle\n",
    b"x" * 70_000 + b"\n\x00needle\n",
    b"\n" * 1000,
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thousands of small files, a large one, and everything that is no readable file."""
    root = tmp_path_factory.mktemp("expr")
    for number in range(FILES):
        folder = root / f"folder{number % 50}"
        folder.mkdir(exist_ok=True)
        (folder / f"file{number}.txt").write_bytes(CONTENTS[number % len(CONTENTS)])
    (root / "large").write_bytes(b"needle and more text\n" * 200_000)
    (root / "link").symlink_to("large")
    (root / "dangling").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture(scope="module")
def paths(tree: Path) -> pl.DataFrame:
    """Their paths, with bad ones among them, and nulls."""
    found = [os.fspath(path) for path in sorted(tree.rglob("*"))]
    bad = [None, "", "/nowhere/at/all", f"{tree}/folder1/file1.txt/below", f"{tree}/a\0b"]
    mixed = [path for at, path in enumerate(found) for path in ([path, bad[at % len(bad)]] if at % 97 == 0 else [path])]
    return pl.DataFrame({"path": mixed})


def or_none(function: Callable[[str], object]) -> Callable[[str | None], object]:
    """The function, with None for what it refuses and for None."""

    def called(path: str | None) -> object:
        if path is None:
            return None
        try:
            return function(path)
        except (vfo.VfoError, ValueError, OSError):
            return None

    return called


def lines_of(path: str) -> int:
    content = vfo.read_file(path)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = content.decode(encoding, "replace")
    return text.count("\n") + (not text.endswith("\n") and text.lstrip("\ufeff") != "")


def first_lines(path: str) -> str:
    content = vfo.read_file(path)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = content.decode("utf-16")
        return "".join(text.splitlines(keepends=True)[:2])
    kept = b"".join(part + b"\n" for part in content.split(b"\n")[:2])
    return kept[: len(content)].decode("utf-8-sig")


def coverage_of(column: str) -> Callable[[str], object]:
    def of(path: str) -> object:
        if not os.path.isfile(path):
            raise OSError
        folder, name = os.path.split(path)
        return vfo.search("no such word", folder, include=f"/{name}").coverage[column][0]

    return of


HITS = ["line_number", "column_number", "start_byte", "end_byte", "matched", "line", "line_truncated", "pattern"]


def chunks_of(path: str) -> object:
    if not os.path.isfile(path):
        raise OSError
    return vfo.chunk_files(path, chunk_size=100, overlap=10).select(CHUNK).to_dicts()


CHUNK = ["chunk", "text_blake3", "text", "start_byte", "end_byte", "start_line", "end_line", "language"]

PLAIN: dict[str, tuple[pl.Expr, Callable[[str], object]]] = {
    "read_text": (pl.col("path").vfo.read_text(), vfo.read_file_string),
    "read_text latin-1": (
        pl.col("path").vfo.read_text(encoding="latin1"),
        lambda path: vfo.read_file_string(path, encoding="latin1"),
    ),
    "read_bytes": (pl.col("path").vfo.read_bytes(), vfo.read_file),
    "read_bytes of 5": (pl.col("path").vfo.read_bytes(max_bytes=5), lambda path: vfo.read_file(path)[:5]),
    "blake3": (pl.col("path").vfo.blake3(), vfo.compute_file_hash),
    "line_count": (pl.col("path").vfo.line_count(), lines_of),
    "head": (pl.col("path").vfo.head(2), first_lines),
    "count_hits": (pl.col("path").vfo.count_hits("needle"), lambda path: vfo.search_text("needle", path).height),
    "search": (
        pl.col("path").vfo.search("needle|[^\x00-\x7f]"),
        lambda path: vfo.search_text("needle|[^\x00-\x7f]", path).select(HITS).to_dicts(),
    ),
    "chunks": (
        pl.col("path").vfo.chunks(chunk_size=100, overlap=10),
        chunks_of,
    ),
    "exists": (pl.col("path").vfo.exists(), None),
}


def expected_of(name: str, paths: pl.Series) -> list[object]:
    if name == "exists":
        return [None if p is None or p == "" or "\0" in p else os.path.exists(p) for p in paths]
    return [or_none(PLAIN[name][1])(path) for path in paths]


@pytest.mark.filterwarnings("ignore::vespera_file_ops.IncompleteSearchWarning")
@pytest.mark.parametrize("name", PLAIN)
def test_each_expression_equals_its_plain_function(name: str, paths: pl.DataFrame) -> None:
    expression = PLAIN[name][0].alias("value")
    # The plain search of one file at a time is slow: one of ten is enough.
    some = paths.gather_every(10) if name in ("search", "count_hits", "chunks") else paths
    eager = some.with_columns(expression)
    assert eager["value"].to_list() == expected_of(name, some["path"])
    for engine in ("in-memory", "streaming"):
        lazy = some.lazy().with_columns(expression).collect(engine=engine)
        assert_series_equal(lazy["value"], eager["value"])
    assert some.lazy().with_columns(expression).collect_schema() == eager.schema


def test_encoding_and_is_binary_are_those_of_the_ledger(paths: pl.DataFrame) -> None:
    some = paths.gather_every(40)
    found = some.with_columns(encoding=pl.col("path").vfo.encoding(), binary=pl.col("path").vfo.is_binary())
    for path, encoding, binary in found.iter_rows():
        assert encoding == or_none(coverage_of("encoding"))(path), path
        status = or_none(coverage_of("binary_offset"))(path)
        if binary is not None:
            assert binary == (status is not None and status < 65536), path


def test_info_is_the_row_of_get_file_info(tree: Path) -> None:
    names = ["large", "link", "dangling", "pipe", "folder1", "folder1/file1.txt", "gone", "./folder1//file1.txt"]
    frame = pl.DataFrame({"path": [f"{tree}/{name}" for name in names]})
    rows = frame.select(pl.col("path").vfo.info().alias("info"))["info"]
    for path, row in zip(frame["path"], rows, strict=True):
        if path.endswith("gone"):
            assert row is None
            continue
        plain = vfo.get_file_info(path).drop("accessed").row(0, named=True)
        assert {name: value for name, value in row.items() if name != "accessed"} == plain
    followed = frame.select(pl.col("path").vfo.info(follow_symlinks=True).struct.field("kind"))["kind"].to_list()
    assert followed == ["file", "file", None, "fifo", "dir", "file", None, "file"]


@pytest.mark.parametrize(
    ("most", "text"), [(0, ""), (1, "g"), (2, "gr"), (3, "gr"), (4, "grö"), (100, "größe → 漢字 needle\r\n")]
)
def test_a_cut_character_is_left_out(tmp_path: Path, most: int, text: str) -> None:
    for name, encoding, factor in (("a", "utf-8", 1), ("b", "utf-16-le", 2)):
        mark = "\ufeff" if factor == 2 else ""
        (tmp_path / name).write_bytes((mark + "größe → 漢字 needle\r\n").encode(encoding))
    frame = pl.DataFrame({"path": [str(tmp_path / "a")]})
    assert frame.select(pl.col("path").vfo.read_text(max_bytes=most)).item() == text
    wide = pl.DataFrame({"path": [str(tmp_path / "b")]})
    assert wide.select(pl.col("path").vfo.read_text(max_bytes=2 + 2 * 3 + 1)).item() == "grö"


def test_errors_are_null_raised_or_shown(tree: Path) -> None:
    frame = pl.DataFrame({"path": [f"{tree}/large", f"{tree}/gone", None]})
    text = pl.col("path").vfo.read_text
    assert frame.select(text(errors="null").is_null())["path"].to_list() == [False, True, True]
    with pytest.raises(pl.exceptions.ComputeError, match=r"cannot open: no such file or directory \(.*gone\)"):
        frame.select(text(errors="raise"))
    shown = frame.select(text(max_bytes=6, errors="struct").alias("text")).unnest("text")
    assert shown.rows() == [("needle", None), (None, "cannot open: no such file or directory"), (None, None)]
    lazy = frame.lazy().select(text(max_bytes=6, errors="struct").alias("text"))
    assert lazy.collect_schema() == lazy.collect().schema


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Boolean, pl.List(pl.String), pl.Date], ids=str)
def test_a_wrong_type_raises(dtype: pl.DataType) -> None:
    frame = pl.DataFrame({"path": [None]}, schema={"path": dtype})
    for query in (frame.lazy().select(pl.col("path").vfo.blake3()), frame.lazy().select(pl.col("path").vfo.info())):
        with pytest.raises(pl.exceptions.PolarsError, match="paths are String or Binary"):
            query.collect()


def test_paths_of_bytes(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.txt"
    Path(os.fsdecode(path)).write_text("needle")
    frame = pl.DataFrame({"path": [path, None]})
    assert frame.select(pl.col("path").vfo.read_text())["path"].to_list() == ["needle", None]
    files = vfo.scan_files(tmp_path).select(exact=pl.coalesce("path_bytes", pl.col("path").cast(pl.Binary)))
    assert files.select(pl.col("exact").vfo.count_hits("needle")).collect().item() == 1


def test_a_root_is_not_left(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "root/inside").write_text("text")
    (tmp_path / "root/link").symlink_to("../outside")
    frame = pl.DataFrame({"path": ["inside", "../outside", "link", str(tmp_path / "outside"), "gone"]})
    root = tmp_path / "root"
    for within in (root, str(root), vfo.Root(root)):
        text = frame.select(pl.col("path").vfo.read_text(within=within, errors="struct").alias("text")).unnest("text")
        assert text["value"].to_list() == ["text", None, None, None, None]
        errors = text["error"].to_list()
        assert errors[0] is None
        assert len(set(errors[1:4])) == 1
        assert errors[4] != errors[1]
    exists = frame.select(pl.col("path").vfo.exists(within=root))["path"].to_list()
    assert exists == [True, None, None, None, False]


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: vfo.expr.read_text("path", errors="ignore"), vfo.ArgumentError, 'errors: expected "null"'),
        (lambda: vfo.expr.read_text(1), TypeError, "path: an expression"),
        (lambda: vfo.expr.read_text(encoding="nope"), vfo.ArgumentError, "nope"),
        (lambda: vfo.expr.read_text(max_bytes=-1), vfo.ArgumentError, "max_bytes"),
        (lambda: vfo.expr.read_text(max_bytes="1"), TypeError, "max_bytes"),
        (lambda: vfo.expr.head(n_lines=-1), vfo.ArgumentError, "n_lines"),
        (lambda: vfo.expr.search("("), vfo.PatternError, "unclosed group"),
        (lambda: vfo.expr.count_hits([]), vfo.ArgumentError, "pattern"),
        (lambda: vfo.expr.search("x", ignore_case="maybe"), vfo.ArgumentError, "ignore_case"),
        (lambda: vfo.expr.chunks(chunk_size=0), vfo.ArgumentError, "chunk_size"),
        (lambda: vfo.expr.chunks(chunk_size="1"), TypeError, "chunk_size"),
        (lambda: vfo.expr.chunks(chunk_size=10**30), vfo.ArgumentError, "chunk_size"),
        (lambda: vfo.expr.chunks(overlap=-1), vfo.ArgumentError, "overlap"),
        (lambda: vfo.expr.chunks(overlap=1600), vfo.ArgumentError, "overlap: expected less than chunk_size"),
        (lambda: vfo.expr.chunks(tokenizer="tokenizer.json"), TypeError, "tokenizer"),
        (lambda: vfo.expr.chunks(tokenizer=b"{}"), vfo.ArgumentError, "tokenizer"),
        (lambda: vfo.expr.chunks(tokenizer=b"\xff{}"), vfo.ArgumentError, "tokenizer"),
        (lambda: vfo.expr.chunks(encoding="nope"), vfo.ArgumentError, "nope"),
        (lambda: vfo.expr.chunks(errors="ignore"), vfo.ArgumentError, "errors"),
        (lambda: vfo.expr.blake3(within=1), TypeError, "within"),
        (lambda: vfo.expr.blake3(within="/nowhere/at/all"), vfo.PathNotFoundError, "nowhere"),
    ],
)
def test_a_bad_argument_raises_at_the_call(call: Callable[[], object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_only_what_a_query_keeps_is_read(tree: Path) -> None:
    from vespera_file_ops import _core

    before = _core.counters()["files_opened"]
    query = vfo.scan_files(tree).filter(pl.col("name") == "file2.txt").with_columns(text=pl.col("path").vfo.read_text())
    assert query.collect()["text"].to_list() == [CONTENTS[2].decode()]
    assert _core.counters()["files_opened"] - before == 1


def test_duplicates_are_found_without_opening_most_files(tmp_path: Path) -> None:
    from vespera_file_ops import _core

    for number in range(500):
        (tmp_path / f"one{number}").write_bytes(b"x" * number)
    (tmp_path / "two7").write_bytes(b"x" * 7)
    (tmp_path / "two8").write_bytes(b"y" * 8)
    before = _core.counters()["files_opened"]
    twins = (
        vfo.scan_files(tmp_path)
        .filter(pl.len().over("size") > 1)
        .group_by(pl.col("path").vfo.blake3().alias("blake3"))
        .agg("path")
        .filter(pl.col("path").list.len() > 1)
        .collect()
    )
    assert [sorted(map(os.path.basename, paths)) for paths in twins["path"]] == [["one7", "two7"]]
    assert _core.counters()["files_opened"] - before == 4


SERIES = st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(numbers=SERIES, cut=st.integers(0, 40), chunks=st.integers(1, 4))
def test_nulls_slices_and_chunks(numbers: list[int | None], cut: int, chunks: int, tree: Path) -> None:
    """A row's value depends on its path alone, however the column lies in memory."""
    files = [None if n is None else f"{tree}/folder{n % 50}/file{n}.txt" for n in numbers]
    paths = pl.Series("path", files, dtype=pl.String)
    parts = [paths[at::chunks] for at in range(chunks)]
    chunked = pl.concat(parts, rechunk=False)
    order = [files[at] for start in range(chunks) for at in range(start, len(files), chunks)]
    frame = pl.DataFrame({"path": chunked}).slice(cut)
    for expression, plain in (PLAIN["read_bytes"], PLAIN["read_text"], PLAIN["count_hits"], PLAIN["blake3"]):
        found = frame.select(expression)["path"].to_list()
        assert found == [or_none(plain)(path) for path in order[cut:]]


def test_the_namespace_has_every_function() -> None:
    methods = {name for name in dir(pl.col("path").vfo) if not name.startswith("_")}
    assert methods == set(vfo.expr.__all__)
    frame = {name for name in dir(pl.DataFrame({"a": []}).vfo) if not name.startswith("_")}
    assert frame == {"apply_edits", "show", "summarize", "write_files"}


@pytest.mark.parametrize("order", ["polars, vespera_file_ops", "vespera_file_ops, polars"])
def test_the_namespaces_are_there_whatever_is_imported_first(order: str) -> None:
    import subprocess
    import sys

    code = f"import {order}\nassert polars.col('x').vfo and polars.DataFrame().vfo"
    subprocess.run([sys.executable, "-c", code], check=True)
