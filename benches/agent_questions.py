"""Questions as an agent asks them: of `vfo serve`, of other servers of files, and through a shell; and their answers.

Every way to ask ends in the same answer, which is compared with what plain Python finds. Where a server cannot answer a
question itself, the way is what an agent can do with its tools in the fewest calls: find names, read the files, and see
for itself.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

# What is mentioned, and what is called.
MENTIONED = "GFP_KERNEL"
CALLED = "kmem_cache_free"
MONTH = 30 * 86400.0
CONTEXT = 2
KINDS = ("c", "h")
LARGEST = 10

# A call of a tool by name, or of a command by `sh`; its answer is the text.
Ask = Callable[[str, dict[str, Any]], Awaitable[str]]
Answer = set[Any]
Way = Callable[[Ask, str], Awaitable[Answer]]


class Question(NamedTuple):
    """What is asked, its answer by plain Python, and how each server is asked."""

    name: str
    truth: Callable[[str], Answer]
    ways: dict[str, Way]


def copy_of(folder: Path, into: Path) -> Path:
    """A folder whose every fifth file was changed three days ago, and the others a year ago."""
    copied = shutil.copytree(folder, into / folder.name)
    now = time.time()
    for number, path in enumerate(sorted(path for path in copied.rglob("*") if path.is_file())):
        changed = now - (3 if number % 5 == 0 else 365) * 86400
        os.utime(path, (changed, changed))
    return copied


def _files(folder: str) -> list[Path]:
    return [path for path in Path(folder).rglob("*") if path.suffix[1:] in KINDS]


def _below(folder: str, path: str | Path) -> str:
    return os.path.relpath(path, folder)


# Which modules mention something, and were changed this month: a set of paths.


def changed_truth(folder: str) -> Answer:
    """By plain Python."""
    since = time.time() - MONTH
    return {
        _below(folder, path)
        for path in _files(folder)
        if path.stat().st_mtime > since and MENTIONED in path.read_text("utf-8", "replace")
    }


async def changed_by_ours(ask: Ask, _folder: str) -> Answer:
    """One search of the files that are new enough."""
    where = "modified > now() - interval '30 days'"
    given = {"pattern": MENTIONED, "types": ["c"], "output": "files", "where": where, "limit": 1000}
    return {line for line in (await ask("search_files", given)).splitlines() if not line.startswith("(")}


async def changed_by_filesystem(ask: Ask, folder: str) -> Answer:
    """The names, the time of each, and the texts of those that are new enough."""
    names = await ask("search_files", {"path": folder, "pattern": f"**/*.{{{','.join(KINDS)}}}"})
    return await _changed_and_read(ask, folder, names.split("\n"), "read_multiple_files")


async def changed_by_rust(ask: Ask, folder: str) -> Answer:
    """The files that mention it, and the time of each."""
    paths = list(_hits_of_rust(await _searched_by_rust(ask, folder, MENTIONED)))
    changed = [path for path in paths if _modified(await ask("get_file_info", {"path": path})) > time.time() - MONTH]
    return {_below(folder, path) for path in changed}


async def changed_by_shell(ask: Ask, folder: str) -> Answer:
    """One pipe."""
    names = " -o ".join(f"-name '*.{kind}'" for kind in KINDS)
    command = f"find . -type f -mtime -30 \\( {names} \\) -print0 | xargs -0 rg -l {MENTIONED}"
    return {_below(folder, os.path.join(folder, path)) for path in (await ask("sh", {"command": command})).split()}


async def _changed_and_read(ask: Ask, folder: str, paths: list[str], read: str) -> Answer:
    since = time.time() - MONTH
    changed = [path for path in paths if _modified(await ask("get_file_info", {"path": path})) > since]
    texts = _texts(await ask(read, {"paths": changed}), changed)
    return {_below(folder, path) for path, text in texts.items() if MENTIONED in text}


def _modified(said: str) -> float:
    """The time that a server tells in its own words."""
    found = re.search(r"modified: \w+ (.*? )(?:GMT)?([+-]\d\d:?\d\d)", said)
    if found is None:
        raise SystemExit(f"no time is told: {said[:200]}")
    return datetime.strptime(found[1] + found[2], "%b %d %Y %H:%M:%S %z").timestamp()


# The ten largest files by extension: a set of extensions and paths.


def largest_truth(folder: str) -> Answer:
    """By plain Python."""
    return _largest((path.stat().st_size, _below(folder, path)) for path in _files(folder))


def _largest(sized: Iterable[tuple[float, str]]) -> Answer:
    by_size = sorted(sized, reverse=True)
    of_kind = {kind: [path for _, path in by_size if path.endswith(f".{kind}")] for kind in KINDS}
    return {(kind, path) for kind, paths in of_kind.items() for path in paths[:LARGEST]}


async def largest_by_ours(ask: Ask, _folder: str) -> Answer:
    """One query."""
    numbered = (
        "select extension, path, size, row_number() over (partition by extension order by size desc) as nth from f"
    )
    sql = f"select extension, path, size from ({numbered}) t where nth <= {LARGEST} order by extension, size desc"
    said = await ask("query", {"tables": {"f": {"files": {"types": ["c"]}}}, "sql": sql})
    rows = [line.split(" | ") for line in said.splitlines()[1:-1]]
    return {(kind, path) for kind, path, _ in rows}


async def largest_by_listing(ask: Ask, folder: str) -> Answer:
    """Every folder's list, with sizes in rounded kilobytes."""
    sized, left = [], [folder]
    while left:
        above = left.pop()
        for line in (await ask("list_directory_with_sizes", {"path": above})).splitlines():
            if line.startswith("[DIR]"):
                left.append(f"{above}/{line.removeprefix('[DIR]').strip()}")
            elif line.startswith("[FILE]"):
                name, size = line.removeprefix("[FILE]").strip().split(maxsplit=1)
                number, unit = size.split()
                sized.append((float(number) * 1024 ** "BKM".index(unit.upper()[0]), _below(folder, f"{above}/{name}")))
    return _largest(sized)


