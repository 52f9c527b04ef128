"""How every chart looks: Altair itself, colours, titles, units of bytes, and what an empty table is shown as.

Looks are set on marks and axes, never by `configure`, because a chart that was configured cannot stand beside another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import MissingExtraError
from ..ledger import counted
from ..text_table import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

__all__ = [
    "COLOURS",
    "GREY",
    "INK",
    "amount_of_bytes",
    "count_text",
    "empty_chart",
    "ensure_altair",
    "label",
    "squarify",
    "titled",
    "unit_of_bytes",
]

# Ten hues that dark text can be read on, and that differ for most colour-blind readers too.
COLOURS = (
    *("#8ab6e0", "#f2b36f", "#9ad0a1", "#e59a9a", "#b9a3dc"),
    *("#d9c26a", "#84cdd0", "#e3a3cd", "#b8c98a", "#c9ad93"),
)
GREY = "#cfd2d6"
INK = "#22262b"

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def ensure_altair() -> None:
    """See that Altair is there, with a renderer that needs no network unless the caller has chosen one."""
    module = _extra("altair")
    # Without it a picture cannot be made, so this is the moment to say so.
    _extra("vl_convert")
    if module.renderers.active == "default":
        module.renderers.enable("svg")


def _extra(name: str) -> Any:
    """A package of the extra, or the error that names it."""
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(f"{error}: pip install 'vespera-file-ops[notebook]'") from None


def squarify() -> Any:
    """The package that lays rectangles out."""
    return _extra("squarify")


def unit_of_bytes(most: float) -> tuple[str, float]:
    """The unit in which numbers up to this one are read with ease, and how many bytes it has."""
    size = 1.0
    for unit in _UNITS:
        if most < 1024 * size or unit == _UNITS[-1]:
            return unit, size
        size *= 1024
    raise AssertionError("unreachable: the last unit takes everything")


def amount_of_bytes(column: str) -> pl.Expr:
    """A column of bytes as text: `1.5 MiB`."""
    from ..progress import byte_text

    return pl.col(column).map_elements(byte_text, return_dtype=pl.String)


def count_text(count: int, one: str, several: str | None = None) -> str:
    """A number of things with its thousands apart: `12,345 files`."""
    return f"{count:,} {counted(count, one, several).split(' ', 1)[1]}"


def label(text: str) -> str:
    """A name as it can stand in a chart: on one line, with a symbol for each control character."""
    return visible(text)


def titled(text: str | None, chosen: str, below: Sequence[str]) -> alt.TitleParams:
    """The title that the caller gave or this one, and below it the lines that are not empty."""
    import altair as alt

    lines = [label(line) for line in below if line]
    more: dict[str, Any] = {"subtitle": lines, "subtitleColor": "#5b626b", "subtitleFontSize": 11} if lines else {}
    return alt.TitleParams(
        label(chosen if text is None else text), anchor="start", fontSize=14, color=INK, offset=10, **more
    )


def empty_chart(title: str | None, chosen: str, saying: str, width: int, height: int) -> alt.LayerChart:
    """A chart that says in words why there is nothing to draw."""
    import altair as alt

    data = pl.DataFrame({"saying": [saying]})
    text = alt.Chart().mark_text(fontSize=13, color="#5b626b").encode(text="saying:N")
    chart: alt.LayerChart = alt.layer(text, data=data).properties(
        width=width, height=min(height, 120), title=titled(title, chosen, [])
    )
    return chart
