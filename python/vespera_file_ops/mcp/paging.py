"""Where an answer of several pages goes on: behind a row, not at a number, because the tree changes in between.

A cursor holds all that the next page needs: nothing is kept for it on the side of the server. Rows come in the order of
their paths, so what is behind a row is the same for as long as the row's own file is what it was; where that file has
changed since, the next page gives its rows anew, and says so.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..differences import component_order
from ..errors import ArgumentError

__all__ = ["Page"]

_VALID_SECONDS = 3600
# These may differ from one page to the next.
_FREE = ("cursor", "limit", "columns", "max_bytes")


@dataclass(frozen=True)
class Page:
    """One page of an answer.

    Attributes:
        question: What was asked, as a hash.
        path: The path of the last row of the page before; None on the first page.
        line: The line of that row, where rows are lines.
        version: What the file of that row was.
        shown: How many rows the pages before have given.
    """

    question: str
    path: str | None = None
    line: int = 0
    version: str = ""
    shown: int = 0

    @classmethod
    def of(cls, tool: str, given: Mapping[str, Any]) -> Page:
        """The page that these arguments ask for.

        Raises:
            ArgumentError: The cursor is none, is too old, or belongs to another question.
        """
        asked = {name: value for name, value in given.items() if name not in _FREE}
        question = hashlib.blake2b(json.dumps([tool, asked], sort_keys=True).encode(), digest_size=6).hexdigest()
        cursor = given.get("cursor")
        if cursor is None:
            return cls(question)
        try:
            read = json.loads(base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
            asked_then, expires, path, line, version, shown = read
            page = cls(str(asked_then), str(path), int(line), str(version), int(shown))
            is_late = time.time() > float(expires)
        except (ValueError, TypeError, RecursionError, binascii.Error):
            raise ArgumentError("cursor: it is none; take next_cursor of an answer, whole, or leave it out") from None
        if page.question != question:
            raise ArgumentError("cursor: it belongs to another question; repeat the arguments that it was given for")
        if is_late:
            raise ArgumentError("cursor: it has expired; ask again without it")
        return page

    def behind(self, rows: pl.LazyFrame, version: pl.Expr | None = None) -> pl.LazyFrame:
        """The rows of this page and of those that follow.

        Arguments:
            rows: All rows.
            version: What a row's file is now, where rows are lines, of which the page before may have given some.
        """
        if self.path is None:
            return rows
        place, last = component_order("path"), pl.lit(self.path.replace("/", "\0").encode())
        if version is None:
            return rows.filter(place > last)
        is_given = (pl.col("path") == self.path) & (version == self.version) & (pl.col("line_number") <= self.line)
        return rows.filter((place >= last) & ~is_given.fill_null(value=False))

    def notes(self, rows: pl.DataFrame, version: pl.Expr) -> list[str]:
        """What is to be said of these rows, which are behind."""
        if self.path is not None and rows.filter((pl.col("path") == self.path) & (version != self.version)).height:
            return [f"{self.path} has changed since the page before: its rows are given anew"]
        return []

    def cursor(self, path: str, shown: int, line: int = 0, version: str = "") -> tuple[str, str]:
        """The cursor of the page behind a row, and until when it can be used."""
        expires = int(time.time()) + _VALID_SECONDS
        told = json.dumps([self.question, expires, path, line, version, self.shown + shown], separators=(",", ":"))
        until = dt.datetime.fromtimestamp(expires, dt.timezone.utc)
        return base64.urlsafe_b64encode(told.encode()).decode().rstrip("="), f"{until:%H:%M:%SZ}"
