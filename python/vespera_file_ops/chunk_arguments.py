"""The arguments of chunking that are no plain values, as the core takes them: a tokenizer, and extractors of text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from .errors import ArgumentError

__all__ = ["Extractor", "Tokenizer", "checked_extractors", "tokenizer_json"]

Extractor = Callable[[bytes], str]
"""Makes text of a file's content."""


class Tokenizer(Protocol):
    """A tokenizer of Hugging Face's `tokenizers`."""

    def to_str(self) -> str:
        """What its `tokenizer.json` holds."""


def tokenizer_json(tokenizer: object) -> str:
    """What the `tokenizer.json` of a tokenizer holds."""
    if isinstance(tokenizer, bytes):
        try:
            return tokenizer.decode()
        except UnicodeDecodeError as error:
            problem = f"expected the content of a tokenizer.json of Hugging Face, and it is no UTF-8: {error}"
            raise ArgumentError(f"tokenizer: {problem}") from None
    # What transformers calls a fast tokenizer holds one.
    inner = getattr(tokenizer, "backend_tokenizer", tokenizer)
    to_str = getattr(inner, "to_str", None)
    text = to_str() if callable(to_str) else None
    if not isinstance(text, str):
        raise TypeError(
            "tokenizer: a tokenizers.Tokenizer, or the content of a tokenizer.json as bytes "
            f"(vfo.read_file reads it), not {type(tokenizer).__name__}"
        )
    return text


def checked_extractors(extractors: object) -> dict[str, Extractor]:
    """The functions, by the end of a name with its dot."""
    if not isinstance(extractors, Mapping):
        raise TypeError(
            'extractors: a dict of functions by the end of a name, {".pdf": function}, '
            f"not {type(extractors).__name__}"
        )
    for suffix, function in extractors.items():
        if not isinstance(suffix, str) or not callable(function):
            raise TypeError(
                "extractors: each key is a str such as '.pdf', each value a function of bytes that gives a str; "
                f"got {type(suffix).__name__}: {type(function).__name__}"
            )
        if len(suffix) < 2 or not suffix.startswith(".") or "/" in suffix:
            raise ArgumentError(f"extractors: expected the end of a name with its dot, such as '.pdf', got {suffix!r}")
    return dict(extractors)
