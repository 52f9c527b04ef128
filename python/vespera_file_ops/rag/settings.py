"""What an index was built with: the format of its files, the embedder, the chunker and its options.

All rows of an index come from the same embedder and the same chunker. Another one is refused, because its rows would
not compare; `rebuild=True` starts over. Options that are not given are those that the index has.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

from ..errors import IndexDamagedError, IndexMismatchError
from ..writes import write_file_atomic
from .chunking import CHUNKER_VERSION, ChunkOptions

if TYPE_CHECKING:
    from .embedder import Embedder

__all__ = ["FORMAT", "Settings", "ensure_format", "load_settings", "save_settings"]

FORMAT = 1
_NAME = "settings.json"

_DEFAULTS: dict[str, object] = {"chunk_size": 1600, "overlap": 0, "encoding": "auto", "tokenizer": None}


class Settings(NamedTuple):
    """The settings as they are stored."""

    embedder: dict[str, object] | None
    chunker: dict[str, object]

    @classmethod
    def of(cls, embedder: Embedder | None, options: ChunkOptions) -> Settings:
        """Those of a new index."""
        return cls(_described(embedder), {**_DEFAULTS, **_stored(options), "version": CHUNKER_VERSION})

    @property
    def dimension(self) -> int | None:
        """Of the vectors; None without."""
        return None if self.embedder is None else int(str(self.embedder["dimension"]))

    def ensure_same_embedder(self, embedder: Embedder | None, folder: str) -> None:
        """Raise unless this is the embedder that the index was built with."""
        given = _described(embedder)
        if given != self.embedder:
            raise IndexMismatchError(
                f"{folder}: the index was built with {_embedder_text(self.embedder)}, not {_embedder_text(given)}: "
                "give Index() the same embedder, or sync with rebuild=True",
                path=folder,
            )

    def with_options(self, options: ChunkOptions, folder: str) -> ChunkOptions:
        """What the chunker is to be called with; raises where something else was given."""
        if self.chunker["version"] != CHUNKER_VERSION:
            raise IndexMismatchError(
                f"{folder}: the index holds chunks of version {self.chunker['version']} of the chunker, and this is "
                f"version {CHUNKER_VERSION}: sync with rebuild=True",
                path=folder,
            )
        asked = _stored(options)
        for name, value in asked.items():
            if value != self.chunker.get(name):
                raise IndexMismatchError(
                    f"{folder}: the index was built with {name}={self.chunker.get(name)!r}, not {value!r}: leave it "
                    "out, or sync with rebuild=True",
                    path=folder,
                )
        for name in ("tokenizer", "extractors"):
            if self.chunker.get(name) and name not in asked:
                raise IndexMismatchError(
                    f"{folder}: the index was built with {name}={self.chunker[name]!r}, which cannot be stored: give "
                    "it again, or sync with rebuild=True",
                    path=folder,
                )
        kept = {name: value for name, value in self.chunker.items() if name in _DEFAULTS}
        return cast("ChunkOptions", {**kept, **options})


def ensure_format(found: object, path: str) -> None:
    """Raise for a part that a newer version of this package wrote."""
    if not isinstance(found, int):
        raise IndexDamagedError(f"{path}: it does not say its format; sync with rebuild=True", path=path)
    if found > FORMAT:
        raise IndexMismatchError(
            f"{path}: written in format {found} by a newer version of this package, which reads up to {FORMAT}: update "
            "vespera-file-ops, or build an index elsewhere",
            path=path,
        )


def load_settings(folder: str) -> Settings | None:
    """The settings of the index in this folder; None if there is none yet."""
    path = os.path.join(folder, _NAME)
    try:
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
    except FileNotFoundError:
        if os.path.isdir(os.path.join(folder, "chunks.lance")):
            raise IndexDamagedError(
                f"{path}: the index has lost its settings; sync with rebuild=True", path=path
            ) from None
        return None
    except ValueError as error:
        raise IndexDamagedError(
            f"{path}: the index's settings cannot be read ({error}); sync with rebuild=True", path=path
        ) from error
    ensure_format(stored.get("format") if isinstance(stored, dict) else None, path)
    if stored.get("is_ready") is False:
        return None
    try:
        return Settings(stored["embedder"], dict(stored["chunker"]))
    except (KeyError, TypeError, ValueError) as error:
        raise IndexDamagedError(f"{path}: has no {error}; sync with rebuild=True", path=path) from error


def save_settings(folder: str, settings: Settings, *, is_ready: bool) -> None:
    """Store the settings of a new index: before its parts are made, and when they are. One that is not is none yet."""
    stored = {"format": FORMAT, "is_ready": is_ready, **settings._asdict()}
    write_file_atomic(os.path.join(folder, _NAME), json.dumps(stored, indent=1))


def _described(embedder: Embedder | None) -> dict[str, object] | None:
    if embedder is None:
        return None
    version = getattr(embedder, "version", None)
    return {
        "name": embedder.name,
        "version": None if version is None else str(version),
        "dimension": embedder.dimension,
    }


def _embedder_text(described: Mapping[str, object] | None) -> str:
    if described is None:
        return "no embedder"
    version = "" if described["version"] is None else f" version {described['version']}"
    return f"the embedder {described['name']!r}{version} of {described['dimension']} dimensions"


def _stored(options: ChunkOptions) -> dict[str, object]:
    """What JSON keeps of the options: a function by its extension, a tokenizer by its name."""
    stored = {name: value for name, value in options.items() if value is not None}
    extractors = stored.get("extractors")
    if isinstance(extractors, Mapping):
        stored["extractors"] = sorted(extractors)
        if not extractors:
            del stored["extractors"]
    if "tokenizer" in stored:
        stored["tokenizer"] = _tokenizer_name(stored["tokenizer"])
    return stored


def _tokenizer_name(tokenizer: object) -> str:
    """A tokenizer by what it holds, as a hash; one that does not tell by its class."""
    inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
    to_str = getattr(inner, "to_str", None)
    held = tokenizer if isinstance(tokenizer, bytes) else to_str() if callable(to_str) else None
    if held is None:
        return f"{type(inner).__module__}.{type(inner).__qualname__}"
    return hashlib.blake2b(held if isinstance(held, bytes) else str(held).encode(), digest_size=16).hexdigest()
