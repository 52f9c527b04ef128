"""What the clients of a soak ask, what is right as an answer, and which errors are the caller's.

The tree has files that stay (`still/`), files that a writer changes all the time (`moving/`), and a file of each client
(`own/`). An answer about what stays must be right to the byte; one about what moves may be any, or one of the errors
that `ALLOWED` names; one to a wrong call must be the error that this call deserves.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import vespera_file_ops as vfo

FOLDERS = 20
FILES = 10
LINES = 60
# What no answer may hold: it lies outside of the root, and links in `moving/` lead there.
SECRET = "what lies outside"
# The errors of a call that is right but for what another did meanwhile.
ALLOWED = {
    "not found": r"no such file or folder|is there no longer|vanished",
    "changed meanwhile": r"changed each time it was read|has changed since|the file holds blake3|changed while it was",
    "its folder went meanwhile": r"cannot rename the new file over it: no such file or directory",
    "text is not there": r"edits: .* is not there; nothing was written",
    "a link has come meanwhile": r"a symlink (?:has this name|cannot be written to)",
    "is a folder": r"is a (?:folder|directory)|names a folder|not a regular file",
}


class Call(NamedTuple):
    """One call: its tool and arguments, whether its answer is right, and the error that it must or may be."""

    tool: str
    given: dict[str, Any]
    is_right: Callable[[str, Any], bool] = lambda _text, _data: True
    must_fail: str | None = None
    may_fail: bool = False


@dataclass
class Tree:
    """The served folder, and what is known of it."""

    top: Path

    def texts(self) -> dict[str, str]:
        """The files that stay, by path."""
        told = {}
        for number in range(FOLDERS * FILES):
            path = f"still/{number % FOLDERS:02}/{number:03}.txt"
            lines = [f"{path} {line} {'needle' if (number + line) % 7 == 0 else 'hay'}" for line in range(1, LINES + 1)]
            told[path] = "".join(f"{line}\n" for line in lines)
        return told

    def make(self) -> None:
        """Write it."""
        for path, text in self.texts().items():
            (self.top / path).parent.mkdir(parents=True, exist_ok=True)
            (self.top / path).write_text(text)
        for folder in ("own", *(f"moving/{number}" for number in range(8))):
            (self.top / folder).mkdir(parents=True)
        (self.top / ".env").write_text("DENIED=1\n")
        # What links in `moving/` lead to.
        (self.top / "own/linked.txt").write_text("needle\n")
        self.outside.write_text(SECRET)

    @property
    def outside(self) -> Path:
        """A file beside the root."""
        return self.top.parent / "outside.txt"


def moving(rng: random.Random) -> str:
    """A path that the writer may have made, changed, renamed or removed."""
    return f"moving/{rng.randrange(8)}/{rng.randrange(40)}.txt"


def write(tree: Path, rng: random.Random) -> None:
    """One change of what moves."""
    path, other = tree / moving(rng), tree / moving(rng)
    text = f"{rng.random()} {rng.choice(['needle', 'hay'])}\n" * rng.randrange(1, 200)
    try:
        match rng.randrange(12):
            case 0 | 1 | 2 | 3 | 4 | 5 as choice:
                # Never through a link: what stays and what lies outside is not to change.
                way = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if choice < 4 else os.O_APPEND)
                with open(os.open(path, way, 0o644), "w", encoding="utf-8") as file:
                    file.write(text)
            case 6 | 7:
                os.replace(path, other)
            case 8 | 9:
                path.unlink()
            case 10:
                path.unlink(missing_ok=True)
                path.symlink_to(rng.choice([str(tree.parent / "outside.txt"), "../../own/linked.txt", "nowhere"]))
            case _:
                folder = path.parent
                folder.rename(gone := tree.parent / f"gone{rng.random()}")
                folder.mkdir()
                for left in gone.iterdir():
                    left.unlink()
                gone.rmdir()
    except OSError:
        # What it was to change is not there now, or is a link that leads nowhere.
        pass


class Asker:
    """Makes the calls of one client."""

    def __init__(self, tree: Tree, number: int, rng: random.Random) -> None:
        self.rng = rng
        self.number = number
        self.texts = tree.texts()
        self.paths = list(self.texts)
        self.hashes = {path: vfo.compute_file_hash(tree.top / path) for path in self.paths[:20]}
        self.makers = [self.read, self.search, self.names, self.look, self.query, self.write, self.mistake]
        self.weights = [6, 6, 4, 4, 0.4, 2, 3]

    def __iter__(self) -> Iterator[Call]:
        while True:
            (make,) = self.rng.choices(self.makers, self.weights)
            yield self.rng.choice(make())

    def every(self) -> Iterator[Call]:
        """Each call once."""
        for make in self.makers:
            yield from make()

    def read(self) -> list[Call]:
        path, gone = self.rng.choice(self.paths), moving(self.rng)
        text = self.texts[path]
        lines = text.splitlines(keepends=True)
        first = self.rng.randrange(1, LINES - 5)
        return [
            Call("read_file", {"path": path}, lambda _, data: data["files"][0]["text"] == text),
            Call(
                "read_file",
                {"path": path, "start_line": first, "end_line": first + 5},
                lambda _, data: data["files"][0]["text"] == "".join(lines[first - 1 : first + 5]),
            ),
            Call(
                "read_file",
                {"path": path, "start_byte": first, "end_byte": first + 50},
                lambda _, data: data["files"][0]["text"] == text[first : first + 50],
            ),
            Call(
                "read_file",
                {"path": [path, gone, "absent.txt"]},
                lambda _, data: data["files"][0]["text"] == text and "error" in data["files"][2],
            ),
            Call("read_file", {"path": gone}, may_fail=True),
        ]

    def search(self) -> list[Call]:
        path = self.rng.choice(self.paths)
        folder = os.path.dirname(path)
        in_file = self.texts[path].count("needle")
        hits = {other: text.count("needle") for other, text in self.texts.items() if other.startswith(folder + "/")}
        counts = [[other, hits[other]] for other in sorted(hits, key=lambda other: (-hits[other], other))]
        return [
            Call(
                "search_files",
                {"pattern": "needle", "path": folder},
                lambda _, data: data["row_count"] == sum(hits.values()),
            ),
            Call(
                "search_files",
                {"pattern": r"need\w+$", "path": path, "context": 2},
                lambda _, data: data["row_count"] == in_file,
            ),
            Call(
                "search_files",
                {"pattern": "needle", "path": folder, "output": "counts"},
                lambda _, data: data["rows"] == counts,
            ),
            Call("search_files", {"pattern": "absolutely absent", "path": "still"}, lambda _, data: not data["rows"]),
            Call("search_files", {"pattern": "needle", "path": "moving", "output": "files"}),
            Call("search_files", {"pattern": "needle", "path": "moving"}),
            Call("search_files", {"pattern": "hay", "path": moving(self.rng)}, may_fail=True),
            Call(
                "explain", {"path": path, "pattern": "needle"}, lambda _, data: data["path"] == path and data["reason"]
            ),
            Call("explain", {"path": moving(self.rng)}, may_fail=True),
        ]

    def names(self) -> list[Call]:
        folder = os.path.dirname(self.rng.choice(self.paths))
        inside = sorted(path for path in self.paths if path.startswith(folder + "/"))
        return [
            Call(
                "list_directory",
                {"path": folder},
                lambda _, data: [row[0] for row in data["rows"]] == [os.path.basename(path) for path in inside],
            ),
            Call("list_directory", {"path": f"moving/{self.rng.randrange(8)}"}, may_fail=True),
            Call(
                "glob_files",
                {"patterns": "*.txt", "path": folder},
                lambda _, data: sorted(row[0] for row in data["rows"]) == inside,
            ),
            Call(
                "glob_files",
                {"patterns": ["*.txt", "*.md"], "path": "still", "limit": 5},
                lambda _, data: data["row_count"] == len(self.paths) and len(data["rows"]) == 5,
            ),
            Call(
                "glob_files",
                {"patterns": "*.txt", "path": folder, "where": "size > 0 and extension = 'txt'", "columns": ["name"]},
                lambda _, data: [row[0] for row in data["rows"]] == [os.path.basename(path) for path in inside],
            ),
            Call("glob_files", {"patterns": "*.txt", "path": "moving"}),
            Call("list_roots", {}, lambda _, data: data["row_count"] == 1),
        ]

    def look(self) -> list[Call]:
        path = self.rng.choice(list(self.hashes))
        size = len(self.texts[path])
        return [
            Call(
                "get_file_info",
                {"path": path, "blake3": True},
                lambda _, data: {size, self.hashes[path]} <= set(data["rows"][0]),
            ),
            Call(
                "get_file_info",
                {"path": [path, moving(self.rng)]},
                lambda _, data: data["rows"][0][0] == path and size in data["rows"][0],
            ),
            Call("get_file_info", {"path": moving(self.rng)}, may_fail=True),
        ]

    def query(self) -> list[Call]:
        folder = os.path.dirname(self.rng.choice(self.paths))
        count = sum(text.count("needle") for path, text in self.texts.items() if path.startswith(folder + "/"))
        hits = {"h": {"hits": {"pattern": "needle", "path": folder}}}
        return [
            Call(
                "query",
                {"tables": hits, "sql": "select count(*) as n from h"},
                lambda _, data: data["rows"] == [[count]],
            ),
            Call(
                "query",
                {"tables": {"f": {"files": {"path": "moving"}}}, "sql": "select path, size from f order by size desc"},
            ),
            Call("query", {"tables": hits, "sql": "select path from g"}, must_fail="'g' is no table"),
            Call("query", {"tables": hits, "sql": "select nothing from h"}, must_fail="sql: "),
        ]

    def write(self) -> list[Call]:
        own, text = f"own/{self.number}.txt", f"{self.rng.random()}\n" * 20
        gone = moving(self.rng)
        return [
            Call("write_file", {"path": own, "content": text}, lambda _, data: data["status"] == "written"),
            Call(
                "write_file",
                {"path": own, "content": text, "dry_run": True},
                lambda _, data: data["status"] == "would be written",
            ),
            Call("write_file", {"path": own, "content": text, "expected_blake3": "0" * 64},
                 must_fail=f"{ALLOWED['changed meanwhile']}|does not exist"),
            Call("write_file", {"path": gone, "content": text}, may_fail=True),
            Call("create_directory", {"path": f"own/{self.number} made/deep"},
                 lambda _, data: data["status"] == "there"),
            Call("move_file", {"path": gone, "target": moving(self.rng), "overwrite": True}, may_fail=True),
            Call("move_file", {"path": "absent.txt", "target": own}, must_fail="no such file or folder"),
            Call("edit_file", {"path": gone, "edits": [{"old_text": "needle", "new_text": "hay", "all": True}]},
                 may_fail=True),
            Call("edit_file", {"path": self.paths[0], "edits": [{"old_text": "needle", "new_text": "x", "all": True}],
                               "dry_run": True}, lambda _, data: data["diff"].count("\n+") > 1),
            Call("edit_file", {"path": self.paths[0], "edits": [{"old_text": "no such text", "new_text": "x"}]},
                 must_fail="is not there; nothing was written"),
        ]  # fmt: skip

    def mistake(self) -> list[Call]:
        path = self.rng.choice(self.paths)
        return [
            Call("read_files", {"path": path}, must_fail="there is no such tool"),
            Call("read_file", {"file": path}, must_fail="has no such argument"),
            Call("read_file", {}, must_fail="needs it"),
            Call("read_file", {"path": 7}, must_fail="^path: "),
            Call("read_file", {"path": "absent.txt"}, must_fail="no such file or folder"),
            Call("read_file", {"path": "/etc/passwd"}, must_fail="no such file or folder"),
            Call("read_file", {"path": "../outside.txt"}, must_fail="no such file or folder"),
            Call("read_file", {"path": ".env"}, must_fail="is denied"),
            Call("read_file", {"path": path, "start_line": 1000}, must_fail="there is no line 1000"),
            Call("read_file", {"path": "still"}, must_fail=ALLOWED["is a folder"]),
            Call("search_files", {"pattern": "("}, must_fail="unclosed group"),
            Call("search_files", {"pattern": "x" * 3000}, must_fail="^pattern: "),
            Call("search_files", {"pattern": "x", "limit": 0}, must_fail="^limit: "),
            Call("glob_files", {"patterns": "[", "path": "still"}, must_fail=r"\["),
            Call("query", {"tables": {"h": {"hit": {}}}, "sql": "select 1"}, must_fail="no kind of table"),
            Call("query", {"tables": {"f": {"files": {}}}, "sql": "drop table f"}, must_fail="exactly one SELECT"),
        ]


def kind_of(text: str) -> str | None:
    """Which of the allowed errors it is."""
    return next((kind for kind, said in ALLOWED.items() if re.search(said, text)), None)


def problem_of(call: Call, is_error: bool, text: str, data: Any) -> str | None:
    """What is wrong with an answer."""
    if SECRET in text or SECRET in repr(data):
        return "tells what lies outside"
    if call.must_fail is not None:
        if not is_error:
            return "a wrong call is answered"
        return None if re.search(call.must_fail, text) else f"a wrong call is told {text[:300]!r}"
    if is_error:
        return None if call.may_fail and kind_of(text) else f"an error that is not the caller's: {text[:300]!r}"
    return None if call.is_right(text, data) else f"a wrong answer: {text[:300]!r}"
