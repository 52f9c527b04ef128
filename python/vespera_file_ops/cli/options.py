"""From what stands on the command line to the options of a call, and back to how an option is spelled there.

What was left at its default is left out: a default is said in one place, which is not here.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from .. import _core
from ..paths import encode_path, encode_within

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["chunk_options", "option_text", "search_options", "walk_options", "watch_options"]

_WALK_FLAGS = ("include_hidden", "follow_symlinks", "one_file_system", "absolute_paths")
_WALK_VALUES = ("types", "max_depth", "max_file_size", "within", "threads", "time_limit")
_SEARCH_FLAGS = ("fixed_strings", "whole_word", "invert_match", "multiline")
_SEARCH_VALUES = ("encoding", "max_hits", "max_hits_per_file", "max_line_bytes", "strategy")
_CHUNK_VALUES = ("chunk_size", "overlap", "encoding", "strategy")

# The flags that are not called like their option.
_FLAG_OF: dict[tuple[str, object], str] = {("include_hidden", True): "--hidden", ("binary", "search"): "--text"}


def walk_options(given: argparse.Namespace) -> dict[str, object]:
    """The walk's options, without those that were left at their default."""
    options = _given(given, _WALK_FLAGS, _WALK_VALUES)
    # As with ripgrep's -g, one that begins with ! leaves out.
    include = [glob for glob in given.include if not glob.startswith("!")]
    exclude = [glob[1:] for glob in given.include if glob.startswith("!")] + given.exclude
    if include:
        options["include"] = include
    if exclude:
        options["exclude"] = exclude
    if given.no_respect_ignore:
        options["respect_ignore"] = False
    if given.no_require_git:
        options["require_git"] = False
    if getattr(given, "no_ordered", False):
        options["ordered"] = False
    return options


def search_options(given: argparse.Namespace) -> dict[str, object]:
    """The options of a search, those of its walk included."""
    options = walk_options(given) | _given(given, _SEARCH_FLAGS, _SEARCH_VALUES)
    if given.ignore_case or given.smart_case:
        options["ignore_case"] = True if given.ignore_case else "smart"
    if given.text:
        options["binary"] = "search"
    if getattr(given, "context", None):
        options["context"] = given.context
    if getattr(given, "captures", False):
        options["captures"] = True
    return options


def watch_options(given: argparse.Namespace) -> dict[str, Any]:
    """The options of watching, those of its walk included."""
    return walk_options(given) | _given(given, ("initial",), ("debounce",))


def chunk_options(given: argparse.Namespace) -> dict[str, object]:
    """The options of chunking, those of its walk included."""
    options = walk_options(given) | _given(given, (), _CHUNK_VALUES)
    if given.tokenizer is not None:
        path = encode_path("tokenizer", given.tokenizer)
        options["tokenizer"] = _core.read_bytes(path, strategy="auto", within=encode_within(given.within), cancel=None)
    return options


def _given(given: argparse.Namespace, flags: Sequence[str], values: Sequence[str]) -> dict[str, object]:
    """What was given of these; not every command has them all."""
    options: dict[str, object] = {name: True for name in flags if getattr(given, name, False)}
    return options | {name: getattr(given, name) for name in values if getattr(given, name, None) is not None}


def option_text(option: str, value: object) -> str:
    """An option of a call as the command line spells it."""
    if isinstance(value, list):
        return " ".join(option_text(option, one) for one in value)
    if (option, value) in _FLAG_OF:
        return _FLAG_OF[option, value]
    name = option.replace("_", "-")
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    text = shlex.quote(str(value))
    # Behind a space it would be read as another option.
    return f"--{name}={text}" if text.startswith("-") else f"--{name} {text}"
