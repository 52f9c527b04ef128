"""Hazard 37: a bad argument raises at the call, and its message names the argument; for every public function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops import options

pytestmark = pytest.mark.hazard(37)

Call = Callable[..., object]

# Frames with nothing to do: a bad argument is refused all the same.
PAGES = pl.DataFrame(schema={"path": pl.String, "content": pl.String})
EDITS = pl.DataFrame(schema={"path": pl.String, "start_byte": pl.Int64, "end_byte": pl.Int64, "replacement": pl.String})

# How each function is called with nothing wrong, so that the one bad argument is what raises.
CALLS: dict[str, Call] = {
    "apply_edits": lambda **bad: vfo.apply_edits(**{"frame": EDITS, **bad}),
    "append_file": lambda **bad: vfo.append_file(**{"path": "new.txt", "content": "x", **bad}),
    "chunk": lambda **bad: vfo.chunk(**bad),
    "chunk_files": lambda **bad: vfo.chunk_files(**bad),
    "compute_file_hash": lambda **bad: vfo.compute_file_hash(**{"path": "README.md", **bad}),
    "create_directory": lambda **bad: vfo.create_directory(**{"path": "made", "exist_ok": True, **bad}),
    "diff_trees": lambda **bad: vfo.diff_trees(**{"old_files": vfo.scan_files().collect(), **bad}),
    "explain": lambda **bad: vfo.explain(**{"path": "README.md", **bad}),
    "get_file_info": lambda **bad: vfo.get_file_info(**{"path": "README.md", **bad}),
    "glob_files": lambda **bad: vfo.glob_files(**{"source": ".", "patterns": "*.py", **bad}),
    "list_directory": lambda **bad: vfo.list_directory(**{"path": ".", **bad}),
    "move_file": lambda **bad: vfo.move_file(**{"source": "README.md", "target": "moved.md", **bad}),
    "plan": lambda **bad: vfo.plan(**bad),
    "read_file": lambda **bad: vfo.read_file(**{"path": "README.md", **bad}),
    "read_file_chunks": lambda **bad: vfo.read_file_chunks(**{"path": "README.md", **bad}),
    "read_file_lines": lambda **bad: vfo.read_file_lines(**{"path": "README.md", **bad}),
    "read_file_string": lambda **bad: vfo.read_file_string(**{"path": "README.md", **bad}),
    "replace_in_file": lambda **bad: vfo.replace_in_file(
        **{"path": "README.md", "pattern": "a", "replacement": "b", "dry_run": True, **bad}
    ),
    "scan_chunks": lambda **bad: vfo.scan_chunks(**bad),
    "scan_coverage": lambda **bad: vfo.scan_coverage(**{"pattern": "a", **bad}),
    "scan_files": lambda **bad: vfo.scan_files(**bad),
    "scan_hits": lambda **bad: vfo.scan_hits(**{"pattern": "a", **bad}),
    "search": lambda **bad: vfo.search(**{"pattern": "a", **bad}),
    "search_files": lambda **bad: vfo.search_files(**{"pattern": "a", **bad}),
    "search_text": lambda **bad: vfo.search_text(**{"pattern": "a", "path": "README.md", **bad}),
    "show": lambda **bad: vfo.show(**{"table": vfo.search_files("TODO"), **bad}),
    "stream_chunks": lambda **bad: vfo.stream_chunks(**bad),
    "stream_coverage": lambda **bad: vfo.stream_coverage(**{"pattern": "a", **bad}),
    "stream_files": lambda **bad: vfo.stream_files(**bad),
    "stream_hits": lambda **bad: vfo.stream_hits(**{"pattern": "a", **bad}),
    "summarize_hits": lambda **bad: vfo.summarize_hits(**{"hits": vfo.search_files("TODO"), **bad}),
    "sweep_temp_files": lambda **bad: vfo.sweep_temp_files(**bad),
    "watch": lambda **bad: vfo.watch(**bad),
    "write_file_atomic": lambda **bad: vfo.write_file_atomic(**{"path": "new.txt", "content": "x", **bad}),
    "write_files": lambda **bad: vfo.write_files(**{"frame": PAGES, **bad}),
}

# Bad values of each argument, wherever it is taken.
BAD: dict[str, list[object]] = {
    "path": [None, 3, 1.5, "", b"", "a\0b", object()],
    "source": [3, "", "a\0b", [], [3], {"a": 1}, ["fine", ""]],
    "pattern": [3, b"bytes", [], [3], {"a": 1}],
    "target": [None, 3, 1.5, "", b"", "a\0b", object()],
    "overwrite": ["no", 0],
    "parents": ["no", 0],
    "exist_ok": ["no", 0],
    "patterns": [None, 3, [], [3], b"*"],
    "columns": [3, ["nope"], "nope", [3]],
    "timestamps": ["ms", 3, None],
    "include": [3, [3], {"a": 1}, b"*"],
    "exclude": [3, [3], b"*"],
    "types": [3, ["no such type"], b"py"],
    "include_hidden": ["yes", 1],
    "respect_ignore": ["no", 0],
    "require_git": ["no", 0],
    "follow_symlinks": ["no", 0],
    "one_file_system": ["no", 0],
    "absolute_paths": ["no", 0],
    "within": [3, "", b"", "a\0b", ["."], object()],
    "target_bytes": [0, -1, "3", 1.5, True],
    "ordered": ["no", 0],
    "include_ignored": ["no", 0],
    "blake3": ["no", 0],
    "max_depth": [-1, 0, "3", 1.5, True],
    "max_file_size": [-1, "3", 1.5, True],
    "threads": [0, -1, "3", 1.5, True],
    "time_limit": [-1, 0, "3", float("nan"), True],
    "cancel": [3, "stop", object()],
    "fixed_strings": ["no", 0],
    "ignore_case": ["clever", 3],
    "whole_word": ["no", 0],
    "invert_match": ["no", 0],
    "multiline": ["no", 0],
    "captures": ["no", 0],
    "raw_bytes": ["no", 0],
    "encoding": ["klingon", 3, ""],
    "errors": ["ignore", 3],
    "binary": ["go", 3, True],
    "context": [-1, "3", 1.5, True],
    "max_hits": [-1, 0, "3", 1.5, True],
    "max_hits_per_file": [-1, 0, "3", 1.5, True],
    "max_line_bytes": [-1, 0, "3", True],
    "strategy": ["fast", 3],
    "debounce": [0, -1, "3", float("nan"), float("inf"), 1e12, True],
    "initial": ["no", 0],
    "chunk_size": [0, -1, "3", 1.5, True],
    # As large as a chunk is unless told otherwise.
    "overlap": [-1, "3", 1.5, True, 1600, 10**30],
    "tokenizer": [3, "tokenizer.json", b"", b"no JSON", b"\xff{}", b"{}", bytearray(b"{}"), object()],
    "extractors": [
        *(3, ".pdf", [".pdf"], [(".pdf", str)], {b".pdf": str}, {3: str}, {".pdf": None}, {".pdf": "text"}),
        *({"": str}, {".": str}, {"pdf": str}, {"*.pdf": str}, {"folder/.pdf": str}, {".a/b": str}),
    ],
    "content": [None, 3, ["line"], object()],
    "durable": ["no", 0],
    "expected_blake3": [3, "", "0123", "present", b"absent"],
    "mode": [-1, 0o10000, "0o644", 1.5, True],
    "break_hard_links": ["no", 0],
    "replacement": [None, 3, b"bytes", [], ["two", "of them"], [3], "$1", "${name}"],
    "max_replacements": [-1, 0, "3", 1.5, True],
    "dry_run": ["no", 0],
    "root": [None, 3, 1.5, "", b"", "a\0b", object()],
    "frame": [None, 3, {"path": []}, PAGES.lazy(), pl.DataFrame({"path": ["a"]})],
    "old_files": [None, 3, "files", pl.DataFrame({"path": ["a"]})],
    "hits": [None, 3, [], pl.DataFrame({"path": ["a"]})],
    "table": [None, 3, [], pl.LazyFrame()],
    "file": [3, "out.txt"],
    "max_rows": [0, -1, "3", 1.5, True],
    "max_bytes": [0, -1, 255, "300", True],
    "verify": ["no", 0],
    "observed": ["no", 0],
    "older_than": [-1, -(10**400), "3", None, True, float("nan")],
    # Truth is what counts for a display.
    "progress": [],
}

# None stands for "not given" where that is what the argument's default says.
CASES = [
    (name, argument, value)
    for name, call in CALLS.items()
    for argument, parameter in inspect.signature(getattr(vfo, name)).parameters.items()
    for value in BAD[argument]
    if not (value is None and parameter.default is None)
]


def test_the_table_covers_every_public_function() -> None:
    functions = {name for name in vfo.__all__ if inspect.isfunction(getattr(vfo, name))}
    assert set(CALLS) == functions


def test_the_table_covers_every_option() -> None:
    assert set(options.COMPLETE) | set(options.FILES) | set(options.WATCH) | set(options.CHUNK) <= set(BAD)


@pytest.mark.parametrize("name", CALLS)
def test_the_call_without_a_bad_argument_works(name: str, demo: Path) -> None:
    CALLS[name]()


@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_a_bad_argument_raises_and_is_named(name: str, argument: str, value: Any, demo: Path) -> None:
    with pytest.raises((vfo.ArgumentError, vfo.PatternError, TypeError)) as caught:
        CALLS[name](**{argument: value})
    assert argument.removesuffix("s") in str(caught.value)


@pytest.mark.parametrize("name", CALLS)
def test_an_unknown_argument_raises_and_suggests(name: str, demo: Path) -> None:
    with pytest.raises(TypeError, match="hidden_files"):
        CALLS[name](hidden_files=True)


def test_a_misspelt_option_gets_a_suggestion() -> None:
    with pytest.raises(TypeError, match="did you mean 'include_hidden'"):
        vfo.scan_files(includ_hidden=True)  # type: ignore[call-arg]


def test_a_chunk_has_room_for_more_than_its_overlap(demo: Path) -> None:
    for call in (vfo.chunk, vfo.chunk_files, vfo.scan_chunks, vfo.stream_chunks, vfo.expr.chunks):
        for size, overlap in ((1, 1), (10, 10), (10, 11), (1 << 20, 1 << 20)):
            with pytest.raises(vfo.ArgumentError, match="overlap: expected less than chunk_size"):
                call(chunk_size=size, overlap=overlap)
        for size in ((1 << 20) + 1, 10**30):
            with pytest.raises(vfo.ArgumentError, match="chunk_size"):
                call(chunk_size=size)
        call(chunk_size=1 << 20, overlap=(1 << 20) - 1)
        call(chunk_size=1, overlap=0)


def test_a_bad_glob_is_a_pattern_error(demo: Path) -> None:
    for argument in ("include", "exclude"):
        with pytest.raises(vfo.PatternError):
            vfo.scan_files(**{argument: "a{b"})


def test_a_file_is_no_folder_to_list(demo: Path) -> None:
    with pytest.raises(vfo.ArgumentError, match="get_file_info"):
        vfo.list_directory("README.md")


def test_explain_wants_a_path_below_its_source(demo: Path) -> None:
    with pytest.raises(vfo.ArgumentError, match="src"):
        vfo.explain("README.md", source="src")
