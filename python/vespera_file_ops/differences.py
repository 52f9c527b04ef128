"""What has changed in a tree since a files table of it was saved: two looks, joined by `relative_path`.

The system's numbers are compared first. Content is hashed only where they differ, or where they are so young that a
change after the first look could have left the same ones, and only if the saved table knows the hash that it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from . import options as opt
from . import tables
from .errors import ArgumentError
from .forks import ensure_not_forked
from .frames import collect
from .options import checked, documented
from .partition import Partition
from .request import ScanRequest

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .options import DiffOptions
    from .paths import SourceArgument

__all__ = ["diff_trees"]

# A change in the same step of the file system's clock as the look leaves the same times: 10 ms on the slowest kernels.
_STEP = pl.duration(milliseconds=20)

_TIME = pl.Datetime("ns", "UTC")
_NEEDED: dict[str, pl.DataType] = {
    "relative_path": pl.String(),
    "kind": pl.String(),
    "size": pl.Int64(),
    "modified": _TIME,
}
_USED: dict[str, pl.DataType] = {
    "path": pl.String(),
    "path_bytes": pl.Binary(),
    **_NEEDED,
    "changed": _TIME,
    "created": _TIME,
    "inode": pl.UInt64(),
    "device": pl.UInt64(),
    "error": pl.String(),
}
# What is looked at of the old row of an entry that is still there.
_COMPARED = ("kind", "size", "modified", "changed", "inode", "device")
_CARRIED: dict[str, pl.DataType] = {"blake3": pl.String(), "observed": _TIME}


@documented(opt.DIFF, tables.DIFFERENCES)
def diff_trees(
    old_files: pl.DataFrame | pl.LazyFrame,
    source: SourceArgument = ".",
    *,
    verify: bool = False,
    progress: bool = False,
    **options: Unpack[DiffOptions],
) -> pl.DataFrame:
    r"""Compare a saved files table with the tree as it is now: one row for each entry that stands in either.

    The entries are told apart by `relative_path`, so it does not matter where the tree lies or how its source is
    spelled. A saved table says the most if it was taken with `blake3=True, observed=True` and the same options.

    - `unchanged`: of a regular file, size, times, inode and device are the same. Numbers that are so young that a
      change behind the first look could have left them are not believed: then, and with `verify`, the content is
      hashed. A folder is unchanged while there is one; what is in it has rows of its own.
    - `touched`: the numbers differ, and the content is that of the saved `blake3`. Without one it is `modified`.
    - `modified`: another content, or another kind of entry.
    - `renamed`: what was removed there has been added here, with the same content by the saved `blake3` or, without
      one, the same inode, size and modification time; a folder by its inode. `old_path` says where it stood.
    - `unknown`: it could not be read or described, or it is missing where a folder could not be listed or another
      file system lies than before (an empty mount point). It is never told as removed.

    Arguments:
        old_files: A files table, as `scan_files` gave it before; at least relative_path, kind, size and modified.
        source: The tree now: a folder or a glob, or a list of these that share no `relative_path`.
        verify: Hash every file whose saved hash is known, whatever its numbers say.
        progress: Show a progress bar (tqdm).
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one source does not exist.
        ArgumentError: A column that is needed is missing, or two entries have one `relative_path`.
        TypeError: An argument has the wrong type; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> old = vfo.scan_files("src", blake3=True, observed=True).collect()
        >>> _ = vfo.write_file_atomic("src/new.py", "import os\n")
        >>> vfo.diff_trees(old, "src").filter(status="added").select("path", "status").rows()
        [('src/new.py', 'added')]
    """
    ensure_not_forked()
    if not isinstance(old_files, pl.DataFrame | pl.LazyFrame):
        raise TypeError(f"old_files: a DataFrame or a LazyFrame, not {type(old_files).__name__}")
    if not isinstance(verify, bool):
        raise TypeError(f"verify: a bool, not {type(verify).__name__}")
    given = checked("diff_trees", options, opt.DIFF)
    return compare(old_files, source, given, verify=verify, progress=progress)[0]


def compare(
    old_files: pl.DataFrame | pl.LazyFrame,
    source: SourceArgument,
    options: dict[str, object],
    *,
    verify: bool = False,
    progress: bool = False,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The table of `diff_trees`, and the look at the tree that it rests on: a files table to be saved for the next one.

    A look that was taken later would know numbers that nobody compared, and hide the change behind them.
    """
    if isinstance(source, Partition):
        raise ArgumentError("source: a part of a plan holds no whole folders; compare the tree that was planned")
    look = _Look(source, options, progress=progress)
    old = _saved(old_files.lazy())
    listed = look.listed()
    # A pair has the saved look's moment.
    new = listed.drop("observed", "depth")
    pairs, added, gone = _paired(old, new)

    both = _compared(pairs, look, verify=verify)
    missing = gone.with_columns(is_unknown=look.unknown(gone, listed))
    renamed, added, removed = _moved(missing.filter(~pl.col("is_unknown")), added, look)
    parts = [
        both,
        renamed,
        _rows(added, pl.when(pl.col("error").is_null()).then(pl.lit("added")).otherwise(pl.lit("unknown"))),
        _rows(removed.with_columns(error=pl.lit(None, pl.String)), pl.lit("removed")),
        _rows(missing.filter("is_unknown").with_columns(error=pl.lit(_NOT_LISTED)), pl.lit("unknown")),
    ]
    parts = [part for part in parts if part.height and part is not both]
    return pl.concat([both, *parts]).sort(component_order()) if parts else both, listed


