"""The server's tools, asked by the official client: what they answer, and what they say of a wrong call."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

import vespera_file_ops as vfo
from vespera_file_ops.errors import ArgumentError
from vespera_file_ops.mcp import Settings, build_server, contents, writing

from conftest import make_tree
from mcp_tools import call, refused, server_of, stdio_of, with_client

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def test_the_session_of_the_readme_is_what_is_answered(demo: Path) -> None:
    (session,) = re.findall(r"^```text\n(> .*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    calls = re.findall(r"^> (\w+) (.*)\n((?:(?!> ).*\n)*)", session, flags=re.MULTILINE)
    assert len(calls) > 3
    for name, given, answer in calls:
        assert call(server_of(demo), name, **json.loads(given))[0].strip() == answer.strip()


def test_all_tools_are_declared_within_their_budget(demo: Path) -> None:
    async def work(client: Client) -> Any:
        return (await client.list_tools()).tools

    tools = with_client(server_of(demo), work)
    declared = json.dumps([tool.model_dump(by_alias=True, exclude_none=True) for tool in tools])
    # A token of such text is about four characters.
    assert len(declared) / 4 < 3000
    writes = {tool.name for tool in tools if not tool.annotations.read_only_hint}
    changing = {"write_file", "edit_file", "create_directory", "move_file"}
    assert writes == changing == {tool.name for tool in tools if tool.annotations.destructive_hint}
    names = {tool.name for tool in with_client(server_of(demo, read_only=True), work)}
    assert names == {tool.name for tool in tools} - writes
    assert "no such tool" in refused(server_of(demo, read_only=True), "write_file", path="x", content="")


def test_a_search_is_grouped_by_file_and_equals_ripgrep(demo: Path) -> None:
    make_tree(demo, {f"deep/{number}.py": b"a\nTODO one\nb\nTODO two\n" for number in range(20)})
    text, data = call(server_of(demo), "search_files", pattern="TODO")
    told = subprocess.run(
        ["rg", "-n", "--no-heading", "TODO", "."], cwd=demo, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    expected = sorted(tuple(line.removeprefix("./").split(":", 2)) for line in told)
    assert sorted((path, str(number), line) for path, number, line in data["rows"]) == expected
    assert data["columns"] == ["path", "line_number", "line"]
    assert (data["row_count"], data["truncated"], data["skipped"]) == (42, False, {"binary": 1})
    # Each path once, and every line.
    assert all(text.count(path + "\n") == 1 for path, _, _ in expected)
    assert all(f"{number}:{line}\n" in text for _, number, line in expected)


def test_context_shows_no_line_twice(demo: Path) -> None:
    make_tree(demo, {"many.txt": b"".join(b"hit %d\n" % number for number in range(6)) + b"end\n"})
    text, _ = call(server_of(demo), "search_files", pattern="hit [135]", path="many.txt", context=2)
    assert text.splitlines()[:8] == [
        "many.txt", "1-hit 0", "2:hit 1", "3-hit 2", "4:hit 3", "5-hit 4", "6:hit 5", "7-end",
    ]  # fmt: skip


def test_counts_and_files_are_exact_where_hits_are_cut(demo: Path) -> None:
    make_tree(demo, {f"deep/{number}.txt": b"word\n" * number for number in range(1, 40)})
    server = server_of(demo, max_bytes=400)
    text, data = call(server, "search_files", pattern="word", output="counts")
    assert data["rows"][0] == ["deep/39.txt", 39]
    assert (data["row_count"], data["truncated"], data["total"]) == (39, True, "780 hits in 39 files")
    assert len(text) < 600
    _, data = call(server, "search_files", pattern="word", output="files", limit=3)
    assert (len(data["rows"]), data["row_count"]) == (3, 39)
    text, data = call(server, "search_files", pattern="word")
    assert data["row_count"] == 780
    assert data["truncated"]
    assert len(text.encode()) < 700
    assert "780 rows" in text


@pytest.mark.hazard(31)
def test_a_huge_answer_is_cut_and_says_so(demo: Path) -> None:
    make_tree(
        demo, {"long.txt": b"x" * 100_000 + b"needle" + b"y" * 100_000 + b"\n", "many.txt": b"line\n" * 13_000_000}
    )
    text, data = call(server_of(demo), "search_files", pattern="needle")
    assert "needle" in text
    assert "more characters]" in text
    assert len(json.dumps(data)) < 1000
    begun = time.monotonic()
    text, data = call(server_of(demo), "search_files", pattern=".", limit=10_000)
    assert time.monotonic() - begun < 10
    assert data["row_count_is"] == "at least"
    assert len(text) < 21_000


def test_what_looks_like_a_glob_names_the_tool_for_it(demo: Path) -> None:
    assert "glob_files" in refused(server_of(demo), "search_files", pattern="**/*.py")
    text, data = call(server_of(demo), "search_files", pattern="src/*.py")
    assert "glob_files" in text
    assert "glob_files" in data["notes"][0]
    assert "glob_files" not in call(server_of(demo), "search_files", pattern="nothing.*here")[0]


def test_files_are_read_by_lines_and_bytes(demo: Path) -> None:
    server = server_of(demo)
    text, data = call(server, "read_file", path="src/app.py", start_line=4, end_line=5)
    (one,) = data["files"]
    assert one["text"] == "def main():\n    # TODO: parse arguments\n"
    assert one["text"].removesuffix("\n") in text
    assert (one["start_line"], one["end_line"], one["lines"], one["truncated"]) == (4, 5, 6, False)
    assert one["blake3"] == vfo.compute_file_hash("src/app.py")
    _, data = call(server, "read_file", path="src/app.py", start_byte=7, end_byte=9)
    assert data["files"][0]["text"] == "os"
    text, data = call(server, "read_file", path=["src/util.py", "gone", "data/blob.bin", "src/lib.rs"])
    assert [sorted({"text", "error"} & one.keys()) for one in data["files"]] == [["text"], ["error"], [], ["text"]]
    assert "binary" in text
    assert "no such file" in text
    assert "not both" in refused(server, "read_file", path="src/app.py", start_line=1, start_byte=1)
    assert "no such file" in refused(server, "read_file", path="gone")


def test_a_long_file_is_read_in_steps(demo: Path) -> None:
    lines = [f"line {number}\n" for number in range(3000)]
    make_tree(demo, {"long.txt": "".join(lines).encode()})
    server, read, start = server_of(demo, max_bytes=5000), [], 1
    while True:
        _, data = call(server, "read_file", path="long.txt", start_line=start)
        (one,) = data["files"]
        read.append(one["text"])
        if not one["truncated"]:
            break
        start = one["end_line"] + 1
    assert len(read) > 5
    assert "".join(read) == "".join(lines)


def test_names_folders_and_entries(demo: Path) -> None:
    server = server_of(demo)
    text, data = call(server, "glob_files", patterns=["*.py", "*.rs"])
    assert [row[0] for row in data["rows"]] == vfo.glob_files(".", ["*.py", "*.rs"])["path"].to_list()
    assert text.startswith("src/\n  app.py  75 2")
    text, data = call(server, "list_directory", path="src")
    assert [row[:3] for row in data["rows"]] == [
        ["app.py", "file", 75], ["lib.rs", "file", 13], ["util.py", "file", 36],
    ]  # fmt: skip
    _, data = call(server, "get_file_info", path=["src", "src/lib.rs", "gone"], blake3=True)
    told = [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]
    assert [one.get("kind") for one in told] == ["dir", "file", None]
    assert told[1]["blake3"] == vfo.compute_file_hash("src/lib.rs")
    text, _ = call(server, "explain", path="debug.log")
    assert ".gitignore:1" in text


def test_nothing_is_a_glob_unless_it_is_called_one(demo: Path) -> None:
    make_tree(demo, {"[a]*.txt": b"odd\n", "a.txt": b"even\n"})
    server = server_of(demo)
    assert call(server, "read_file", path="[a]*.txt")[1]["files"][0]["text"] == "odd\n"
    assert call(server, "search_files", pattern="odd|even", path="[a]*.txt")[1]["row_count"] == 1
    assert "no such file" in refused(server, "search_files", pattern="even", path="*.txt")
    assert "no such file" in refused(server, "get_file_info", path="?.txt")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("search_files", {}, "pattern: search_files needs it"),
        ("search_files", {"pattern": "x", "outputs": "files"}, "did you mean output?"),
        ("search_files", {"pattern": "x", "output": "lines"}, "'lines' is not one of"),
        ("search_files", {"pattern": "x", "limit": 0}, "limit"),
        ("search_files", {"pattern": "x", "types": "rustt"}, "rustt"),
        ("search_files", {"pattern": 5}, "pattern"),
        ("read_file", {"path": []}, "path"),
        ("read_file", {"path": ""}, "empty path"),
        ("read_file", {"path": "a\0b"}, "path"),
        ("write_file", {"path": "a\ud800b", "content": ""}, "path"),
        ("write_file", {"path": "a", "content": "\ud800"}, "content"),
        ("read_file", {"path": "src/app.py", "start_line": 3, "end_line": 2}, "end_line: 2 lies before"),
        ("read_file", {"path": "src/app.py", "start_line": 99}, "the file has 6"),
        ("search_files", {"pattern": "x" * 3000}, "pattern"),
        ("search_files", {"pattern": "x" * 1900 + "("}, "unclosed group"),
        ("read_file", {"path": "src"}, "src"),
        ("edit_file", {"path": "src/app.py", "edits": [{"old_text": "", "new_text": ""}]}, "edits"),
        ("write_file", {"path": "x", "content": "", "expected_blake3": "abc"}, "expected_blake3"),
        ("serach_files", {"pattern": "x"}, "search_files"),
    ],
)
def test_a_wrong_call_is_told_what_is_right(demo: Path, name: str, arguments: dict[str, Any], said: str) -> None:
    told = refused(server_of(demo), name, **arguments)
    assert said in told
    assert len(told) < 2500


def test_several_roots_have_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_tree(tmp_path / name, {"same.txt": f"text of {name}\n".encode()})
    server = build_server(Settings({name: str(tmp_path / name) for name in ("one", "two")}))
    assert "one: " in call(server, "list_roots")[0]
    for name in ("one", "two"):
        assert call(server, "read_file", path=f"{name}/same.txt")[1]["files"][0]["text"] == f"text of {name}\n"
        _, data = call(server, "search_files", pattern="text", path=name)
        assert data["rows"] == [[f"{name}/same.txt", 1, f"text of {name}"]]
        whole = str(tmp_path / name / "same.txt")
        assert call(server, "read_file", path=whole)[1]["files"][0]["path"] == f"{name}/same.txt"
    assert "the roots are one, two" in refused(server, "read_file", path="same.txt")


def test_the_command_serves_over_stdio(demo: Path) -> None:
    async def work(client: Client) -> Any:
        answers = []
        async with anyio.create_task_group() as group:

            async def ask(number: int) -> None:
                path = ["src/app.py", "src/lib.rs", "README.md"][number % 3]
                answer = await client.call_tool("read_file", {"path": path})
                answers.append((path, answer.structured_content["files"][0]["text"]))

            for number in range(32):
                group.start_soon(ask, number)
        return answers

    answers = with_client(stdio_of("--root", str(demo)), work)
    assert len(answers) == 32
    assert all(text == (demo / path).read_text() for path, text in answers)


def test_a_call_that_is_cancelled_stops_its_workers(tmp_path: Path) -> None:
    text = b"some text\n" * 20_000
    make_tree(tmp_path, {f"{folder}/{number}.txt": text for folder in range(8) for number in range(60)})

    async def work(client: Client) -> float:
        with anyio.move_on_after(0.15) as scope:
            # Seventy million hits, which take seconds to count.
            await client.call_tool("search_files", {"pattern": r"\w", "output": "counts"})
        assert scope.cancelled_caught
        await anyio.sleep(0.1)
        begun = time.process_time()
        await anyio.sleep(0.5)
        return time.process_time() - begun

    assert with_client(server_of(tmp_path), work) < 0.1


def test_a_mixed_line_end_is_counted_in_both_spellings(demo: Path) -> None:
    make_tree(demo, {"e.txt": b"a\nb\na\r\nb\r\n"})
    edits = [{"old_text": "a\nb", "new_text": "x"}]
    assert "2 times" in refused(server_of(demo), "edit_file", path="e.txt", edits=edits)


def test_no_argument_makes_a_defect_of_the_server(demo: Path) -> None:
    make_tree(demo, {"a.txt": b"hit\n" * 9})
    server = server_of(demo)
    assert len(call(server, "search_files", pattern="hit", path="a.txt", limit=2.0, context=1.0)[1]["rows"]) == 2
    assert call(server, "read_file", path="a.txt", start_line=9.0)[1]["files"][0]["text"] == "hit\n"
    beyond = call(server, "read_file", path="a.txt", start_byte=99)[1]["files"][0]
    assert (beyond["start_byte"], beyond["end_byte"], beyond["text"]) == (36, 36, "")


@pytest.mark.parametrize("name", ["read_file", "get_file_info", "write_file", "edit_file", "no_tool"])
def test_an_error_does_not_repeat_megabytes(demo: Path, name: str) -> None:
    huge = "x" * 1_000_000
    more: dict[str, Any] = {"content": ""} if name == "write_file" else {}
    if name == "edit_file":
        more = {"edits": [{"old_text": "a", "new_text": "b"}]}
    assert len(refused(server_of(demo), name + huge * (name == "no_tool"), path=huge, **more)) < 3000
    assert len(refused(server_of(demo), name, path="app.py", **{huge: 1})) < 3000
    assert len(refused(server_of(demo), "search_files", pattern="(" * 1_000_000)) < 3000
    text, data = call(server_of(demo), "get_file_info", path=[huge, huge])
    assert len(text) + len(json.dumps(data)) < 5000
    assert len(refused(server_of(demo), "read_file", path=[huge, huge])) < 5000


def test_data_is_as_small_as_text(demo: Path) -> None:
    make_tree(demo, {"long.txt": (b"h" * 390 + b"\n") * 200, "raw.bin": b"\xff" * 100_000})
    for name, given in (
        ("search_files", {"pattern": "^h", "path": "long.txt", "context": 20}),
        ("read_file", {"path": "raw.bin", "start_byte": 0}),
    ):
        text, data = call(server_of(demo), name, **given)
        assert max(len(text.encode()), len(json.dumps(data, ensure_ascii=False).encode())) < 26_000, name


def test_a_cut_line_says_how_to_go_on(demo: Path) -> None:
    make_tree(demo, {"one.txt": b"x" * 30_000 + b"\nsecond\n"})
    text, data = call(server_of(demo), "read_file", path="one.txt")
    assert data["files"][0]["cut_in_line"] == 1
    assert "start_byte" in text.splitlines()[0]


def test_a_row_of_hits_is_a_line(demo: Path) -> None:
    make_tree(demo, {"twice.txt": b"foo foo\nbar\nfoo foo foo\n"})
    text, data = call(server_of(demo), "search_files", pattern="foo", path="twice.txt")
    assert data["rows"] == [["twice.txt", 1, "foo foo"], ["twice.txt", 3, "foo foo foo"]]
    assert (data["row_count"], text.count("1:")) == (2, 1)


def test_a_lone_surrogate_is_no_argument(demo: Path) -> None:
    edits = {"edits": [{"old_text": "a", "new_text": "\ud800"}]}
    tool = {tool.name: tool for tool in (*contents.TOOLS, *writing.TOOLS)}
    for name, given in (("read_file", {}), ("edit_file", edits)):
        for path in ("\ud800", "app\udcff.py"):
            with pytest.raises(ArgumentError, match="surrogate"):
                tool[name].checked({"path": path, **given})
    with pytest.raises(ArgumentError, match="surrogate"):
        tool["edit_file"].checked({"path": "app.py", **edits})


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"a", b"a\n", b"\n", b"\n\n", b"a\r\nb\r", "größe\n".encode(), "größe".encode("latin-1"),
        b"\x1b$B%F\x1b(B", b"\xef\xbb\xbfa\nb", "\ufeffa\nb".encode("utf-16"), "日本\n".encode("shift-jis"),
        "a\u2028b\x85c\x0bd".encode(), b"\xff\xfe", b"\xf0\x9f\x98", b"+AGE-\n",
    ],
)  # fmt: skip
def test_the_text_is_the_files_own(demo: Path, raw: bytes) -> None:
    (demo / "t.txt").write_bytes(raw)
    (one,) = call(server_of(demo), "read_file", path="t.txt")[1]["files"]
    text = vfo.read_file_string("t.txt", errors="replace")
    assert (one["size"], one["blake3"]) == (len(raw), vfo.compute_file_hash("t.txt"))
    assert (one["text"], one["lines"]) == (text, len(text.split("\n")) - text.endswith("\n") - (text == ""))
    whole = text.split("\n")
    for start in range(1, one["lines"] + 1):
        for end in range(start, one["lines"] + 2):
            (part,) = call(server_of(demo), "read_file", path="t.txt", start_line=start, end_line=end)[1]["files"]
            assert part["text"].removesuffix("\n") == "\n".join(whole[start - 1 : min(end, one["lines"])])
