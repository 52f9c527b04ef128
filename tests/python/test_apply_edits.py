"""Edits as a frame: ranges of files are replaced, each file once, whole or not at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vespera_file_ops as vfo

REPOSITORY = Path(__file__).parents[2]


def edits(*rows: tuple[object, int, int, str]) -> pl.DataFrame:
    """A frame of edits: path, start_byte, end_byte, replacement."""
    columns = [(str(path), start, end, text) for path, start, end, text in rows]
    return pl.DataFrame(columns, schema=["path", "start_byte", "end_byte", "replacement"], orient="row")


def outcome(table: pl.DataFrame) -> tuple[str, str | None]:
    """Status and error of the one file."""
    ((status, error),) = table.select("status", "error").rows()
    return status, error


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The sources of this repository, to be changed."""
    copy = tmp_path / "sources"
    shutil.copytree(REPOSITORY / "src", copy)
    return copy


def test_a_function_is_renamed_across_a_real_tree(repository: Path, tmp_path: Path) -> None:
    """Search, a column more, apply: byte for byte what sed makes of it."""
    theirs = tmp_path / "by_sed"
    shutil.copytree(repository, theirs)
    hits = vfo.search_files(r"\bstatus_of\b", repository)
    files = hits["path"].n_unique()
    assert files > 10
    table = vfo.apply_edits(hits.with_columns(replacement=pl.lit("describe_handle")))
    assert table["status"].to_list() == ["written"] * files
    assert table["edits"].sum() == hits.height
    subprocess.run(
        ["find", str(theirs), "-name", "*.rs", "-exec", "sed", "-i", r"s/\bstatus_of\b/describe_handle/g", "{}", "+"],
        check=True,
    )
    subprocess.run(["diff", "-r", str(theirs), str(repository)], check=True)
    assert [vfo.compute_file_hash(path) for path in table["path"]] == table["blake3"].to_list()
    assert vfo.search_files(r"\bstatus_of\b", repository).height == 0


