"""What a shell offers when Tab is pressed behind `vfo`: commands, options, their values, and names of files.

The shell asks the command itself, through argcomplete: so what it offers is what the installed version takes, and
nothing has to be made anew after an upgrade. All of this is imported only then, or to install it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, get_args

from .. import _core, tables
from ..errors import ArgumentError
from ..options import StrategyName
from ..writes import append_file, write_file_atomic

if TYPE_CHECKING:
    import argparse

__all__ = ["SHELLS", "answer", "install", "script"]

SHELLS = ("bash", "zsh", "fish")

_COLUMNS = {
    "search": tables.HITS,
    "files": tables.FILES,
    "info": tables.FILES,
    "hash": tables.FILES,
    "chunks": tables.CHUNKS,
    "explain": (*tables.COVERAGE, tables.REASON),
    "watch": tables.EVENTS,
}
_FILES = {"source", "positional", "output", "tokenizer", "token_file"}
_FOLDERS = {"within", "folder", "index", "root", "below"}


class _Place(NamedTuple):
    """Where a shell finds the completion: the file, and the file with a line that reads it, if it needs one."""

    path: str
    start: str | None


def answer(parser: argparse.ArgumentParser) -> None:
    """Tell the shell that asks what may stand at its cursor, and end."""
    import argcomplete

    _attach(parser)
    argcomplete.autocomplete(parser, always_complete_options=False, default_completer=_nothing)  # type: ignore[arg-type]


def script(shell: str | None) -> str:
    """The lines that a shell needs to ask."""
    from argcomplete.shell_integration import shellcode

    shell = _known(shell)
    # A shell's own guess, where nothing fits, would be the names of files, also for a number.
    lines = shellcode(["vfo"], shell=shell, complete_arguments=["-o", "nospace"])
    if shell == "zsh":
        # It must be read at the start as well as from a folder of functions, and before anybody else needs compinit.
        first, _, rest = lines.partition("\n")
        lines = f"{first}\n(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit }}\n{rest}"
    return lines.strip() + "\n"


def install(shell: str | None) -> Iterator[str]:
    """Write these lines to where the shell finds them, once; says of each file what was done."""
    shell = _known(shell)
    place = _place(shell)
    content = script(shell)
    if _text(place.path) == content:
        yield f"{place.path} is up to date"
    else:
        os.makedirs(os.path.dirname(place.path), exist_ok=True)
        write_file_atomic(place.path, content)
        yield f"wrote {place.path}"
    if place.start is not None:
        name = shlex.quote(place.path)
        line = f"[ -r {name} ] && . {name}  # the completion of vfo"
        before = _text(place.start)
        if line in before.splitlines():
            yield f"{place.start} reads it already"
        else:
            append_file(place.start, f"{'' if before.endswith(chr(10)) or not before else chr(10)}{line}\n")
            yield f"added a line to {place.start} that reads it"
    yield f"it works in every {shell} that is started from now on"


def _known(shell: str | None) -> str:
    name = shell or os.path.basename(os.environ.get("SHELL", ""))
    if name not in SHELLS:
        raise ArgumentError(f"the shell is not known ({name or 'SHELL is not set'}): name one of {', '.join(SHELLS)}")
    return name


def _place(shell: str) -> _Place:
    home = os.path.expanduser("~")
    if shell == "fish":
        config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
        return _Place(os.path.join(config, "fish", "completions", "vfo.fish"), None)
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share")
    folder = os.environ.get("ZDOTDIR") or home if shell == "zsh" else home
    return _Place(os.path.join(data, "vespera_file_ops", f"vfo.{shell}"), os.path.join(folder, f".{shell}rc"))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _attach(parser: argparse.ArgumentParser) -> None:
    """Give each argument of the parser and of its commands what completes it, unless its choices do."""
    for action in parser._actions:
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                _attach(command)
        elif action.choices is None:
            action.completer = {  # type: ignore[attr-defined]
                **dict.fromkeys(_FILES, _files),
                **dict.fromkeys(_FOLDERS, _folders),
                "types": _types,
                "strategy": _strategies,
                "columns": _columns,
            }.get(action.dest, _nothing)


def _nothing(**_: object) -> Iterable[str]:
    return ()


def _types(**_: object) -> Iterable[str]:
    return ("all", *_core.type_names())


def _strategies(**_: object) -> Iterable[str]:
    return get_args(StrategyName)


def _columns(prefix: str, parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    """The columns that the table has as it is asked for, behind those that are named already."""
    if parsed_args.command == "read":
        names = ["path", "line_number", "line"]
    else:
        columns = _COLUMNS[parsed_args.command]
        names = [
            column.name for column in columns if column.option is None or getattr(parsed_args, column.option, None)
        ]
    before, comma, _last = prefix.rpartition(",")
    return (f"{before}{comma}{name}" for name in names if name not in before.split(","))


def _folders(prefix: str, **_: object) -> Iterable[str]:
    return (path for path in _names(prefix) if path.endswith("/"))


def _files(prefix: str, action: argparse.Action, parsed_args: argparse.Namespace, **_: object) -> Iterable[str]:
    if action.dest == "positional" and not (parsed_args.positional or parsed_args.pattern):
        # What is searched for is no file, as a rule.
        return ()
    return _names(prefix)


def _names(prefix: str) -> Iterator[str]:
    """The files and folders whose path begins so; those that are hidden only if a dot was typed."""
    folder, slash, start = prefix.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(f"{folder}{slash}") or ".") as entries:
            for entry in entries:
                if entry.name.startswith(start) and (start or not entry.name.startswith(".")):
                    yield f"{folder}{slash}{entry.name}{'/' if entry.is_dir() else ''}"
    except OSError:
        return
