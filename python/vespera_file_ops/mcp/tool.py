"""One tool: how it is declared, and what it may be asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import jsonschema

from ..errors import ArgumentError, OutsideRootError, PathNotFoundError, VfoError
from .answer import cut, nearest

if TYPE_CHECKING:
    from .. import _core
    from .answer import Answer
    from .indexing import Artifacts
    from .places import Place, Places

__all__ = ["SEVERAL", "TABLE", "Call", "Tool", "error_text", "schema"]

TABLE: dict[str, dict[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100, "description": "rows at most"},
    "columns": {"type": "array", "items": {"type": "string"}, "minItems": 1, "description": "these columns alone"},
    "where": {"type": "string", "description": "SQL condition on path, extension, size, modified ..."},
    "cursor": {"type": "string", "description": "next_cursor of the page before"},
    "max_bytes": {"type": "integer", "minimum": 256, "description": "of the answer, 20000 by default"},
}
"""The arguments of a tool that answers with a table."""

SEVERAL: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 50}]
}
"""A text, or some of them."""

# A message about an argument shows so much of its value.
_SHOWN = 80
# A call may ask for an answer so many times as large as the server usually gives.
_MOST_OF_THE_USUAL = 10
# An error, which may repeat what it was given, is cut to so many characters.
_LONGEST_ERROR = 2000


@dataclass(frozen=True)
class Call:
    """What a tool needs to know besides its arguments: where it may look, how long, and how much it may answer."""

    places: Places
    cancel: _core.CancelToken
    time_limit: float
    max_bytes: int
    threads: int | None = None
    artifacts: Artifacts | None = None

    def bytes_of(self, given: Mapping[str, Any]) -> int:
        """How much this answer may hold: what was asked for, within what the server gives."""
        asked: int = given.get("max_bytes", self.max_bytes)
        return min(asked, _MOST_OF_THE_USUAL * self.max_bytes)

    def scan_options(self, place: Place) -> dict[str, Any]:
        """What every scan for this call is given."""
        options: dict[str, Any] = {"within": place.root, "cancel": self.cancel, "time_limit": self.time_limit}
        return options | ({} if self.threads is None else {"threads": self.threads})


@dataclass(frozen=True)
class Tool:
    """A tool of the server.

    Attributes:
        name: What it is called.
        description: What the model reads.
        arguments: The JSON schema of its arguments.
        run: What it does.
        writes: It changes files.
        lane: With which others it shares the places for calls at once: a search of minutes keeps no read waiting.
    """

    name: str
    description: str
    arguments: dict[str, Any]
    run: Callable[[Call, dict[str, Any]], Answer]
    writes: bool = False
    lane: Literal["files", "search", "query"] = "files"

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, with the defaults of those that were left out.

        Raises:
            ArgumentError: One is not as the schema says; the message names it, and the nearest that there is.
        """
        properties: dict[str, dict[str, Any]] = self.arguments["properties"]
        for name in given:
            if name not in properties:
                raise ArgumentError(f"{name[:_SHOWN]}: {self.name} has no such argument; {nearest(name, properties)}")
        for name in self.arguments["required"]:
            if name not in given:
                raise ArgumentError(f"{name}: {self.name} needs it: {properties[name]['description']}")
        for name, value in given.items():
            try:
                json.dumps(value, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                raise ArgumentError(f"{name}: a lone surrogate is no text: {properties[name]['description']}") from None
            problem = jsonschema.exceptions.best_match(
                jsonschema.Draft202012Validator(properties[name]).iter_errors(value)
            )
            if problem is not None:
                shown = repr(value) if len(repr(value)) <= _SHOWN else repr(value)[:_SHOWN] + "..."
                said = problem.message if len(problem.message) <= 2 * _SHOWN else f"{problem.validator}"
                raise ArgumentError(f"{name}: {said} (got {shown}): {properties[name]['description']}")
        defaults = {name: told["default"] for name, told in properties.items() if "default" in told}
        # To JSON 2.0 is an integer.
        return {
            **defaults,
            **{name: int(value) if isinstance(value, float) else value for name, value in given.items()},
        }


def error_text(error: VfoError, path: object) -> str:
    """What a model is told of an error of this path. What lies outside is told in the words of what does not exist."""
    if isinstance(error, (PathNotFoundError, OutsideRootError)):
        return f"{cut(str(path))}: no such file or folder; list_directory shows what is there"
    said = str(error)
    if len(said) <= _LONGEST_ERROR:
        return said
    # Some repeat what their caller gave, and say what is wrong with it before or behind.
    half = _LONGEST_ERROR // 2
    return f"{said[:half]} [{len(said) - 2 * half} characters] {said[-half:]}"


def schema(required: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of a tool's arguments."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }
