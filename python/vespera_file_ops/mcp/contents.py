"""The tool that reads: the text of files by lines, their bytes by range, and the hash of what was read."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..errors import ArgumentError, ChangedError, LimitError, VfoError
from ..files import compute_file_hash, read_file, read_file_string
from .answer import Answer, cut
from .places import Place
from .tool import SEVERAL, TABLE, Call, Tool, error_text, schema

__all__ = ["TOOLS"]

# A larger file is searched, and not read.
_MOST_BYTES = 64 << 20
# How often a file that changes between its bytes and its text is read.
_TRIES = 4
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _read_file(call: Call, given: dict[str, Any]) -> Answer:
    paths = given["path"] if isinstance(given["path"], list) else [given["path"]]
    texts, files, failed = [], [], 0
    share = max(call.bytes_of(given) // len(paths), 256)
    for path in paths:
        try:
            place = call.places.find("path", path)
            one = _content(call, place, given, share)
        except VfoError as error:
            if len(paths) == 1:
                raise
            # The others are worth having.
            failed += 1
            one = {"path": cut(path), "error": error_text(error, path)}
        files.append(one)
        texts.append(f"== {_heading(one)}\n{one.get('text', '')}")
    text = "\n".join(piece.removesuffix("\n") for piece in texts)
    return Answer(text, {"files": files}, is_error=failed == len(paths))


def _heading(one: dict[str, Any]) -> str:
    if "error" in one:
        return f"{one['path']}: {one['error']}"
    said = f"{one['path']}: {one['size']} bytes, blake3 {one['blake3']}"
    if "artifact" in one:
        said += f", artifact {one['artifact']}"
    if "start_byte" in one:
        return f"{said}, bytes {one['start_byte']}-{one['end_byte']}"
    if "lines" not in one:
        return f"{said}, binary; start_byte and end_byte show a part of it"
    shown = f", lines {one['start_line']}-{one['end_line']} of {one['lines']}"
    if "cut_in_line" in one:
        return f"{said}{shown}, cut in line {one['cut_in_line']}; start_byte and end_byte show the rest of it"
    return f"{said}{shown}{', cut; go on with start_line' if one['truncated'] else ''}"


def _content(call: Call, place: Place, given: dict[str, Any], most: int) -> dict[str, Any]:
    by_byte = "start_byte" in given or "end_byte" in given
    _ensure_one_range(given, by_byte=by_byte)
    _, size = place.root.status(place.source)
    if size > _MOST_BYTES:
        raise LimitError(
            f"{size} bytes are more than the {_MOST_BYTES >> 20} MiB that can be read here; "
            "search_files finds lines in it",
            path=place.path,
        )
    raw = read_file(place.source, within=place.root, cancel=call.cancel)
    text = ""
    if not by_byte:
        raw, text = _decoded(call, place, raw)
    blake3 = _core.hash_bytes(raw)
    one: dict[str, Any] = {"path": call.places.shown(place, place.path), "size": len(raw), "blake3": blake3}
    if call.artifacts is not None and "\0" not in text and not (by_byte and b"\0" in raw):
        one["artifact"] = call.artifacts.read(place, blake3)
    if by_byte:
        return {**one, **_bytes(raw, given.get("start_byte", 0), given.get("end_byte"), most)}
    if "\0" in text:
        return one
    start = given.get("start_line", 1)
    lines = _lines(text, start, given.get("end_line"), most)
    if start > max(lines["lines"], 1):
        raise ArgumentError(f"start_line: there is no line {start}; the file has {lines['lines']}", path=place.path)
    return {**one, **lines}


def _ensure_one_range(given: dict[str, Any], *, by_byte: bool) -> None:
    if by_byte and ("start_line" in given or "end_line" in given):
        raise ArgumentError("start_byte: a range is one of lines or of bytes, not both")
    for name, first, last in (("end_line", "start_line", "end_line"), ("end_byte", "start_byte", "end_byte")):
        if last in given and given[last] < given.get(first, 0):
            raise ArgumentError(f"{name}: {given[last]} lies before {first}, which is {given[first]}")


def _decoded(call: Call, place: Place, raw: bytes) -> tuple[bytes, str]:
    """The bytes of a file, and the text that they are."""
    if b"\0" not in raw and not raw.startswith(_BYTE_ORDER_MARK):
        try:
            return raw, raw.decode("utf-8")
        except UnicodeDecodeError:
            pass
    # In another encoding, which the core knows by the file.
    for _ in range(_TRIES):
        text = read_file_string(place.source, errors="replace", within=place.root, cancel=call.cancel)
        if compute_file_hash(place.source, within=place.root, cancel=call.cancel) == _core.hash_bytes(raw):
            return raw, text
        raw = read_file(place.source, within=place.root, cancel=call.cancel)
    raise ChangedError("it changed each time it was read; try again when its writer is done", path=place.path)


def _bytes(raw: bytes, start: int, end: int | None, most: int) -> dict[str, Any]:
    """A range of a content that fits, as text."""
    start = min(start, len(raw))
    end = min(len(raw) if end is None else end, len(raw), start + most)
    shown = raw[start:end].decode("utf-8", "backslashreplace")
    if len(shown.encode()) > most:
        # What is no text is shown as four characters a byte.
        end = start + most // 4
        shown = raw[start:end].decode("utf-8", "backslashreplace")
    return {"start_byte": start, "end_byte": end, "text": shown}


def _lines(text: str, start: int, end: int | None, most: int) -> dict[str, Any]:
    """The lines of a text that fit, exactly as they stand; the first is 1, and a line ends with a newline."""
    count = _line_count(text)
    if start > count:
        return {"start_line": start, "end_line": start - 1, "lines": count, "text": "", "truncated": False}
    # The library's split is faster than a loop over lines.
    wanted = text.split("\n", start - 1)[-1]
    if end is not None:
        behind = wanted.split("\n", end - start + 1)
        wanted = wanted[: len(wanted) - len(behind[-1])] if len(behind) > end - start + 1 else wanted
    raw = wanted.encode()
    told: dict[str, Any] = {"truncated": len(raw) > most}
    if told["truncated"]:
        whole = raw.rfind(b"\n", 0, most) + 1
        if not whole:
            # A single line that is longer than the answer.
            told["cut_in_line"] = start
        wanted = raw[: whole or most].decode("utf-8", "ignore")
    return {"start_line": start, "end_line": start + _line_count(wanted) - 1, "lines": count, "text": wanted, **told}


def _line_count(text: str) -> int:
    return text.count("\n") + (text != "" and not text.endswith("\n"))


_LINE = {"type": "integer", "minimum": 1}
_BYTE = {"type": "integer", "minimum": 0}

TOOLS = [
    Tool(
        "read_file",
        "The text of one file or several, by lines or bytes, with the blake3 that write_file and edit_file take.",
        schema(
            ("path",),
            path={**SEVERAL, "description": "a path, or up to 50"},
            start_line={**_LINE, "description": "first line, from 1"},
            end_line={**_LINE, "description": "last line"},
            start_byte={**_BYTE, "description": "first byte, from 0"},
            end_byte={**_BYTE, "description": "end of the bytes, not included"},
            max_bytes=TABLE["max_bytes"],
        ),
        _read_file,
    ),
]