def test_captures_make_the_replacement(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one=1, two=2\nthree=3\n")
    hits = vfo.search_files(r"(\w+)=(\d)", tmp_path, captures=True)
    group = pl.col("captures").list
    swapped = group.get(1).struct.field("text") + pl.lit(" is ") + group.get(0).struct.field("text")
    assert outcome(vfo.apply_edits(hits.with_columns(replacement=swapped))) == ("written", None)
    assert (tmp_path / "a.txt").read_text() == "1 is one, 2 is two\n3 is three\n"


def test_a_file_that_changed_in_between_is_refused_in_whole(repository: Path) -> None:
    hits = vfo.search_files(r"\bstatus_of\b", repository)
    changed = hits["path"][0]
    path = Path(changed)
    path.write_text(path.read_text().replace("status_of", "STATUS_of", 1))
    before = path.read_bytes()
    table = vfo.apply_edits(hits.with_columns(replacement=pl.lit("describe_handle")))
    assert table.filter(path=changed)["status"].to_list() == ["conflict"]
    assert "changed since it was searched" in table.filter(path=changed)["error"][0]
    assert path.read_bytes() == before
    assert set(table.filter(pl.col("path") != changed)["status"]) == {"written"}


def test_applying_twice_is_a_conflict(repository: Path) -> None:
    hits = vfo.search_files(r"\bstatus_of\b", repository).with_columns(replacement=pl.lit("describe_handle"))
    vfo.apply_edits(hits)
    contents = {path: path.read_bytes() for path in repository.rglob("*.rs")}
    assert set(vfo.apply_edits(hits)["status"]) == {"conflict"}
    assert contents == {path: path.read_bytes() for path in repository.rglob("*.rs")}


@pytest.mark.parametrize("drop", [[], ["size"], ["modified"], ["size", "modified"]], ids=str)
def test_each_sign_of_a_change_is_enough(tmp_path: Path, drop: list[str]) -> None:
    file = tmp_path / "a.txt"
    file.write_text("needle and hay\n")
    hits = vfo.search_files("needle", file).drop(drop).with_columns(replacement=pl.lit("pin"))
    stamp = file.stat()
    file.write_text("thread and hay\n")
    if drop == ["size"]:
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert outcome(vfo.apply_edits(hits))[0] == "conflict"
    assert file.read_text() == "thread and hay\n"


def test_times_of_microseconds_are_compared_as_such(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("needle\n")
    os.utime(file, ns=(1_234_567_891, 1_234_567_891))
    hits = vfo.search_files("needle", file).with_columns(
        pl.col("modified").dt.cast_time_unit("us"), replacement=pl.lit("pin")
    )
    assert outcome(vfo.apply_edits(hits)) == ("written", None)


def test_the_expected_hash(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("abc\n")
    right, wrong = vfo.compute_file_hash(file), "0" * 64
    frame = edits((file, 0, 1, "A"))
    assert outcome(vfo.apply_edits(frame.with_columns(expected_blake3=pl.lit(wrong))))[0] == "conflict"
    assert outcome(vfo.apply_edits(frame.with_columns(expected_blake3=pl.lit(right)))) == ("written", None)
    both = pl.concat([frame, frame]).with_columns(expected_blake3=pl.Series([right, wrong]))
    assert "do not agree" in outcome(vfo.apply_edits(both))[1]


@pytest.mark.parametrize(
    ("ranges", "text"),
    [
        ([(0, 3), (2, 4)], "overlap"),
        ([(3, 2)], "before it starts"),
        ([(2, 99)], "the file has 7"),
        ([(-1, 2)], "below 0"),
        ([(None, 2)], "start_byte: null"),
        ([(6, 7)], "no character of utf-8 begins at byte 6"),
    ],
    ids=str,
)
def test_what_cannot_be_applied_leaves_the_file(tmp_path: Path, ranges: list, text: str) -> None:
    file = tmp_path / "a.txt"
    file.write_text("abcdeé", encoding="utf-8")
    frame = edits((file, 0, 0, "!"), *((file, start, end, "x") for start, end in ranges))
    status, error = outcome(vfo.apply_edits(frame))
    assert status == "error"
    assert text in error
    assert file.read_text(encoding="utf-8") == "abcdeé"


def test_edits_at_one_place_stand_in_the_order_of_rows(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("ac")
    frame = edits((file, 2, 2, "4"), (file, 1, 1, "1"), (file, 1, 1, "2"), (file, 1, 2, "3"), (file, 0, 0, "0"))
    assert outcome(vfo.apply_edits(frame)) == ("written", None)
    assert file.read_text() == "0a1234"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_an_encoding_is_kept(tmp_path: Path, encoding: str) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    file = tmp_path / "a.txt"
    file.write_bytes((mark + "größe 😀 needle\r\nneedle\r\n").encode(encoding))
    hits = vfo.search_files("needle|😀", file)
    assert hits.height == 3
    assert outcome(vfo.apply_edits(hits.with_columns(replacement=pl.lit("Nadel→")))) == ("written", None)
    assert file.read_bytes() == (mark + "größe Nadel→ Nadel→\r\nNadel→\r\n").encode(encoding)


def test_a_range_that_cuts_a_character_of_utf_16_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("a😀b".encode("utf-16"))
    for start, end in [(3, 4), (6, 8), (2, 5)]:
        status, error = outcome(vfo.apply_edits(edits((file, start, end, "x"))))
        assert (status, "no character of utf-16le begins" in error) == ("error", True)


def test_a_dry_run_shows_a_diff_that_patch_takes(repository: Path) -> None:
    hits = vfo.search_files(r"\bstatus_of\b", repository).with_columns(replacement=pl.lit("describe_handle"))
    contents = {path: path.read_bytes() for path in repository.rglob("*.rs")}
    tried = vfo.apply_edits(hits, dry_run=True)
    assert contents == {path: path.read_bytes() for path in repository.rglob("*.rs")}
    assert set(tried["status"]) == {"written"}
    patch = "".join(tried["diff"])
    subprocess.run(["git", "apply", "-p0", "--unsafe-paths", "-"], input=patch.replace(f"{repository}/", "").encode(),
                   check=True, cwd=repository)  # fmt: skip
    patched = {path: path.read_bytes() for path in repository.rglob("*.rs")}
    for path, content in contents.items():
        path.write_bytes(content)
    renewed = vfo.search_files(r"\bstatus_of\b", repository).with_columns(replacement=pl.lit("describe_handle"))
    assert "diff" not in vfo.apply_edits(renewed).columns
    assert patched == {path: path.read_bytes() for path in repository.rglob("*.rs")}


def test_what_changes_nothing_touches_nothing(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("abc")
    before = file.stat()
    assert outcome(vfo.apply_edits(edits((file, 0, 1, "a")))) == ("unchanged", None)
    assert file.stat().st_ino == before.st_ino
    assert vfo.apply_edits(edits()).height == 0


def test_rows_of_what_cannot_be_edited(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "fine").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    frame = edits(*((tmp_path / name, 0, 0, "y") for name in ("folder", "gone", "fine", "pipe")))
    frame = pl.concat([frame, pl.DataFrame({**dict.fromkeys(frame.columns), "path": [None]}, schema=frame.schema)])
    table = vfo.apply_edits(frame)
    assert table["status"].to_list() == ["error", "error", "written", "error", "error"]
    assert table["error"].null_count() == 1
    assert (tmp_path / "fine").read_text() == "yx"


def test_names_that_are_not_text(tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"))
    file.write_text("needle")
    hits = vfo.search_files("needle", tmp_path).with_columns(replacement=pl.lit("pin"))
    assert outcome(vfo.apply_edits(hits)) == ("written", None)
    assert file.read_text() == "pin"


def test_a_root_is_not_left(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").write_text("needle")
    (tmp_path / "root/link").symlink_to("../outside")
    (tmp_path / "root/file").write_text("needle")
    frame = edits(("file", 0, 6, "pin"), ("../outside", 0, 6, "pin"), ("link", 0, 6, "pin"))
    table = vfo.apply_edits(frame, within=tmp_path / "root")
    assert table["status"].to_list() == ["written", "error", "error"]
    assert (tmp_path / "outside").read_text() == "needle"


def test_a_token_stops_it(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}" for number in range(2000)]
    for file in files:
        file.write_text("x")
    token = vfo.CancelToken()
    threading.Timer(0.05, token.cancel).start()
    with pytest.raises(vfo.CancelledError):
        vfo.apply_edits(edits(*((file, 0, 1, "yy") for file in files)), cancel=token)
    assert {file.read_text() for file in files} <= {"x", "yy"}
    assert files[-1].read_text() == "x"


@pytest.mark.parametrize(
    ("frame", "error", "text"),
    [
        ([], TypeError, "frame: a DataFrame, not list"),
        (pl.LazyFrame({"path": []}), TypeError, "collect"),
        (pl.DataFrame({"path": ["a"]}), vfo.ArgumentError, "has no column 'start_byte'"),
        (edits(("a", 0, 0, "")).cast({"start_byte": pl.String}), TypeError, "column 'start_byte' is String"),
        (
            edits(("a", 0, 0, "")).with_columns(replacement=1),
            TypeError,
            "column 'replacement' is Int32, expected String",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_frames(frame: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        vfo.apply_edits(frame)


TEXTS = st.text(alphabet="aé😀→\n\r ", max_size=30)


@settings(max_examples=150, deadline=None)
@given(content=TEXTS, data=st.data(), encoding=st.sampled_from(["utf-8", "utf-16-le", "utf-16-be", "utf-8-sig"]))
def test_edits_equal_an_oracle(
    content: str, data: st.DataObject, encoding: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any ranges of characters that do not overlap, in any order, in any encoding: what slicing the text gives."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), min_size=0, max_size=8)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    texts = data.draw(st.lists(TEXTS, min_size=len(pairs), max_size=len(pairs)))
    expected, at = "", 0
    for (start, end), text in zip(pairs, texts, strict=True):
        expected += content[at:start] + text
        at = end
    expected += content[at:]
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    raw = (mark + content).encode(encoding)
    head = len(raw) - len(content.encode(encoding.removesuffix("-sig")))
    width = encoding.removesuffix("-sig")
    file = tmp_path_factory.mktemp("edits") / "file"
    file.write_bytes(raw)
    rows = [
        (file, head + len(content[:start].encode(width)), head + len(content[:end].encode(width)), text)
        for (start, end), text in zip(pairs, texts, strict=True)
    ]
    frame = edits(*rows)
    if not rows:
        return
    # Ranges at one place keep their order; all others may come in any.
    table = vfo.apply_edits(frame, durable=False)
    assert outcome(table)[0] in ("written", "unchanged"), outcome(table)
    assert file.read_bytes() == (mark + expected).encode(encoding)
