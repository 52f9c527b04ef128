"""The parser under the command line: argparse that suggests what was meant, and takes sizes and names of columns.

What resembles a word that is not known is looked for only when one is met, so a command that is right pays nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from typing import NoReturn

from ..text_table import visible

__all__ = ["SIZE_UNITS", "Parser", "column_names", "size"]

_PREFIXES = "kmgtpe"
_SIZE = re.compile(
    r"(?P<amount>\d[\d_]*|\d*\.\d+) ?(?:(?P<prefix>[kmgtpe])(?P<unit>i?b)?|b)?", re.ASCII | re.IGNORECASE
)

SIZE_UNITS = "5k = 5KiB = 5120 bytes, 5kB = 5000"
"""The rule, for the help: that of GNU's tools, in which ripgrep's `5K` and Nushell's `5kb` and `5kib` agree."""


class Parser(argparse.ArgumentParser):
    """argparse, with the nearest of what there is beside what there is not."""

    def _check_value(self, action: argparse.Action, value: object) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            # From 3.14 on argparse can do this itself, and from 3.15 on it does.
            if "maybe you meant" in str(error):
                raise
            hint = _hint(str(value), [str(choice) for choice in action.choices or ()])
            raise argparse.ArgumentError(action, f"{error.message}{hint}") from None

    def error(self, message: str) -> NoReturn:
        """End with the message, in which names of files may stand: `vfo hash *` meets one that begins with a dash."""
        if sys.stderr is None:
            # argparse would write into the answer.
            self.exit(2)
        super().error(visible(message))

    def take_rest(self, given: argparse.Namespace, rest: Sequence[str]) -> None:
        """Take the words that argparse leaves over, because an option stands between them and others, or refuse all."""
        many = next(
            (action for action in self._actions if not action.option_strings and action.nargs in ("*", "+")), None
        )
        words = rest[1:] if rest[:1] == ["--"] else rest
        if many is None or (words is rest and any(word.startswith("-") for word in words)):
            self._refuse(rest)
        setattr(given, many.dest, [*getattr(given, many.dest), *words])

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        """End with what was not understood, and the option that the first of it resembles."""
        known = [name for action in self._actions for name in action.option_strings if name.startswith("--")]
        wrong = next((text.partition("=")[0] for text in unknown if text.startswith("--")), "")
        self.error(f"unrecognized arguments: {' '.join(unknown)}{_hint(wrong, known)}")


def _hint(word: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def size(text: str) -> int:
    """A number of bytes as people write it; a part of a byte is none."""
    found = _SIZE.fullmatch(text.strip())
    if found is None or ("." in found["amount"] and found["prefix"] is None):
        raise argparse.ArgumentTypeError(
            f"expected a number of bytes, such as 5000, 5kB (5000), 5k or 5KiB (5120), 10MB or 1.5G, got {text!r}"
        )
    from fractions import Fraction

    power = 0 if found["prefix"] is None else _PREFIXES.index(found["prefix"].lower()) + 1
    base = 1000 if (found["unit"] or "").lower() == "b" else 1024
    # Before Python 3.11 a fraction is not read with the underscores of a number.
    return int(Fraction(found["amount"].replace("_", "")) * base**power)


def column_names(text: str) -> list[str]:
    """The names of columns, separated by commas: at least one, and each once, as in a data frame."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError("no column is named")
    for at, name in enumerate(names):
        if name in names[:at]:
            raise argparse.ArgumentTypeError(f"{name} is named twice")
    return names
