"""The questions of the benchmark: each a function of a tree that returns its table."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from functools import partial

import polars as pl

import vespera_file_ops as vfo

TEN_LITERALS = [
    "PM_RESUME",
    "EXPORT_SYMBOL_GPL",
    "spin_lock_irqsave",
    "kmalloc_array",
    "dev_err_probe",
    "WARN_ON_ONCE",
    "netif_carrier_off",
    "of_property_read_u32",
    "list_for_each_entry_safe",
    "MODULE_DEVICE_TABLE",
]
PATTERNS = {
    "a rare literal": "PM_RESUME",
    "a literal": "EXPORT_SYMBOL_GPL",
    "a common literal": "static",
    "a literal in any case": "(?i)linus torvalds",
    "a class and a literal": "[A-Z]+_SUSPEND",
    "no literal": r"\w{5}\s+\w{5}\s+\w{5}\s+\w{5}\s+\w{5}",
    "a rare literal of crates": "MADV_POPULATE",
    "a rare literal of packages": "MessageChannel",
    "a rare literal of one file of 2 GiB": "pm_runtime_resume_and_get",
    "needle": "needle",
}

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

Table = pl.DataFrame | pl.Series | str
Question = Callable[[str], Table]


def search(pattern: str | list[str], ordered: bool = True) -> Question:
    """Every hit as a table."""
    return partial(vfo.search_files, pattern, ordered=ordered)


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


def metadata(tree: str, threads: int | None = None, ordered: bool = True) -> pl.DataFrame:
    """Every entry with every column."""
    return vfo.scan_files(tree, threads=threads, ordered=ordered).collect()


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


def paths(tree: str, threads: int | None = None, ordered: bool = True) -> pl.DataFrame:
    """The path of every entry."""
    return vfo.scan_files(tree, threads=threads, ordered=ordered).select("path").collect()


def file_paths(tree: str) -> pl.DataFrame:
    """The paths of regular files."""
    return vfo.scan_files(tree).filter(pl.col("kind") == "file").select("path").collect()


def hashes(tree: str, threads: int | None = None, ordered: bool = True) -> pl.DataFrame:
    """The BLAKE3 of every regular file."""
    files = vfo.scan_files(tree, blake3=True, threads=threads, ordered=ordered).filter(pl.col("kind") == "file")
    return files.select("path", "blake3").collect()


def first_batch(tree: str) -> pl.DataFrame:
    """The first rows of a long search."""
    for batch in vfo.scan_hits(PATTERNS["a common literal"], tree).collect_batches():
        if batch.height:
            return batch
    raise LookupError(f"no hit in {tree}")


def open_read(path: str) -> str:
    """The text of a file, as Python reads it."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def open_readlines(path: str) -> str:
    """The lines of a file, as Python reads them."""
    with open(path, encoding="utf-8") as file:
        return f"{len(file.readlines())} lines"


def read_lines(path: str) -> str:
    """The lines of a file as a series."""
    return f"{len(vfo.read_file_lines(path))} lines"


def questions() -> dict[str, Question]:
    """All of them by name."""
    table: dict[str, Question] = {
        "metadata": metadata,
        "metadata, unordered": partial(metadata, ordered=False),
        "metadata os.walk": metadata_of_os_walk,
        "paths": paths,
        "paths, unordered": partial(paths, ordered=False),
        "file paths": file_paths,
        "hashes": hashes,
        "hashes, unordered": partial(hashes, ordered=False),
        "first batch": first_batch,
        "read_file_string": vfo.read_file_string,
        "open().read()": open_read,
        "read_file_lines": read_lines,
        "open().readlines()": open_readlines,
        "ten literals": search(TEN_LITERALS),
        "ten literals, unordered": search(TEN_LITERALS, ordered=False),
    }
    for name, pattern in PATTERNS.items():
        table[name] = search(pattern)
        table[f"{name}, unordered"] = search(pattern, ordered=False)
        table[f"{name} rg --json"] = rg_json(pattern)
    for threads in (1, 2):
        table[f"metadata, {threads} threads"] = partial(metadata, threads=threads)
        table[f"paths, {threads} threads"] = partial(paths, threads=threads)
        table[f"hashes, {threads} threads"] = partial(hashes, threads=threads)
        table[f"search, {threads} threads"] = partial(vfo.search_files, PATTERNS["a rare literal"], threads=threads)
    return table


def digest_of_lines(lines: list[str]) -> str:
    """A count and a fingerprint of lines in any order."""
    return f"{len(lines)} rows {hashlib.sha256(chr(10).join(sorted(lines)).encode()).hexdigest()[:12]}"


def answer_of(question: str, table: Table) -> str:
    """What must be equal between peers: a count, and for paths, hashes and texts the values themselves."""
    if isinstance(table, str):
        return table if len(table) < 100 else hashlib.sha256(table.encode()).hexdigest()[:12]
    if isinstance(table, pl.DataFrame):
        if question.startswith(("paths", "file paths")):
            return digest_of_lines(table["path"].to_list())
        if question.startswith("hashes"):
            return digest_of_lines((table["blake3"] + "  " + table["path"]).to_list())
    return f"{len(table)} rows"
