"""The row of the ledger that one path has, and its reason in words.

The scan is asked for what lies on the way to the path alone, so this costs a few folders, however large the tree is.
Where a folder above the path was left out, the answer is that folder's row.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import polars as pl

from . import _core
from .errors import ArgumentError, CancelledError
from .frames import collect
from .ledger import counted
from .paths import encode_path, encode_within, is_path
from .request import ScanRequest, pattern_list

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._core import CancelToken, Root
    from .paths import PathArgument

__all__ = ["explained"]

# What is searched for when no pattern was given: an empty class, which matches nowhere.
_NOTHING = ["[a&&b]"]

# Options that may leave a file out without any row of the ledger.
_NARROWING = ("include", "exclude", "types", "max_depth", "one_file_system")


def explained(
    path: PathArgument,
    pattern: str | Iterable[str] | None,
    source: PathArgument | None,
    options: dict[str, Any],
    spelled: Callable[[str, object], str],
) -> pl.DataFrame:
    """What `explain` gives, with options named as `spelled` writes an option and its value."""
    given = dict(options)
    for name, value in (("path", path), ("source", source)):
        if not is_path(value) and not (name == "source" and value is None):
            raise TypeError(f"{name}: one path (str, bytes or os.PathLike), not {type(value).__name__}")
    given["patterns"] = _NOTHING if pattern is None else pattern_list(pattern)
    within = given["within"] = encode_within(given.get("within"))
    if source is not None:
        # What is wrong with the source is an error of this call as well, and below it is only taken as a spelling.
        ScanRequest("files", source, {"within": within}, argument="source", globs=False)
    # Describing it first makes a path that is not there an error of this call, and gives the row of last resort.
    described = ScanRequest("files", path, {"describe_only": True, "within": within}, argument="path", globs=False)
    (entries,), _summary = collect(described, "files")
    exact = encode_path("path", path)
    root, relative = _split(exact, None if source is None else encode_path("source", source), within)
    if relative == b"." and entries["kind"].item() != "dir":
        # A file that is its own source has its row under its name.
        relative = os.path.basename(os.path.normpath(exact))
    request = ScanRequest(
        "coverage", root, {**given, "include_ignored": True, "focus": relative}, argument="source", globs=False
    )
    (ledger,), _summary = collect(request, "coverage")
    token: CancelToken | None = given.get("cancel")
    if token is not None and token.cancelled:
        # A ledger that ends early would give a false reason.
        raise CancelledError("explain was cancelled through its CancelToken")

    name = relative.decode("utf-8", "replace")
    on_the_way = [name[:at] for at, letter in enumerate(name) if letter == "/"] + [name]
    rows = ledger.filter(pl.col("relative_path").is_in(on_the_way))
    # The deepest: an unreadable folder above says less than the file's own row, if it has one.
    row = rows[rows["relative_path"].str.len_bytes().arg_max() or 0] if rows.height else None
    if row is None:
        row = _row_of_last_resort(entries, ledger.schema, name)
    reason = _reason(row.row(0, named=True), name, given, spelled)
    return row.with_columns(pl.lit(reason).alias("reason"))


def _split(path: bytes, source: bytes | None, within: Root | None) -> tuple[bytes, bytes]:
    """The source to search, and the path relative to it."""
    # The root takes the place of the top of the file system.
    here: bytes | None = b"/"
    if within is None:
        try:
            here = os.getcwdb()
        except FileNotFoundError:
            here = None

    def place(spelled: bytes) -> bytes:
        return os.path.normpath(os.path.join(here or b"/", _core.without_dots(spelled, within=within)))

    target = place(path)
    if source is None:
        below = b"." if here is None else os.path.relpath(target, here)
        if within is not None or (below != b"." and not _climbs(below)):
            return b".", below
        source = os.path.dirname(target)
    relative = os.path.relpath(target, place(source))
    if _climbs(relative):
        raise ArgumentError(
            f"path: {os.fsdecode(path)!r} does not lie below the source {os.fsdecode(source)!r}", path=os.fsdecode(path)
        )
    return source, relative


def _climbs(relative: bytes) -> bool:
    return relative == b".." or relative.startswith(b"../")


def _row_of_last_resort(entries: pl.DataFrame, schema: pl.Schema, name: str) -> pl.DataFrame:
    """A coverage row that holds what the entry's description knows."""
    known = entries.head(1).with_columns(relative_path=pl.lit(name))
    shared = {"path", "path_bytes", "relative_path", "kind", "extension", "size", "modified"}
    return known.select(
        pl.col(name) if name in shared else pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items()
    )


