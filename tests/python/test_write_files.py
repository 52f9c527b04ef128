"""The rows of a frame become files: each whole or not at all, and the call can be repeated."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo

ROWS = 10_000


def pages(folder: Path, count: int, content: str) -> pl.DataFrame:
    """So many files with a content of their own."""
    return pl.select(number=pl.int_range(count)).select(
        path=pl.format(f"{folder}/{{}}.txt", "number"), content=pl.format(content + " {}\n", "number")
    )


def test_a_template_is_rendered_and_written(tmp_path: Path) -> None:
    frame = pl.DataFrame({"name": ["a", "b"], "value": [1, 2]}).select(
        "name", path=pl.format(f"{tmp_path}/{{}}.txt", "name"), content=pl.format("value = {}\n", "value")
    )
    written = frame.vfo.write_files()
    assert written.columns == ["name", "path", "content", "status", "blake3", "error"]
    assert written["status"].to_list() == ["written", "written"]
    assert written["blake3"].to_list() == [vfo.compute_file_hash(path) for path in frame["path"]]
    assert [Path(path).read_text() for path in frame["path"]] == ["value = 1\n", "value = 2\n"]


def touched(path: str) -> tuple[int, int, int]:
    """What a write changes of a file that already holds the content; the access time is the reader's."""
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def test_the_same_again_touches_nothing(tmp_path: Path) -> None:
    frame = pages(tmp_path, 5, "page")
    vfo.write_files(frame)
    before = [touched(path) for path in frame["path"]]
    again = vfo.write_files(frame)
    assert set(again["status"]) == {"unchanged"}
    assert again["blake3"].to_list() == [vfo.compute_file_hash(path) for path in frame["path"]]
    assert before == [touched(path) for path in frame["path"]]


def test_bytes_and_paths_of_bytes(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    frame = pl.DataFrame({"path": [path], "content": [b"\x00\xff"]})
    assert vfo.write_files(frame)["status"].to_list() == ["written"]
    assert Path(os.fsdecode(path)).read_bytes() == b"\x00\xff"


def test_what_is_expected(tmp_path: Path) -> None:
    for name in ("right", "wrong", "there", "done"):
        (tmp_path / name).write_text("old")
    (tmp_path / "done").write_text("new")
    old = vfo.compute_file_hash(tmp_path / "right")
    frame = pl.DataFrame(
        {
            "path": [str(tmp_path / name) for name in ("right", "wrong", "there", "absent", "any", "done")],
            "content": ["new"] * 6,
            "expected_blake3": [old, "0" * 64, "absent", "absent", None, old],
        }
    )
    table = vfo.write_files(frame)
    assert table["status"].to_list() == ["written", "conflict", "conflict", "written", "written", "unchanged"]
    assert (tmp_path / "wrong").read_text() == (tmp_path / "there").read_text() == "old"
    assert table["error"].is_not_null().to_list() == [False, True, True, False, False, False]


def test_rows_of_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    paths = [
        str(tmp_path / "folder"),
        str(tmp_path / "no/where"),
        None,
        "",
        str(tmp_path / "a\0b"),
        str(tmp_path / "ok"),
    ]
    table = vfo.write_files(pl.DataFrame({"path": paths, "content": ["x"] * 6}))
    assert table["status"].to_list() == ["error"] * 5 + ["written"]
    assert table["error"].null_count() == 1
    nothing = pl.DataFrame(
        {"path": [str(tmp_path / "x")], "content": [None]}, schema={"path": pl.String, "content": pl.String}
    )
    assert vfo.write_files(nothing)["error"].to_list() == ['content: null is no content; an empty one is ""']
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "ok"]


def test_a_root_is_not_left(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to("../outside")
    frame = pl.DataFrame({"path": ["inside", "../outside", "link", str(tmp_path / "outside")], "content": ["x"] * 4})
    assert vfo.write_files(frame, within=tmp_path / "root")["status"].to_list() == ["written", *["error"] * 3]
    assert not (tmp_path / "outside").exists()


def test_one_path_in_two_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(vfo.ArgumentError, match="stands in two rows"):
        vfo.write_files(pl.DataFrame({"path": ["a", "a"], "content": ["1", "2"]}))


def test_empty_frames_and_large_ones(tmp_path: Path) -> None:
    assert vfo.write_files(pages(tmp_path, 0, "x")).height == 0
    table = vfo.write_files(pages(tmp_path, 1000, "x"), durable=False, progress=True)
    assert set(table["status"]) == {"written"}
    assert len(list(tmp_path.iterdir())) == 1000


def test_a_token_stops_it(tmp_path: Path) -> None:
    token = vfo.CancelToken()
    threading.Timer(0.05, token.cancel).start()
    with pytest.raises(vfo.CancelledError):
        vfo.write_files(pages(tmp_path, ROWS, "x"), cancel=token)
    assert len(list(tmp_path.iterdir())) < ROWS


@pytest.mark.parametrize(
    ("frame", "error", "text"),
    [
        ({"path": []}, TypeError, "frame: a DataFrame, not dict"),
        (pl.DataFrame({"path": ["a"]}), vfo.ArgumentError, "has no column 'content'"),
        (
            pl.DataFrame({"path": ["a"], "content": [1]}),
            TypeError,
            "column 'content' is Int64, expected Binary or String",
        ),
        (pl.DataFrame({"path": [1], "content": ["a"]}), TypeError, "column 'path' is Int64"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_frames(frame: object, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        vfo.write_files(frame)


WRITER = """
    import sys
    import polars as pl
    import vespera_file_ops as vfo
    folder, count, content = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    frame = pl.select(number=pl.int_range(count)).select(
        path=pl.format(f"{folder}/{{}}.txt", "number"), content=pl.format(content + " {}\\n", "number")
    )
    print("ready", flush=True)
    vfo.write_files(frame, durable=False)
"""


@pytest.mark.hazard(6)
def test_killed_in_the_middle_and_run_again(tmp_path: Path) -> None:
    """Each file is old or new, and the same call again finishes the work."""
    old = pages(tmp_path, ROWS, "old " * 100)
    vfo.write_files(old, durable=False)
    chance = random.Random(5)
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), str(ROWS), "new " * 150]
    new = pages(tmp_path, ROWS, "new " * 150)
    seen = set()
    for _ in range(4):
        writer = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.02, 0.3))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        texts = [Path(path).read_text() for path in new["path"]]
        for text, before, after in zip(texts, old["content"], new["content"], strict=True):
            assert text in (before, after)
        seen.add(sum(text == after for text, after in zip(texts, new["content"], strict=True)))
    assert any(0 < count < ROWS for count in seen), seen
    assert set(vfo.write_files(new, durable=False)["status"]) <= {"written", "unchanged"}
    assert [Path(path).read_text() for path in new["path"]] == new["content"].to_list()
    vfo.sweep_temp_files(tmp_path, older_than=0)
    assert len(list(tmp_path.iterdir())) == ROWS
