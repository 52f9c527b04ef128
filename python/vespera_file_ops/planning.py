"""A tree shared out among processes and machines: partitions of about equal work, made while the tree is walked."""

from __future__ import annotations

import os
from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from . import options as opt
from .errors import ArgumentError
from .forks import ensure_not_forked
from .options import checked, documented
from .partition import Partition, packed
from .request import ScanRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Unpack

    from .options import PlanOptions
    from .paths import PathArgument

__all__ = ["FILE_COST", "cost_of", "cut", "plan"]

FILE_COST = 16 << 10
"""To find, open and close a file takes about as long as to read so many bytes of it."""


@documented(opt.PLAN)
def plan(
    source: PathArgument = ".", *, target_bytes: int = 256 << 20, **options: Unpack[PlanOptions]
) -> Iterator[Partition]:
    """Share a tree out into partitions of about `target_bytes` each, in the order of the table, as they are found.

    Every `scan_*`, `search*`, `chunk*` and `stream_*` takes a partition as its source, here or wherever the same file
    system is mounted. Together they give the rows of the whole source, each of them once, also of files that have
    come since; if what a partition ends with has gone, it has a row with the error.

    Arguments:
        source: A folder, a file or a glob.
        target_bytes: How much a partition holds at most. An entry counts 16 KiB beside its size, for finding and
            opening it; a file that is larger than the target is a partition of its own, and what is no file stays with
            the file before it.
        {options}

    Returns:
        An iterator over `Partition`; at least one.

    Raises:
        PathNotFoundError: The source does not exist.
        PatternError: A glob does not parse.
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> parts = list(vfo.plan(".", target_bytes=60_000))
        >>> [(part.until, part.files) for part in parts]
        [(b'data/blob.bin', 2), (b'src/lib.rs', 2), (None, 1)]
        >>> [vfo.search_files("TODO", part)["path"].to_list() for part in parts]
        [['README.md'], ['src/app.py'], []]
    """
    ensure_not_forked()
    if isinstance(target_bytes, bool) or not isinstance(target_bytes, int):
        raise TypeError(f"target_bytes: an int, not {type(target_bytes).__name__}")
    if target_bytes < 1:
        raise ArgumentError(f"target_bytes: expected at least 1, got {target_bytes}")
    if isinstance(source, Partition):
        raise ArgumentError("source: it is a part of a plan already; scan it, or plan the tree anew in smaller parts")
    given = checked("plan", options, opt.PLAN)
    request = ScanRequest("files", source, given)
    if len(request.sources) != 1 or request.options["source_is_list"]:
        raise ArgumentError("source: expected one folder, file or glob, got a list")
    ((path, is_glob),) = request.sources
    working_folder = os.getcwdb()
    whole = Partition(path, is_glob, working_folder, packed(request.options), None, None, files=0, size=0)
    # The walk begins later, from where the plan was asked for.
    request.options["working_folder"] = working_folder
    return cut(whole, _entries(request), target_bytes)


def cost_of(part: Partition) -> int:
    """What a partition costs, in the bytes that `target_bytes` counts."""
    return part.size + part.files * FILE_COST


def _entries(request: ScanRequest) -> Iterator[pl.DataFrame]:
    columns = ["path_bytes", "relative_path", "kind", "size", "error"]
    for batch in request.build().stream("files", columns=columns, timestamps="ns"):
        yield pl.DataFrame(batch)


def cut(whole: Partition, entries: Iterator[pl.DataFrame], target_bytes: int) -> Iterator[Partition]:
    """Cut a tree between its files.

    Arguments:
        whole: The whole tree as one partition.
        entries: Its entries in the order of the table: `path_bytes`, `relative_path`, `kind`, `size` and `error`.
        target_bytes: How much a partition holds at most.
    """
    waiting: Partition | None = None
    after: bytes | None = None
    last: bytes | None = None
    files = held = cost = 0
    for frame in entries:
        sizes = pl.when(pl.col("kind") == "file").then("size").fill_null(0)
        rows = frame.with_columns(size=sizes, cost=(sizes + FILE_COST).cum_sum(), held=sizes.cum_sum())
        total = int(rows["cost"][-1]) if rows.height else 0
        # All else counts too, but nothing is cut there: what lies in a folder would have to be listed on both sides,
        # and what could not be read may stand elsewhere.
        rows = rows.filter((pl.col("kind") == "file") & pl.col("error").is_null())
        costs, helds = rows["cost"].to_list(), rows["held"].to_list()
        start = cost_before = held_before = 0
        while (at := bisect_right(costs, cost_before + target_bytes - cost, lo=start)) < rows.height:
            if at == start and not files:
                at += 1  # It is larger than the target.
            until = last if at == start else _exact(rows, at - 1)
            held_now = helds[at - 1] if at else 0
            if waiting is not None:
                yield waiting
            waiting = replace(
                whole, after=after, until=until, files=files + at - start, size=held + held_now - held_before
            )
            after, files, held, cost = until, 0, 0, 0
            start, cost_before, held_before = at, costs[at - 1] if at else 0, held_now
        if start < rows.height:
            last = _exact(rows, rows.height - 1)
            held += helds[-1] - held_before
        files += rows.height - start
        cost += total - cost_before
    # The last one ends with the tree, whatever has come to its end meanwhile.
    if waiting is not None and not files:
        yield replace(waiting, until=None)
        return
    if waiting is not None:
        yield waiting
    yield replace(whole, after=after, files=files, size=held)


def _exact(rows: pl.DataFrame, at: int) -> bytes:
    """The relative path of a row, byte for byte."""
    exact, path = rows["path_bytes"][at], rows["relative_path"][at]
    if exact is None:
        return str(path).encode()
    components = str(path).count("/") + 1
    return b"/".join(bytes(exact).split(b"/")[-components:])
