"""What the tests of the retrieval index share: an embedder that needs no model, and the rows as a frame."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from vespera_file_ops.rag import Index

from conftest import make_tree

FILES = {
    "README.md": b"# Demo\n\nHow to parse arguments.\n",
    "src/app.py": b"def main():\n    return parse_arguments()\n\n\ndef parse_arguments():\n    return []\n",
    "src/lib.rs": b"fn main() {}\n",
    "src/util.py": b"class ZebraCrossing:\n    pass\n",
    "src/long.py": b"".join(b"value_%d = %d\n" % (n, n) for n in range(400)),
    "data/blob.bin": b"\x00\x01\x02",
    "data/empty.txt": b"",
}


def make_source(tmp_path: Path) -> Path:
    """A small tree that is older than the next look: what is not, is hashed or cut again by the one after that."""
    source = make_tree(tmp_path / "source", FILES)
    time.sleep(0.05)
    return source


class HashEmbedder:
    """Vectors made of the text's hash; counts what it is asked for."""

    name = "hash"
    dimension = 8

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> Any:
        self.texts += texts
        digests = [hashlib.sha256(text.encode()).digest()[: self.dimension] for text in texts]
        return pl.Series(
            [[byte / 255 for byte in digest] for digest in digests], dtype=pl.Array(pl.Float32, 8)
        ).to_arrow()


def counts(report: pl.DataFrame) -> dict[str, int]:
    """The files of a report, by status, without those that are none."""
    return {status: files for status, files in report.select("status", "files").iter_rows() if files}


def held(index: Index) -> pl.DataFrame:
    """All rows of an index, in order."""
    table = pl.DataFrame(index.table.to_arrow())
    return table.select(sorted(table.columns)).sort("artifact", "chunk")


def fresh(tmp_path: Path, source: Path, embedder: object = None, **options: Any) -> pl.DataFrame:
    """The rows of an index that is built from nothing."""
    number = len(list(tmp_path.glob("fresh*")))
    index = Index(tmp_path / f"fresh{number}", embedder=embedder)
    index.sync(source, **options)
    return held(index)
