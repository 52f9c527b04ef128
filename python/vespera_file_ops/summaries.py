"""A search's hits in as many bytes as the reader has room for: exact totals, where they lie, and a few of them.

What answers an agent or a person is rarely all rows. The totals are exact, the rows are spread over files and folders
so that no single file fills the answer, and what was left out is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from .errors import ArgumentError
from .forks import ensure_not_forked
from .ledger import counted

__all__ = ["HitsSummary", "summarize_hits"]

# A line of a file is shown up to so many characters around its match.
_LINE_CHARACTERS = 200
# The folders take at most this part of the text, so that rows are left.
_FOLDERS_SHARE = 4
# The shortest text that still holds the totals and what was left out.
_LEAST_BYTES = 256


@dataclass(frozen=True)
class HitsSummary:
    """What `summarize_hits` returns; `print` shows its `text`.

    Attributes:
        totals: How many `hits`, `files` and `folders` there are, exactly.
        folders: The folders with the most hits: folder, files, hits.
        files: The files with the most hits: path, hits.
        rows: Representative rows of the hits table, in its order.
        left_out: How many `hits`, `files` and `folders` stand in none of the above.
        text: All of it in at most `max_bytes` bytes of UTF-8.
    """

    totals: dict[str, int]
    folders: pl.DataFrame
    files: pl.DataFrame
    rows: pl.DataFrame
    left_out: dict[str, int]
    text: str

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        counts = ", ".join(f"{name}={count}" for name, count in self.totals.items())
        return f"HitsSummary({counts})"


def summarize_hits(hits: pl.DataFrame, *, max_rows: int = 20, max_bytes: int = 8192) -> HitsSummary:
    """Sum up a hits table: exact totals, the folders and files that hold most, and rows spread over the files.

    The rows are the first hit of each of `max_rows` files at even distances, and of fewer files the first hits of each
    in turn. The text holds as many folders and rows as fit.

    Arguments:
        hits: A hits table, as of `search_files`; at least its columns path and line_number, and line for the text.
        max_rows: At most so many rows, files and folders.
        max_bytes: At most so many bytes of text; at least 256.

    Returns:
        A `HitsSummary`.

    Raises:
        ArgumentError: The frame is no hits table, or a number is too small.
        TypeError: An argument has the wrong type.

    Example:
        >>> import vespera_file_ops as vfo
        >>> print(vfo.summarize_hits(vfo.search_files("TODO|FIXME"), max_rows=2))
        3 hits in 3 files of 2 folders
        src: 2 hits in 2 files
        .: 1 hit in 1 file
        README.md: 1 hit
        3: TODO: write this
        src/app.py: 1 hit
        5: # TODO: parse arguments
        left out: 1 hit, 1 file
    """
    ensure_not_forked()
    if not isinstance(hits, pl.DataFrame):
        raise TypeError(f"hits: a DataFrame, not {type(hits).__name__}")
    missing = [name for name in ("path", "line_number") if name not in hits.columns]
    if missing:
        raise ArgumentError(f"hits: has no column {', '.join(missing)}; a hits table is needed, as of search_files")
    _ensure_at_least("max_rows", max_rows, 1)
    _ensure_at_least("max_bytes", max_bytes, _LEAST_BYTES)

    keys = ["path", "path_bytes"] if "path_bytes" in hits.columns else ["path"]
    files = hits.group_by(keys, maintain_order=True).agg(hits=pl.len().cast(pl.Int64))
    folder = pl.col("path").str.extract(r"(?s)^(.*)/").fill_null(".")
    folders = files.group_by(folder.alias("folder"), maintain_order=True).agg(
        files=pl.len().cast(pl.Int64), hits=pl.col("hits").sum()
    )
    totals = {"hits": hits.height, "files": files.height, "folders": folders.height}
    top_folders, top_files = _most(folders, max_rows), _most(files, max_rows)
    rows = _spread(hits, files, keys, max_rows)
    text = _Text(totals, max_bytes)
    text.add_folders(top_folders)
    kept = text.add_rows(
        rows.join(files.rename({"hits": "hits_of_file"}), on=keys, nulls_equal=True, maintain_order="left")
    )
    return HitsSummary(
        totals,
        top_folders,
        top_files.select("path", "hits"),
        rows.drop("turn").filter(kept),
        text.left_out(),
        text.finish(),
    )


def _most(counted: pl.DataFrame, most: int) -> pl.DataFrame:
    """The rows with the most hits; of as many, the first."""
    return counted.sort("hits", descending=True, maintain_order=True).head(most)


def _ensure_at_least(name: str, value: object, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: an int, not {type(value).__name__}")
    if value < least:
        raise ArgumentError(f"{name}: expected at least {least}, got {value}")


def _spread(hits: pl.DataFrame, files: pl.DataFrame, keys: list[str], most: int) -> pl.DataFrame:
    """At most so many rows, of as many files as possible."""
    if files.height > most:
        even = files.with_row_index("at").filter(pl.col("at").is_in([at * files.height // most for at in range(most)]))
        chosen = hits.join(even.select(keys), on=keys, how="semi", nulls_equal=True, maintain_order="left")
        return chosen.unique(keys, keep="first", maintain_order=True).with_columns(turn=pl.lit(0, pl.Int64))
    turn = pl.int_range(pl.len()).over(keys)
    indexed = hits.with_row_index("at").with_columns(turn=turn)
    return indexed.sort("turn", "at").head(most).sort("at").drop("at")


class _Text:
    """The text of a summary, which grows while there is room."""

    def __init__(self, totals: dict[str, int], max_bytes: int) -> None:
        self.totals = totals
        self.shown = dict.fromkeys(totals, 0)
        where = f"{counted(totals['files'], 'file')} of {counted(totals['folders'], 'folder')}"
        self.lines = [f"{counted(totals['hits'], 'hit')} in {where}" if totals["hits"] else "0 hits"]
        # What is left out is told in any case.
        self.room = max_bytes - len(self.lines[0]) - len(self._left_out_line(dict(totals))) - 2

    def add_folders(self, folders: pl.DataFrame) -> None:
        """The folders, one a line, as far as their share of the room goes."""
        room, self.room = self.room, self.room // _FOLDERS_SHARE
        for folder, files, hits in folders.iter_rows():
            line = f"{_one_line(folder)}: {counted(hits, 'hit')} in {counted(files, 'file')}"
            if self._take(line):
                self.shown["folders"] += 1
                self.lines.append(line)
        self.room += room - room // _FOLDERS_SHARE

    def add_rows(self, rows: pl.DataFrame) -> list[bool]:
        """The rows below a line for each file: the first of each file before the second of any. Which are there."""
        heads: dict[object, str] = {}
        fitting: list[tuple[str, str] | None] = [None] * rows.height
        turns = rows.with_row_index("at").sort("turn", "at")
        for row in turns.iter_rows(named=True):
            file = (row["path"], row.get("path_bytes"))
            head = f"{_one_line(row['path'])}: {counted(row['hits_of_file'], 'hit')}"
            line = f"{row['line_number']}: {_part_of_line(row)}"
            if self._take(line if file in heads else f"{head}\n{line}"):
                self.shown["hits"] += 1
                self.shown["files"] += file not in heads
                heads[file] = head
                fitting[row["at"]] = (head, line)
        last = None
        for head, line in filter(None, fitting):
            self.lines += [line] if head == last else [head, line]
            last = head
        return [lines is not None for lines in fitting]

    def left_out(self) -> dict[str, int]:
        """What the text does not hold."""
        return {name: count - self.shown[name] for name, count in self.totals.items()}

    def finish(self) -> str:
        """The text."""
        last = self._left_out_line(self.left_out())
        return "\n".join([*self.lines, *([last] if last else [])])

    def _take(self, text: str) -> bool:
        """Whether there is room for a line or two, which is taken then."""
        needed = len(text.encode()) + 1
        if needed > self.room:
            return False
        self.room -= needed
        return True

    @staticmethod
    def _left_out_line(left_out: dict[str, int]) -> str:
        parts = [counted(count, name.removesuffix("s")) for name, count in left_out.items() if count]
        return f"left out: {', '.join(parts)}" if parts else ""


def _one_line(text: str) -> str:
    """A name or a line of a file with nothing in it that would end the line."""
    return text if text.isprintable() else "".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in text)


def _part_of_line(row: dict[str, object]) -> str:
    """The line of a hit, cut around its match."""
    line = str(row.get("line") or row.get("matched") or "")
    column = row.get("column_number")
    at = column - 1 if isinstance(column, int) and len(line) >= column else 0
    start = max(0, min(at - _LINE_CHARACTERS // 4, len(line) - _LINE_CHARACTERS))
    part = line[start : start + _LINE_CHARACTERS]
    before, after = "…" if start else "", "…" if start + _LINE_CHARACTERS < len(line) else ""
    return _one_line(f"{before}{part.strip()}{after}")
