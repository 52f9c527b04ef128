"""Tools that write: a whole file, or some text of it; atomic, and refused if the file is not what it was read as."""

from __future__ import annotations

import difflib
import os
import re
from typing import Any

import polars as pl

from ..bulk import apply_edits
from ..errors import ArgumentError, ConflictError, FileSystemError, PathNotFoundError
from ..files import compute_file_hash, read_file_string
from ..ledger import counted
from ..listing import get_file_info, list_directory
from ..searches import search_text
from ..writes import write_file_atomic
from .answer import Answer
from .places import Place
from .tool import Call, Tool, schema

__all__ = ["TOOLS"]

_BLAKE3 = {
    "type": "string",
    "pattern": "^[0-9a-f]{64}$",
    "description": "the blake3 that read_file gave; if the file has changed since, nothing is written",
}
_DRY_RUN = {"type": "boolean", "default": False, "description": "only show the diff"}


def _write_file(call: Call, given: dict[str, Any]) -> Answer:
    place = call.places.find("path", given["path"])
    shown = call.places.shown(place, place.path)
    expected = given.get("expected_blake3")
    if place.path.endswith("/"):
        raise ArgumentError("path: it names a folder; to write a file in it, add the file's name", path=place.path)
    if given["dry_run"]:
        try:
            if expected is not None and compute_file_hash(place.source, within=place.root) != expected:
                raise ConflictError("the file has changed since it was read; read it again", path=place.path)
            before = read_file_string(place.source, errors="replace", within=place.root, cancel=call.cancel)
        except PathNotFoundError:
            if expected is not None:
                raise ConflictError("the file does not exist; nothing would be written", path=place.path) from None
            # Without its folder the file cannot be made; the same is said of a folder that is none.
            list_directory(os.fsencode(os.path.dirname(place.path) or "."), within=place.root, cancel=call.cancel)
            before = ""
        lines = (before.splitlines(keepends=True), given["content"].splitlines(keepends=True))
        diff = "".join(difflib.unified_diff(*lines, shown, shown))
        return _told(call, shown, "would be written", None, diff)
    done = write_file_atomic(place.source, given["content"], expected_blake3=expected, within=place.root)
    return _told(call, shown, f"written, {len(given['content'].encode())} bytes", done.blake3, None)


def _edit_file(call: Call, given: dict[str, Any]) -> Answer:
    place = call.places.find("path", given["path"])
    shown = call.places.shown(place, place.path)
    frame = pl.concat([_edits(call, place, edit) for edit in given["edits"]])
    expected = given.get("expected_blake3")
    if expected is not None:
        frame = frame.with_columns(expected_blake3=pl.lit(expected))
    planned = apply_edits(frame, dry_run=True, within=place.root, cancel=call.cancel).row(0, named=True)
    if not given["dry_run"] and planned["status"] == "written":
        done = apply_edits(frame, within=place.root, cancel=call.cancel).row(0, named=True)
    else:
        done = planned
    if done["status"] == "conflict":
        raise ConflictError("the file has changed since it was read; read it again", path=place.path)
    if done["status"] == "error":
        # What is there no longer, or leads outside by now, is told as what does not exist.
        get_file_info(place.source, within=place.root, follow_symlinks=True)
        raise FileSystemError(f"{shown}: {done['error']}", path=place.path)
    word = "would be written" if given["dry_run"] and done["status"] == "written" else done["status"]
    return _told(call, shown, f"{word}, {counted(frame.height, 'edit')}", done["blake3"], planned["diff"])


def _edits(call: Call, place: Place, edit: dict[str, Any]) -> pl.DataFrame:
    """Where the text stands, in bytes of the raw file: its encoding and line ends stay."""
    old, new = edit["old_text"], edit["new_text"]
    # A line end in the text is either of the file's two, taken whole; one that is spelled out is itself.
    any_end = "\n" in old and "\r" not in old
    where: dict[str, Any] = {"multiline": True, "binary": "search", "within": place.root, "cancel": call.cancel}
    pattern = "\r?\n".join(map(_escaped, old.split("\n"))) if any_end else old
    hits = search_text(pattern, place.source, fixed_strings=not any_end, **where)
    if hits.height != 1 and not (hits.height and edit.get("all", False)):
        found = "is not there" if not hits.height else f"stands there {hits.height} times: name more of it, or set all"
        raise ArgumentError(f"edits: {old[:80]!r} {found}; nothing was written", path=place.path)
    # What was looked at is what is edited: the search names the file's size and time as it was.
    kept = hits.select("path", "start_byte", "end_byte", "size", "modified", "matched")
    texts = [new] * hits.height
    if "\n" in new and "\r" not in new and "\r" not in old:
        with_return = [_has_return(text) for text in hits["matched"]]
        if not any_end:
            # The text lies within a line: the file's first line end is the one.
            first = search_text("\r?\n", place.source, max_hits_per_file=1, **where)["matched"]
            with_return = [first.len() > 0 and _has_return(first[0])] * hits.height
        texts = [new.replace("\n", "\r\n") if has else new for has in with_return]
    return kept.with_columns(path=pl.lit(place.path), replacement=pl.Series(texts, dtype=pl.String))


def _escaped(text: str) -> str:
    return re.sub(r"[\\.+*?()|\[\]{}^$#&~-]", r"\\\g<0>", text)


def _has_return(text: str | None) -> bool:
    return "\r\n" in (text or "")


def _told(call: Call, path: str, status: str, blake3: str | None, diff: str | None) -> Answer:
    text = f"{path}: {status}" + (f", blake3 {blake3}" if blake3 else "")
    data: dict[str, Any] = {"path": path, "status": status.split(",")[0], "blake3": blake3}
    if diff is not None:
        most = call.max_bytes
        if len(diff) > most:
            diff = f"{diff[:most]}\n[{len(diff) - most} more characters of the diff]"
        text, data["diff"] = f"{text}\n{diff}", diff
    return Answer(text, data)


TOOLS = [
    Tool(
        "write_file",
        "Give a file a new content, whole or not at all; a missing file is made, its folder must be there.",
        schema(
            ("path", "content"),
            path={"type": "string", "description": "the file"},
            content={"type": "string", "description": "all that it is to hold"},
            expected_blake3=_BLAKE3,
            dry_run=_DRY_RUN,
        ),
        _write_file,
        writes=True,
    ),
    Tool(
        "edit_file",
        "Replace texts in a file, all of them or none; the rest stays byte for byte. The answer is the diff.",
        schema(
            ("path", "edits"),
            path={"type": "string", "description": "the file"},
            edits={
                "type": "array",
                "minItems": 1,
                "maxItems": 200,
                "items": {
                    "type": "object",
                    "properties": {
                        "old_text": {"type": "string", "minLength": 1},
                        "new_text": {"type": "string"},
                        "all": {"type": "boolean"},
                    },
                    "required": ["old_text", "new_text"],
                    "additionalProperties": False,
                },
                "description": "each old_text must stand there once, or all is set",
            },
            expected_blake3=_BLAKE3,
            dry_run=_DRY_RUN,
        ),
        _edit_file,
        writes=True,
    ),
]