def _reason(row: dict[str, Any], name: str, options: dict[str, Any], spelled: Callable[[str, object], str]) -> str:
    """One sentence on a coverage row: what became of it, and what would change that."""
    if _is_in_git(name, row["kind"]):
        # The ledger's row for it, if there is one, has no rule of its own for this: it says `hidden`.
        return "in a .git folder, which no search enters unless it is the source"
    said = _status_text(row, options, spelled)
    if row["relative_path"] != name and row["status"] is not None:
        return f"its folder {row['relative_path']} is {said}"
    return said


def _is_in_git(name: str, kind: str | None) -> bool:
    """Whether a path leads into a `.git` folder, or to one; `kind` is that of the deepest entry with a row."""
    *folders, last = name.split("/")
    return ".git" in folders or (last == ".git" and kind == "dir")


def _status_text(row: dict[str, Any], options: dict[str, Any], spelled: Callable[[str, object], str]) -> str:
    status, error = row["status"], row["error"]
    match status:
        case "searched":
            if options.get("patterns") is _NOTHING:
                return "searched: nothing leaves it out"
            hits, lines = row["hits"] or 0, row["matched_lines"] or 0
            return f"searched: {counted(hits, 'hit')} in {counted(lines, 'line')}"
        case "binary":
            at = "" if row["binary_offset"] is None else f" at byte {row['binary_offset']}"
            return f"taken for binary: it has a NUL byte{at}; {spelled('binary', 'search')} or its encoding searches it"
        case "too_large":
            limit = options.get("max_file_size")
            by = "" if limit is None else f", {spelled('max_file_size', limit)}"
            return f"too large: {row['size']} bytes{by}"
        case "ignored":
            return f"ignored by {row['excluded_by']}; {spelled('respect_ignore', False)} takes it"
        case "hidden":
            return f"hidden: its name begins with a dot; {spelled('include_hidden', True)} takes it"
        case "unreadable":
            return f"unreadable: {error}"
        case "vanished" if row["kind"] == "symlink":
            return "a symlink that leads nowhere"
        case "vanished":
            return "gone: it was removed between the walk and the search"
        case "changed":
            return "changed while it was read; search again"
        case "limit":
            return f"cut: {error}" if error else f"cut by {spelled('max_hits_per_file', options['max_hits_per_file'])}"
        case "not_reached":
            return "not reached: the search was stopped before"
        case None:
            return _absent_text(row["kind"], options, spelled)
    return f"{status}: {error}" if error else str(status)


def _absent_text(kind: str | None, options: dict[str, Any], spelled: Callable[[str, object], str]) -> str:
    """Why the ledger has no row at all."""
    if kind == "dir":
        return "a folder: the ledger has rows for files; ask for a file in it"
    if kind == "symlink" and not options.get("follow_symlinks"):
        return f"a symlink, which is not followed; {spelled('follow_symlinks', True)} takes what it points to"
    if kind not in {"file", "symlink"}:
        return f"a {kind}: described, never opened"
    narrowing = [spelled(option, options[option]) for option in _NARROWING if options.get(option)]
    if narrowing:
        return f"left out by {', '.join(narrowing)}"
    return "not found from this source: it lies behind a symlink, or came after the search"
