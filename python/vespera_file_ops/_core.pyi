"""The Rust core, as the Python package uses it. Not public, but for `CancelToken`: use `vespera_file_ops` itself."""

import os
from collections.abc import Iterable
from typing import Literal, final

__version__: str
chunker_version: str

@final
class Batch:
    """One record batch, in the Arrow PyCapsule interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...
    def __arrow_c_schema__(self) -> object: ...
    def __len__(self) -> int: ...

@final
class Batches:
    """Record batches that lie in memory, as a stream in the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...

@final
class CancelToken:
    """Stops the calls that were given it as `cancel=`, from any thread.

    One token may be given to several calls; once cancelled it stays so.

    Example:
        >>> import vespera_file_ops as vfo
        >>> token = vfo.CancelToken()
        >>> token.cancel()
        >>> token.cancelled
        True
    """

    def __new__(cls) -> CancelToken: ...
    def cancel(self) -> None:
        """Stop every call that holds this token, within a tenth of a second."""
    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""

@final
class Root:
    """A folder that a call cannot leave, given as `within=`.

    Relative paths then start in it, and no path, link, glob, ignore file or race leads outside; what would is an
    `OutsideRootError`. The kernel sees to that, from the folder's handle: the root stays the folder that it was when
    it was opened, also where that is renamed. A link in it that is an absolute path is refused even where it points
    inside.

    With `denied`, nothing is reached in it either that has such a name, or lies in a folder of such a name, whatever
    path or link leads there and whoever swaps links meanwhile: walks leave it out as if it did not exist, and a path
    that leads to it, there or not, is an `AccessDeniedError`. It is told by its names: one that is not denied for the
    same file (a hard link) reaches it. What the ignore rules of a denied folder (`.git`) leave out is left out still.

    Arguments:
        path: The folder.
        denied: Globs of single names (`*`, `?`, `[..]`) that are denied in every folder, in any case of letters:
            `[".env", "*.pem"]`.
        allowed: Globs of names that are not denied though one of `denied` matches.

    Raises:
        PathNotFoundError: There is no such folder, or it is no folder.
        ArgumentError: A glob is none of a single name.
        AccessDeniedError, FileSystemError: It cannot be opened.

    Example:
        >>> import vespera_file_ops as vfo
        >>> root = vfo.Root("src")
        >>> vfo.read_file("lib.rs", within=root)
        b'fn main() {}\\n'
        >>> vfo.read_file("../README.md", within=root)
        Traceback (most recent call last):
        vespera_file_ops.errors.OutsideRootError: cannot open: it leads outside of the root to which `within` confines \
this call (../README.md)
    """

    def __new__(
        cls,
        path: str | bytes | os.PathLike[str] | os.PathLike[bytes],
        *,
        denied: str | Iterable[str] | None = None,
        allowed: str | Iterable[str] | None = None,
    ) -> Root: ...
    @property
    def denied(self) -> tuple[str, ...]:
        """The globs of the names that are not reached in it."""
    @property
    def allowed(self) -> tuple[str, ...]:
        """The globs of the names that are reached in spite of them."""
    @property
    def path(self) -> str:
        """The folder, as an absolute path."""
    def relative(self, path: bytes) -> bytes:
        """How a path is spelled from this root; an absolute one is inside if it begins with the root's own."""
    def status(self, path: bytes) -> tuple[str, int]:
        """The kind and the size of what a path leads to: one question to the system, for whoever asks often."""

@final
class Request:
    """A validated scan, not started; a bad argument raises here and names itself."""

    def __new__(cls, table: str, sources: list[tuple[bytes, bool]], options: dict[str, object]) -> Request: ...
    def schema(self, table: str, *, views: bool = True, timestamps: str = "ns") -> Batch:
        """An empty batch of one of its tables."""
    def open(
        self,
        *,
        columns: dict[str, list[str]] | None = None,
        n_rows: int | None = None,
        views: bool = True,
        timestamps: str = "ns",
        prefilter: list[str] | None = None,
    ) -> Scan:
        """Start it. With `prefilter` (file-level columns) it asks for a mask before it opens any file."""
    def stream(self, table: str, *, columns: list[str] | None, timestamps: str) -> TableStream:
        """One of its tables as a stream that starts a fresh scan for each consumer."""

@final
class Scan:
    """A running scan. Every method releases the interpreter while it waits, and notices Ctrl-C on the main thread."""

    def next(
        self, timeout: float
    ) -> (
        tuple[Literal["files", "hits", "coverage"], Batch]
        | tuple[Literal["mask"], MaskRequest]
        | tuple[Literal["end"], None]
        | None
    ):
        """The next event, or None if there was none within the time."""
    def advance(self, timeout: float) -> bool:
        """Gather rows for up to that many seconds; True when the scan is complete."""
    def take(self, table: str) -> Batches:
        """Everything that `advance` has gathered of one table."""
    def summary(self) -> dict[str, int | bool | float]:
        """What the finished scan counted."""
    def progress(self) -> dict[str, int]:
        """Files, bytes and hits so far."""
    def close(self) -> None:
        """Stop the workers and join them."""

@final
class MaskRequest:
    """A question that a scan waits for: which of these entries to open."""

    @property
    def rows(self) -> Batch:
        """The walked entries, with the columns that were named as `prefilter`."""
    def answer(self, mask: bytes) -> None:
        """One byte for each row: 1 opens it, 0 leaves it out."""

