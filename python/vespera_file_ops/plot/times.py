"""How old the files of a tree are: by age, where one outlier of 1980 spoils nothing, or along the calendar."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal, TypeAlias

import polars as pl

from ..errors import ArgumentError
from ..progress import byte_text
from .inputs import checked_measure, checked_title, files_of, needed
from .looks import COLOURS, GREY, amount_of_bytes, count_text, empty_chart, ensure_altair, titled, unit_of_bytes

if TYPE_CHECKING:
    import altair as alt

    from .inputs import Measure

__all__ = ["ages"]

By: TypeAlias = Literal["age", "modified"]

_WIDTH, _HEIGHT = 700, 280
_GROUPS = 7
_OTHER = "other"
_NONE = "no extension"

_DAY = timedelta(days=1)
# Steps that grow with age: people ask whether it was this week, not which hour of 2009.
_STEPS = (
    ("in the future", timedelta.min),
    ("< 1 hour", timedelta(0)),
    ("< 1 day", timedelta(hours=1)),
    ("< 1 week", _DAY),
    ("< 1 month", 7 * _DAY),
    ("< 3 months", 30 * _DAY),
    ("< 1 year", 91 * _DAY),
    ("< 2 years", 365 * _DAY),
    ("< 5 years", 730 * _DAY),
    ("< 10 years", 1826 * _DAY),
    ("older", 3652 * _DAY),
)

# Steps of the calendar, the finest first, with their length in days; as many as a bar chart can show.
_BINS = (("1h", 1 / 24), ("1d", 1.0), ("1w", 7.0), ("1mo", 30.0), ("3mo", 91.0), ("1y", 365.0), ("10y", 3652.0))
_BIN_NAMES = {"1h": "hour", "1d": "day", "1w": "week", "1mo": "month", "3mo": "quarter", "1y": "year", "10y": "decade"}
_MOST_BINS = 60


def ages(
    files: pl.DataFrame | pl.LazyFrame,
    *,
    measure: Measure = "bytes",
    by: By = "age",
    now: datetime | None = None,
    title: str | None = None,
) -> alt.LayerChart:
    """Draw when files were last modified: a bar for each span of time, in the colours of the commonest extensions.

    Arguments:
        files: A files table, as of `scan_files`, or another frame with path, size and modified; only regular files are
            counted, each path once.
        measure: What the height of a bar is: "bytes" or "files".
        by: "age" has steps that grow from an hour to ten years; "modified" has equal steps of the calendar, in UTC.
        now: The moment that ages are counted from; None is now. Without a time zone it is UTC.
        title: What stands above the chart; None says how much there is.

    Returns:
        Altair's chart. `chart.data` has a row for each piece of a bar: span, extension, size, files.

    Raises:
        ArgumentError: The frame has not the columns, or an argument is another word.
        MissingExtraError: The extra `notebook` is not installed.
        TypeError: An argument has the wrong type.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.plot.ages(vfo.scan_files("src")).data.select("span", "extension", "files").rows()
        [('< 1 hour', '.py', 2), ('< 1 hour', '.rs', 1)]
    """
    lazy, schema = needed("files", files, ("path", "size", "modified"), "a files table is needed, as of scan_files")
    counted = checked_measure(measure)
    if not isinstance(by, str):
        raise TypeError(f"by: a str, not {type(by).__name__}")
    if by not in {"age", "modified"}:
        raise ArgumentError(f"by: expected 'age' or 'modified', got {by!r}")
    if now is not None and not isinstance(now, datetime):
        raise TypeError(f"now: a datetime, not {type(now).__name__}")
    given = checked_title(title)
    ensure_altair()
    rows = _grouped(lazy, schema, counted)
    size, count = int(rows["size"].sum()), rows.height
    chosen = f"{count_text(count, 'file')}, {byte_text(size)}, by {'age' if by == 'age' else 'time of modification'}"
    if not count:
        return empty_chart(given, "Ages", "no files in this table that say when they were modified", _WIDTH, 120)
    spans, bin_name = _by_age(rows, now) if by == "age" else _by_calendar(rows)
    data = (
        spans.group_by("order", "span", "start", "end", "extension", "rank")
        .agg(size=pl.col("size").sum(), files=pl.len().cast(pl.Int64))
        .sort("order", "rank")
    )
    return _chart(data, counted, by, bin_name, titled(given, chosen, [_left_out(rows)]))


def _grouped(lazy: pl.LazyFrame, schema: object, measure: str) -> pl.DataFrame:
    """The files with the group that gives them their colour: the commonest extensions, and all others."""
    has_extension = "extension" in schema  # type: ignore[operator]  # a mapping
    if not has_extension:
        lazy = lazy.with_columns(extension=pl.lit(None, pl.String))
    files = files_of(lazy, schema, "modified", "extension")  # type: ignore[arg-type]  # likewise
    files = files.filter(pl.col("modified").is_not_null()).with_columns(
        original=pl.coalesce(pl.lit(".") + pl.col("extension").cast(pl.String).str.to_lowercase(), pl.lit(_NONE)),
        modified=_utc(files.schema["modified"]),
    )
    weight = pl.col("size").sum() if measure == "bytes" else pl.len()
    common = files.group_by("original").agg(weight=weight.cast(pl.Int64), files=pl.len())
    common = common.sort("weight", "files", "original", descending=[True, True, False])
    # One extension takes no more room under its own name.
    kept = common["original"].head(_GROUPS if common.height > _GROUPS + 1 else _GROUPS + 1).to_list()
    ranks = pl.col("original").replace_strict(kept, list(range(len(kept))), default=len(kept), return_dtype=pl.Int64)
    return files.with_columns(
        rank=ranks,
        extension=pl.when(ranks < len(kept)).then("original").otherwise(pl.lit(_OTHER)),
    )


def _utc(kind: pl.DataType) -> pl.Expr:
    """The time of modification in UTC; a column without a time zone is in it already."""
    column = pl.col("modified")
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _by_age(rows: pl.DataFrame, now: datetime | None) -> tuple[pl.DataFrame, str]:
    moment = datetime.now(timezone.utc) if now is None else now
    moment = moment.replace(tzinfo=timezone.utc) if moment.tzinfo is None else moment.astimezone(timezone.utc)
    age = pl.lit(moment).dt.cast_time_unit("us") - pl.col("modified")
    order = pl.lit(0, pl.Int64)
    for at, (_, least) in enumerate(_STEPS[1:], start=1):
        order = pl.when(age >= pl.lit(least)).then(pl.lit(at, pl.Int64)).otherwise(order)
    names = [name for name, _ in _STEPS]
    spans = rows.with_columns(order=order).with_columns(
        span=pl.col("order").replace_strict(list(range(len(names))), names, return_dtype=pl.String),
        start=pl.lit(None, pl.Datetime("us", "UTC")),
        end=pl.lit(None, pl.Datetime("us", "UTC")),
    )
    return spans, ""


def _by_calendar(rows: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    first, last = rows["modified"].min(), rows["modified"].max()
    days = (last - first).total_seconds() / 86400  # type: ignore[operator, union-attr]  # two times
    step = next((step for step, length in _BINS if days / length <= _MOST_BINS - 1), _BINS[-1][0])
    start = pl.col("modified").dt.truncate(step)
    spans = rows.with_columns(order=start.cast(pl.Int64), start=start, end=start.dt.offset_by(step)).with_columns(
        span=pl.col("start").dt.strftime("%Y-%m-%d %H:%M" if step == "1h" else "%Y-%m-%d")
    )
    return spans, _BIN_NAMES[step]


def _left_out(rows: pl.DataFrame) -> str:
    other = rows.filter(pl.col("extension") == _OTHER).filter(pl.col("original") != _OTHER)
    if not other.height:
        return ""
    kinds = count_text(other["original"].n_unique(), "extension")
    return f"“other” holds {kinds}: {count_text(other.height, 'file')}, {byte_text(int(other['size'].sum()))}"


def _chart(data: pl.DataFrame, measure: str, by: str, bin_name: str, title: alt.TitleParams) -> alt.LayerChart:
    import altair as alt

    heights = data.group_by("order").agg(pl.col("size").sum(), pl.col("files").sum())
    unit, factor = unit_of_bytes(float(heights["size"].max() or 0)) if measure == "bytes" else ("files", 1.0)  # type: ignore[arg-type]
    data = data.with_columns(
        value=pl.col("size" if measure == "bytes" else "files") / factor, amount=amount_of_bytes("size")
    )
    groups = data.select("extension", "rank").unique().sort("rank")
    names = groups["extension"].to_list()
    colours = [GREY if name == _OTHER else COLOURS[rank % len(COLOURS)] for name, rank in groups.iter_rows()]
    if by == "age":
        present = sorted(set(data["order"].to_list()))
        steps = [_STEPS[at][0] for at in range(present[0], present[-1] + 1)]
        x = alt.X(
            "span:N",
            sort=steps,
            scale=alt.Scale(domain=steps, paddingInner=0.15),
            axis=alt.Axis(
                title="age: time since it was last modified", labelAngle=0, labelLimit=90, labelOverlap=False
            ),
        )
        more, width = {}, min(max(78 * len(steps), 240), _WIDTH)
    else:
        x = alt.X(
            "start:T",
            scale=alt.Scale(type="utc"),
            axis=alt.Axis(title=f"last modified, by {bin_name} (UTC)", labelOverlap=True, tickCount=8, grid=False),
        )
        more, width = {"x2": "end:T"}, _WIDTH
    tips = [
        alt.Tooltip("span:N", title="modified"),
        alt.Tooltip("extension:N"),
        alt.Tooltip("amount:N", title="size"),
        alt.Tooltip("files:Q", format=","),
    ]
    counts = {"tickMinStep": 1, "format": ",d"} if measure == "files" else {"format": ",f"}
    y_title = "files" if measure == "files" else f"size in {unit}"
    bars = (
        alt.Chart()
        .mark_bar(orient="vertical", stroke="white", strokeWidth=0.4)
        .encode(
            x=x,
            y=alt.Y("value:Q", stack=True, axis=alt.Axis(title=y_title, gridColor="#e8eaed", tickCount=6, **counts)),
            color=alt.Color(
                "extension:N", scale=alt.Scale(domain=names, range=colours), legend=alt.Legend(title="extension")
            ),
            order=alt.Order("rank:Q"),
            tooltip=tips,
            **more,
        )
    )
    chart: alt.LayerChart = alt.layer(bars, data=data).properties(width=width, height=_HEIGHT, title=title)
    return chart
