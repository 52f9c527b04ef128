"""Charts of bars: the folders with the most hits, and the languages that a tree is written in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import polars as pl

from ..errors import ArgumentError
from ..progress import byte_text
from .inputs import FOLDER, checked_count, checked_measure, checked_title, files_of, needed
from .looks import (
    COLOURS,
    GREY,
    INK,
    amount_of_bytes,
    count_text,
    empty_chart,
    ensure_altair,
    titled,
    unit_of_bytes,
)

if TYPE_CHECKING:
    import altair as alt

    from .inputs import Measure

__all__ = ["LANGUAGES", "hits_by_folder", "languages"]

_WIDTH, _BAR = 520, 20
_OTHER = "other"

# What people call the files of these extensions; every other extension speaks for itself.
LANGUAGES = {
    "Assembly": "s",
    "C": "c h",
    "C#": "cs",
    "C++": "cc cpp cxx hh hpp hxx",
    "CSS": "css scss",
    "CSV": "csv",
    "Cython": "pxd pyx",
    "Fortran": "f f90",
    "Go": "go",
    "HTML": "htm html",
    "JSON": "json ndjson",
    "Java": "java",
    "JavaScript": "cjs js jsx mjs",
    "Jupyter notebook": "ipynb",
    "Kotlin": "kt",
    "Lua": "lua",
    "Markdown": "md",
    "Nushell": "nu",
    "PHP": "php",
    "Perl": "pl pm",
    "Python": "py pyi",
    "Python bytecode": "pyc",
    "R": "r",
    "Ruby": "rb",
    "Rust": "rs",
    "SQL": "sql",
    "SVG": "svg",
    "Scala": "scala",
    "Shell": "bash fish sh zsh",
    "Swift": "swift",
    "TOML": "toml",
    "TypeScript": "ts tsx",
    "XML": "xml",
    "YAML": "yaml yml",
    "reStructuredText": "rst",
    "shared library": "dll dylib so",
    "text": "txt",
}
_BY_EXTENSION = {extension: language for language, names in LANGUAGES.items() for extension in names.split()}
_NO_EXTENSION = "no extension"
_PLAIN = "plain text"


def hits_by_folder(
    hits: pl.DataFrame | pl.LazyFrame, *, max_folders: int = 20, title: str | None = None
) -> alt.LayerChart:
    """Draw how many hits lie in each folder: a bar for each of the folders that hold most, and one for all others.

    A hit counts for the folder that its file lies in, and for no folder above it.

    Arguments:
        hits: A hits table, as of `scan_hits` or `search_files`.
        max_folders: Show at most so many folders, 1 to 100.
        title: What stands above the chart; None says how much there is.

    Returns:
        Altair's chart. `chart.data` has a row for each bar: name, amount, files.

    Raises:
        ArgumentError: The frame has not the columns, or `max_folders` is out of bounds.
        MissingExtraError: The extra `notebook` is not installed.
        TypeError: An argument has the wrong type.

    Example:
        >>> import vespera_file_ops as vfo
        >>> chart = vfo.plot.hits_by_folder(vfo.scan_hits("TODO|FIXME"))
        >>> chart.data.select("name", "amount", "files").rows()
        [('src', 2, 2), ('.', 1, 1)]
    """
    lazy, _ = needed("hits", hits, ("path", "line_number"), "a hits table is needed, as of scan_hits")
    most = checked_count("max_folders", max_folders, 100)
    given = checked_title(title)
    ensure_altair()
    folders = (
        lazy.group_by(name=FOLDER)
        .agg(amount=pl.len().cast(pl.Int64), files=pl.col("path").n_unique().cast(pl.Int64))
        .sort("amount", "name", descending=[True, False])
        .collect()
    )
    total, files = int(folders["amount"].sum()), int(folders["files"].sum())
    chosen = f"{count_text(total, 'hit')} in {count_text(files, 'file')} of {count_text(folders.height, 'folder')}"
    if not total:
        return empty_chart(given, "Hits", "no hits in this table", _WIDTH, 120)
    shown, below = _top(folders, most, "folder")
    within = _common(shown.filter(~pl.col("is_rest"))["name"].to_list())
    below = " · ".join(part for part in (f"in {within}" if within else "", below) if part)
    texts = shown.with_columns(
        value=pl.col("amount").cast(pl.Float64),
        text=pl.col("amount").map_elements(lambda count: f"{count:,}", return_dtype=pl.String),
        detail=pl.col("files").map_elements(lambda count: count_text(count, "file"), return_dtype=pl.String),
        share=pl.col("amount") / total,
    )
    return _bars(texts, "hits", "folder", titled(given, chosen, [below]), within=within)


def languages(
    files: pl.DataFrame | pl.LazyFrame,
    *,
    measure: Measure = "bytes",
    max_languages: int = 15,
    title: str | None = None,
) -> alt.LayerChart:
    """Draw what a tree is written in, by bytes or by number of files.

    Chunks know the language that they were split as; of other tables the extension tells it.

    Arguments:
        files: A files table, as of `scan_files`, a chunks table, or another frame with path, size and extension or
            language; each path counts once.
        measure: What the length of a bar is: "bytes" or "files".
        max_languages: Show at most so many languages, 1 to 100.
        title: What stands above the chart; None says how much there is.

    Returns:
        Altair's chart. `chart.data` has a row for each bar: name, amount, files.

    Raises:
        ArgumentError: The frame has not the columns, `measure` is another word, or `max_languages` is out of bounds.
        MissingExtraError: The extra `notebook` is not installed.
        TypeError: An argument has the wrong type.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.plot.languages(vfo.scan_files(), measure="files").data.select("name", "amount").rows()[0]
        ('Python', 2)
    """
    lazy, schema = needed("files", files, ("path", "size"), "a files table is needed, as of scan_files")
    known = "language" if "language" in schema else "extension"
    if known not in schema:
        text = "has no column extension or language; a files table is needed, as of scan_files, or chunks"
        raise ArgumentError(f"files: {text}, as of scan_chunks")
    lazy, _ = needed("files", lazy, (known,), "a files table is needed, as of scan_files, or chunks, as of scan_chunks")
    counted = checked_measure(measure)
    most = checked_count("max_languages", max_languages, 100)
    given = checked_title(title)
    ensure_altair()
    rows = files_of(lazy, schema, known).with_columns(name=_language(known))
    groups = rows.group_by("name").agg(size=pl.col("size").sum(), files=pl.len().cast(pl.Int64))
    groups = groups.with_columns(amount=pl.col("size" if counted == "bytes" else "files"))
    groups = groups.sort("amount", "files", "name", descending=[True, True, False])
    size, count = int(groups["size"].sum()), int(groups["files"].sum())
    chosen = f"{count_text(count, 'file')}, {byte_text(size)}, in {count_text(groups.height, 'language')}"
    if not count:
        return empty_chart(given, "Languages", "no files in this table", _WIDTH, 120)
    shown, below = _top(groups, most, "language")
    total = max(int(groups["amount"].sum()), 1)
    unit, factor = unit_of_bytes(_largest(shown)) if counted == "bytes" else ("files", 1.0)
    files_text = pl.col("files").map_elements(lambda count: count_text(count, "file"), return_dtype=pl.String)
    share = (pl.col("amount") / total * 100).map_elements(_percent, return_dtype=pl.String)
    texts = shown.with_columns(
        value=pl.col("amount") / factor,
        text=pl.format("{} · {}", amount_of_bytes("size") if counted == "bytes" else files_text, share),
        detail=files_text if counted == "bytes" else amount_of_bytes("size"),
        share=pl.col("amount") / total,
    )
    below = " · ".join(part for part in (below, f"share of {counted}, by {known}") if part)
    return _bars(texts, unit, "language", titled(given, chosen, [below]))


def _percent(share: float) -> str:
    return f"{share:.0f} %" if share >= 1 or not share else "< 1 %"


def _language(known: str) -> pl.Expr:
    if known == "language":
        return pl.col("language").fill_null(_PLAIN)
    extension = pl.col("extension").cast(pl.String).str.to_lowercase()
    named = extension.replace_strict(
        list(_BY_EXTENSION), list(_BY_EXTENSION.values()), default=None, return_dtype=pl.String
    )
    # What follows the name of a shared library is its version.
    library = pl.when(pl.col("path").str.contains(r"\.so(\.\d+)+$")).then(pl.lit("shared library"))
    return pl.coalesce(library, named, pl.lit(".") + extension, pl.lit(_NO_EXTENSION))


def _largest(shown: pl.DataFrame) -> float:
    return float(shown["amount"].max() or 0)  # type: ignore[arg-type]  # a column of numbers


def _top(groups: pl.DataFrame, most: int, one: str) -> tuple[pl.DataFrame, str]:
    """The largest groups, and one for the rest; and what to say of that."""
    rest = groups.slice(most)
    shown = groups.head(most).with_columns(is_rest=False)
    # One group takes no more room under its own name.
    if rest.height <= 1:
        return groups.with_columns(is_rest=False), ""
    sums = [pl.col(name).sum() for name in groups.columns if name != "name"]
    name = f"{count_text(rest.height, _OTHER + ' ' + one)}"
    other = rest.select(pl.lit(name).alias("name"), *sums, pl.lit(value=True).alias("is_rest"))
    share = int(rest["amount"].sum()) / max(int(groups["amount"].sum()), 1)
    text = f"the {count_text(most, one)} with most; the other {rest.height:,} hold {_percent(share * 100)} together"
    return pl.concat([shown, other.select(shown.columns)]), text


def _common(folders: list[str]) -> str:
    """The folder that all of these lie in, with its slash, or nothing."""
    parts = [folder.split("/") for folder in folders]
    shared = 0
    while all(len(part) > shared for part in parts) and len({part[shared] for part in parts}) == 1:
        shared += 1
    common = "/".join(parts[0][:shared])
    return f"{common}/" if common and len(folders) > 1 else ""


def _label_expression(within: str) -> str:
    """Vega's expression for a label: without the folder that all share, and cut at its beginning.

    A path says most at its end. The whole one stays the name of the bar: two that look alike stay two.
    """
    inner, folder = json.dumps(within), json.dumps(within.removesuffix("/"))
    label = "datum.label"
    if within:
        label = (
            f"(datum.label === {folder} ? '.' : indexof(datum.label, {inner}) === 0 "
            f"? slice(datum.label, {len(within.encode('utf-16-le')) // 2}) : datum.label)"
        )
    return f"length({label}) > 44 ? '…' + slice({label}, -43) : {label}"


def _bars(rows: pl.DataFrame, amount: str, name: str, title: alt.TitleParams, *, within: str = "") -> alt.LayerChart:
    """A bar for each row: its name on the left, its text at its end; `within` is left out of the names."""
    import altair as alt

    data = rows.with_row_index("at").with_columns(
        colour=pl.when("is_rest").then(pl.lit(GREY)).otherwise(pl.lit(COLOURS[0]))
    )
    # What is larger than all that is shown would leave no room to tell those apart: it is a number then, and no bar.
    too_long = pl.col("is_rest") & (pl.col("value") > pl.col("value").filter(~pl.col("is_rest")).max())
    data = data.with_columns(
        value=pl.when(too_long).then(0.0).otherwise("value"),
        text=pl.when(too_long).then(pl.format("{} together (not drawn)", "text")).otherwise("text"),
    )
    y = alt.Y(
        "name:N",
        sort=alt.EncodingSortField("at", order="ascending"),
        axis=alt.Axis(
            title=name,
            labelExpr=_label_expression(within),
            labelLimit=330,
            labelPadding=6,
            ticks=False,
            domain=False,
            # Above its labels: beside them it would stand on those that are long.
            titleAngle=0,
            titleAlign="right",
            titleAnchor="start",
            titleX=-6,
            titleY=-6,
        ),
    )
    tips = [
        alt.Tooltip("name:N", title=name),
        alt.Tooltip("text:N", title=amount if amount in {"hits", "files"} else "size"),
        alt.Tooltip("share:Q", title="share", format=".1%"),
        alt.Tooltip("detail:N", title="size" if amount == "files" else "files"),
    ]
    # Room for the text at the end of the longest bar.
    longest = max(*data["value"].to_list(), 1e-9)
    letters = max(len(text) for text in data["text"])
    domain = [0, longest * _WIDTH / max(_WIDTH - 6.5 * letters - 10, _WIDTH / 2)]
    counts = {"tickMinStep": 1, "format": ",d"} if amount in {"hits", "files"} else {"format": ",f"}
    x = alt.X(
        "value:Q",
        axis=alt.Axis(
            title=f"size in {amount}" if len(counts) == 1 else amount, tickCount=6, gridColor="#e8eaed", **counts
        ),
        scale=alt.Scale(domain=domain, nice=False),
    )
    bars = (
        alt.Chart()
        .mark_bar(height={"band": 0.78})
        .encode(x=x, y=y, color=alt.Color("colour:N", scale=None), tooltip=tips)
    )
    texts = (
        alt.Chart().mark_text(align="left", dx=4, fontSize=11, color=INK).encode(x=x, y=y, text="text:N", tooltip=tips)
    )
    chart: alt.LayerChart = alt.layer(bars, texts, data=data).properties(
        width=_WIDTH, height=_BAR * data.height, title=title
    )
    return chart
