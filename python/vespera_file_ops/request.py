"""A scan that was asked for: the table, the sources and the options, as plain Python values.

It is what a lazy frame holds: it can be pickled, and it makes a fresh Rust request for every run. Making one checks
every argument, so that a mistake raises where it was made and not where the frame is collected. No Polars here: the
command line and the Arrow streams start from this too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _core
from .chunk_arguments import checked_extractors, tokenizer_json
from .errors import ArgumentError
from .paths import encode_sources, encode_within, is_path, text_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .partition import Partition
    from .paths import SourceArgument

__all__ = ["ScanRequest", "given_options", "pattern_list"]

# Options that are one text or several.
_TEXT_LISTS = ("include", "exclude", "types")


class ScanRequest:
    """One validated scan, ready to run any number of times.

    Arguments:
        table: "files", "hits", "coverage", "chunks", or "search" and "chunk" for rows and coverage in one pass.
        source: The `source` argument of the public function.
        options: The other arguments, by name.
        argument: The name of the source argument in that function, for its errors.
        globs: Whether a str source may be a glob.
    """

    def __init__(
        self,
        table: str,
        source: SourceArgument,
        options: dict[str, object],
        *,
        argument: str = "source",
        globs: bool = True,
    ) -> None:
        self.table = table
        self.options: dict[str, object] = given_options(options)
        part = _part_of_plan(source) if globs else None
        if part is not None:
            self.sources, is_list = part.sources, False
            self.options = part.scan_options(self.options)
        else:
            self.sources, is_list = encode_sources(argument, source, globs=globs)
        self.options["source_is_list"] = is_list
        self.build()

    def build(self) -> _core.Request:
        """The Rust request: validated, not started."""
        return _core.Request(self.table, self.sources, self.options)

    @property
    def asks_for_cut(self) -> bool:
        """Whether the caller limited the number of hits, so that cut files are no surprise."""
        return "max_hits" in self.options or "max_hits_per_file" in self.options


def _part_of_plan(source: SourceArgument) -> Partition | None:
    """The source, if it is a part of a plan."""
    if is_path(source) or isinstance(source, (list, tuple)):
        return None
    # Not before it is asked for: dataclasses cost the command line 10 ms.
    from .partition import Partition

    return source if isinstance(source, Partition) else None


def given_options(options: dict[str, object]) -> dict[str, object]:
    """The options that were given, as the core takes them."""
    given = {name: value for name, value in options.items() if value is not None}
    if "within" in given:
        given["within"] = encode_within(given["within"])  # type: ignore[arg-type]
    if "tokenizer" in given:
        given["tokenizer"] = tokenizer_json(given["tokenizer"])
    if "extractors" in given:
        given["extractors"] = checked_extractors(given["extractors"])
    return {name: text_list(name, value) if name in _TEXT_LISTS else value for name, value in given.items()}


def pattern_list(pattern: str | Iterable[str]) -> list[str]:
    """The patterns of a search, at least one."""
    patterns = text_list("pattern", pattern)
    if not patterns:
        raise ArgumentError("pattern: the list holds no pattern")
    return patterns
