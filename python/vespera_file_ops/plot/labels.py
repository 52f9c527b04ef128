"""Names written into rectangles: how wide they are drawn, where they break, and how they are cut.

A viewer's font is not known here. Each letter is taken for as wide as Arial and its twins draw it; where a font is
wider, the chart's own limit cuts what would stand out.
"""

from __future__ import annotations

import unicodedata

__all__ = ["cut", "text_width", "wrapped"]

# In hundredths of the font's size.
_WIDTHS = {
    letter: width
    for width, letters in {
        23: "'ijl|",
        28: " !,./:;I[\\]ft",
        34: "·()-`r{}",
        39: '"*',
        50: "^Jcksvxyz",
        56: "#$0123456789?L_abdeghnopqu",
        61: "+<=>~FTZ",
        67: "&ABEKPSVXY",
        73: "CDHNRUw",
        78: "GOQ",
        84: "Mm",
        100: "%W@…",
    }.items()
    for letter in letters
}
_OTHER, _WIDE = 60, 100
# A bold letter is wider than a plain one by about so much.
_BOLD = 1.1
# Less of a name says nothing.
_LEAST_LETTERS = 3


def text_width(text: str, *, size: float = 10, bold: bool = False) -> float:
    """How many pixels a text takes at most, in a font of this size."""
    hundredths = sum(map(_letter_width, unicodedata.normalize("NFC", text)))
    return hundredths * size * (_BOLD if bold else 1) / 100


def _letter_width(letter: str) -> int:
    width = _WIDTHS.get(letter)
    if width is not None:
        return width
    return _WIDE if unicodedata.east_asian_width(letter) in "WF" else _OTHER


def cut(text: str, room: float, *, size: float = 10, bold: bool = False) -> str:
    """A text in a room of so many pixels, with an ellipsis for what has no place in it; "" if hardly anything has."""
    if text_width(text, size=size, bold=bold) <= room:
        return text
    kept = _fitting(text, room - text_width("…", size=size, bold=bold), size=size, bold=bold)
    return f"{text[:kept]}…" if kept >= _LEAST_LETTERS else ""


def wrapped(name: str, size: str, room: float, lines: int) -> list[str]:
    """A name, and its size where there is room for it, in so many lines of so many pixels.

    A name breaks where its parts meet, never within a word: what does not fit then is cut.
    """
    pieces: list[str] = []
    rest = name
    while len(pieces) < lines - 1 and text_width(rest) > room:
        at = _break(rest, room)
        if not at:
            break
        pieces.append(rest[:at])
        rest = rest[at:]
    last = cut(rest, room)
    if not last or lines < 1:
        return []
    pieces.append(last)
    return [*pieces, size] if len(pieces) < lines and text_width(size) <= room else pieces


def _break(name: str, room: float) -> int:
    """Behind which of its letters a name breaks, so that its beginning fits: where a part ends; 0 if nowhere."""
    parts = [
        at
        for at in range(1, _fitting(name, room) + 1)
        if (name[at] in ".-" or name[at - 1] in "_-/ ") and name[:at].strip("._-/ ")
    ]
    return max(parts, default=0)


def _fitting(text: str, room: float, *, size: float = 10, bold: bool = False) -> int:
    """How many of the first letters have room."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if text_width(text[:middle], size=size, bold=bold) <= room:
            low = middle
        else:
            high = middle - 1
    return low
