"""Tools that read: roots, files, folders and what is known of an entry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import polars as pl

from .. import options as opt
from ..errors import ArgumentError, ChangedError, LimitError, VfoError
from ..files import compute_file_hash, read_file, read_file_string
from ..frames import lazy_frame
from ..listing import get_file_info, list_directory
from ..options import checked
from ..paths import text_list
from ..request import ScanRequest
from .answer import Answer, by_row, chosen, cut, plain, table
from .paging import Page
from .places import Place
from .sql import collected, filtered
from .tool import TABLE, Call, Tool, error_text, schema

__all__ = ["TOOLS", "listed"]

# A larger file is read by byte range alone.
_MOST_BYTES = 64 << 20
# How often a file that changes between its hash and its text is read.
_TRIES = 4
_PATH = {"type": "string", "description": "a path from the root, never a glob"}
# No row of a name, a size and a time is shorter.
_LEAST_BYTES_OF_ROW = 32


def _list_roots(call: Call, _given: dict[str, Any]) -> Answer:
    rows = [[place.name, place.root.path] for place in call.places.all()]
    denied = ", ".join(call.places.denied)
    prefix = "" if call.places.only else "; a path begins with the name of its root"
    text = "".join(f"{name}: {path}\n" for name, path in rows)
    return Answer(
        f"{text}(paths are told from the root{prefix}; denied names: {denied})",
        {"columns": ["name", "path"], "rows": rows, "row_count": len(rows), "denied": list(call.places.denied)},
    )


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
    where: dict[str, Any] = {"within": place.root, "cancel": call.cancel}
    size = get_file_info(place.source, within=place.root, follow_symlinks=True)["size"][0] or 0
    by_byte = "start_byte" in given or "end_byte" in given
    if by_byte and ("start_line" in given or "end_line" in given):
        raise ArgumentError("start_byte: a range is one of lines or of bytes, not both")
    for name, first, last in (("end_line", "start_line", "end_line"), ("end_byte", "start_byte", "end_byte")):
        if last in given and given[last] < given.get(first, 0):
            raise ArgumentError(f"{name}: {given[last]} lies before {first}, which is {given[first]}")
    if size > _MOST_BYTES:
        raise LimitError(
            f"{size} bytes are more than the {_MOST_BYTES >> 20} MiB that can be read here; "
            "search_files finds lines in it",
            path=place.path,
        )
    for _ in range(_TRIES):
        blake3 = compute_file_hash(place.source, **where)
        if by_byte:
            raw = read_file(place.source, **where)
            text = None
        else:
            text = read_file_string(place.source, errors="replace", **where)
        if compute_file_hash(place.source, **where) == blake3:
            break
    else:
        raise ChangedError("it changed each time it was read; try again when its writer is done", path=place.path)
    one: dict[str, Any] = {"path": call.places.shown(place, place.path), "size": size, "blake3": blake3}
    if call.artifacts is not None and (text is None or "\0" not in text):
        one["artifact"] = call.artifacts.read(place, blake3)
    if text is None:
        start, end = min(given.get("start_byte", 0), len(raw)), min(given.get("end_byte", len(raw)), len(raw))
        end = min(end, start + most)
        shown = raw[start:end].decode("utf-8", "backslashreplace")
        if len(shown.encode()) > most:
            # What is no text is shown as four characters a byte.
            end = start + most // 4
            shown = raw[start:end].decode("utf-8", "backslashreplace")
        return {**one, "start_byte": start, "end_byte": end, "text": shown}
    if "\0" in text:
        return one
    start, end = given.get("start_line", 1), given.get("end_line")
    lines = _lines(text, start, end, most)
    if start > max(lines["lines"], 1):
        raise ArgumentError(f"start_line: there is no line {start}; the file has {lines['lines']}", path=place.path)
    return {**one, **lines}


def _lines(text: str, start: int, end: int | None, most: int) -> dict[str, Any]:
    """The lines of a text that fit; the first is 1, and a line ends with a newline."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    wanted = lines[start - 1 : end]
    shown, used = [], 0
    for line in wanted:
        used += len(line.encode()) + 1
        if used > most:
            break
        shown.append(line)
    truncated = len(shown) < len(wanted)
    if truncated and not shown:
        # A single line that is longer than the answer.
        shown = [wanted[0].encode()[:most].decode("utf-8", "ignore")]
        return {**_range(lines, start, shown), "truncated": True, "cut_in_line": start}
    return {**_range(lines, start, shown), "truncated": truncated}


def _range(lines: list[str], start: int, shown: list[str]) -> dict[str, Any]:
    return {
        "start_line": start,
        "end_line": start + len(shown) - 1,
        "lines": len(lines),
        "text": "".join(f"{line}\n" for line in shown),
    }


