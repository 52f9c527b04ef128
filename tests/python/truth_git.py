"""Real git repositories full of ignore rules, and what git says of them: the other oracle of the truth tests.

A repository is generated from a seed: nested folders, ignore files with names, wildcards, classes, anchors, negations,
braces, escapes, comments and blanks, `.git/info/exclude`, and one global excludes file in a home of its own. Names and
rules come from small alphabets, so that rules do match. Nothing is tracked, no repository is nested: the two cases in
which git lists what a walker would not.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

STEMS = ["a", "b", "main", "test", "x y", "data.v1", "Makefile", "#note", "!bang", "[z]", "{a,b}", "back\\slash", "été"]
ENDINGS = ["", ".log", ".tmp", ".rs", ".o", ".{log,tmp}"]
FOLDERS = ["build", "src", "doc", "out.d", ".hidden", "deep", "a", "target"]
RULES = [
    "*.log", "*.o", "/build", "build/", "doc/*.rs", "**/out.d", "src/**", "src/**/x*", "a/**/b", "/*.tmp",
    "!main.log", "!*.rs", "!src/", "!/build/", "test*", "[ab]", "[!a].log", "[a-m]*.tmp", "?.o", "*.{log,tmp}",
    "{a,b}", "\\#note", "\\!bang*", "\\[z\\]", "x y*", "data.v?.log", "# a comment", "", "   ", "*.rs  ",
    "deep/deep/", "**/deep/*.o", "/**/a", "target", "!target/a", ".hidden", "!.hidden/*.rs", "Makefile",
    "*/Makefile", "/src/*", "!/src/main.rs", "back*", "*\\\\*", "é*", "!x y.tmp", "a/", "!a/", "doc",
    "!doc/main.rs", "*", "!*/", "!*.o", "out.d/**", "**", "main*/", "/",
]  # fmt: skip


def git(repository: Path, *arguments: str, home: Path, given: bytes = b"") -> bytes:
    """One git command with a home of its own."""
    command = ["git", "-C", str(repository), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, env=environment(home), check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.stdout


def environment(home: Path) -> dict[str, str]:
    """The environment for git and for us: this home, no system configuration, nothing inherited from an outer git."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "XDG_"))}
    return {**kept, "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}


def make_home(folder: Path) -> Path:
    """A home with a global excludes file."""
    folder.mkdir()
    (folder / "excludes").write_text("*.global\n/rooted.tmp\n!kept.global\n")
    (folder / ".gitconfig").write_text(f"[core]\n\texcludesFile = {folder}/excludes\n[init]\n\tdefaultBranch = main\n")
    return folder


def make_repository(folder: Path, seed: int, home: Path) -> Path:
    """A repository of about a hundred files under random rules; the same for the same seed."""
    chance = random.Random(seed)
    folder.mkdir()
    git(folder, "init", "--quiet", home=home)
    folders = [folder]
    for _ in range(14):
        folders.append(chance.choice(folders) / chance.choice(FOLDERS))
        folders[-1].mkdir(exist_ok=True)
    for each in folders:
        for _ in range(7):
            (each / (chance.choice(STEMS) + chance.choice(ENDINGS))).touch()
        for name in ("b.global", "kept.global", "rooted.tmp"):
            if chance.random() < 0.3:
                (each / name).touch()
        if chance.random() < 0.2:
            (each / "link").unlink(missing_ok=True)
            (each / "link").symlink_to(chance.choice([".", "nowhere", "main.rs"]))
    for each in [folder, *chance.sample(folders[1:], 5)]:
        rules = chance.sample(RULES, chance.randint(1, 6))
        (each / ".gitignore").write_text("\n".join(rules) + chance.choice(["", "\n", "\r\n"]))
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/exclude").write_text("\n".join(chance.sample(RULES, 2)) + "\n")
    return folder


def listed_by_git(repository: Path, home: Path) -> set[str]:
    """`git ls-files -co --exclude-standard`, as paths below the repository."""
    out = git(repository, "ls-files", "-co", "--exclude-standard", "-z", home=home)
    return {os.fsdecode(name) for name in out.split(b"\0") if name}


def rules_by_git(repository: Path, paths: list[str], home: Path) -> dict[str, str]:
    """`git check-ignore -v` of each path: `file:line:rule`, the file as an absolute path; "" for what no rule names."""
    given = b"\0".join(map(os.fsencode, paths)) + b"\0"
    fields = git(repository, "check-ignore", "-v", "-n", "-z", "--stdin", "--no-index", home=home, given=given)
    parts = [os.fsdecode(part) for part in fields.split(b"\0")[:-1]]
    found = {}
    for at in range(0, len(parts), 4):
        file, line, rule, path = parts[at : at + 4]
        found[path] = f"{os.path.join(repository, file)}:{line}:{rule}" if file else ""
    return found


_CHILD = """
import json, sys
import vespera_file_ops as vfo
for line in sys.stdin:
    call, columns, source, options = json.loads(line)
    frame = getattr(vfo, call)(*source, **options).select(columns).collect()
    print(json.dumps(frame.rows()), flush=True)
"""


def ask_us(home: Path, calls: list[tuple[str, list[str], list[str], dict[str, object]]]) -> list[list[list]]:
    """Lazy calls of our package in a process that has this home: the rows of each."""
    given = "".join(json.dumps(call) + "\n" for call in calls)
    command = [sys.executable, "-c", _CHILD]
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment(home), check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
