"""Answers of many pages: no row twice, none left out, also where the tree changes in between."""

from __future__ import annotations

import base64
import json
import os
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from vespera_file_ops.mcp import paging

from conftest import make_tree
from mcp_tools import call, refused, server_of, with_client

NAMES = ["a", "a-b", "a.b", "B", "b", "ä", "z z", "0", "x_y"]


def make_many(root: Path, seed: int) -> None:
    """Files of names whose order is that of their components and of nothing else."""
    chance = random.Random(seed)
    for _ in range(60):
        parts = [chance.choice(NAMES) for _ in range(chance.randint(1, 3))]
        hits = "".join(chance.choice(["hit\n", "no\n", "hit hit\n"]) for _ in range(chance.randint(0, 12)))
        make_tree(root, {"/".join(parts) + ".txt": hits.encode()})


def pages(server: object, name: str, between: Callable[[int], None] = lambda _: None, **given: Any) -> Iterator[Any]:
    """The answers, page after page; `between` is called with each one's number."""
    for number in range(1000):
        _, data = call(server, name, **given)
        yield data
        if "next_cursor" not in data:
            return
        between(number)
        given["cursor"] = data["next_cursor"]
    raise AssertionError("the pages do not end")


QUESTIONS = [
    ("search_files", {"pattern": "hit"}),
    ("search_files", {"pattern": "hit", "context": 1}),
    ("search_files", {"pattern": "hit", "output": "files"}),
    ("search_files", {"pattern": "hit", "where": "size > 12 and not path like 'b/%'"}),
    ("glob_files", {"patterns": "*.txt"}),
    ("glob_files", {"patterns": "*.txt", "where": "size > 12"}),
    ("list_directory", {}),
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("name", "question"), QUESTIONS)
def test_the_pages_together_are_the_whole(demo: Path, name: str, question: dict[str, Any], seed: int) -> None:
    make_many(demo, seed)
    server = server_of(demo)
    _, whole = call(server, name, limit=10_000, max_bytes=200_000, **question)
    assert "next_cursor" not in whole
    assert whole["row_count"] == len(whole["rows"]) > 7
    for limits in ({"limit": 7}, {"max_bytes": 300}):
        shown = list(pages(server, name, **question, **limits))
        assert len(shown) > 1
        assert [row for data in shown for row in data["rows"]] == whole["rows"]
        assert {data["row_count"] for data in shown} == {whole["row_count"]}
        assert [data["truncated"] for data in shown] == [True] * (len(shown) - 1) + [False]


@pytest.mark.parametrize("output", ["hits", "files"])
def test_what_stays_is_given_once_while_the_tree_changes(demo: Path, output: str) -> None:
    make_tree(demo, {f"{folder}/{number:02}.txt": b"hit\nhit\nhit\n" for folder in "bdf" for number in range(20)})
    chance = random.Random(1)

    def change(number: int) -> None:
        make_tree(demo, {f"{chance.choice('acegb')}/new{number}.txt": b"hit\n" * 5})
        for gone in (demo / "d").glob(f"{number % 20:02}.txt"):
            gone.unlink()
        os.rename(demo / "b" / "05.txt", demo / "b" / "05.old") if number == 3 else None

    given = {"pattern": "hit", "output": output, "limit": 4}
    rows = [tuple(row) for data in pages(server_of(demo), "search_files", change, **given) for row in data["rows"]]
    assert len(rows) == len(set(rows))
    stayed = [row for row in rows if row[0][0] in "bf" and "new" not in row[0] and not row[0].startswith("b/05.")]
    assert len(stayed) == 39 * (3 if output == "hits" else 1)


def test_a_file_that_changes_at_the_end_of_a_page_is_given_anew(demo: Path) -> None:
    make_tree(demo, {"m.txt": b"hit 1\nhit 2\nhit 3\nhit 4\n", "z.txt": b"hit 5\n"})
    server, given = server_of(demo), {"pattern": "hit \\d", "limit": 2}
    _, first = call(server, "search_files", **given)
    assert [row[2] for row in first["rows"]] == ["hit 1", "hit 2"]
    _, second = call(server, "search_files", **given, cursor=first["next_cursor"])
    assert [row[2] for row in second["rows"]] == ["hit 3", "hit 4"]
    (demo / "m.txt").write_text("new hit 0\nhit 1\nhit 2\n")
    text, second = call(server, "search_files", **given, cursor=first["next_cursor"])
    assert [row[2] for row in second["rows"]] == ["new hit 0", "hit 1"]
    assert "m.txt has changed since" in text
    assert "m.txt has changed since" in second["notes"][0]


def test_a_file_with_more_lines_than_one_search_counts_is_paged_to_its_end(demo: Path) -> None:
    make_tree(demo, {"many.txt": b"hit\n" * 25_000})
    given = {"pattern": "hit", "limit": 10_000, "max_bytes": 200_000}
    numbers = [row[1] for data in pages(server_of(demo), "search_files", **given) for row in data["rows"]]
    assert numbers == list(range(1, 25_001))