def _glob_files(call: Call, given: dict[str, Any]) -> Answer:
    place = call.places.find("path", given["path"])
    page = Page.of("glob_files", given)
    options = checked(
        "glob_files",
        {
            "include_hidden": given["include_hidden"], "respect_ignore": given["respect_ignore"],
            **call.scan_options(place),
        },
        opt.FILES,
    )  # fmt: skip
    globs = text_list("patterns", given["patterns"])
    files = filtered(lazy_frame(ScanRequest("files", place.source, {**options, "include": globs})), given.get("where"))
    # Of what is not shown nothing but the name is asked.
    named = collected(page.behind(files).select("path", "path_bytes", "error"))
    names = named.filter(pl.col("error").is_null())
    failed = named.height - names.height
    fitting = call.bytes_of(given) // _LEAST_BYTES_OF_ROW + 1
    shown = names.head(min(given["limit"], fitting))
    rows = pl.DataFrame(schema={"path": pl.String, "size": pl.Int64, "modified": pl.Datetime("ns", "UTC")})
    if shown.height:
        paths = shown.select(pl.coalesce("path_bytes", pl.col("path").cast(pl.Binary))).to_series().to_list()
        rows = call.places.spelled(get_file_info(paths, within=place.root), place)
    return table(
        chosen(rows, given.get("columns", ["path", "size", "modified"])),
        by_row if "columns" in given else _by_folder,
        max_bytes=call.bytes_of(given), row_count=page.shown + names.height, shown_before=page.shown,
        skipped={"unreadable": failed} if failed else None,
        cursor=lambda count: page.cursor(shown["path"][count - 1], count),
    )  # fmt: skip


def _by_folder(rows: pl.DataFrame) -> Iterator[str]:
    """Each folder once, and below it the names."""
    above = None
    for path, size, modified in rows.select("path", "size", "modified").iter_rows():
        folder, name = os.path.split(path)
        heading = "" if folder == above else f"{folder or '.'}/\n"
        above = folder
        yield f"{heading}  {name}  {'gone meanwhile' if modified is None else f'{size} {plain(modified)}'}\n"


def _list_directory(call: Call, given: dict[str, Any]) -> Answer:
    place = call.places.find("path", given["path"])
    page = Page.of("list_directory", given)
    entries = list_directory(place.source, within=place.root, cancel=call.cancel)
    entries = collected(page.behind(filtered(entries.lazy(), given.get("where"))))
    rows = entries.head(given["limit"])
    return table(
        chosen(rows, given.get("columns", ["name", "kind", "size", "modified", "error"])),
        by_row if "columns" in given else listed,
        max_bytes=call.bytes_of(given), row_count=page.shown + entries.height, shown_before=page.shown,
        cursor=lambda count: page.cursor(rows["path"][count - 1], count),
    )  # fmt: skip


def listed(rows: pl.DataFrame) -> Iterator[str]:
    """A line for each entry of a folder."""
    for name, kind, size, modified, error in rows.iter_rows():
        shown = f"{name}/" if kind == "dir" else name
        told = "" if kind == "dir" else f"  {size} {plain(modified)}" if kind == "file" else f"  {kind}"
        yield f"{shown}{told}{f'  {error}' if error else ''}\n"


def _get_file_info(call: Call, given: dict[str, Any]) -> Answer:
    paths = given["path"] if isinstance(given["path"], list) else [given["path"]]
    frames = []
    for path in paths:
        place = call.places.find("path", path)
        try:
            info = get_file_info(place.source, within=place.root, blake3=given["blake3"])
        except VfoError as error:
            if len(paths) == 1:
                raise
            info = pl.DataFrame({"path": [place.path], "error": [error_text(error, path)]})
        frames.append(call.places.spelled(info, place))
    rows = pl.concat(frames, how="diagonal")
    names = ("path", "kind", "size", "modified", "created", "mode", "blake3", "error")
    rows = rows.select([name for name in names if name in rows.columns])
    return table(rows, _described, max_bytes=call.max_bytes)


def _described(rows: pl.DataFrame) -> Iterator[str]:
    for row in rows.iter_rows(named=True):
        path = cut(row.pop("path"))
        told = ", ".join(f"{name} {plain(value)}" for name, value in row.items() if value is not None)
        yield f"{path}: {told}\n"


_SEVERAL = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 50}]
}
_LINE = {"type": "integer", "minimum": 1}
_BYTE = {"type": "integer", "minimum": 0}

TOOLS = [
    Tool("list_roots", "The folders that can be reached, and the names that are denied.", schema(), _list_roots),
    Tool(
        "read_file",
        "The text of one file or several, by lines or bytes, with the blake3 that write_file and edit_file take.",
        schema(
            ("path",),
            path={**_SEVERAL, "description": "a path, or up to 50"},
            start_line={**_LINE, "description": "first line, from 1"},
            end_line={**_LINE, "description": "last line"},
            start_byte={**_BYTE, "description": "first byte, from 0"},
            end_byte={**_BYTE, "description": "end of the bytes, not included"},
            max_bytes=TABLE["max_bytes"],
        ),
        _read_file,
    ),
    Tool(
        "glob_files",
        "Files by name, with size and time. Globs as in gitignore: *.py at any depth, /x at the top, ** any folders.",
        schema(
            ("patterns",),
            patterns={**_SEVERAL, "description": "a glob, or several"},
            path={**_PATH, "default": "."},
            include_hidden={"type": "boolean", "default": False, "description": "names that begin with a dot too"},
            respect_ignore={"type": "boolean", "default": True, "description": "leave out what .gitignore names"},
            **TABLE,
        ),
        _glob_files,
        lane="search",
    ),
    Tool(
        "list_directory",
        "What lies directly in a folder: name, kind, size, time; ignored and hidden names too.",
        schema((), path={**_PATH, "default": "."}, **TABLE),
        _list_directory,
    ),
    Tool(
        "get_file_info",
        "Kind, size, times and mode of entries; links are not followed.",
        schema(
            ("path",),
            path={**_SEVERAL, "description": "a path, or up to 50"},
            blake3={"type": "boolean", "default": False, "description": "the hash of the content too"},
        ),
        _get_file_info,
    ),
]
