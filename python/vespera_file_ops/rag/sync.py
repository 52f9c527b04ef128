"""One sync: compare the tree with the manifest, do what differs, commit the manifest.

The order makes it safe to be killed at any point: files are put in doubt, their rows are changed in one commit a batch,
the manifest is saved. What the manifest does not say yet, the next sync finds in doubt and does again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from ..differences import compare, component_order, keyed
from ..errors import FileSystemError, RemovalRefusedError
from ..forks import ensure_not_forked
from .chunking import ChunkOptions, same_chunks
from .engines import Engine
from .manifest import FILES, Doubt, Manifest
from .places import Source
from .rows import quoted
from .store import Store

__all__ = ["REPORT", "STATUSES", "Sync"]

STATUSES = ("added", "modified", "renamed", "touched", "removed", "unchanged", "unknown")
REPORT: dict[str, pl.DataType] = {
    "status": pl.String(),
    "files": pl.Int64(),
    "chunks": pl.Int64(),
    "embedded": pl.Int64(),
    "seconds": pl.Float64(),
    "paths": pl.List(pl.String()),
    "errors": pl.List(pl.String()),
}

# What is worked on between two commits of rows: bounds the memory, and what a kill can cost.
_BATCH_FILES = 2_000
_BATCH_BYTES = 32 << 20
# How often the manifest of a long sync is saved.
_SAVE_SECONDS = 10.0
# Searches look through rows that are not indexed yet one by one: a long sync spends this share of its time on them.
_INDEXING_SHARE = 0.1


class Limits(NamedTuple):
    """How far a sync may go."""

    max_removed: float
    dry_run: bool
    progress: bool


class Sync:
    """One sync of one source, under the writer's lock.

    Arguments:
        store: The index.
        source: The folder.
        walk: The options of the walk, as `diff_trees` takes them.
        options: How files are cut.
        limits: How far it may go.
        engine: Who cuts the files and embeds the texts.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        walk: dict[str, object],
        options: ChunkOptions,
        limits: Limits,
        engine: Engine,
    ) -> None:
        ensure_not_forked()
        self.store = store
        self.source = source
        self.walk = walk
        self.options = options
        self.limits = limits
        self.engine = engine
        self.run = {name: walk[name] for name in ("within", "threads", "cancel") if walk.get(name) is not None}
        self.manifest = Manifest(store.folder, source.id)
        self.report = {name: _Line() for name in STATUSES}
        self.done: dict[str, pl.DataFrame] = {}
        self.resolved: set[str] = set()
        self.made: list[pl.DataFrame] = []
        self.gone: set[str] = set()
        self.failed: set[str] = set()
        self.saved_at = self.indexed_at = time.monotonic()
        self.indexing_seconds = 0.0

    def __call__(self) -> pl.DataFrame:
        """Do it; returns the report."""
        begun = time.monotonic()
        if self.manifest.is_new:
            self._doubt_leftovers()
        self.doubted_before = set(self.manifest.doubts)
        differences, self.look = self._compared()
        is_same = (pl.col("status") == "unchanged") & (pl.col("kind") == "file")
        # Nearly all of a tree is mostly unchanged, and then not looked at again. Folders are nothing to the index.
        changed = differences.filter(~is_same & ((pl.col("kind") != "dir") | (pl.col("status") != "added")))
        unknown = changed.filter(status="unknown")
        self._ensure_listed(changed)
        same = differences.select(is_same.sum()).item()
        self.report["unchanged"] = _Line(same, seconds=time.monotonic() - begun)
        self.report["unknown"].add(unknown["relative_path"], errors=unknown["error"])
        work = self._work(changed)
        if self.limits.dry_run:
            for status, part in work.items():
                self.report[status].add(part["relative_path"], chunks=None)
            return self._table()
        if any(part.height for part in work.values()) or self.manifest.is_new or self._moved():
            self._do(work)
        return self._table()

    # What is to be done.

    def _doubt_leftovers(self) -> None:
        """Without a manifest, rows of this source are of a writer that never came to save it, or it was lost."""
        if self.store.is_new:
            return
        columns = ["relative_path", "path_bytes"]
        of_this = f"source = {quoted([self.source.id])}"
        left = self.store.rows().read(self.store.table, of_this, columns).unique()
        doubts = [Doubt(key, path, exact, None) for path, exact, key in keyed(left).iter_rows()]
        if not self.limits.dry_run:
            self.manifest.doubt(doubts)
        else:
            self.manifest.doubts |= {doubt.key: doubt for doubt in doubts}

    def _compared(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        before = self.manifest.before()
        table, look = compare(before, self.source.walked, self.walk, progress=self.limits.progress)
        table = keyed(table)
        return self.source.without(table, self.store.folder), self.source.without(look, self.store.folder)

    def _ensure_listed(self, differences: pl.DataFrame) -> None:
        """Raise if it looks as if the source itself were gone, and not what was in it."""
        root = self.look.filter((pl.col("depth") == 0) & pl.col("error").is_not_null())
        if root.height:
            raise FileSystemError(
                f"{self.source.root}: cannot be listed ({root['error'][0]}); nothing was removed from the index",
                path=self.source.root,
            )
        known = differences.filter(pl.col("status").is_in(["unknown", "removed"]))
        known = known.join(self.manifest.files, on="key", how="semi") if known.height else known
        total = self.manifest.files.height
        unknown, removed = (known.filter(status=status).height for status in ("unknown", "removed"))
        if total and unknown and unknown + removed >= total:
            raise RemovalRefusedError(
                f"{self.source.root}: not one of the {total} files of this source can be seen, for example "
                f"{known.filter(status='unknown')['relative_path'][0]!r}: it seems not to be mounted, or not readable; "
                "nothing was removed from the index",
                path=self.source.root,
            )
        if total and removed > self.limits.max_removed * total:
            raise RemovalRefusedError(
                f"{self.source.root}: {removed} of the {total} files of this source are gone, more than "
                f"max_removed={self.limits.max_removed:g} allows: nothing was changed; sync with max_removed=1 if they "
                "really are",
                path=self.source.root,
            )

    def _work(self, differences: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The files to be worked on, by status; a renamed file has the place where it stood in `old_key`."""
        is_file = pl.col("kind") == "file"
        work = {
            status: differences.filter((pl.col("status") == status) & is_file)
            for status in ("added", "modified", "renamed", "touched", "removed")
        }
        # A file that is in doubt only, because its first sync was cut short, is new to the index.
        if work["modified"].height:
            new = work["modified"].join(self.manifest.files, on="key", how="anti", maintain_order="left")
            work["added"] = pl.concat([work["added"], new])
            work["modified"] = work["modified"].join(new, on="key", how="anti", maintain_order="left")
        # Something else has taken the name of a file: what was known before is `modified` only then.
        replaced = differences.filter((pl.col("status") == "modified") & ~is_file)
        work["removed"] = pl.concat([work["removed"], replaced])
        return {status: part.with_columns(old_key=pl.col("old_path")) for status, part in work.items()}

    def _moved(self) -> bool:
        """Whether the source lies elsewhere, or is walked otherwise, than the manifest says."""
        return (self.manifest.root, self.manifest.options) != (self.source.root, stored_options(self.walk))

    # Doing it.

    def _do(self, work: dict[str, pl.DataFrame]) -> None:
        if self.manifest.root not in {None, self.source.root}:
            self._rebase()
        self.manifest.root = self.source.root
        self.manifest.options = stored_options(self.walk)
        moved = pl.concat([work["renamed"], work["touched"].with_columns(old_key=pl.col("key"))])
        again = self._move(moved)
        for status, part in work.items():
            if status in {"added", "modified"}:
                self._write(status, part)
            elif status != "removed":
                self._write(status, again.filter(status=status))
        self._remove(work["removed"])
        self._save(final=True)
        if self.changed_rows:
            self.store.tidy()

    @property
    def changed_rows(self) -> bool:
        """Whether anything was done to the rows."""
        return any(line.files for name, line in self.report.items() if name not in {"unchanged", "unknown"})

    def _rebase(self) -> None:
        root = self.source.root.rstrip("/").encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        where = f"source = {quoted([self.source.id])}"
        self.store.table.update(where=where, values_sql={"path": f"concat({quoted([root + '/'])}, relative_path)"})

    def _doubt(self, files: pl.DataFrame) -> None:
        looked = files.select("key", "relative_path", "path_bytes").join(
            self.look.select("key", "device"), on="key", how="left"
        )
        doubts = [Doubt(*row) for row in looked.iter_rows()]
        for name in ("old_key",) if "old_key" in files.columns else ():
            old = self.manifest.files.join(files.select(pl.col(name).alias("key")), on="key", how="semi")
            doubts += [Doubt(*row) for row in old.select("key", "relative_path", "path_bytes", "device").iter_rows()]
        self.manifest.doubt(doubts)

    def _move(self, files: pl.DataFrame) -> pl.DataFrame:
        """Rename and touch; returns the files whose rows have to be made anew after all."""
        before = self.manifest.files.select(pl.col("key").alias("old_key"), pl.col("chunks").alias("had"))
        doubted = list(self.manifest.doubts)
        files = files.join(before, on="old_key", how="left", maintain_order="left")
        keeps = [same_chunks(old, new) for old, new in files.select("old_key", "key").iter_rows()]
        keeps_rows = pl.Series(keeps, dtype=pl.Boolean) & ~files["old_key"].is_in(doubted) & files["had"].is_not_null()
        again = [files.filter(~keeps_rows)]
        for batch in _batches(files.filter(keeps_rows).with_columns(size=pl.lit(0, pl.Int64))):
            begun = time.monotonic()
            batch = batch.drop("size").join(
                self.look.select("key", "size"), on="key", how="left", maintain_order="left"
            )
            self._doubt(batch)
            found = self.store.move(self.source.id, self.source.root, batch)
            batch = batch.join(found, on="key", how="left", maintain_order="left")
            # Rows that a killed writer has moved already are not there any more.
            is_whole = pl.col("chunks").fill_null(0) == pl.col("had")
            again.append(batch.filter(~is_whole).select(files.columns))
            whole = batch.filter(is_whole)
            self._keep(whole.select("key", "blake3", pl.col("chunks").fill_null(0)))
            self._forget(whole.filter(pl.col("old_key") != pl.col("key"))["old_key"])
            for status in ("renamed", "touched"):
                part = whole.filter(status=status)
                line = self.report[status]
                line.add(part["relative_path"], chunks=int(part["chunks"].sum()), seconds=time.monotonic() - begun)
                begun = time.monotonic()
            self._end_batch()
        return pl.concat(again)

    def _write(self, status: str, files: pl.DataFrame) -> None:
        batches = list(_batches(files))
        walked = [self._as_walked(batch) for batch in batches]
        begun = time.monotonic()
        for cut in self.engine.cut(walked, self.options, self.run):
            batch = batches[cut.position]
            self._doubt(batch)
            written = self.store.write(
                self.source.id, self.source.root, walked[cut.position], cut, self.engine,
                progress=self.limits.progress,
            )  # fmt: skip
            batch = batch.drop("blake3", "error").join(written.files, on="key", how="left", maintain_order="left")
            known = batch.filter("is_known")
            self._keep(known.select("key", "blake3", "chunks"))
            old = batch.filter(pl.col("old_key").is_not_null() & (pl.col("old_key") != pl.col("key")))["old_key"]
            if len(old):
                self.store.drop(self.source.id, old.to_list())
                self._forget(old)
            self.report[status].add(
                known["relative_path"], chunks=int(known["chunks"].sum()), embedded=written.embedded,
                seconds=time.monotonic() - begun,
            )  # fmt: skip
            failed = batch.filter(~pl.col("is_known"))
            self.report["unknown"].add(failed["relative_path"], errors=failed["error"])
            self.failed |= set(failed["key"])
            self._end_batch()
            begun = time.monotonic()

    def _as_walked(self, files: pl.DataFrame) -> pl.DataFrame:
        """The files under the paths that the walk gave them, which the chunker takes."""
        walked = self.look.select("key", "path", "path_bytes")
        return files.select("key", "relative_path").join(walked, on="key", how="inner", maintain_order="left")

    def _remove(self, files: pl.DataFrame) -> None:
        for batch in _batches(files.with_columns(size=pl.lit(0, pl.Int64))):
            begun = time.monotonic()
            self._doubt(batch.drop("old_key"))
            self.store.drop(self.source.id, batch["key"].to_list())
            self._forget(batch["key"])
            self.report["removed"].add(batch["relative_path"], seconds=time.monotonic() - begun)
            self._end_batch()

    # The manifest.

    def _keep(self, files: pl.DataFrame) -> None:
        """Note what is now known of files: `key`, `blake3`, `chunks`."""
        self.made.append(files)
        self.resolved |= set(files["key"])

    def _forget(self, keys: pl.Series) -> None:
        self.gone |= set(keys)
        self.resolved |= set(keys)

    def _end_batch(self) -> None:
        self._save()
        begun = time.monotonic()
        if self.indexing_seconds <= _INDEXING_SHARE * (begun - self.indexed_at):
            self.store.index_rows()
            self.indexed_at = time.monotonic()
            self.indexing_seconds = self.indexed_at - begun

    def _save(self, *, final: bool = False) -> None:
        """Save the manifest, at the end and now and then."""
        if not final and time.monotonic() - self.saved_at < _SAVE_SECONDS:
            return
        made = pl.concat(self.made) if self.made else pl.DataFrame(schema={"key": pl.String})
        new = self.look.join(made, on="key", how="inner", maintain_order="left")
        over = pl.Series([*self.gone, *made["key"]], dtype=pl.String)
        old = self.manifest.files.filter(~pl.col("key").is_in(over.implode()))
        parts = [old, new.select(pl.col(name).cast(kind) for name, kind in FILES.items())] if new.height else [old]
        # In the order of the tree, in which the next comparison finds it row beside row.
        self.manifest.save(pl.concat(parts).sort(component_order()), self._unresolved())
        self.saved_at = time.monotonic()

    def _unresolved(self) -> set[str]:
        """The files still in doubt. One that could not be read has its old rows, so it is not, unless it was before."""
        return self.manifest.doubts.keys() - self.resolved - (self.failed - self.doubted_before)

    def _table(self) -> pl.DataFrame:
        rows = [{"status": status, **line.row()} for status, line in self.report.items()]
        return pl.DataFrame(rows, schema=REPORT)


class _Line:
    """A line of the report."""

    def __init__(self, files: int = 0, *, seconds: float = 0.0) -> None:
        self.files = files
        self.chunks: int | None = 0
        self.embedded = 0
        self.seconds = seconds
        self.paths: list[str] = []
        self.errors: list[str | None] = []

    def add(
        self,
        paths: pl.Series,
        *,
        chunks: int | None = 0,
        embedded: int = 0,
        seconds: float = 0.0,
        errors: pl.Series | None = None,
    ) -> None:
        """Count more files."""
        self.files += len(paths)
        self.chunks = None if chunks is None or self.chunks is None else self.chunks + chunks
        self.embedded += embedded
        self.seconds += seconds
        self.paths += paths.to_list()
        self.errors += [] if errors is None else errors.to_list()

    def row(self) -> dict[str, object]:
        """Its cells."""
        return {
            "files": self.files,
            "chunks": self.chunks,
            "embedded": self.embedded,
            "seconds": self.seconds,
            "paths": None if self.files and not self.paths else self.paths,
            "errors": self.errors if len(self.errors) == len(self.paths) else None,
        }


def stored_options(walk: Mapping[str, object]) -> dict[str, object]:
    """What the manifest keeps of the walk's options: those that decide which files are taken."""
    return {
        name: value
        for name, value in sorted(walk.items())
        if name not in {"within", "cancel", "threads"} and value is not None
    }


def _batches(files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The files in pieces of bounded number and size."""
    if not files.height:
        return
    by_bytes = pl.col("size").fill_null(0).cum_sum() // _BATCH_BYTES
    by_number = pl.int_range(pl.len()) // _BATCH_FILES
    numbered = files.with_columns(piece=by_bytes * (1 << 32) + by_number)
    yield from (part.drop("piece") for part in numbered.partition_by("piece", maintain_order=True))