def test_a_cursor_is_whole_fresh_and_of_this_question(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tree(demo, {f"{number}.txt": b"hit\n" for number in range(9)})
    server, given = server_of(demo), {"pattern": "hit", "limit": 2}
    text, first = call(server, "search_files", **given)
    cursor = first["next_cursor"]
    assert cursor in text
    assert first["cursor_expires"] in text
    # What does not change the rows may change.
    assert call(server, "search_files", **{**given, "limit": 5}, cursor=cursor, columns=["path"])[1]["rows"][0] == [
        "2.txt"
    ]
    forged = base64.urlsafe_b64encode(json.dumps(["x", 1, None, {}, 5, 6]).encode()).decode()
    for wrong in (cursor[:-9], "x", "", "ü", forged, "bnVsbA", base64.b64encode(b"[" * 5000).decode()):
        assert "cursor: it is none" in refused(server, "search_files", **given, cursor=wrong)
    assert "another question" in refused(server, "search_files", pattern="hi", limit=2, cursor=cursor)
    assert "another question" in refused(server, "glob_files", patterns="*", cursor=cursor)
    assert "one page" in refused(server, "search_files", **given, output="counts", cursor=cursor)
    now = time.time()
    monkeypatch.setattr(paging.time, "time", lambda: now + 3601)
    assert "expired" in refused(server, "search_files", **given, cursor=cursor)


def test_a_condition_and_columns_are_those_of_the_table(demo: Path) -> None:
    make_tree(demo, {"old.py": b"TODO a\n", "new.py": b"TODO b\n" * 3})
    os.utime(demo / "old.py", (1e9, 1e9))
    server = server_of(demo)
    _, data = call(server, "search_files", pattern="TODO", where="modified < '2010-01-01'")
    assert data["rows"] == [["old.py", 1, "TODO a"]]
    recent = "modified > now() - interval '1 day' and extension in ('py', 'c') and line_number = 3"
    text, data = call(server, "search_files", pattern="TODO", where=recent, columns=["line_number", "path", "size"])
    assert (data["columns"], data["rows"]) == (["line_number", "path", "size"], [[3, "new.py", 21]])
    assert text.startswith("line_number | path | size\n3 | new.py | 21\n")
    counts = call(server, "search_files", pattern="TODO", where="hits > 2", output="counts")[1]
    assert counts["rows"] == [["new.py", 3]]
    _, data = call(server, "glob_files", patterns="*.py", where="size = 7", columns=["name", "kind"])
    assert data["rows"] == [["old.py", "file"]]
    _, data = call(server, "list_directory", where="kind = 'dir'", columns=["name"])
    told = subprocess.run(["ls", "-A"], cwd=demo, capture_output=True, text=True, check=True).stdout.split()
    assert sorted(name for (name,) in data["rows"]) == sorted(
        name for name in told if (demo / name).is_dir() and name != ".git"
    )


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("sise > 1", "did you mean size?"),
        ("size > ", "where"),
        ("(" * 1900 + "size > 1" + ")" * 1900, "nested"),
        ("not " * 990 + "size > 1", "nested"),
        ("path", "where"),
        ("size > 1 union select 1", "not taken"),
        ("path in (select path from rows)", "not taken"),
        ("size > 1) or (1 = 1", "where"),
        ("read_csv('/etc/passwd') = 1", "not taken"),
        ("repeat(path, 1000000000) = path", "not taken"),
        ("size > 1; select 1", "one condition"),
        ("size > 1 -- all", "comments"),
        ("rows.size > 1", "no column"),
        ("size + size > 1", "not taken"),
        ("size > " + " + ".join(["1"] * 900), "not taken"),
        ("size > 1 or " * 500 + "true", "characters"),
        ("modified > 'yesterday'", "a time is written"),
        ("modified > now() - interval '5 parsecs'", "'parsec'"),
        ("; size >", "where"),
        ("", "one condition"),
    ],
)
def test_a_condition_is_a_comparison_and_nothing_else(demo: Path, where: str, said: str) -> None:
    for name, given in (("search_files", {"pattern": "x"}), ("glob_files", {"patterns": "*"}), ("list_directory", {})):
        assert said in refused(server_of(demo), name, **given, where=where)
    assert "did you mean path" in refused(server_of(demo), "glob_files", patterns="*", columns=["pth"])


def test_long_searches_keep_no_read_and_no_search_waiting(tmp_path: Path) -> None:
    """Thirty searches that take as long as they may, and still a read and a small search are answered."""
    text = b"a" * 200 + b"\n"
    make_tree(tmp_path, {f"big/{number}.txt": text * 20_000 for number in range(40)})
    make_tree(tmp_path, {"small/one.txt": b"needle\n"})
    waited: dict[str, float] = {}

    async def work(client: Client) -> None:
        async def long() -> None:
            await client.call_tool("search_files", {"pattern": "(a|b)+?c", "path": "big", "output": "counts"})

        async def timed(name: str, given: dict[str, Any]) -> None:
            begun = time.monotonic()
            answer = await client.call_tool(name, given)
            waited[name] = time.monotonic() - begun
            assert not answer.is_error

        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(long)
            await anyio.sleep(0.3)
            await timed("read_file", {"path": "small/one.txt"})
            await timed("search_files", {"pattern": "needle", "path": "small"})
            running = threading.active_count()
            assert running > 30
            group.cancel_scope.cancel()

    with_client(server_of(tmp_path, time_limit=30), work)
    assert max(waited.values()) < 3, waited
