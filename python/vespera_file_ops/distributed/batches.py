"""Frames of Polars as Daft takes them."""

from __future__ import annotations

import polars as pl
from daft.recordbatch import RecordBatch
from daft.schema import Schema

__all__ = ["daft_schema", "record_batch"]


def record_batch(frame: pl.DataFrame) -> RecordBatch:
    """A frame as one batch; its words are text, because Daft makes Python objects of Arrow's dictionaries."""
    table = frame.with_columns(pl.selectors.enum().cast(pl.String)).to_arrow(compat_level=pl.CompatLevel.oldest())
    return RecordBatch.from_arrow_record_batches(table.to_batches(), table.schema)


def daft_schema(columns: pl.Schema) -> Schema:
    """The schema of such batches."""
    return record_batch(pl.DataFrame(schema=columns)).schema()
