"""Matches in a file are replaced; everything else of it stays as it is, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from . import _core
from .errors import ArgumentError
from .paths import encode_path, encode_within, text_list
from .request import pattern_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from ._core import CancelToken, Root
    from .paths import PathArgument

__all__ = ["replace_in_file"]


def replace_in_file(
    path: PathArgument,
    pattern: str | Iterable[str],
    replacement: str | Iterable[str],
    *,
    fixed_strings: bool = False,
    ignore_case: bool | Literal["smart"] = False,
    whole_word: bool = False,
    multiline: bool = False,
    encoding: str = "auto",
    binary: Literal["stop", "search"] = "stop",
    max_replacements: int | None = None,
    expected_blake3: str | None = None,
    dry_run: bool = False,
    durable: bool = True,
    follow_symlinks: bool = True,
    break_hard_links: bool = False,
    within: Root | PathArgument | None = None,
    cancel: CancelToken | None = None,
) -> pl.DataFrame:
    r"""Replace the matches of one pattern or several in a file, whole or not at all; one row a replacement.

    Several patterns are replaced in one pass: the leftmost match comes first, of two at one place that of the earlier
    pattern, and nothing is looked for in what was put in. The file's byte order mark, its line ends, and bytes that are
    not valid in its encoding stay as they are. If somebody changes the file meanwhile, nothing is written; a file in
    which nothing changes is not touched.

    Arguments:
        path: The file.
        pattern: A regular expression in ripgrep's syntax, or a list of them.
        replacement: What each match becomes, one for each pattern. `$1` and `$name` (in braces before a letter) are
            what a group matched, `$0` is the match, and `$$` is a dollar sign. Everything else is taken as it is: a
            newline in it is one `\n`, also in a file whose lines end in `\r\n`.
        fixed_strings: The patterns and the replacements are plain text.
        ignore_case: True, False, or "smart": only for patterns without a capital letter.
        whole_word: A match touches no letter, digit or underscore on either side.
        multiline: A match may span lines; without it `$` stands before the `\n`, and `.+` takes a `\r`.
        encoding: A WHATWG encoding label such as "utf-16le" or "windows-1252"; "auto": by the BOM, else UTF-8.
        binary: "stop" refuses a file that holds a NUL character, "search" edits it.
        max_replacements: Replace only the first so many matches.
        expected_blake3: The hash of what the file must hold now. Refused where the folder cannot be locked, as on many
            network file systems; without it an edit goes on there, and one of the same moment by somebody else is lost.
        dry_run: Return the rows, and write nothing.
        durable: Return only when the new content survives a loss of power.
        follow_symlinks: Edit what a link leads to. False refuses a link.
        break_hard_links: Edit a file that has other names, which keep the old content; without it that is refused.
        within: The path starts in this folder, and must not lead outside of it.
        cancel: Stop when `cancel()` is called on it, from any thread; nothing is written then. It is heard between two
            looks of the pattern, each of which goes to the end of its line; with `multiline`, to the end of the file.

    Columns:
        start_byte (Int64): 0-based offset in the raw file as it was.
        end_byte (Int64): where the match ended: `raw[start_byte:end_byte]` decodes to `matched`.
        matched (String): the matched text.
        replacement (String): what stands there now.

    Raises:
        ConflictError: The file does not hold what `expected_blake3` says, or changed after it was read.
        PatternError: A pattern does not parse.
        NotCommittedError: A step of the write failed, which the message names: the file is as it was. Such a step is
            the lock on the folder, if somebody else holds it for 30 seconds.
        CommittedNotDurableError: The file has its new content, but its folder could not be flushed.
        PathNotFoundError, AccessDeniedError, FileSystemError: The system refused it.
        OutsideRootError: It leads out of `within`.
        ChangedError: The file changed each time it was read.
        ForkedProcessError: This process was forked from one that had loaded Polars; nothing was written.
        LimitError: A match or its replacement is above 2 GiB, or all replacements are above 4 GiB.
        CancelledError: `cancel` stopped it.
        ArgumentError, TypeError: An argument cannot be used: the message names it, and the character that the file's
            encoding has not. Also where the file would not read as the rows say: a match of one of two characters that
            are one code (as there are in Big5), or a replacement beside bytes that are half a code and would take it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> edits = vfo.replace_in_file("src/app.py", r"def (\w+)", "def new_$1")
        >>> edits.rows()
        [(12, 20, 'def main', 'def new_main')]
        >>> vfo.replace_in_file("src/app.py", ["os", "sys"], ["sys", "os"], fixed_strings=True, dry_run=True).height
        2
    """
    from .forks import ensure_not_forked

    patterns = pattern_list(pattern)
    replacements = text_list("replacement", replacement)
    if isinstance(pattern, str) != isinstance(replacement, str) or len(patterns) != len(replacements):
        raise ArgumentError(
            f"replacement: expected one for each pattern, as a str or a list like these, "
            f"got {len(replacements)} for {len(patterns)}"
        )
    options: dict[str, object] = {
        "patterns": patterns,
        "replacements": replacements,
        "fixed_strings": fixed_strings,
        "ignore_case": ignore_case,
        "whole_word": whole_word,
        "multiline": multiline,
        "encoding": encoding,
        "binary": binary,
        "max_replacements": max_replacements,
        "expected_blake3": expected_blake3,
        "dry_run": dry_run,
        "durable": durable,
        "follow_symlinks": follow_symlinks,
        "break_hard_links": break_hard_links,
        "within": encode_within(within),
        "cancel": cancel,
    }
    # Before anything is written: the rows could not be handed over.
    ensure_not_forked()
    from .frames import to_frame

    return to_frame(_core.replace_in_file(encode_path("path", path), options))
