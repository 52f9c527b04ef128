"""The embedding cache: each text's vector by its hash, so that equal text is embedded once.

It outlives the rows: a text that moves to another file, comes back by a checkout or was embedded by a sync that was
killed is not embedded again. What no row has needed for long is dropped when there is more of it than of the rest.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

import polars as pl

from ..progress import ProgressBar
from .embedder import Embedder
from .engines import Engine
from .rows import as_arrow, connected, lance_errors, optimize, quoted

__all__ = ["VectorCache"]

_LOOKUP = 2_000
_SPARE = 10_000


class VectorCache:
    """The cache of an index.

    Arguments:
        folder: The index's folder.
        embedder: What embeds the texts that are not there.
    """

    name = "vectors"

    def __init__(self, folder: str, embedder: Embedder) -> None:
        self.folder = folder
        self.embedder = embedder
        self.schema = {"text_blake3": pl.String(), "vector": pl.Array(pl.Float32, embedder.dimension)}
        self._table: Any = None

    def reset(self) -> None:
        """Forget everything."""
        shutil.rmtree(os.path.join(self.folder, f"{self.name}.lance"), ignore_errors=True)
        self._table = None

    def fill(self, texts: pl.DataFrame, engine: Engine, *, progress: bool = False) -> tuple[pl.DataFrame, int]:
        """The vectors of these texts, and how many of them had to be embedded.

        Arguments:
            texts: Columns `text_blake3` and `text`.
            engine: Who embeds them.
            progress: Show a bar.
        """
        wanted = texts.select("text_blake3", "text").unique("text_blake3", keep="first", maintain_order=True)
        found = self._known(wanted["text_blake3"])
        missing = wanted.join(found, on="text_blake3", how="anti", maintain_order="left")
        parts = [found]
        if missing.height:
            with ProgressBar("embed", enabled=progress, total=missing.height, unit="texts") as bar:
                done = 0
                for made in engine.embed(self.embedder, missing):
                    with lance_errors(self.folder):
                        self._open().add(as_arrow(made))
                    parts.append(made)
                    done += made.height
                    bar.update({"files": done})
        return pl.concat(parts), missing.height

    def tidy(self, live: pl.Series) -> None:
        """Drop what no row has, if that is most of it."""
        with lance_errors(self.folder):
            table = self._open()
            if table.stats()["fragment_stats"]["num_small_fragments"] > 50:
                optimize(table)
            if table.count_rows() <= 2 * live.n_unique() + _SPARE:
                return
            held = pl.DataFrame(table.search().select(["text_blake3"]).limit(1 << 31).to_arrow())["text_blake3"]
            spare = held.filter(~held.is_in(live.implode())).to_list()
            for at in range(0, len(spare), _LOOKUP):
                table.delete(f"text_blake3 IN ({quoted(spare[at : at + _LOOKUP])})")
            optimize(table)

    def _known(self, hashes: pl.Series) -> pl.DataFrame:
        parts = [pl.DataFrame(schema=self.schema)]
        with lance_errors(self.folder):
            table = self._open()
            for at in range(0, len(hashes) if table.count_rows() else 0, _LOOKUP):
                where = f"text_blake3 IN ({quoted(hashes.slice(at, _LOOKUP).to_list())})"
                found = table.search().where(where).select(list(self.schema)).limit(1 << 31).to_arrow()
                parts.append(pl.DataFrame(found).select(pl.col(name).cast(kind) for name, kind in self.schema.items()))
        return pl.concat(parts).unique("text_blake3", keep="first")

    def _open(self) -> Any:
        if self._table is None:
            database = connected(self.folder)
            if os.path.isdir(os.path.join(self.folder, f"{self.name}.lance")):
                self._table = database.open_table(self.name)
            else:
                from lancedb.index import BTree

                empty = as_arrow(pl.DataFrame(schema=self.schema))
                self._table = database.create_table(self.name, schema=empty.schema)
                self._table.create_index("text_blake3", config=BTree())
        return self._table
