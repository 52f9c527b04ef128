"""Every option of every scan: its name, type, default and meaning, each written down once.

The functions take their options as `**options`, typed by the TypedDicts below, which is what a type checker and an
editor read. `documented` turns the same names into what `help()` and Jupyter show: real keyword-only parameters in the
signature and a section in the docstring. A test keeps the two in step. The values are checked by the Rust core when
the function is called; here only the names are.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypedDict, TypeVar

from .tables import Column, column_lines

if TYPE_CHECKING:
    from ._core import CancelToken, Root
    from .chunk_arguments import Extractor, Tokenizer
    from .paths import PathArgument

__all__ = [
    "ChunkOptions",
    "ChunksOptions",
    "CoverageOptions",
    "DiffOptions",
    "FilesOptions",
    "HitsOptions",
    "PlanOptions",
    "SearchOptions",
    "StrategyName",
    "WalkOptions",
    "WatchOptions",
]

StrategyName = Literal["auto", "buffered", "mmap", "stream"]
Texts = str | Iterable[str]
Function = TypeVar("Function", bound=Callable[..., object])


class PlanOptions(TypedDict, total=False):
    """Which entries a plan shares out: what means the same in every part of a tree, and on every machine."""

    include: Texts | None
    exclude: Texts | None
    types: Texts | None
    include_hidden: bool
    respect_ignore: bool
    require_git: bool
    max_depth: int | None
    max_file_size: int | None
    one_file_system: bool
    absolute_paths: bool
    within: Root | PathArgument | None
    cancel: CancelToken | None


class FilterOptions(PlanOptions, total=False):
    """Which entries are taken: shared by all scans and the watcher."""

    follow_symlinks: bool


class WatchOptions(FilterOptions, total=False):
    """The options of a watcher."""

    debounce: float
    initial: bool


class WalkOptions(FilterOptions, total=False):
    """Which entries a scan takes, in which order, and for how long: shared by all scans."""

    ordered: bool
    threads: int | None
    time_limit: float | None


class DiffOptions(FilterOptions, total=False):
    """The options of a comparison of trees: what is compared, and by how many workers."""

    threads: int | None


class FilesOptions(WalkOptions, total=False):
    """The options of a scan of entries."""

    blake3: bool
    observed: bool


class ChunksOptions(WalkOptions, total=False):
    """The options of chunking: how large chunks become, and what is text."""

    chunk_size: int
    overlap: int
    tokenizer: Tokenizer | bytes | None
    extractors: Mapping[str, Extractor] | None
    encoding: str
    strategy: StrategyName


class ChunkOptions(ChunksOptions, total=False):
    """The options of chunking that gives its ledger."""

    include_ignored: bool


class SearchOptions(WalkOptions, total=False):
    """What a pattern means, and how much of each match is told: shared by all searches."""

    fixed_strings: bool
    ignore_case: bool | Literal["smart"]
    whole_word: bool
    invert_match: bool
    multiline: bool
    encoding: str
    binary: Literal["stop", "search"]
    max_hits: int | None
    max_hits_per_file: int | None
    max_line_bytes: int
    strategy: StrategyName


class HitsOptions(SearchOptions, total=False):
    """The options of a search that gives hits."""

    context: int
    captures: bool
    raw_bytes: bool


class CoverageOptions(SearchOptions, total=False):
    """The options of a search that gives its ledger."""

    include_ignored: bool


class CompleteOptions(HitsOptions, CoverageOptions, total=False):
    """The options of a search that gives hits and ledger."""


class Option(NamedTuple):
    """One option as the documentation shows it."""

    default: object
    shape: str
    meaning: str


_FILTER: dict[str, Option] = {
    "include": Option(None, "glob or list", "take only what one of these matches; a folder takes all below it"),
    "exclude": Option(None, "glob or list", "leave out what one of these matches; folders are not entered"),
    "types": Option(None, "str or list", 'take only files of these types, by ripgrep\'s names ("py", "rust", "md")'),
    "include_hidden": Option(False, "bool", "take names that begin with a dot as well; `.git` is never entered"),
    "respect_ignore": Option(True, "bool", "leave out what .gitignore, .ignore, .rgignore and git's excludes name"),
    "require_git": Option(True, "bool", "read .gitignore files only inside a git repository"),
    "follow_symlinks": Option(False, "bool", "enter symlinked folders and read symlinked files, each of them once"),
    "max_depth": Option(None, "int", "how many levels below the source to go; 1 is what lies directly in it"),
    "max_file_size": Option(None, "int of bytes", "leave out larger files (a search lists them as `too_large`)"),
    "one_file_system": Option(False, "bool", "do not enter folders that lie on another file system"),
    "absolute_paths": Option(False, "bool", "give `path` from the root, instead of joined to the source as written"),
    "within": Option(
        None, "Root or folder", "paths start in this folder, and nothing outside of it is reached, whatever leads there"
    ),
    "cancel": Option(None, "CancelToken", "stop when `cancel()` is called on it, from any thread"),
}
_RUN: dict[str, Option] = {
    "ordered": Option(True, "bool", "rows by path, in byte order of its components; False: as they come"),
    "threads": Option(
        None, "int", "at most so many workers, never above 256; None: one a core, up to 30 more for a slow disk"
    ),
    "time_limit": Option(None, "seconds", "stop then, and give what is finished; coverage says `not_reached`"),
}
_WALK = {**_FILTER, **_RUN}
_WATCH: dict[str, Option] = {
    "debounce": Option(0.05, "seconds", "look when it has been quiet for so long, or ten times as long has passed"),
    "initial": Option(False, "bool", "begin with a frame of what is there, as `created`"),
}
_FILES: dict[str, Option] = {
    "blake3": Option(False, "bool", "add the column `blake3`: the hash of a regular file's content, in hexadecimal"),
    "observed": Option(False, "bool", "add the column `observed`: when the scan began, for `diff_trees` later"),
}
_SEARCH: dict[str, Option] = {
    "fixed_strings": Option(False, "bool", "patterns are plain text, not regular expressions"),
    "ignore_case": Option(False, 'bool or "smart"', '"smart": ignore case unless a pattern has a capital letter'),
    "whole_word": Option(False, "bool", "only matches with no word character on either side"),
    "invert_match": Option(False, "bool", "one row for each line that no pattern matches"),
    "multiline": Option(False, "bool", "a match may span lines; a file is then searched in one piece"),
    "encoding": Option("auto", "str", 'a WHATWG encoding label; "auto": by the BOM, else UTF-8'),
    "binary": Option(
        "stop", '"stop" or "search"', '"stop": a NUL byte ends the search of a file; "search": it does not'
    ),
    "max_hits": Option(None, "int", "the first so many rows of the table"),
    "max_hits_per_file": Option(None, "int", "the first so many rows of each file"),
    "max_line_bytes": Option(65536, "int of bytes", "longer lines are cut around their match"),
    "strategy": Option("auto", "str", 'how content is read: "auto" (by size), "buffered", "mmap" or "stream"'),
}
_HITS: dict[str, Option] = {
    "context": Option(0, "int, lines", "add `before` and `after`: so many lines around the hit"),
    "captures": Option(False, "bool", "add `captures`: the pattern's groups, with their names and ranges"),
    "raw_bytes": Option(False, "bool", "add `matched_bytes` and `line_bytes`, where text had to be repaired"),
}
_CHUNKS: dict[str, Option] = {
    "chunk_size": Option(1600, "int", "at most so many characters, or tokens of `tokenizer`, in a chunk"),
    "overlap": Option(0, "int", "neighbouring chunks share up to so many of them"),
    "tokenizer": Option(
        None, "tokenizers.Tokenizer or bytes", "count its tokens; bytes are what a Hugging Face tokenizer.json holds"
    ),
    "extractors": Option(
        None, "dict", 'functions that make a str of a content in bytes, by the end of a name, such as ".pdf"'
    ),
    "encoding": _SEARCH["encoding"],
    "strategy": _SEARCH["strategy"],
}
_COVERAGE: dict[str, Option] = {
    "include_ignored": Option(False, "bool", "a row as well for what was left out, with the rule in `excluded_by`"),
}

# Whoever reaches a folder by two ways has it once: no part of a plan can know of the other way.
PLAN = {name: option for name, option in _FILTER.items() if name != "follow_symlinks"}
FILES = {**_WALK, **_FILES}
HITS = {**_SEARCH, **_HITS, **_WALK}
WATCH = {**_WATCH, **_FILTER}
DIFF = {**_FILTER, "threads": _RUN["threads"]}
COVERAGE = {**_SEARCH, **_COVERAGE, **_WALK}
CHUNKS = {**_CHUNKS, **_WALK}
CHUNK = {**_CHUNKS, **_COVERAGE, **_WALK}
COMPLETE = {**_SEARCH, **_HITS, **_COVERAGE, **_WALK}


def without(options: Mapping[str, Option], *names: str) -> dict[str, Option]:
    """The same options but these."""
    return {name: option for name, option in options.items() if name not in names}


def documented(options: Mapping[str, Option], columns: tuple[Column, ...] = ()) -> Callable[[Function], Function]:
    """Show these options in a function's signature and docstring, instead of its `**options`.

    The docstring's lines `{options}` and `{columns}` are replaced by the lists.
    """

    def decorate(function: Function) -> Function:
        described: Any = function
        signature = inspect.signature(function)
        parameters = [p for p in signature.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        taken = {p.name for p in parameters}
        parameters += [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=option.default)
            for name, option in options.items()
            if name not in taken
        ]
        described.__signature__ = signature.replace(parameters=parameters)
        if function.__doc__ is not None:
            lines = [
                f"{name} ({option.shape}, default {option.default!r}): {option.meaning}."
                for name, option in options.items()
            ]
            text = _in_place("options", lines, function.__doc__)
            described.__doc__ = _in_place("columns", column_lines(columns), text)
        return function

    return decorate


def _in_place(name: str, lines: list[str], text: str) -> str:
    """The text with these lines where `{name}` stands, as far in: from Python 3.13 on, docstrings lose their indent."""

    def indented(found: re.Match[str]) -> str:
        return "\n".join(found[1] + line for line in lines)

    return re.sub(rf"^( *)\{{{name}\}}$", indented, text, flags=re.MULTILINE)


def checked(function: str, given: Mapping[str, object], known: Mapping[str, Option]) -> dict[str, object]:
    """The given options as the core takes them; a name that is not known raises and suggests the one meant."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; it takes {', '.join(known)}"
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")
    return dict(given)