_NOT_LISTED = "where it stood, not everything could be listed"


def component_order(column: str = "relative_path") -> pl.Expr:
    """The order of the files table, in which a folder stands before its contents, by this column of paths."""
    return pl.col(column).str.replace_all("/", "\0", literal=True).cast(pl.Binary)


def _rows(frame: pl.DataFrame, status: pl.Expr, *, old_path: str | None = None) -> pl.DataFrame:
    """The columns of the table."""
    before = pl.lit(None, pl.String) if old_path is None else pl.col(old_path)
    hashed = pl.col("blake3") if "blake3" in frame.columns else pl.lit(None, pl.String)
    return frame.select(
        "path", "path_bytes", "relative_path", before.alias("old_path"), status.alias("status"),
        "kind", "size", "modified", hashed.alias("blake3"), "error",
    )  # fmt: skip


def _saved(old: pl.LazyFrame) -> pl.DataFrame:
    """The saved table with all the columns that are compared, null where it has none."""
    schema = old.collect_schema()
    missing = [name for name in _NEEDED if name not in schema]
    if missing:
        raise ArgumentError(f"old_files: has no column {', '.join(missing)}; a files table is needed, as of scan_files")
    columns = {**_USED, **_CARRIED}
    types = {name: schema[name] for name in columns if name in schema}
    for name, found in types.items():
        wanted = columns[name]
        same = found == wanted or (isinstance(found, pl.Datetime) and isinstance(wanted, pl.Datetime))
        if not same and found != pl.Null and not (found.is_integer() and wanted.is_integer()):
            raise ArgumentError(f"old_files: column {name} is {found}, expected {wanted}")
    # Of a file, only these columns are read.
    whole = old.select(
        (pl.col(name).cast(dtype) if name in types else pl.lit(None, dtype).alias(name))
        for name, dtype in columns.items()
    ).collect()
    if "path" not in types:
        whole = whole.with_columns(path=pl.col("relative_path"))
    # The rows of errors that are no entries have nothing to compare.
    entries = whole.filter(pl.col("kind").is_not_null()) if whole["kind"].null_count() else whole
    rows = keyed(entries)
    _ensure_distinct(rows, "old_files")
    return rows


def keyed(files: pl.DataFrame) -> pl.DataFrame:
    """With the column `key`: the relative path, exactly also where it is not text."""
    # In one piece, because everything that follows looks at all of it several times.
    keys = files["relative_path"].rechunk().alias("key")
    if files["path_bytes"].null_count() < files.height:
        odd = files["path_bytes"].is_not_null()
        paths = files.filter(odd).select("relative_path", "path_bytes").iter_rows()
        keys = keys.scatter(odd.arg_true(), [_exact_key(*path) for path in paths])
    return files.with_columns(keys)


def _ensure_distinct(rows: pl.DataFrame, argument: str) -> None:
    if rows["key"].n_unique() < rows.height:
        twice = rows.filter(pl.col("key").is_duplicated())["relative_path"][0]
        raise ArgumentError(
            f"{argument}: two entries have the relative path {twice!r}; compare the trees of several sources one by one"
        )


def _exact_key(relative_path: str, exact: bytes) -> str:
    """A key of the bytes behind a path, as far as they are relative to its source."""
    components = relative_path.count("/") + 1
    return "\0" + b"/".join(exact.split(b"/")[-components:]).hex()


