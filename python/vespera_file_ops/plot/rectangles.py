"""Where the bytes of a tree lie, as nested rectangles: one area unit is one byte, whichever folder it lies in.

The largest folder is opened first, and then the largest of all that is visible, until there is no room: so there is
detail where the bytes are, and a thousand small files are one rectangle that says how many they are.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import ArgumentError
from ..progress import byte_text
from .inputs import checked_count, checked_title, files_of, needed
from .labels import cut, text_width, wrapped
from .looks import COLOURS, GREY, INK, count_text, empty_chart, ensure_altair, label, squarify, titled

if TYPE_CHECKING:
    import altair as alt

__all__ = ["treemap"]

_WIDTH, _HEIGHT = 820, 500
# A smaller rectangle cannot be told from its border, and a folder of less cannot be looked into.
_LEAST_AREA, _LEAST_OPENED = 70, 2600
_HEADER = 15
# Each folder in a folder takes its border from what is in it: deeper, nothing would be left.
_MOST_LEVELS = 12
_FONT, _HEADER_FONT = 10, 10.5
_LINE = 12


def treemap(
    files: pl.DataFrame | pl.LazyFrame, *, max_rectangles: int = 300, title: str | None = None
) -> alt.LayerChart:
    """Draw the sizes of files as nested rectangles, a colour for each folder at the top.

    Arguments:
        files: A files table, as of `scan_files`, or another frame with path and size; only regular files are counted,
            each path once.
        max_rectangles: Draw at most so many, 1 to 2000; what is too small or too many is one rectangle in its folder.
        title: What stands above the chart; None says how much there is.

    Returns:
        Altair's chart. `chart.data` has a row for each rectangle: path, size, files, and where it lies.

    Raises:
        ArgumentError: The frame has not the columns, or `max_rectangles` is out of bounds.
        MissingExtraError: The extra `notebook` is not installed.
        TypeError: An argument has the wrong type.

    Example:
        >>> import vespera_file_ops as vfo
        >>> chart = vfo.plot.treemap(vfo.scan_files("src"))
        >>> chart.title.text
        'src: 3 files, 124 B'
        >>> chart.data["path"].to_list()
        ['src/app.py', 'src/util.py', 'src/lib.rs']
    """
    lazy, schema = needed("files", files, ("path", "size"), "a files table is needed, as of scan_files")
    most = checked_count("max_rectangles", max_rectangles, 2000)
    given = checked_title(title)
    ensure_altair()
    rows = files_of(lazy, schema)
    if rows["size"].min() is not None and int(rows["size"].min()) < 0:  # type: ignore[arg-type]  # an Int64 column
        raise ArgumentError("files: a size is negative; a files table is needed, as of scan_files")
    if not rows.height:
        return empty_chart(given, "Sizes", "no files in this table", _WIDTH, _HEIGHT)
    root = _Folder.of_all(rows)
    chosen = f"{count_text(root.files, 'file')}, {byte_text(root.size)}"
    # A dot in front of a colon reads like dirt.
    chosen = chosen if root.path == "." else f"{root.path}: {chosen}"
    if not root.size:
        return empty_chart(given, chosen, "every file is empty", _WIDTH, _HEIGHT)
    _open_largest(root, most)
    drawn = _Drawing(root.size)
    drawn.place(root, 0.0, 0.0, float(_WIDTH), float(_HEIGHT), None)
    return _chart(drawn, titled(given, chosen, [_left_out(drawn)]))


@dataclass
class _Folder:
    """A folder or a file, or what is left of a folder; a folder can be opened if its rows are kept."""

    name: str
    path: str
    size: int
    files: int
    rows: pl.DataFrame | None = None
    children: list[_Folder] = field(default_factory=list)
    is_rest: bool = False

    @staticmethod
    def of_all(rows: pl.DataFrame) -> _Folder:
        """The folder that holds all files."""
        absolute = bool(rows["path"].str.starts_with("/").all())
        rest = rows.select(rest=pl.col("path").str.strip_prefix("/") if absolute else pl.col("path"), size="size")
        start = "/" if absolute else ""
        top = _Folder("", start, int(rest["size"].sum()), rest.height, rest)
        top._descend()
        top.path = top.path or "."
        top.name = top.path
        return top

    def _descend(self) -> None:
        """Step down while there is but one folder in the folder: it would be a rectangle within a rectangle."""
        while self.rows is not None:
            first = self.rows["rest"][0].split("/", 1)
            if len(first) == 1 or not self.rows["rest"].str.starts_with(first[0] + "/").all():
                return
            self.path = _joined(self.path, first[0])
            self.name = f"{self.name}/{first[0]}" if self.name else first[0]
            self.rows = self.rows.with_columns(pl.col("rest").str.slice(len(first[0]) + 1))

    def open(self, least: float) -> None:
        """Find what is in the folder; what is smaller than `least` becomes one."""
        if self.rows is None:
            return
        parts = pl.col("rest").str.splitn("/", 2)
        split = self.rows.select(
            head=parts.struct.field("field_0"), rest=parts.struct.field("field_1"), size="size"
        ).with_columns(is_file=pl.col("rest").is_null())
        groups = split.group_by("head", "is_file", maintain_order=True).agg(size=pl.col("size").sum(), files=pl.len())
        groups = groups.sort("size", "head", descending=[True, False])
        large = groups.filter(pl.col("size") >= least)
        rest = groups.filter(pl.col("size") < least)
        if rest.height == 1:
            large, rest = groups, rest.clear()
        inside = {
            head: part
            for (head, is_file), part in split.join(large, on=["head", "is_file"], how="semi")
            .filter(~pl.col("is_file"))
            .partition_by("head", "is_file", as_dict=True)
            .items()
        }
        self.rows = None
        base = "" if self.path == "." else self.path
        for head, is_file, size, files in large.iter_rows():
            rows = None if is_file else inside[head].select("rest", "size")
            child = _Folder(head, _joined(base, head), size, files, rows)
            child._descend()
            self.children.append(child)
        if rest.height:
            count = int(rest["files"].sum())
            name = f"{count:,} other" if large.height else count_text(count, "file")
            self.children.append(_Folder(name, _joined(base, "…"), int(rest["size"].sum()), count, is_rest=True))


def _joined(folder: str, name: str) -> str:
    return f"{folder}{name}" if not folder or folder.endswith("/") else f"{folder}/{name}"


def _open_largest(root: _Folder, most: int) -> None:
    """Open folders, the largest first, while there is room for what is in them."""
    area = _WIDTH * _HEIGHT / root.size
    waiting: list[tuple[int, int, int, _Folder]] = [(-root.size, 0, 0, root)]
    shown, serial = 1, 0
    while waiting:
        _, _, level, folder = heapq.heappop(waiting)
        if folder is not root and (folder.size * area < _LEAST_OPENED or shown >= most):
            return
        room = most - shown + 1
        folder.open(_LEAST_AREA / area)
        if len(folder.children) > room:
            _fold(folder, room)
        shown += len(folder.children) - 1
        for child in folder.children:
            if child.rows is not None and level + 1 < _MOST_LEVELS:
                serial += 1
                heapq.heappush(waiting, (-child.size, serial, level + 1, child))


def _fold(folder: _Folder, room: int) -> None:
    """Make so many children of more: the smallest become one."""
    kept, folded = folder.children[: room - 1], folder.children[room - 1 :]
    count = sum(child.files for child in folded)
    name = f"{count:,} other" if kept else count_text(count, "file")
    path = _joined("" if folder.path == "." else folder.path, "…")
    rest = _Folder(name, path, sum(child.size for child in folded), count, is_rest=True)
    folder.children = sorted([*kept, rest], key=lambda child: -child.size)


class _Drawing:
    """The rectangles with their places, in pixels from the upper left."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.rows: list[dict[str, object]] = []
        self.headers: list[dict[str, object]] = []
        self.rest_files = 0
        self.rest_size = 0

    def place(self, folder: _Folder, x: float, y: float, width: float, height: float, colour: str | None) -> None:
        """Lay a folder out in this place."""
        children = [child for child in folder.children if child.size]
        if not children:
            self._leaf(folder, x, y, width, height, colour or COLOURS[0])
            return
        if colour is not None:
            x, y, width, height = x + 1, y + 1, max(width - 2, 0.1), max(height - 2, 0.1)
            if width > 50 and height > 42:
                self._header(folder, x, y, width)
                y, height = y + _HEADER, height - _HEADER
        layout = squarify()
        sizes = layout.normalize_sizes([child.size for child in children], width, height)
        for at, (child, place) in enumerate(zip(children, layout.squarify(sizes, x, y, width, height), strict=True)):
            own = colour if colour is not None else _colour(at, child)
            self.place(child, place["x"], place["y"], place["dx"], place["dy"], own)

    def _header(self, folder: _Folder, x: float, y: float, width: float) -> None:
        name, size = label(folder.name), byte_text(folder.size)
        font: dict[str, Any] = {"size": _HEADER_FONT, "bold": True}
        whole = f"{name} · {size}"
        text = whole if text_width(whole, **font) <= width - 6 else cut(name, width - 6, **font)
        self.headers.append(
            {"room": width - 3, "x": x + 3, "y": y + 11, "text": text, "path": folder.path, "size": folder.size}
        )

    def _leaf(self, folder: _Folder, x: float, y: float, width: float, height: float, colour: str) -> None:
        name, size = label(folder.name), byte_text(folder.size)
        # A folder that was not opened must not look like a file.
        name = name + "/" if folder.rows is not None else name
        lines = wrapped(name, size, width - 6, int((height - 3) / _LINE))
        if folder.is_rest:
            self.rest_files += folder.files
            self.rest_size += folder.size
        self.rows.append(
            {
                "path": label(folder.path),
                "size": folder.size,
                "amount": size,
                "share": folder.size / self.total,
                "files": folder.files,
                "text": "\n".join(lines),
                "colour": GREY if folder.is_rest and colour == GREY else colour,
                "faded": 0.55 if folder.is_rest else 1.0,
                "x": round(x, 2),
                "y": round(y, 2),
                "x2": round(x + width, 2),
                "y2": round(y + height, 2),
            }
        )


