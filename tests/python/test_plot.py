"""Charts: what they count, what they leave to "other", that they stay small, and that they need no network."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops.plot import bars, labels, looks

NOW = datetime(2026, 7, 1, 12, tzinfo=timezone.utc)
TABLES = {"ages": "files", "hits_by_folder": "hits", "languages": "files", "treemap": "files"}


def files_of(sizes: dict[str, int], ages: list[timedelta] | None = None) -> pl.DataFrame:
    """A files table of files with these sizes."""
    paths = list(sizes)
    times = [NOW - (ages[at] if ages else timedelta(days=at)) for at in range(len(paths))]
    return pl.DataFrame(
        {
            "path": paths,
            "kind": ["file"] * len(paths),
            "size": list(sizes.values()),
            "extension": [path.rsplit(".", 1)[1] if "." in path else None for path in paths],
            "modified": times,
            "line_number": [1] * len(paths),
        },
        schema_overrides={"modified": pl.Datetime("ns", "UTC"), "size": pl.Int64, "extension": pl.String},
    )


def many(count: int) -> pl.DataFrame:
    """So many files in a tree with folders of every size, names of every script, and times over ten years."""
    return files_of(
        {
            f"top{number % 13}/sub{number % 101}/{'x' * (number % 5)}/größe{number}.e{number % 40}": number
            * 37
            % 99_991
            for number in range(count)
        },
        [timedelta(hours=number * 89_000 // count) for number in range(count)],
    )


CHARTS: dict[str, Callable[..., object]] = {name: getattr(vfo.plot, name) for name in vfo.plot.__all__}


def spec_of(chart: object) -> dict:
    """The chart as Vega-Lite takes it, which is where Altair would refuse too many rows."""
    spec = chart.to_dict()
    json.dumps(spec, allow_nan=False)
    return spec


def test_the_rectangles_add_up_to_the_tree() -> None:
    files = many(3000)
    chart = vfo.plot.treemap(files, max_rectangles=150)
    data = chart.data
    assert data.height <= 150
    assert data["size"].sum() == files["size"].sum()
    assert data["files"].sum() + files.filter(size=0).height >= files.height
    area = ((data["x2"] - data["x"]) * (data["y2"] - data["y"])).sum()
    assert 0.6 * 820 * 500 < area <= 820 * 500
    # No two lie on each other.
    spans = data.select("x", "y", "x2", "y2").rows()
    for at, (x, y, x2, y2) in enumerate(spans):
        for other_x, other_y, other_x2, other_y2 in spans[:at]:
            apart = x >= other_x2 - 0.1 or other_x >= x2 - 0.1 or y >= other_y2 - 0.1 or other_y >= y2 - 0.1
            assert apart


def test_a_rectangle_is_as_large_as_its_files() -> None:
    data = vfo.plot.treemap(files_of({"a": 100, "b": 300, "c": 600})).data
    areas = ((data["x2"] - data["x"]) * (data["y2"] - data["y"])).to_list()
    assert data["path"].to_list() == ["c", "b", "a"]
    assert [round(area / sum(areas), 2) for area in areas] == [0.6, 0.3, 0.1]


def test_what_is_too_small_is_other_and_is_counted() -> None:
    sizes = {"large/one": 10**9, "large/two": 10**8, **{f"large/{number}": 10 for number in range(50)}}
    chart = vfo.plot.treemap(files_of(sizes))
    assert chart.title.subtitle == ["50 files too small to be drawn alone, 500 B together, are “other” in their folder"]
    other = chart.data.filter(pl.col("path").str.ends_with("…"))
    assert other.select("size", "files").rows() == [(500, 50)]


def test_few_rectangles_still_hold_everything() -> None:
    files = many(500)
    for most in (1, 2, 3, 7):
        data = vfo.plot.treemap(files, max_rectangles=most).data
        assert data.height <= most
        assert data["size"].sum() == files["size"].sum()
        assert data["files"].sum() == 500


def test_a_treemap_takes_any_paths() -> None:
    for paths in (
        ["/a", "/b/c"],
        ["/"],
        ["a", "a/b"],
        ["a//b", "a//c"],
        ["../x", "../y/z"],
        ["a\nb/\x1b[31m", "x" * 4000],
    ):
        data = vfo.plot.treemap(files_of(dict.fromkeys(paths, 5))).data
        assert data["size"].sum() == 5 * len(paths)
        assert all(text.replace("\n", "").isprintable() for text in data["text"].to_list())
    absolute = vfo.plot.treemap(files_of({"/usr/lib/a": 1, "/usr/lib/b/c/d": 2}))
    assert absolute.title.text == "/usr/lib: 2 files, 3 B"
    assert absolute.data["path"].to_list() == ["/usr/lib/b/c/d", "/usr/lib/a"]


def test_a_deep_tree_is_drawn_as_far_as_it_can_be_seen() -> None:
    paths = ["/".join(f"d{level}" for level in range(depth)) + "/file" for depth in range(1, 1500)]
    data = vfo.plot.treemap(files_of(dict.fromkeys(paths, 10)), max_rectangles=2000).data
    assert data["size"].sum() == 10 * len(paths)
    assert 5 < data.height < 30
    sides = data.select(width=pl.col("x2") - pl.col("x"), height=pl.col("y2") - pl.col("y"))
    assert sides.min().row(0) > (0, 0)


def test_labels_of_hostile_folders_are_drawn() -> None:
    import vl_convert

    folder = "a\"b\\'c\nd</script>\u2028é/"
    hits = pl.DataFrame({"path": [f"{folder}{name}/f" for name in ("x", "y'", 'z"', "")]}).with_columns(line_number=1)
    svg = vl_convert.vegalite_to_svg(vfo.plot.hits_by_folder(hits).to_dict())
    assert ">x</text>" in svg
    assert ">y'</text>" in svg
    assert "</script>" not in svg


def test_folders_and_errors_are_no_files_and_a_file_counts_once(demo: Path) -> None:
    entries = vfo.scan_files()
    assert vfo.plot.treemap(entries).data["files"].sum() == entries.filter(kind="file").collect().height
    hits = vfo.scan_hits("e")
    assert hits.collect().height > hits.collect()["path"].n_unique()
    for function in (vfo.plot.treemap, vfo.plot.languages, vfo.plot.ages):
        assert function(hits).data["files"].sum() == hits.collect()["path"].n_unique()
        assert function(vfo.scan_chunks()).data["files"].sum() == vfo.scan_chunks().collect()["path"].n_unique()


def test_hits_count_for_the_folder_of_their_file() -> None:
    hits = pl.DataFrame({"path": ["a", "/b", "/b", "c/d/e", "c/d/f"], "line_number": [1, 1, 2, 1, 1]})
    chart = vfo.plot.hits_by_folder(hits)
    assert chart.data.select("name", "amount", "files").rows() == [("/", 2, 1), ("c/d", 2, 2), (".", 1, 1)]
    assert chart.title.text == "5 hits in 4 files of 3 folders"


def test_other_folders_are_counted_and_never_hide_the_rest() -> None:
    hits = pl.DataFrame({"path": [f"all/{number % 50}/f" for number in range(1000)]}).with_columns(line_number=1)
    chart = vfo.plot.hits_by_folder(hits, max_folders=3)
    assert chart.data["name"].to_list() == ["all/0", "all/1", "all/10", "47 other folders"]
    assert chart.data["amount"].to_list() == [20, 20, 20, 940]
    assert chart.data.row(-1, named=True)["text"] == "940 together (not drawn)"
    assert chart.title.subtitle == ["in all/ · the 3 folders with most; the other 47 hold 94 % together"]
    # One more than there is room for needs no other name.
    assert vfo.plot.hits_by_folder(hits, max_folders=49).data.height == 50


def test_the_version_of_a_shared_library_is_no_language() -> None:
    drawn = vfo.plot.languages(files_of({"lib/a.so.2600": 3, "b.so.1.2": 2, "c.so": 1, "d.2600": 1})).data
    assert drawn.select("name", "amount").rows() == [("shared library", 6), (".2600", 1)]


def test_languages_by_extension_and_by_chunk(demo: Path) -> None:
    by_extension = vfo.plot.languages(vfo.scan_files(), measure="files").data
    assert dict(by_extension.select("name", "amount").rows()) == {
        "Python": 2,
        "Markdown": 1,
        "Rust": 1,
        ".bin": 1,
    }
    chunks = vfo.plot.languages(vfo.scan_chunks()).data
    assert set(chunks["name"]) == {"python", "markdown", "rust"}
    assert dict(chunks.select("name", "amount").rows())["python"] == 76 + 35
    extensions = " ".join(bars.LANGUAGES.values()).split()
    assert len(extensions) == len({extension.lower() for extension in extensions})


@pytest.mark.parametrize(
    ("age", "span"),
    [
        (timedelta(seconds=-1), "in the future"),
        (timedelta(0), "< 1 hour"),
        (timedelta(hours=1), "< 1 day"),
        (timedelta(days=6), "< 1 week"),
        (timedelta(days=400), "< 2 years"),
        (timedelta(days=20_000), "older"),
    ],
)
def test_an_age_has_its_span(age: timedelta, span: str) -> None:
    assert vfo.plot.ages(files_of({"a": 1}, [age]), now=NOW).data["span"].to_list() == [span]
    naive = files_of({"a": 1}, [age]).with_columns(pl.col("modified").dt.replace_time_zone(None))
    assert vfo.plot.ages(naive, now=NOW.replace(tzinfo=None)).data["span"].to_list() == [span]


def test_the_calendar_has_as_many_bars_as_can_be_read() -> None:
    for days in (0.001, 1, 20, 200, 2000, 20_000):
        files = files_of(
            {f"{at}.e{at % 20}": at for at in range(500)}, [timedelta(days=days * at / 500) for at in range(500)]
        )
        chart = vfo.plot.ages(files, by="modified")
        assert 1 <= chart.data["start"].n_unique() <= 62
        assert chart.data["size"].sum() == files["size"].sum()
        assert chart.data["extension"].n_unique() == 8
        assert chart.title.subtitle[0].startswith("“other” holds 13 extensions: ")
        assert (chart.data["end"] > chart.data["start"]).all()


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_of_many_rows_is_small_and_quick(name: str, figures: Callable[[str], None]) -> None:
    files = many(100_000)
    start = time.perf_counter()
    chart = CHARTS[name](files.lazy())
    spec = spec_of(chart)
    seconds = time.perf_counter() - start
    text = json.dumps(spec)
    figures(f"{name} of 100,000 rows: {chart.data.height} marks, {len(text) // 1024} KiB, {seconds:.2f} s")
    assert chart.data.height <= 500
    assert len(text) < 200_000
    assert seconds < 10


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_of_few_rows_is_drawn_without_a_network(name: str) -> None:
    import altair as alt
    import vl_convert

    chart = CHARTS[name](files_of({f"folder/<b>{at}&.py": at + 1 for at in range(10)}))
    assert alt.renderers.active == "svg"
    svg = vl_convert.vegalite_to_svg(spec_of(chart))
    assert svg.startswith("<svg")
    assert "<b>" not in svg
    assert set(chart._repr_mimebundle_()) == {"image/svg+xml"}


@pytest.mark.parametrize("name", CHARTS)
def test_an_empty_table_says_so(name: str) -> None:
    for frame in (files_of({}), files_of({"a": 1}).clear().lazy(), pl.DataFrame({c: [] for c in files_of({}).columns})):
        spec = spec_of(CHARTS[name](frame))
        assert "no hits in this table" in str(spec) or "no files in this table" in str(spec)


def test_a_tree_of_empty_files_says_so() -> None:
    assert "every file is empty" in str(spec_of(vfo.plot.treemap(files_of({"a": 0, "b": 0}))))
    assert vfo.plot.languages(files_of({"a": 0, "b.py": 0})).data["amount"].to_list() == [0, 0]
    spec_of(vfo.plot.ages(files_of({"a": 0, "b.py": 0})))


def test_charts_stand_side_by_side() -> None:
    files = files_of({"a/b.py": 3, "a/c.rs": 4})
    both = (vfo.plot.treemap(files) | vfo.plot.languages(files)) & vfo.plot.ages(files, now=NOW)
    spec_of(both)


def test_a_title_is_the_callers() -> None:
    for name, chart in CHARTS.items():
        assert chart(files_of({"a/b.py": 3}), title="Mine").title.text == "Mine", name
        assert chart(files_of({}), title="Mine").title.text == "Mine", name


@pytest.mark.parametrize("name", CHARTS)
def test_what_is_no_such_table_is_refused(name: str) -> None:
    argument = TABLES[name]
    for bad in (None, 3, "files", [], {"path": []}, pl.Series(["a"])):
        with pytest.raises(TypeError, match=f"{argument}: a DataFrame or a LazyFrame"):
            CHARTS[name](bad)
    scan = "scan_hits" if argument == "hits" else "scan_files"
    whole = files_of({"a": 1})
    for column in ("path", "line_number") if argument == "hits" else ("path", "size"):
        with pytest.raises(vfo.ArgumentError, match=rf"{argument}: has no column {column}; .*{scan}"):
            CHARTS[name](whole.drop(column))
        with pytest.raises(vfo.ArgumentError, match=f"{argument}: its column {column} is Boolean"):
            CHARTS[name](whole.with_columns(pl.lit(value=True).alias(column)).lazy())


BAD = {
    "max_rectangles": [0, -1, 2001, "3", 1.5, True, None],
    "max_folders": [0, 101, "3", True, None],
    "max_languages": [0, 101, "3", True, None],
    "measure": ["lines", 3, None],
    "by": ["size", 3, None],
    "now": ["today", 3],
    "title": [3, b"title", ["title"]],
}
CASES = [
    (name, argument, value)
    for name, chart in CHARTS.items()
    for argument in list(inspect.signature(chart).parameters)[1:]
    for value in BAD[argument]
]


@pytest.mark.hazard(37)
@pytest.mark.parametrize(("name", "argument", "value"), CASES)
def test_a_bad_argument_raises_and_is_named(name: str, argument: str, value: object) -> None:
    with pytest.raises((vfo.ArgumentError, TypeError), match=argument):
        CHARTS[name](files_of({"a": 1}), **{argument: value})


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_without_the_extra_the_error_names_it(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for chart in CHARTS.values():
        with pytest.raises(vfo.MissingExtraError, match=r"vespera-file-ops\[notebook\]"):
            chart(files_of({"a": 1}))


def test_the_renderer_that_somebody_chose_is_kept() -> None:
    import altair as alt

    with alt.renderers.enable("png"):
        vfo.plot.treemap(files_of({"a": 1}))
        assert alt.renderers.active == "png"


def test_naming_the_charts_imports_no_altair() -> None:
    code = "import sys, vespera_file_ops as vfo; vfo.plot.treemap; print('altair' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "room", "lines", "text"),
    [
        ("short.py", "short.py", 1, ["short.py"]),
        ("short.py", "short.py", 2, ["short.py", "12 B"]),
        ("folder.rs", "folder", 3, ["folder", ".rs", "12 B"]),
        ("test_hazards_names.py", "names.py", 3, ["test_", "hazards_", "names.py"]),
        ("test_hazards_names.py", "names.py", 2, ["test_", "hazard…"]),
        ("113 other", "other", 2, ["113 ", "other"]),
        ("abcdefghijkl", "abcdefg", 9, ["abcd…", "12 B"]),
        ("frame/", "frame", 9, ["fra…", "12 B"]),
        ("lilili/", "abcd", 9, ["lilili/", "12 B"]),
        ("_multiarray.so", "_multiar", 9, ["_mult…", "12 B"]),
        ("MMMMMM", "MMMMM", 1, ["MMM…"]),
        ("世界世界世界", "MMMMM", 1, ["世界世…"]),
        ("abcdef", "abc", 9, []),
        ("abc", "abc", 0, []),
        ("", "abc", 9, []),
    ],
)
def test_a_name_breaks_where_its_parts_meet(name: str, room: str, lines: int, text: list[str]) -> None:
    assert labels.wrapped(name, "12 B", labels.text_width(room), lines) == text


def test_every_label_keeps_to_its_rectangle() -> None:
    words = ["indexes", "lexers", "random", "hypothesis", "widgetsnbextension", "_multiarray_umath"]
    names = {
        f"{word}_{'i' * (at % 7)}m{at}.cpython-311-x86_64.so": 400_000 // (at + 1)
        for at in range(120)
        for word in words
    }
    data = vfo.plot.treemap(files_of(names)).data
    drawn = 0
    for row in data.filter(pl.col("text") != "").iter_rows(named=True):
        lines = row["text"].split("\n")
        assert max(map(labels.text_width, lines)) <= row["x2"] - row["x"] - 5.9
        assert len(lines) * 12 <= row["y2"] - row["y"]
        pieces = [line for line in lines if line != row["amount"]]
        assert all(before[-1] in "_-/ " or after[0] in ".-" for before, after in pairwise(pieces))
        shown = "".join(pieces)
        name = row["path"].rsplit("/", 1)[-1]
        if row["files"] == 1:
            assert shown == name or (shown.endswith("…") and name.startswith(shown[:-1]) and len(shown) > 3)
            drawn += 1
    assert drawn > 20


@pytest.mark.parametrize(
    ("most", "unit"), [(0, "bytes"), (1023, "bytes"), (1024, "KiB"), (1024**2, "MiB"), (1024**6, "EiB"), (1e30, "EiB")]
)
def test_the_unit_of_bytes(most: float, unit: str) -> None:
    assert looks.unit_of_bytes(most)[0] == unit
