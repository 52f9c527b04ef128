"""Any work on Daft: functions that give frames, each run as a task of its own where there is room."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import polars as pl
from daft.io.source import DataSource, DataSourceTask

from .batches import daft_schema, record_batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from daft.io.pushdowns import Pushdowns
    from daft.recordbatch import RecordBatch
    from daft.schema import Schema

__all__ = ["frames_of_work"]


def frames_of_work(name: str, columns: pl.Schema, work: Sequence[Callable[[], pl.DataFrame]]) -> Iterator[pl.DataFrame]:
    """What the functions give, in frames, as they are ready; the functions are pickled.

    Arguments:
        name: What Daft's plans call it.
        columns: The columns of the frames.
        work: The functions.
    """
    for table in _Work(name, columns, work).read().to_arrow_iter():
        frame = pl.from_arrow(table)
        if isinstance(frame, pl.DataFrame):
            yield frame


class _Work(DataSource):
    def __init__(self, name: str, columns: pl.Schema, work: Sequence[Callable[[], pl.DataFrame]]) -> None:
        self._name = name
        self.columns = columns
        self.work = work

    @property
    def name(self) -> str:
        return self._name

    @property
    def schema(self) -> Schema:
        return daft_schema(self.columns)

    async def get_tasks(self, pushdowns: Pushdowns) -> AsyncIterator[_Task]:  # noqa: ARG002
        for function in self.work:
            yield _Task(self.columns, function)


class _Task(DataSourceTask):
    def __init__(self, columns: pl.Schema, function: Callable[[], pl.DataFrame]) -> None:
        self.columns = columns
        self.function = function

    @property
    def schema(self) -> Schema:
        return daft_schema(self.columns)

    async def read(self) -> AsyncIterator[RecordBatch]:
        # Daft drives every task of a process in one thread.
        yield record_batch(await asyncio.to_thread(self.function))