async def largest_by_shell(ask: Ask, _folder: str) -> Answer:
    """One pipe."""
    names = " -o ".join(f"-name '*.{kind}'" for kind in KINDS)
    command = (
        f"find . -type f \\( {names} \\) -printf '%s %P\\n' | sort -rn | "
        f"awk '{{n = split($2, part, \".\"); if (count[part[n]]++ < {LARGEST}) print part[n], $1, $2}}'"
    )
    rows = [line.split() for line in (await ask("sh", {"command": command})).splitlines()]
    return {(kind, path) for kind, _, path in rows}


# All callers with two lines of context: a set of paths, line numbers and lines.


def callers_truth(folder: str) -> Answer:
    """By plain Python."""
    return _around({_below(folder, path): path.read_text("utf-8", "replace") for path in _files(folder)})


def _around(texts: dict[str, str]) -> Answer:
    shown: Answer = set()
    for path, text in texts.items():
        lines = text.split("\n")
        lines = lines[:-1] if lines[-1] == "" else lines
        for number, line in enumerate(lines, 1):
            if re.search(rf"\b{CALLED}\(", line):
                for near in range(max(1, number - CONTEXT), min(len(lines), number + CONTEXT) + 1):
                    shown.add((path, near, lines[near - 1]))
    return shown


async def callers_by_ours(ask: Ask, _folder: str) -> Answer:
    """One search."""
    given = {"pattern": rf"\b{CALLED}\(", "types": ["c"], "context": CONTEXT, "limit": 1000}
    return _grouped((await ask("search_files", given)).splitlines()[:-1])


async def callers_by_filesystem(ask: Ask, folder: str) -> Answer:
    """The names, and all texts."""
    names = await ask("search_files", {"path": folder, "pattern": f"**/*.{{{','.join(KINDS)}}}"})
    texts = _texts(await ask("read_multiple_files", {"paths": names.split("\n")}), names.split("\n"))
    return _around({_below(folder, path): text for path, text in texts.items()})


async def callers_by_rust(ask: Ask, folder: str) -> Answer:
    """The lines, and around each the lines that the search does not tell: many calls, but no whole files."""
    shown: Answer = set()
    hits = _hits_of_rust(await _searched_by_rust(ask, folder, rf"\b{CALLED}\("))
    for path, numbers in hits.items():
        for number in sorted(numbers):
            first = max(1, number - CONTEXT)
            count = number + CONTEXT - first + 1
            said = await ask("read_file_lines", {"path": path, "offset": first - 1, "limit": count})
            lines = said.removesuffix("\n").split("\n")[:count]
            shown |= {(_below(folder, path), first + at, line) for at, line in enumerate(lines)}
    return shown


async def callers_by_shell(ask: Ask, _folder: str) -> Answer:
    """One command."""
    said = await ask("sh", {"command": f"rg -n --heading -C{CONTEXT} -tc '\\b{CALLED}\\('"})
    return _grouped(said.splitlines())


def _grouped(lines: list[str]) -> Answer:
    """Lines by file: a path, and below it `12:a hit` or `13-what is near`."""
    shown: Answer = set()
    path = ""
    for line in lines:
        found = re.match(r"(\d+)[:-](.*)", line)
        if found:
            shown.add((path, int(found[1]), found[2]))
        elif line not in {"", "--"}:
            path = line
    return shown


# What other servers say, taken apart.


def _texts(said: str, paths: list[str]) -> dict[str, str]:
    """Several files in one answer, in the order in which they were asked for."""
    texts, at = {}, 0
    starts = []
    for path in paths:
        at = said.index(f"{path}:", at)
        starts.append((at, at + len(path) + 1))
        at += len(path) + 1
    ends = [start for start, _ in starts[1:]] + [len(said)]
    for path, (_, start), end in zip(paths, starts, ends, strict=True):
        texts[path] = re.sub(r"\n---\n\Z|\n\Z", "", said[start:end].removeprefix("\n"))
    return texts


async def _searched_by_rust(ask: Ask, folder: str, query: str) -> str:
    """One search for each kind of files: its globs have no braces."""
    given = {"path": folder, "query": query, "is_regex": True}
    return "".join([await ask("search_files_content", {**given, "pattern": f"**/*.{kind}"}) for kind in KINDS])


def _hits_of_rust(said: str) -> dict[str, set[int]]:
    hits: dict[str, set[int]] = {}
    path = ""
    for line in said.splitlines():
        found = re.match(r"  (\d+):\d+: ", line)
        if found:
            hits.setdefault(path, set()).add(int(found[1]))
        elif line:
            path = line
    return hits


QUESTIONS = [
    Question(
        f"which modules mention {MENTIONED} and were changed this month",
        changed_truth,
        {"vfo serve": changed_by_ours, "filesystem": changed_by_filesystem, "rust": changed_by_rust,
         "shell": changed_by_shell},
    ),
    Question(
        "the ten largest files by extension",
        largest_truth,
        {"vfo serve": largest_by_ours, "filesystem": largest_by_listing, "rust": largest_by_listing,
         "shell": largest_by_shell},
    ),
    Question(
        f"all callers of {CALLED}, two lines of context",
        callers_truth,
        {"vfo serve": callers_by_ours, "filesystem": callers_by_filesystem, "rust": callers_by_rust,
         "shell": callers_by_shell},
    ),
]  # fmt: skip
