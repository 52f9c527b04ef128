"""Tasks of Daft that give frames of Polars, each where there is room for it."""

from __future__ import annotations

import asyncio
import functools
import pickle
import platform
from typing import TYPE_CHECKING

import polars as pl
from daft.io.source import DataSource, DataSourceTask
from daft.recordbatch import RecordBatch
from daft.schema import Schema

from .. import interrupts
from ..errors import CancelledError, PathNotFoundError, VfoError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from daft.io.pushdowns import Pushdowns

__all__ = ["FrameTask", "daft_schema", "run_tasks"]

# The column by which a task says that it failed.
_FAILURE = "failure"


class FrameTask(DataSourceTask):
    """A function that gives frames, pickled and run on a worker.

    Arguments:
        columns: The columns of the frames.
        frames: The function.
    """

    def __init__(self, columns: pl.Schema, frames: Callable[[], Iterator[pl.DataFrame]]) -> None:
        self.columns = columns
        self.frames = frames

    @property
    def schema(self) -> Schema:
        """The columns, as Daft has them."""
        return daft_schema(self.columns)

    async def read(self) -> AsyncIterator[RecordBatch]:
        """The frames that hold rows, as batches; between two of them other tasks have their turn."""
        frames = (frame for frame in self.frames() if frame.height)
        # Daft forgets its tasks at Ctrl-C, and does not stop them.
        interrupted = interrupts.watcher(everywhere=True)
        try:
            # Daft drives every task of a process in one thread, which work that waits would hold up.
            while (frame := await asyncio.to_thread(next, frames, None)) is not None:
                if interrupted():
                    raise CancelledError("interrupted")
                yield _record_batch(frame)
        except VfoError as error:
            where = f"on {platform.node() or 'a worker'}"
            if isinstance(error, PathNotFoundError):
                where += "; every machine needs the same files at the same path"
            raise type(error)(f"{error.message} ({where})", path=error.path, errno=error.errno) from error


def run_tasks(
    name: str, columns: pl.Schema, work: Sequence[Callable[[], Iterator[pl.DataFrame]]]
) -> Iterator[pl.DataFrame]:
    """What functions give, run as tasks, as it is ready.

    Arguments:
        name: What Daft's plans call it.
        columns: The columns of the frames.
        work: The functions, which are pickled.
    """
    interrupts.listen(everywhere=True)
    sent = pl.Schema({**columns, _FAILURE: pl.Binary()})
    tasks = [FrameTask(sent, functools.partial(_told, columns, function)) for function in work]
    for table in _Tasks(name, sent, tasks).read().to_arrow_iter():
        frame = pl.DataFrame(table)
        for failure in frame[_FAILURE].drop_nulls():
            raise pickle.loads(failure)
        yield frame.drop(_FAILURE)


def _told(columns: pl.Schema, function: Callable[[], Iterator[pl.DataFrame]]) -> Iterator[pl.DataFrame]:
    """What a function gives, and how it failed: Daft would tell every error as one of its own."""
    import cloudpickle

    try:
        for frame in function():
            yield frame.with_columns(pl.lit(None, pl.Binary).alias(_FAILURE))
    except Exception as error:
        nothing = [pl.lit(None, dtype).alias(name) for name, dtype in columns.items()]
        yield pl.DataFrame({_FAILURE: [cloudpickle.dumps(error)]}).select(*nothing, _FAILURE)


class _Tasks(DataSource):
    """Tasks that are known beforehand."""

    def __init__(self, name: str, columns: pl.Schema, tasks: Sequence[FrameTask]) -> None:
        self._name = name
        self.columns = columns
        self.tasks = tasks

    @property
    def name(self) -> str:
        return self._name

    @property
    def schema(self) -> Schema:
        return daft_schema(self.columns)

    async def get_tasks(self, pushdowns: Pushdowns) -> AsyncIterator[FrameTask]:  # noqa: ARG002
        for task in self.tasks:
            yield task


def daft_schema(columns: pl.Schema) -> Schema:
    """The schema of the batches that frames with these columns become."""
    return _daft_schema(tuple(columns.items()))


# Daft asks each task for it, and a plan may have tens of thousands.
@functools.lru_cache(maxsize=64)
def _daft_schema(columns: tuple[tuple[str, pl.DataType], ...]) -> Schema:
    return _record_batch(pl.DataFrame(schema=pl.Schema(columns))).schema()


def _record_batch(frame: pl.DataFrame) -> RecordBatch:
    """A frame as one batch; its words are text, because Daft makes Python objects of Arrow's dictionaries."""
    table = frame.with_columns(pl.selectors.enum().cast(pl.String)).to_arrow(compat_level=pl.CompatLevel.oldest())
    return RecordBatch.from_arrow_record_batches(table.to_batches(), table.schema)
