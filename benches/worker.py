"""The benchmark's long-lived Python process: it imports once, then answers one question at a time.

So a figure of ours, or of a peer that is Python itself, holds the call alone and no interpreter's start. Each question
is a function of the tree that returns its table; `ANSWERS` says what must be equal between peers, computed after the
clock has stopped. Standard input takes one JSON object a line (`question`), standard output gives one (`seconds`,
`answer`). `tree.py` is the other end.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable

import polars as pl

import vespera_file_ops as vfo

PATTERNS = {"rare": "PM_RESUME", "common": "static", "regex": "[A-Z]+_SUSPEND"}

_TEXT = pl.Struct({"text": pl.String})
_RG_MESSAGE: dict[str, pl.DataType | type[pl.DataType]] = {
    "type": pl.String,
    "data": pl.Struct(
        {
            "path": _TEXT,
            "lines": _TEXT,
            "line_number": pl.Int64,
            "absolute_offset": pl.Int64,
            "submatches": pl.List(pl.Struct({"match": _TEXT, "start": pl.Int64, "end": pl.Int64})),
        }
    ),
}

Question = Callable[[str], pl.DataFrame]


def search(pattern: str) -> Question:
    """Every hit as a table."""
    return lambda tree: vfo.search_files(pattern, tree)


def rg_json(pattern: str) -> Question:
    """What one does today: `rg --json`, parsed into the same table."""

    def run(tree: str) -> pl.DataFrame:
        threads = str(os.cpu_count() or 1)
        command = ["rg", "--no-config", "--json", "-j", threads, "-e", pattern, tree]
        messages = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        data = pl.col("data").struct
        return (
            pl.read_ndjson(messages, schema=_RG_MESSAGE)
            .filter(pl.col("type") == "match")
            .select(
                data.field("path").struct.field("text").alias("path"),
                data.field("line_number"),
                data.field("lines").struct.field("text").alias("line"),
                data.field("absolute_offset"),
                data.field("submatches"),
            )
            .explode("submatches")
            .with_columns((pl.col("absolute_offset") + pl.col("submatches").struct.field("start")).alias("start_byte"))
        )

    return run


def metadata(tree: str) -> pl.DataFrame:
    """Every entry with every column."""
    return vfo.scan_files(tree).collect()


def metadata_of_os_walk(tree: str) -> pl.DataFrame:
    """The same entries by `os.walk` and `os.lstat`, as rows for Polars."""
    rows = []
    for folder, folders, files in os.walk(tree):
        folders[:] = [name for name in folders if name[0] != "."]
        for name in [*folders, *files]:
            if name[0] != ".":
                path = f"{folder}/{name}"
                s = os.lstat(path)
                rows.append((path, s.st_mode, s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_uid, s.st_gid, s.st_ino))
    names = ["path", "mode", "size", "modified", "changed", "uid", "gid", "inode"]
    return pl.DataFrame(rows, schema=names, orient="row")


def paths(tree: str) -> pl.DataFrame:
    """The path of every entry."""
    return vfo.scan_files(tree).select("path").collect()


def file_paths(tree: str) -> pl.DataFrame:
    """The paths of regular files."""
    return vfo.scan_files(tree).filter(pl.col("kind") == "file").select("path").collect()


def hashes(tree: str) -> pl.DataFrame:
    """The BLAKE3 of every regular file."""
    files = vfo.scan_files(tree, blake3=True).filter(pl.col("kind") == "file")
    return files.select("path", "blake3").collect()


QUESTIONS: dict[str, Question] = {
    "metadata": metadata,
    "metadata os.walk": metadata_of_os_walk,
    "paths": paths,
    "file paths": file_paths,
    "hashes": hashes,
    **{name: search(pattern) for name, pattern in PATTERNS.items()},
    **{f"{name} rg --json": rg_json(pattern) for name, pattern in PATTERNS.items()},
}


def digest_of_lines(lines: list[str]) -> str:
    """A count and a fingerprint of lines in any order."""
    return f"{len(lines)} rows {hashlib.sha256(chr(10).join(sorted(lines)).encode()).hexdigest()[:12]}"


def answer_of(question: str, frame: pl.DataFrame) -> str:
    """What must be equal between peers: a count, and for paths and hashes the values themselves."""
    if question in ("paths", "file paths"):
        return digest_of_lines(frame["path"].to_list())
    if question == "hashes":
        return digest_of_lines((frame["blake3"] + "  " + frame["path"]).to_list())
    return f"{frame.height} rows"


def main(tree: str) -> None:
    """Answer questions until the other end closes the pipe."""
    for request in sys.stdin:
        question = json.loads(request)["question"]
        gc.collect()
        start = time.perf_counter()
        frame = QUESTIONS[question](tree)
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "answer": answer_of(question, frame)}), flush=True)
        del frame


if __name__ == "__main__":
    main(sys.argv[1])
