"""A scan as a source of Daft: a plan gives the tasks, and each of them scans one part where it is run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
from daft.io.source import DataSource

from .. import interrupts
from .._core import CancelToken
from ..frames import frames_of, schema_of
from ..planning import cost_of, plan
from ..request import ScanRequest
from .filters import columns_of, polars_filter
from .tasks import FrameTask, daft_schema

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from daft.io.pushdowns import Pushdowns
    from daft.schema import Schema

    from ..options import PlanOptions
    from ..partition import Partition
    from ..paths import PathArgument

__all__ = ["TreeSource"]

# How long Ctrl-C can go unheard.
_LOOK_SECONDS = 0.05


class TreeSource(DataSource):
    """One of the scans of a tree.

    Arguments:
        table: "files", "hits", "coverage" or "chunks".
        source: The tree.
        target_bytes: How much a task is to read, as for `plan`.
        walk: The options of the walk, which go into the plan.
        options: The other options of the scan.
    """

    def __init__(
        self, table: str, source: PathArgument, target_bytes: int, walk: PlanOptions, options: dict[str, Any]
    ) -> None:
        self.table = table
        self.source = source
        self.target_bytes = target_bytes
        self.walk = walk
        self.options = options
        interrupts.listen(everywhere=True)
        # What cannot be used is refused here and now, and not on a worker.
        plan(source, target_bytes=target_bytes, **walk)
        self.columns = schema_of(ScanRequest(table, source, {**options, **walk}), table)

    @property
    def name(self) -> str:
        """What Daft's plans call it."""
        return f"vespera_file_ops {self.table}"

    @property
    def schema(self) -> Schema:
        """The columns of the table."""
        return daft_schema(self.columns)

    async def get_tasks(self, pushdowns: Pushdowns) -> AsyncIterator[FrameTask]:
        """One task for each part of the plan, the heaviest first: one that began last would keep all others waiting."""
        needed = set(self.columns) if pushdowns.columns is None else set(pushdowns.columns)
        needed |= columns_of(pushdowns.filters, self.columns)
        # Where no column is asked for, rows are counted, by one that costs nothing.
        needed = needed or {"relative_path"}
        schema = pl.Schema({name: dtype for name, dtype in self.columns.items() if name in needed})
        predicate = polars_filter(pushdowns.filters, self.columns)
        # With a filter that is not wholly here, rows that Daft drops would use up some of the limit.
        limit = pushdowns.limit if pushdowns.filters is None else None
        # Daft asks for every task before it runs the first one.
        for part in sorted(await self._planned(), key=cost_of, reverse=True):
            scan = PartScan(self.table, part, self.options, list(schema), predicate, limit)
            yield FrameTask(schema, scan)

    async def _planned(self) -> list[Partition]:
        """The plan, unless Ctrl-C is pressed, which Daft does not hear while it waits for the tasks."""
        token = CancelToken()
        walk: PlanOptions = {**self.walk, "cancel": token}
        parts = plan(self.source, target_bytes=self.target_bytes, **walk)
        interrupted = interrupts.watcher(everywhere=True)
        planning = asyncio.ensure_future(asyncio.to_thread(list, parts))
        try:
            while not (await asyncio.wait({planning}, timeout=_LOOK_SECONDS))[0]:
                if interrupted():
                    token.cancel()
            return planning.result()
        finally:
            token.cancel()


@dataclass(frozen=True)
class PartScan:
    """The scan of one part, for a worker.

    Arguments:
        table: The table.
        part: The part of the plan.
        options: The options of the scan, but for those of the walk.
        columns: The columns that are asked for.
        predicate: Which rows are asked for, as far as it is known; None: all.
        limit: How many rows at most.
    """

    table: str
    part: Partition
    options: dict[str, Any]
    columns: list[str]
    predicate: pl.Expr | None
    limit: int | None

    def __call__(self) -> Iterator[pl.DataFrame]:
        """The rows, as they are found."""
        self.part.ensure_same_version()
        request = ScanRequest(self.table, self.part, self.options)
        left = self.limit
        for frame in frames_of(request, self.columns, self.predicate):
            rows = frame if left is None else frame.head(left)
            yield rows
            if left is not None:
                left -= rows.height
                if not left:
                    return