def _paired(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """What stands in both looks, row beside row, what came, and what went.

    Both come in one order, so that most of a tree that has hardly changed is found from the two ends, each entry at the
    place of the other. Only what is between is joined.
    """
    head = _equal_rows(old["key"], new["key"])
    if head < new.height:
        _ensure_distinct(new, "source")
    before, now = old.slice(head), new.slice(head)
    tail = _equal_rows(before["key"].reverse(), now["key"].reverse())
    before, now = before.head(before.height - tail), now.head(now.height - tail)
    both = now.select("key").with_row_index("now").join(
        before.select("key").with_row_index("before"), on="key", nulls_equal=False, maintain_order="left"
    )  # fmt: skip
    pairs = [
        _beside(new.head(head), old.head(head)),
        _beside(now[both["now"]], before[both["before"]]),
        _beside(new.tail(tail), old.tail(tail)),
    ]
    return (
        pl.concat([part for part in pairs if part.height] or pairs, rechunk=False),
        now.filter(_all_but(both["now"], now.height)),
        before.filter(_all_but(both["before"], before.height)),
    )


def _equal_rows(some: pl.Series, others: pl.Series) -> int:
    """How many values the two begin with alike."""
    rows = min(len(some), len(others))
    differs = some.head(rows).ne_missing(others.head(rows))
    first = differs.arg_max()
    return first if first is not None and differs[first] else rows


def _beside(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """The rows of now, and of those before what is compared and what only they know."""
    return now.hstack(before.select(pl.col(*_COMPARED).name.suffix("_old"), *_CARRIED))


def _all_but(rows: pl.Series, height: int) -> pl.Series:
    return pl.repeat(True, height, eager=True).scatter(rows, False)


class _Look:
    """The tree as it is now."""

    def __init__(self, source: SourceArgument, options: dict[str, object], *, progress: bool) -> None:
        self.request = ScanRequest("files", source, {**options, "observed": True})
        self.source = source
        self.options = options
        self.progress = progress

    def listed(self) -> pl.DataFrame:
        """Its entries, with the columns that are compared."""
        columns = {"files": [*_USED, "observed", "depth"]}
        (files,), _ = collect(self.request, "files", columns=columns, progress=self.progress)
        # One piece a column: else every expression over the rows of both looks would cut it anew.
        return keyed(files.rechunk())

    def hashes(self, files: pl.DataFrame) -> pl.DataFrame:
        """The hash of each of these files, as columns `key`, `blake3` and `error`."""
        paths = [exact if exact is not None else path for path, exact in files.select("path", "path_bytes").iter_rows()]
        if not paths:
            return pl.DataFrame(schema={"key": pl.String, "blake3": pl.String, "error": pl.String})
        kept: dict[str, object] = {
            name: self.options[name] for name in ("within", "cancel", "threads") if name in self.options
        }
        asked = {**kept, "describe_only": True, "blake3": True, "absolute_paths": False}
        request = ScanRequest("files", paths, asked, globs=False)
        columns = {"files": ["path", "path_bytes", "blake3", "error"]}
        (hashed,), _ = collect(request, "files", columns=columns, progress=self.progress)
        return files.select("key", "path", "path_bytes").join(
            hashed, on=["path", "path_bytes"], how="inner", nulls_equal=True
        ).select("key", "blake3", "error")  # fmt: skip

    def unknown(self, gone: pl.DataFrame, new: pl.DataFrame) -> pl.Series:
        """Which of the entries that are not there any more stood where not everything could be listed."""
        if not gone.height:
            return pl.Series([], dtype=pl.Boolean)
        if new.filter((pl.col("depth") == 0) & pl.col("error").is_not_null()).height:
            # A source itself. It has its own name here, which no path below it begins with.
            return pl.repeat(True, gone.height, dtype=pl.Boolean, eager=True)
        unlisted = set(new.filter(pl.col("error").is_not_null())["relative_path"])
        folders = new.filter(kind="dir")
        devices: dict[str, int | None] = dict(zip(folders["relative_path"], folders["device"], strict=True))
        devices[""] = self._device()
        return pl.Series(
            [
                _is_unknown(path, device, unlisted, devices)
                for path, device in gone.select("relative_path", "device").iter_rows()
            ],
            dtype=pl.Boolean,
        )

    def _device(self) -> int | None:
        """The device that the source lies on, if it is one folder."""
        asked = {**({"within": self.options["within"]} if "within" in self.options else {}), "describe_only": True}
        request = ScanRequest("files", self.source, asked)
        (entries,), _ = collect(request, "files", columns={"files": ["device"]})
        devices = entries["device"].unique().to_list()
        return devices[0] if len(devices) == 1 else None


def _is_unknown(path: str, device: int | None, unlisted: set[str], devices: dict[str, int | None]) -> bool:
    if path in unlisted:
        return True
    while path:
        path = path.rpartition("/")[0]
        if path in unlisted:
            return True
        if path in devices:
            here = devices[path]
            return device is not None and here is not None and here != device
    return False


def _compared(pairs: pl.DataFrame, look: _Look, *, verify: bool) -> pl.DataFrame:
    """The rows of what stands in both."""
    if not pairs.height:
        return _rows(pairs, pl.lit("unchanged"))
    same = pl.col("size").eq_missing(pl.col("size_old")) & pl.col("modified").eq_missing(pl.col("modified_old"))
    for name in ("changed", "inode", "device"):
        # What the one system has and the other has not is no difference.
        same &= (pl.col(name) == pl.col(f"{name}_old")).fill_null(value=True)
    # The newest time in the table is a lower bound of the moment at which it was taken.
    observed = pl.coalesce("observed", pl.col("changed_old").max(), pl.col("modified_old").max())
    young = pl.coalesce("changed_old", "modified_old") >= observed - _STEP
    pairs = pairs.with_columns(
        same=same,
        young=young.fill_null(value=True),
        is_file=pl.col("kind") == "file",
        known=pl.col("blake3").is_not_null(),
    )
    same_kind = pl.col("kind") == pl.col("kind_old")
    same_size = pl.col("size").eq_missing(pl.col("size_old"))
    to_hash = pl.col("is_file") & same_kind & pl.col("known") & same_size & pl.col("error").is_null()
    to_hash &= pl.lit(verify) | ~pl.col("same") | pl.col("young")
    hashes = look.hashes(pairs.filter(to_hash))
    if hashes.height:
        pairs = pairs.join(hashes, on="key", how="left", suffix="_now", maintain_order="left")
        pairs = pairs.with_columns(error=pl.coalesce("error", "error_now"))
    else:
        pairs = pairs.with_columns(blake3_now=pl.lit(None, pl.String))
    found = pl.col("blake3_now").is_not_null()
    has_content = pl.col("blake3_now") == pl.col("blake3")
    status = (
        pl.when(pl.col("error").is_not_null())
        .then(pl.lit("unknown"))
        .when(~same_kind)
        .then(pl.lit("modified"))
        .when(pl.col("kind") == "dir")
        .then(pl.lit("unchanged"))
        .when(found & has_content & pl.col("same"))
        .then(pl.lit("unchanged"))
        .when(found & has_content)
        .then(pl.lit("touched"))
        .when(found | ~pl.col("same") | (pl.col("is_file") & pl.col("young")))
        .then(pl.lit("modified"))
        .otherwise(pl.lit("unchanged"))
    )
    pairs = pairs.with_columns(status=status)
    kept = pl.when(pl.col("status").is_in(["unchanged", "touched"])).then("blake3")
    return _rows(pairs.with_columns(blake3=pl.coalesce("blake3_now", kept)), pl.col("status"))


def _moved(removed: pl.DataFrame, added: pl.DataFrame, look: _Look) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The rows of what was renamed, and what is left of what came and of what went."""
    if not (removed.height and added.height):
        return _rows(added.clear(), pl.lit("renamed")), added, removed
    name = pl.col("relative_path").str.split("/").list.last()
    removed, added = removed.with_columns(name=name), added.with_columns(name=name, blake3=pl.lit(None, pl.String))
    hashed = removed.filter((pl.col("kind") == "file") & pl.col("blake3").is_not_null() & (pl.col("size") > 0))
    if hashed.height and added.height:
        candidates = added.filter((pl.col("kind") == "file") & pl.col("error").is_null())
        candidates = candidates.join(hashed.select("size").unique(), on="size", how="semi")
        hashes = look.hashes(candidates).select("key", found="blake3")
        added = added.join(hashes, on="key", how="left", maintain_order="left")
        added = added.with_columns(blake3=pl.col("found")).drop("found")
    parts = []
    by_numbers = ["kind", "inode", "device", "born", "weight", "moment"]
    for keys in (["blake3", "inode", "device"], ["blake3", "name"], ["blake3"], by_numbers):
        # What has a content to be known by is known by nothing else.
        nameless = (
            removed if keys[0] == "blake3" else removed.filter(pl.col("blake3").is_null() | (pl.col("size") == 0))
        )
        old, new = _matchable(nameless, keys), _matchable(added, keys)
        rank = pl.int_range(pl.len()).over(keys).alias("rank")
        # Of several with one content, the first that went is the first that came.
        old = old.with_columns(rank).select(*keys, "rank", old_path="path", old_key="key")
        pairs = new.with_columns(rank).join(old, on=[*keys, "rank"], how="inner")
        parts.append(_rows(pairs, pl.lit("renamed"), old_path="old_path"))
        added = added.join(pairs, on="key", how="anti", maintain_order="left")
        removed = removed.join(pairs, left_on="key", right_on="old_key", how="anti", maintain_order="left")
    return pl.concat(parts), added, removed


def _matchable(files: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """What may be told to be the same by these keys. A folder's own size and times say nothing of it."""
    if keys[0] == "blake3":
        # Every empty file has the same content.
        return files.filter(pl.col("blake3").is_not_null() & (pl.col("size") > 0))
    is_folder = pl.col("kind") == "dir"
    return files.filter(pl.col("inode").is_not_null()).with_columns(
        born=pl.col("created").cast(pl.Int64).fill_null(-1),
        weight=pl.when(is_folder).then(-1).otherwise("size"),
        moment=pl.when(is_folder).then(-1).otherwise(pl.col("modified").cast(pl.Int64)),
    )