@final
class TableStream:
    """A table as an Arrow stream: every consumer that takes it starts a scan of its own.

    DuckDB, pyarrow, pandas and Daft take it as it is; iterating over it gives record batches.
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...
    def __iter__(self) -> TableStreamIterator: ...

@final
class TableStreamIterator:
    """The record batches of one scan of a table, as they come."""

    def __iter__(self) -> TableStreamIterator: ...
    def __next__(self) -> Batch: ...

@final
class ChunkIterator:
    """The pieces of one file, in order; if the file changes meanwhile, the last step raises `ChangedError`."""

    def __iter__(self) -> ChunkIterator: ...
    def __next__(self) -> bytes: ...

@final
class Watch:
    """A running watcher; it has taken its first look when it is made."""

    def __new__(cls, sources: list[tuple[bytes, bool]], options: dict[str, object]) -> Watch: ...
    def next(self, timeout: float) -> tuple[Literal["events", "end"], Batches] | None:
        """The changes of the next look within that many seconds; "end" once it is closed."""
    def rescan(self) -> None:
        """Look at everything again."""
    def wait(self, timeout: float) -> bool:
        """Whether `next` would find something within that many seconds. Nothing is taken."""
    def fileno(self) -> int | None:
        """A descriptor that is readable while `next` would find something; None on Windows."""
    def close(self) -> None:
        """End it; whoever waits in `next` is told."""

def read_bytes(path: bytes, *, strategy: str, within: Root | None, cancel: CancelToken | None) -> bytes:
    """The content of a file."""

def read_string(
    path: bytes, *, encoding: str, errors: str, strategy: str, within: Root | None, cancel: CancelToken | None
) -> str:
    """The decoded content of a file."""

def read_lines(
    path: bytes, *, encoding: str, errors: str, strategy: str, within: Root | None, cancel: CancelToken | None
) -> Batches:
    """The lines of a file, as the one column `line`."""

def read_chunks(path: bytes, *, chunk_size: int, strategy: str, within: Root | None) -> ChunkIterator:
    """The content of a file in pieces."""

def hash_bytes(content: bytes) -> str: ...
def hash_file(path: bytes, *, strategy: str, within: Root | None, cancel: CancelToken | None) -> str:
    """The BLAKE3 hash of a file, in hexadecimal."""

def write_file(
    path: bytes,
    content: str | bytes | memoryview,
    *,
    durable: bool,
    expected_blake3: str | None,
    mode: int | None,
    follow_symlinks: bool,
    break_hard_links: bool,
    within: Root | None,
    cancel: CancelToken | None,
) -> tuple[int, str]:
    """Give a file a new content, whole or not at all: how many bytes were written, and their hash in hexadecimal."""

def append_file(
    path: bytes,
    content: str | bytes | memoryview,
    *,
    durable: bool,
    mode: int | None,
    follow_symlinks: bool,
    within: Root | None,
    cancel: CancelToken | None,
) -> tuple[int, str]:
    """Put something at a file's end: how many bytes were written, and their hash in hexadecimal."""

def create_directory(path: bytes, *, parents: bool, exist_ok: bool, within: Root | None) -> None:
    """Make a folder."""

def move_file(source: bytes, target: bytes, *, overwrite: bool, durable: bool, within: Root | None) -> None:
    """Give a file or a folder another name."""

def sweep_temp_files(root: bytes, *, older_than: float, within: Root | None, cancel: CancelToken | None) -> list[bytes]:
    """Remove what killed writers left below a folder; the paths of what was removed."""

def replace_in_file(path: bytes, options: dict[str, object]) -> Batches:
    """Replace the matches of patterns in a file: the edits table."""

def write_files(
    files: list[tuple[bytes, str | bytes, str | None]],
    *,
    durable: bool,
    within: Root | None,
    cancel: CancelToken | None,
) -> list[tuple[str, str | None, str | None, str | None]]:
    """Give files new contents (path, content, expected hash): status, hash, error and nothing of each."""

def edit_files(
    files: list[tuple[bytes, tuple[object, ...], list[tuple[object, ...]]]],
    *,
    dry_run: bool,
    durable: bool,
    within: Root | None,
    cancel: CancelToken | None,
) -> list[tuple[str, str | None, str | None, str | None]]:
    """Apply the edits of files (path; expected hash, size, time and its step; start, end, text and what stood there of
    each edit): status, hash, error and, in a dry run, a diff of each."""

def without_dots(path: bytes, *, within: Root | None) -> bytes:
    """A path from its root without any `..` but those at its start, taken out as the system goes up."""

def counters() -> dict[str, int]:
    """What this process has done so far: folders listed, files described, opened and mapped, bytes read, faults."""

def fail_once(
    point: Literal[
        "entry",
        "listing",
        "span",
        "step",
        "mask",
        "reading",
        "piece",
        "hashing",
        "decoding",
        "lines",
        "batch",
        "taking",
        "writing",
        "watching",
    ],
) -> None:
    """Make the next pass of this place panic, to test what a defect of the core does to its host."""

def type_names() -> list[str]:
    """Every name that the option `types` knows, in alphabetical order."""

def no_more_reminders() -> None:
    """The interpreter ends: wait for the threads that have Polars called, and start no more."""

def rows(batch: Batch) -> dict[str, list[object]]:
    """A batch as Python lists, by column."""
