"""The command `vfo`: the same scans as in Python, as a table on the terminal or in a file.

The default table is made without Polars, which takes longer to import than a small search lasts; only the other formats
and `--sql` load it, and each command loads no more than itself. Exit status: 0 with rows, 1 without, 2 on an error. A
search is complete only if its ledger says so; if not, a line on stderr says what is missing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import cast

from ..errors import ArgumentError, PatternError, VfoError
from .arguments import parse
from .output import say

__all__ = ["main"]

_INTERRUPTED = 130

# The function of each command, which is imported with its room only when it is called for.
_COMMANDS = {
    "search": "scans.search",
    "files": "scans.files",
    "chunks": "scans.chunks",
    "info": "entries.info",
    "hash": "entries.hashes",
    "read": "contents.read",
    "explain": "explaining.explain",
    "watch": "watching.watch",
    "index": "indexing.index",
    "serve": "serving.serve",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit status."""
    sys.unraisablehook = _unraisable
    try:
        try:
            return _run(arguments)
        except BrokenPipeError:
            # The reader (`| head`) has what it wanted. What Python would flush at exit has nowhere to go either.
            if sys.stdout is not None:
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            if not isinstance(error, (VfoError, TypeError, ValueError, OSError)) and not _is_polars_error(error):
                raise
            say(*_message(error))
            return 2
    except KeyboardInterrupt:
        try:
            sys.stdout.flush()
        finally:
            # Polars raises a second KeyboardInterrupt, which would arrive here or later, and end in a traceback.
            os._exit(_INTERRUPTED)


def _run(arguments: Sequence[str] | None) -> int:
    given = parse(arguments)
    if sys.stdout is None and given.output is None:
        raise ArgumentError("output: the standard output is closed; use --output FILE")
    room, function = _COMMANDS[given.command].split(".")
    return cast("int", getattr(import_module(f".{room}", __name__), function)(given))


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Report what could not be raised, but not the Ctrl-C that Polars' engine meets while it is taken down."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _message(error: Exception) -> list[str]:
    """What is said of an error: one line, but for a pattern, which is shown with a mark below the place."""
    text = f"vfo: {error}"
    if _is_polars_error(error):
        # Behind it stand the expression and the plan of the query, which say nothing to who wrote the SQL.
        text = text.split("\n\n", 1)[0]
    return text.split("\n") if isinstance(error, PatternError) else [text]


def _is_polars_error(error: Exception) -> bool:
    """Whether Polars refused the query; asked without importing it, because then it is loaded already."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(error, polars.exceptions.PolarsError)
