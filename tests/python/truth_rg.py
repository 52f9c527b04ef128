"""What ripgrep says, as rows of our table: the oracle of the truth tests.

`rg --json` is run without its configuration file, and each of its messages is taken apart into one row a submatch, in
the columns of `hits` and in their order. The differences that are known and wanted stand in `test_truth_known.py`, one
named test each; the helpers here take out exactly those and nothing else.
"""

from __future__ import annotations

import atexit
import base64
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

COLUMNS = ["path", "line_number", "column_number", "start_byte", "end_byte", "matched", "line"]
MAX_LINE_BYTES = 65536
BINARY_WINDOW = 64 * 1024
# The one of the dev extra, beside this interpreter, before whatever the system has.
RG = shutil.which("rg", path=os.path.dirname(sys.executable)) or "rg"
REPOSITORY = Path(__file__).resolve().parents[2]

Row = tuple[str, int, int, int, int, str, str]


# What is compared of the registry, in bytes: how much lies there depends on what else was ever built on the machine.
CORPUS_BYTES = 64 << 20
CRATE_BYTES = 4 << 20


@functools.cache
def registry() -> Path | None:
    """A folder of crates as Cargo has unpacked them: those of the registry, as far as they are not too many.

    Chosen by the hash of their names, so that a crate more on the machine changes little.
    """
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    crates = [crate for crate in (home / "registry" / "src").glob("*/*/") if crate.is_dir()]
    if not crates:
        return None
    corpus = Path(tempfile.mkdtemp(prefix="crates-"))
    atexit.register(shutil.rmtree, corpus, ignore_errors=True)
    left = CORPUS_BYTES
    for crate in sorted(crates, key=lambda crate: hashlib.sha256(crate.name.encode()).digest()):
        size = sum(file.lstat().st_size for file in crate.rglob("*"))
        if size <= min(left, CRATE_BYTES):
            shutil.copytree(crate, corpus / crate.name, symlinks=True)
            left -= size
    return corpus


def crates() -> list[Path]:
    """The registry's crates in the order of the table."""
    folder = registry()
    return sorted((each for each in folder.iterdir() if each.is_dir()), key=component_key) if folder else []


def component_key(path: str | Path) -> tuple[bytes, ...]:
    """The order of every table: by the bytes of the path's components."""
    return tuple(os.fsencode(path).split(b"/"))


def raw_of(value: dict[str, str]) -> bytes:
    """The bytes of one of rg's `{text}` or `{bytes}` objects."""
    return value["text"].encode() if "text" in value else base64.b64decode(value["bytes"])


def without_terminator(line: bytes) -> bytes:
    """A line as the table gives it."""
    return line.removesuffix(b"\n").removesuffix(b"\r") if line.endswith(b"\n") else line


def lines_around(text: bytes, start: int, end: int) -> tuple[int, bytes]:
    """Where the line of `start` begins, and the line or lines that hold the range."""
    begin = text.rfind(b"\n", 0, start) + 1
    if end > begin and text[end - 1 : end] == b"\n":
        stop = end
    else:
        found = text.find(b"\n", end)
        stop = len(text) if found < 0 else found + 1
    return begin, without_terminator(text[begin:stop])


def rows_of(message: dict[str, object], invert: bool) -> Iterable[Row]:
    """One of rg's `match` messages as rows; under `-U` it may hold several matches on several lines."""
    data: dict = message["data"]  # type: ignore[assignment]
    path, text, offset = os.fsdecode(raw_of(data["path"])), raw_of(data["lines"]), data["absolute_offset"]
    if invert:
        line = without_terminator(text)
        shown = line.decode(errors="replace")
        yield path, data["line_number"], 1, offset, offset + len(line), shown, shown
        return
    for each in data["submatches"]:
        start, end = each["start"], each["end"]
        begin, line = lines_around(text, start, end)
        yield (
            path,
            data["line_number"] + text.count(b"\n", 0, start),
            len(text[begin:start].decode(errors="replace")) + 1,
            offset + start,
            offset + end,
            raw_of(each["match"]).decode(errors="replace"),
            line.decode(errors="replace"),
        )


def rg_rows(patterns: Sequence[str], sources: Sequence[str | Path], options: Sequence[str] = ()) -> list[Row]:
    """The hits of one run of rg, in the table's order."""
    given = [part for pattern in patterns for part in ("-e", pattern)]
    command = [RG, "--no-config", "--json", *options, *given, "--", *map(str, sources)]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    invert = "-v" in options
    messages = (json.loads(line) for line in done.stdout.splitlines() if line.startswith(b'{"type":"match"'))
    rows = [row for message in messages for row in rows_of(message, invert)]
    keys = {path: component_key(path) for path in {row[0] for row in rows}}
    return sorted(rows, key=lambda row: (keys[row[0]], row[3], row[4]))


@functools.cache
def odd_files(folder: Path) -> dict[str, str]:
    """The files that are not compared row for row, and why: `nul`, `late nul` or `bom`."""
    odd = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = f"{parent}/{name}"
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
                odd[path] = "bom"
            elif (at := content.find(b"\0")) >= 0:
                odd[path] = "nul" if at < BINARY_WINDOW else "late nul"
    return odd


@functools.cache
def ends_without_newline(path: str) -> bool:
    """Whether the file's last line is unterminated."""
    with open(path, "rb") as file:
        return not file.read().endswith(b"\n")


def our_rows(hits: pl.DataFrame, odd: Iterable[str], *, drop_final_empty: bool = True) -> list[Row]:
    """The rows of `hits` that rg can be asked about, in the table's own order.

    rg gives no empty match at the very end of an unterminated last line; we do.
    """
    left_out = set(odd)
    rows = hits.select(*COLUMNS, "size").rows()
    return [
        row[:-1]
        for row in rows
        if row[0] not in left_out
        and not (drop_final_empty and row[3] == row[4] == row[-1] and row[5] == "" and ends_without_newline(row[0]))
    ]


def assert_same(ours: list[Row], theirs: list[Row], what: str) -> None:
    """Equal row for row; a failure shows the first rows that differ and how many there were."""
    ours = [row if len(row[6].encode()) < MAX_LINE_BYTES else (*row[:6], "") for row in ours]
    theirs = [row if len(row[6].encode()) < MAX_LINE_BYTES else (*row[:6], "") for row in theirs]
    if ours == theirs:
        return
    missing, extra = sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs))
    at = next((i for i, pair in enumerate(zip(ours, theirs, strict=False)) if pair[0] != pair[1]), "end")
    raise AssertionError(
        f"{what}: {len(ours)} rows, rg has {len(theirs)}; first difference at row {at}\n"
        f"  only rg: {missing[:3]}\n  only ours: {extra[:3]}\n  (same set, other order: {not missing and not extra})"
    )