def _colour(at: int, child: _Folder) -> str:
    return GREY if child.is_rest or at >= len(COLOURS) else COLOURS[at]


def _left_out(drawn: _Drawing) -> str:
    if not drawn.rest_files:
        return ""
    return (
        f"{count_text(drawn.rest_files, 'file')} too small to be drawn alone, {byte_text(drawn.rest_size)} together, "
        "are “other” in their folder"
    )


def _chart(drawn: _Drawing, title: alt.TitleParams) -> alt.LayerChart:
    import altair as alt

    data = pl.DataFrame(drawn.rows).sort("size", descending=True, maintain_order=True)
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, _WIDTH], nice=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[_HEIGHT, 0], nice=False))
    tips = [
        alt.Tooltip("path:N", title="path"),
        alt.Tooltip("amount:N", title="size"),
        alt.Tooltip("share:Q", title="share", format=".1%"),
        alt.Tooltip("files:Q", title="files", format=","),
    ]
    layers = [
        alt.Chart()
        .mark_rect(stroke="white", strokeWidth=1)
        .encode(
            x=x,
            x2="x2:Q",
            y=y,
            y2="y2:Q",
            color=alt.Color("colour:N", scale=None),
            opacity=alt.Opacity("faded:Q", scale=None),
            tooltip=tips,
        ),
        alt.Chart()
        .transform_filter("datum.text != ''")
        .mark_text(
            align="left",
            baseline="top",
            dx=3,
            dy=3,
            fontSize=_FONT,
            lineBreak="\n",
            color=INK,
            limit=alt.expr("datum.x2 - datum.x - 3"),
        )
        .encode(x=x, y=y, text="text:N", tooltip=tips),
    ]
    if drawn.headers:
        layers.append(
            alt.Chart(pl.DataFrame(drawn.headers))
            .mark_text(
                align="left",
                baseline="alphabetic",
                fontSize=_HEADER_FONT,
                fontWeight="bold",
                color=INK,
                limit=alt.expr("datum.room"),
            )
            .encode(x=x, y=y, text="text:N")
        )
    chart: alt.LayerChart = alt.layer(*layers, data=data).properties(width=_WIDTH, height=_HEIGHT, title=title)
    return chart
