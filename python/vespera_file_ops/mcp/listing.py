"""Tools that list: roots, names, folders and what is known of an entry."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import polars as pl

from .. import options as opt
from ..errors import VfoError
from ..expr import info
from ..frames import lazy_frame
from ..listing import get_file_info, list_directory
from ..options import checked
from ..paths import text_list
from ..request import ScanRequest
from .answer import Answer, by_row, chosen, cut, plain, table
from .paging import Page
from .sql import collected, filtered
from .tool import SEVERAL, TABLE, Call, Tool, error_text, schema

__all__ = ["TOOLS", "listed"]

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
    shown = names.head(min(given["limit"], call.bytes_of(given) // _LEAST_BYTES_OF_ROW + 1))
    exact = pl.coalesce("path_bytes", pl.col("path").cast(pl.Binary))
    facts = shown.select(info=info(exact, within=place.root)).unnest("info")
    rows = call.places.spelled(facts.with_columns(path=shown["path"]), place)
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
            told = get_file_info(place.source, within=place.root, blake3=given["blake3"])
        except VfoError as error:
            if len(paths) == 1:
                raise
            told = pl.DataFrame({"path": [place.path], "error": [error_text(error, path)]})
        frames.append(call.places.spelled(told, place))
    rows = pl.concat(frames, how="diagonal")
    names = ("path", "kind", "size", "modified", "created", "mode", "blake3", "error")
    rows = rows.select([name for name in names if name in rows.columns])
    return table(rows, _described, max_bytes=call.max_bytes)


def _described(rows: pl.DataFrame) -> Iterator[str]:
    for row in rows.iter_rows(named=True):
        path = cut(row.pop("path"))
        told = ", ".join(f"{name} {plain(value)}" for name, value in row.items() if value is not None)
        yield f"{path}: {told}\n"


TOOLS = [
    Tool("list_roots", "The folders that can be reached, and the names that are denied.", schema(), _list_roots),
    Tool(
        "glob_files",
        "Files by name, with size and time. Globs as in gitignore: *.py at any depth, /x at the top, ** any folders.",
        schema(
            ("patterns",),
            patterns={**SEVERAL, "description": "a glob, or several"},
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
            path={**SEVERAL, "description": "a path, or up to 50"},
            blake3={"type": "boolean", "default": False, "description": "the hash of the content too"},
        ),
        _get_file_info,
    ),
]
