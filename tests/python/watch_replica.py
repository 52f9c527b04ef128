"""A copy of a tree that is kept by nothing but a watcher's events, to be compared with what a scan says."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import polars as pl
from typing_extensions import Self

import vespera_file_ops as vfo

Row = tuple[Any, ...]

# What only a watcher takes.
OF_WATCHER = ("debounce", "initial", "cancel")


def key_of(path: str, exact: bytes | None) -> bytes:
    return os.fsencode(path) if exact is None else exact


def truth(source: Any, **options: Any) -> dict[bytes, Row]:
    """What a scan says now."""
    options = {name: value for name, value in options.items() if name not in OF_WATCHER}
    # What a scan says of places that are no entries (the source itself, ignore files above it) has no status.
    frame = vfo.scan_files(source, **options).filter(pl.col("size").is_not_null()).collect()
    rows = frame.select("path", "path_bytes", "kind", "size", pl.col("modified").dt.epoch("ns")).rows()
    return {key_of(path, exact): tuple(rest) for path, exact, *rest in rows}


class Replica:
    """The rows of a scan, brought up to date by events."""

    def __init__(self, source: Any = ".", **options: Any) -> None:
        self.source = source
        self.options = options
        self.watcher = vfo.watch(source, **options)
        self.rows = truth(source, **options) if not options.get("initial") else {}
        self.frames: list[pl.DataFrame] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.watcher.close()

    def next(self, seconds: float) -> pl.DataFrame | None:
        """The next frame, applied; None if there is none in that time."""
        found = self.watcher._core.next(seconds)
        if found is None:
            return None
        assert found[0] == "events"
        frame = pl.DataFrame(found[1])
        self.apply(frame)
        return frame

    def apply(self, frame: pl.DataFrame) -> None:
        assert frame.height > 0
        changes = frame.filter(pl.col("event") != "rescan")
        keys = [key_of(path, exact) for path, exact in changes.select("path", "path_bytes").rows()]
        old = changes["old_path"].drop_nulls()
        assert len(set(keys)) == len(keys), "a path stands twice in a frame"
        assert old.is_unique().all(), "an old path stands twice in a frame"
        for key, event, old_path in zip(keys, changes["event"], changes["old_path"], strict=True):
            if event == "removed":
                assert key in self.rows, f"removed, but never there: {key!r}"
                del self.rows[key]
            if old_path is not None:
                assert event == "renamed"
                del self.rows[os.fsencode(old_path)]
        for key, event, *row in zip(
            keys, changes["event"], changes["kind"], changes["size"], changes["modified"].dt.epoch("ns"), strict=True
        ):
            if event != "removed":
                self.rows[key] = tuple(row)
        self.frames.append(frame)

    def converge(self, seconds: float = 10) -> list[tuple[str, str, str | None]]:
        """Take frames until the copy is the tree; the events as (event, path, old path) since the last time."""
        deadline = time.monotonic() + seconds
        while True:
            now = truth(self.source, **self.options)
            if now == self.rows and self.next(0.25) is None and truth(self.source, **self.options) == self.rows:
                break
            if time.monotonic() > deadline:
                missing = {key: row for key, row in now.items() if self.rows.get(key) != row}
                extra = {key: row for key, row in self.rows.items() if key not in now}
                raise AssertionError(
                    f"not converged: {len(missing)} wrong or missing, {len(extra)} extra: "
                    f"{list(missing.items())[:5]} {list(extra.items())[:5]}"
                )
            self.next(0.1)
        frames, self.frames = self.frames, []
        return [row for frame in frames for row in frame.select("event", "path", "old_path").rows()]

    def watches(self) -> int:
        """How many folders the kernel watches for this process."""
        count = 0
        for descriptor in os.listdir("/proc/self/fd"):
            # One that was closed since it was listed watches nothing.
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/self/fd/{descriptor}") == "anon_inode:inotify":
                    count += Path(f"/proc/self/fdinfo/{descriptor}").read_text().count("inotify wd:")
        return count


def files_only(events: list[tuple[str, str, str | None]], folders: set[str]) -> list[tuple[str, str, str | None]]:
    """Without the rows of folders in which something came or went."""
    return [event for event in events if not (event[0] == "modified" and event[1] in folders)]
