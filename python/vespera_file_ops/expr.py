r"""File content as Polars expressions: a column of paths becomes a column of what lies there.

    >>> import polars as pl
    >>> import vespera_file_ops as vfo
    >>> small = vfo.scan_files("src").filter(pl.col("size") < 50)
    >>> small.with_columns(text=pl.col("path").vfo.read_text()).select("path", "text").collect().rows()
    [('src/lib.rs', 'fn main() {}\n'), ('src/util.py', 'def helper():\n    return 1  # FIXME\n')]

Each function takes an expression of paths (String or Binary; a str is the name of a column) and gives an expression;
`pl.col("path").vfo.read_text()` is the same as `vfo.expr.read_text("path")`. Only the rows that a query keeps are read,
several at a time, and nothing of the rest is opened. A null path has a null value.

What cannot be read is null, unless `errors` says otherwise: "raise" fails the query with the first error of a batch,
"struct" gives a struct of `value` and `error`. With `within` the paths start in that folder and cannot leave it; it is
opened by its path for each batch.

The streaming engine holds a few batches at a time, and `scan_files` makes them of few rows, and of few bytes of files
where the query uses `size` (a filter on it is enough): a query over contents takes the same memory however many files
there are. What a sink gathers before it writes comes on top, and is counted in rows: see `read_text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .chunk_arguments import tokenizer_json
from .expression import checked_count, expression, search_options

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl

    from ._core import Root
    from .chunk_arguments import Tokenizer
    from .expression import ErrorsAs, Paths
    from .paths import PathArgument

__all__ = [
    "blake3",
    "chunks",
    "count_hits",
    "encoding",
    "exists",
    "head",
    "info",
    "is_binary",
    "line_count",
    "read_bytes",
    "read_text",
    "search",
]


def read_text(
    path: Paths = "path",
    *,
    encoding: str = "auto",
    max_bytes: int | None = None,
    errors: ErrorsAs = "null",
    within: Root | PathArgument | None = None,
) -> pl.Expr:
    """The text of each file (String), as `read_file_string` gives it: decoded strictly, without a byte order mark.

    Into a sink, in memory that does not grow with the number of files: `sink_parquet(..., row_group_size=1000)`,
    `sink_ipc(..., record_batch_size=1000)`. Several such groups are in memory at once; without these options Polars
    gathers 122,880 rows of text in one.

    Arguments:
        path: The paths: an expression, or the name of a column.
        encoding: A WHATWG encoding label; "auto": by the byte order mark, else UTF-8.
        max_bytes: Read at most so many bytes of each file; a character that is cut there is left out.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read or decoded.
        within: The paths start in this folder, and must not lead outside of it.

    Raises:
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> pl.select(path=pl.lit("src/lib.rs")).select(vfo.expr.read_text(max_bytes=6)).item()
        'fn mai'
    """
    max_bytes = checked_count("max_bytes", max_bytes)
    return expression("read_text", path, errors, within, {"encoding": encoding, "max_bytes": max_bytes})


def read_bytes(
    path: Paths = "path",
    *,
    max_bytes: int | None = None,
    errors: ErrorsAs = "null",
    within: Root | PathArgument | None = None,
) -> pl.Expr:
    r"""The bytes of each file (Binary), as `read_file` gives them.

    Arguments:
        path: The paths: an expression, or the name of a column.
        max_bytes: Read at most so many bytes of each file.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read.
        within: The paths start in this folder, and must not lead outside of it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> pl.select(path=pl.lit("data/blob.bin")).select(vfo.expr.read_bytes(max_bytes=3)).item()
        b'\x00\x01\x02'
    """
    return expression("read_bytes", path, errors, within, {"max_bytes": checked_count("max_bytes", max_bytes)})


def head(
    path: Paths = "path",
    n_lines: int = 10,
    *,
    encoding: str = "auto",
    errors: ErrorsAs = "null",
    within: Root | PathArgument | None = None,
) -> pl.Expr:
    r"""The first lines of each file (String) with their terminators; no more of it is read.

    Arguments:
        path: The paths: an expression, or the name of a column.
        n_lines: How many lines.
        encoding: A WHATWG encoding label; "auto": by the byte order mark, else UTF-8.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read or decoded.
        within: The paths start in this folder, and must not lead outside of it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> pl.select(path=pl.lit("src/util.py")).select(pl.col("path").vfo.head(1)).item()
        'def helper():\n'
    """
    return expression("head", path, errors, within, {"lines": checked_count("n_lines", n_lines), "encoding": encoding})


def blake3(path: Paths = "path", *, errors: ErrorsAs = "null", within: Root | PathArgument | None = None) -> pl.Expr:
    """The BLAKE3 hash of each file's content (String), as `compute_file_hash` gives it.

    Arguments:
        path: The paths: an expression, or the name of a column.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read.
        within: The paths start in this folder, and must not lead outside of it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> twins = vfo.scan_files(".").filter(pl.col("kind") == "file").filter(pl.len().over("size") > 1)
        >>> twins.group_by(pl.col("path").vfo.blake3()).len().filter(pl.col("len") > 1).collect().height
        0
    """
    return expression("blake3", path, errors, within, {})


def line_count(
    path: Paths = "path",
    *,
    encoding: str = "auto",
    errors: ErrorsAs = "null",
    within: Root | PathArgument | None = None,
) -> pl.Expr:
    """How many lines each file has (Int64); the last one needs no terminator.

    Arguments:
        path: The paths: an expression, or the name of a column.
        encoding: A WHATWG encoding label; "auto": by the byte order mark, else UTF-8.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read.
        within: The paths start in this folder, and must not lead outside of it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> pl.select(path=pl.lit("src/util.py")).select(pl.col("path").vfo.line_count()).item()
        2
    """
    return expression("line_count", path, errors, within, {"encoding": encoding})


def encoding(path: Paths = "path", *, errors: ErrorsAs = "null", within: Root | PathArgument | None = None) -> pl.Expr:
    """The label of each file's encoding (String): by its byte order mark, else "utf-8"; as in the coverage table.

    Arguments:
        path: The paths: an expression, or the name of a column.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read.
        within: The paths start in this folder, and must not lead outside of it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> pl.select(path=pl.lit("src/util.py")).select(pl.col("path").vfo.encoding()).item()
        'utf-8'
    """
    return expression("encoding", path, errors, within, {})


def is_binary(path: Paths = "path", *, errors: ErrorsAs = "null", within: Root | PathArgument | None = None) -> pl.Expr:
    """Whether each file is binary (Boolean): whether a NUL character stands in its first 64 KiB of text.

    Arguments:
        path: The paths: an expression, or the name of a column.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read.
        within: The paths start in this folder, and must not lead outside of it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> files = pl.DataFrame({"path": ["data/blob.bin", "README.md"]})
        >>> files.select(pl.col("path").vfo.is_binary())["path"].to_list()
        [True, False]
    """
    return expression("is_binary", path, errors, within, {})


def count_hits(
    pattern: str | Iterable[str],
    path: Paths = "path",
    *,
    fixed_strings: bool = False,
    ignore_case: bool | Literal["smart"] = False,
    whole_word: bool = False,
    invert_match: bool = False,
    multiline: bool = False,
    encoding: str = "auto",
    errors: ErrorsAs = "null",
    within: Root | PathArgument | None = None,
) -> pl.Expr:
    """How many hits each file has (Int64): as many as `search_text` gives rows.

    Arguments:
        pattern: A regular expression in the syntax of Rust's regex crate, or a list of them.
        path: The paths: an expression, or the name of a column.
        fixed_strings: Patterns are plain text, not regular expressions.
        ignore_case: True, False, or "smart": ignore case unless a pattern has a capital letter.
        whole_word: Only matches with no word character on either side.
        invert_match: Count the lines that no pattern matches.
        multiline: A match may span lines.
        encoding: A WHATWG encoding label; "auto": by the byte order mark, else UTF-8.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read.
        within: The paths start in this folder, and must not lead outside of it.

    Raises:
        PatternError: A pattern does not parse, or would cost too much to run.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> files = pl.DataFrame({"path": ["src/app.py", "src/util.py"]})
        >>> files.select(pl.col("path").vfo.count_hits("TODO|FIXME"))["path"].to_list()
        [1, 1]
    """
    given = search_options(pattern, ignore_case=ignore_case) | {
        "fixed_strings": fixed_strings,
        "whole_word": whole_word,
        "invert_match": invert_match,
        "multiline": multiline,
        "encoding": encoding,
    }
    return expression("count_hits", path, errors, within, given)


def search(
    pattern: str | Iterable[str],
    path: Paths = "path",
    *,
    fixed_strings: bool = False,
    ignore_case: bool | Literal["smart"] = False,
    whole_word: bool = False,
    invert_match: bool = False,
    multiline: bool = False,
    encoding: str = "auto",
    context: int = 0,
    captures: bool = False,
    raw_bytes: bool = False,
    max_hits: int | None = None,
    max_line_bytes: int = 65536,
    errors: ErrorsAs = "null",
    within: Root | PathArgument | None = None,
) -> pl.Expr:
    """The hits of each file as a list of structs, for `explode` and `unnest`.

    The structs have the columns of the hits table that do not speak of the file: line_number, column_number,
    start_byte, end_byte, matched, line, line_truncated, pattern, and those that an option adds. The file is searched to
    its end, as by `search_text`.

    Arguments:
        pattern: A regular expression in the syntax of Rust's regex crate, or a list of them.
        path: The paths: an expression, or the name of a column.
        fixed_strings: Patterns are plain text, not regular expressions.
        ignore_case: True, False, or "smart": ignore case unless a pattern has a capital letter.
        whole_word: Only matches with no word character on either side.
        invert_match: One hit for each line that no pattern matches.
        multiline: A match may span lines.
        encoding: A WHATWG encoding label; "auto": by the byte order mark, else UTF-8.
        context: Add `before` and `after`: so many lines around the hit.
        captures: Add `captures`: the pattern's groups, with their names and ranges.
        raw_bytes: Add `matched_bytes` and `line_bytes`, where text had to be repaired.
        max_hits: The first so many hits of each file.
        max_line_bytes: Longer lines are cut around their match.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read.
        within: The paths start in this folder, and must not lead outside of it.

    Raises:
        PatternError: A pattern does not parse, or would cost too much to run.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> files = pl.DataFrame({"path": ["src/app.py", "src/util.py"]})
        >>> hits = files.select("path", hit=pl.col("path").vfo.search("TODO|FIXME")).explode("hit").unnest("hit")
        >>> hits.select("path", "line_number", "matched").rows()
        [('src/app.py', 5, 'TODO'), ('src/util.py', 2, 'FIXME')]
    """
    given = search_options(pattern, ignore_case=ignore_case) | {
        "fixed_strings": fixed_strings,
        "whole_word": whole_word,
        "invert_match": invert_match,
        "multiline": multiline,
        "encoding": encoding,
        "context": checked_count("context", context),
        "captures": captures,
        "raw_bytes": raw_bytes,
        "max_hits": checked_count("max_hits", max_hits),
        "max_line_bytes": checked_count("max_line_bytes", max_line_bytes),
    }
    return expression("search", path, errors, within, given)


def chunks(
    path: Paths = "path",
    *,
    chunk_size: int = 1600,
    overlap: int = 0,
    tokenizer: Tokenizer | bytes | None = None,
    encoding: str = "auto",
    errors: ErrorsAs = "null",
    within: Root | PathArgument | None = None,
) -> pl.Expr:
    """The retrieval chunks of each file as a list of structs, for `explode` and `unnest`.

    The structs have the columns of the chunks table that do not speak of the file: chunk, text_blake3, text,
    start_byte, end_byte, start_line, end_line and language, as `scan_chunks` finds them.

    Arguments:
        path: The paths: an expression, or the name of a column.
        chunk_size: At most so many characters, or tokens of `tokenizer`, in a chunk.
        overlap: Neighbouring chunks share up to so many of them.
        tokenizer: Count its tokens: a `tokenizers.Tokenizer`, or the content of a Hugging Face tokenizer.json.
        encoding: A WHATWG encoding label; "auto": by the byte order mark, else UTF-8.
        errors: "null", "raise" or "struct": what becomes of a file that cannot be read.
        within: The paths start in this folder, and must not lead outside of it.

    Raises:
        ArgumentError, TypeError: An argument cannot be used; the message names it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> files = pl.DataFrame({"path": ["src/app.py", "src/util.py"]})
        >>> lists = files.select("path", chunk=pl.col("path").vfo.chunks(chunk_size=30))
        >>> chunks = lists.explode("chunk").unnest("chunk")
        >>> chunks.filter(path="src/util.py").select("path", "chunk", "start_line", "text").rows()
        [('src/util.py', 0, 1, 'def helper():'), ('src/util.py', 1, 2, '    return 1  # FIXME')]
    """
    given: dict[str, object] = {
        "chunk_size": checked_count("chunk_size", chunk_size),
        "overlap": checked_count("overlap", overlap),
        "tokenizer": None if tokenizer is None else tokenizer_json(tokenizer),
        "encoding": encoding,
    }
    return expression("chunks", path, errors, within, given)


def info(
    path: Paths = "path",
    *,
    follow_symlinks: bool = False,
    errors: ErrorsAs = "null",
    within: Root | PathArgument | None = None,
) -> pl.Expr:
    """What the system says of each entry: a struct with the columns of the files table, as by `get_file_info`.

    Arguments:
        path: The paths: an expression, or the name of a column.
        follow_symlinks: Describe what a link leads to, and not the link.
        errors: "null", "raise" or "struct": what becomes of a path that leads to nothing.
        within: The paths start in this folder, and must not lead outside of it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> files = pl.DataFrame({"path": ["src/app.py", "gone"]})
        >>> files.select(pl.col("path").vfo.info().struct.field("size"))["size"].to_list()
        [75, None]
    """
    return expression("info", path, errors, within, {"follow_symlinks": follow_symlinks})


def exists(path: Paths = "path", *, errors: ErrorsAs = "null", within: Root | PathArgument | None = None) -> pl.Expr:
    """Whether each path leads to something (Boolean); links are followed.

    Arguments:
        path: The paths: an expression, or the name of a column.
        errors: "null", "raise" or "struct": what becomes of a path of which it cannot be known.
        within: The paths start in this folder, and must not lead outside of it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> pl.DataFrame({"path": ["src", "gone", None]}).select(pl.col("path").vfo.exists())["path"].to_list()
        [True, False, None]
    """
    return expression("exists", path, errors, within, {})
