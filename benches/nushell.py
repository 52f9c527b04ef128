"""Three questions to a tree in Nushell: with what it brings, with ripgrep's JSON, and with the plugin.

    python benches/nushell.py [--rounds 3] [FOLDER]     (`make nushell` first)

The answers are compared before anything is timed. What was typed is counted in commands and characters, memory is the
most that the shell and all that it started held together.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from trees import linux

BIN = Path(sys.prefix) / "bin"
SHELL = [str(BIN / "nu"), "--no-config-file", "--plugins", f"[{BIN / 'nu_plugin_vfo'}]", "--commands"]

QUESTIONS = {
    "bytes in C files above 100 kB, by folder": {
        "built in": "ls **/*.c | where size > 100kb | insert folder { $in.name | path dirname }"
        " | group-by folder --to-table | each { {folder: $in.folder, bytes: ($in.items.size | math sum)} }",
        "plugin": "vfo files --include *.c | where size > 100kb | insert folder { $in.path | path dirname }"
        " | group-by folder --to-table | each { {folder: $in.folder, bytes: ($in.items.size | math sum)} }",
    },
    "lines with PM_RESUME, and where": {
        "built in": "glob **/*.{c,h} | each {|f| open --raw $f | lines | enumerate | where item =~ PM_RESUME"
        " | each { {path: ($f | path relative-to $env.PWD), line: ($in.index + 1)} } } | flatten",
        "ripgrep": "^rg --json --sort path PM_RESUME -g '*.{c,h}' | lines | each { from json } | where type == 'match'"
        " | each { {path: $in.data.path.text, line: $in.data.line_number} }",
        "plugin": "vfo search PM_RESUME --include *.{c,h} | each { {path: $in.path, line: $in.line_number} } | uniq",
    },
    "FIXME in files below 20 kB, with their sizes": {
        "built in": "ls **/*.c | where size < 20kb | each {|f| open --raw $f.name | lines | find --no-highlight --regex"
        " FIXME | each { {path: $f.name, size: $f.size} } } | flatten",
        "ripgrep": "^rg --json FIXME -g '*.c' | lines | each { from json } | where type == 'match'"
        " | each { {path: $in.data.path.text, size: (ls $in.data.path.text | get 0.size)} } | where size < 20kb",
        "plugin": "vfo search FIXME --include *.c | where size < 20kb | uniq-by path line_number | select path size",
    },
}


class Turn(NamedTuple):
    """One run of a pipeline."""

    answer: str
    seconds: float
    peak: int


def turn(code: str, folder: Path) -> Turn:
    """Run it in a fresh Nushell; the answer is what it prints as JSON, in any order of rows."""
    with tempfile.TemporaryFile() as out:
        begun = time.perf_counter()
        shell = psutil.Popen([*SHELL, f"{code} | to json --raw"], cwd=folder, stdout=out)
        peak = 0
        while shell.poll() is None:
            peak = max(peak, resident(shell))
            time.sleep(0.01)
        seconds = time.perf_counter() - begun
        if shell.returncode:
            raise SystemExit(f"{code}: status {shell.returncode}")
        out.seek(0)
        rows = json.load(out)
    return Turn(json.dumps(sorted(json.dumps(row, sort_keys=True) for row in rows)), seconds, peak)


def resident(process: psutil.Process) -> int:
    """What a process and its descendants hold, in bytes."""
    held = 0
    try:
        for one in (process, *process.children(recursive=True)):
            held += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return held


def main() -> int:
    """Print the table; 1 if answers differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if not Path(SHELL[0]).exists():
        raise SystemExit(f"{SHELL[0]} is missing: `make nushell` first")
    folder = given.folder or linux() / "drivers" / "net"
    differ = False
    print("| question | with | rows | commands | characters | seconds | MiB |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for question, ways in QUESTIONS.items():
        turns: dict[str, list[Turn]] = {way: [] for way in ways}
        for _ in range(given.rounds):
            for way, code in ways.items():
                turns[way].append(turn(code, folder))
        answers = {one.answer for all_turns in turns.values() for one in all_turns}
        differ |= len(answers) > 1
        for way, code in ways.items():
            seconds = statistics.median(one.seconds for one in turns[way])
            peak = statistics.median(one.peak for one in turns[way]) / (1 << 20)
            rows = len(json.loads(turns[way][0].answer))
            typed = f"{code.count('|') + 1} | {len(code)}"
            print(f"| {question} | {way} | {rows} | {typed} | {seconds:.2f} | {peak:.0f} |")
        if len(answers) > 1:
            print(f"{question}: the answers differ", file=sys.stderr)
    version = subprocess.run([SHELL[0], "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"\nNushell {version}, {folder}, medians of {given.rounds}")
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
