"""Tools that change names and no content: a folder is made, a file or a folder moved."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError, OutsideRootError, PathNotFoundError
from ..moves import create_directory, move_file
from .answer import Answer
from .tool import Call, Tool, error_text, schema

__all__ = ["TOOLS"]

_PATH = {"type": "string", "description": "the folder"}


def _create_directory(call: Call, given: dict[str, Any]) -> Answer:
    place = call.places.find("path", given["path"])
    create_directory(place.source, parents=True, exist_ok=True, within=place.root)
    shown = call.places.shown(place, place.path)
    return Answer(f"{shown}: there now", {"path": shown, "status": "there"})


def _move_file(call: Call, given: dict[str, Any]) -> Answer:
    source, target = call.places.find("path", given["path"]), call.places.find("target", given["target"])
    if source.root is not target.root:
        raise ArgumentError(
            f"target: {target.name} is another root than {source.name}; read the file and write it there"
        )
    try:
        move_file(source.source, target.source, overwrite=given["overwrite"], within=source.root)
    except (PathNotFoundError, OutsideRootError) as error:
        wrong = "target" if error.path == target.path else "path"
        return Answer(error_text(error, given[wrong]), is_error=True)
    before, after = call.places.shown(source, source.path), call.places.shown(target, target.path)
    return Answer(f"{before}: moved to {after}", {"path": before, "target": after, "status": "moved"})


TOOLS = [
    Tool(
        "create_directory",
        "Make a folder, and those above it; no error if it is there.",
        schema(("path",), path=_PATH),
        _create_directory,
        writes=True,
    ),
    Tool(
        "move_file",
        "Rename a file or folder, at once and whole; nothing is replaced without overwrite.",
        schema(
            ("path", "target"),
            path={"type": "string", "description": "what is moved"},
            target={"type": "string", "description": "its new path, with its name"},
            overwrite={"type": "boolean", "default": False, "description": "replace a file"},
        ),
        _move_file,
        writes=True,
    ),
]
