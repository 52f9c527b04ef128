"""The command `vfo`: the same scans as in Python, as a table on the terminal or in a file.

The default table is made without Polars, which takes longer to import than a small search lasts; only the other formats
and `--sql` load it. Exit status: 0 with rows, 1 without, 2 on an error. A search is complete only if its ledger says
so; if not, a line on stderr says what is missing.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import IO, TYPE_CHECKING, cast

from . import _core
from .cli_arguments import chunk_options, parse, search_options, walk_options
from .cli_files import replacing
from .cli_table import TextTable, value_text, visible
from .errors import ArgumentError, PathNotFoundError, PatternError, VfoError
from .ledger import Summary, incomplete_text, ledger_text
from .paths import encode_path, encode_within
from .request import ScanRequest

if TYPE_CHECKING:
    import argparse

    import polars as pl

__all__ = ["main"]

# How long a wait for rows may last before the table is given the chance to show what it holds.
_BOX_SECONDS = 0.1
_INTERRUPTED = 130

_BY_EXTENSION = {
    ".txt": "table",
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}
_FILES_COLUMNS = ("kind", "size", "modified", "path", "blake3", "error")
_HITS_COLUMNS = ("path", "line_number", "line")
_CHUNKS_COLUMNS = ("path", "chunk", "start_line", "end_line", "language", "text")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit status."""
    sys.unraisablehook = _unraisable
    try:
        try:
            return _run(arguments)
        except BrokenPipeError:
            # The reader (`| head`) has what it wanted. What Python would flush at exit has nowhere to go either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except Exception as error:
            if "(os error 32)" in str(error):
                # A closed pipe, as Polars' sinks report it.
                return 0
            if not isinstance(error, (VfoError, TypeError, ValueError, OSError)) and not _is_polars_error(error):
                raise
            print(f"vfo: {_message(error)}", file=sys.stderr)
            return 2
    except KeyboardInterrupt:
        try:
            sys.stdout.flush()
        finally:
            # Polars raises a second KeyboardInterrupt, which would arrive here or later, and end in a traceback.
            os._exit(_INTERRUPTED)


def _run(arguments: Sequence[str] | None) -> int:
    given = parse(arguments)
    given.sources = list(getattr(given, "source", ()))
    if sys.stdout is None and given.output is None:
        raise ArgumentError("output: the standard output is closed; use --output FILE")
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "search": _search,
        "files": _files,
        "chunks": _chunks,
        "info": _info,
        "hash": _hash,
        "read": _read,
        "index": _index,
        "serve": _serve,
    }
    return commands[given.command](given)


def _status(given: argparse.Namespace, rows: int) -> int:
    """The exit status behind a table of so many rows, in which what is missing may have been overlooked."""
    return 2 if _any_missing(given) else 0 if rows else 1


def _any_missing(given: argparse.Namespace) -> bool:
    """Name the sources that do not exist. One alone has raised; among others it is a row, and easily overlooked."""
    missing = [path for path in given.sources if not any(at in path for at in "*?[") and _is_missing(path, given)]
    for path in missing:
        print(f"vfo: {visible(path)}: no such file or folder", file=sys.stderr)
    return bool(missing)


def _is_missing(path: str, given: argparse.Namespace) -> bool:
    try:
        ScanRequest("files", path, {"describe_only": True, "within": given.within}, globs=False)
    except PathNotFoundError:
        return True
    except VfoError:
        return False
    return False


def _search(given: argparse.Namespace) -> int:
    positional = list(given.positional)
    patterns = given.pattern or positional[:1]
    if not patterns:
        raise ArgumentError("a pattern is needed: vfo search PATTERN [SOURCE ...]")
    given.sources = positional if given.pattern else positional[1:]
    source = _source(given.sources)
    options = {**search_options(given), "patterns": patterns}
    # A ledger is exact only where coverage is kept: a search for hits alone ends with the last one wanted.
    request = ScanRequest("search" if given.ledger and _plain(given) else "hits", source, options)
    if _plain(given):
        shown = _columns(given) or [*_HITS_COLUMNS, *(("before", "after") if given.context else ())]
        extra = [] if given.columns else ["column_number", "matched"]
        return _show(given, request, shown, [*shown, *extra])
    without = ("context", "captures", "raw_bytes")
    tables = [
        request,
        ScanRequest("coverage", source, {name: value for name, value in options.items() if name not in without}),
        ScanRequest("files", source, walk_options(given)),
    ]
    return _export(given, tables)


def _files(given: argparse.Namespace) -> int:
    options = walk_options(given) | ({"blake3": True} if given.blake3 else {})
    request = ScanRequest("files", _source(given.source), options)
    if not _plain(given):
        return _export(given, [request])
    shown = _columns(given) or [name for name in _FILES_COLUMNS if name != "blake3" or given.blake3]
    return _show(given, request, shown, shown)


def _chunks(given: argparse.Namespace) -> int:
    source = _source(given.source)
    request = ScanRequest("chunks", source, chunk_options(given))
    if not _plain(given):
        return _export(given, [request, ScanRequest("files", source, walk_options(given))])
    shown = _columns(given) or list(_CHUNKS_COLUMNS)
    return _show(given, request, shown, shown)


def _info(given: argparse.Namespace) -> int:
    options: dict[str, object] = {"describe_only": True, "within": given.within}
    options |= {"blake3": True} if given.blake3 else {}
    request = ScanRequest("files", _one_or_list(given.source), options, argument="path", globs=False)
    if not _plain(given):
        return _export(given, [request])
    if given.columns:
        shown = _columns(given)
        return _show(given, request, shown, shown)
    rows = 0
    with _output(given) as out:

        def write(batch: dict[str, list[object]]) -> None:
            nonlocal rows
            width = max(map(len, batch))
            for at in range(len(batch["path"])):
                filled = {name: value_text(name, values[at]) for name, values in batch.items()}
                out.write("\n" if rows else "")
                out.writelines(f"{name:{width}}  {text}\n" for name, text in filled.items() if text)
                rows += 1
            out.flush()

        _drain(request, None, write)
    return _status(given, rows)


def _hash(given: argparse.Namespace) -> int:
    options = {**walk_options(given), "blake3": True}
    request = ScanRequest("files", _one_or_list(given.source), options, argument="path")
    if not _plain(given) or given.columns:
        import polars as pl

        columns = _columns(given) or ["path", "blake3", "error"]
        return _export(given, [request], columns, pl.col("blake3").is_not_null() | pl.col("error").is_not_null())
    rows = failures = 0
    with _output(given) as out:

        def write(batch: dict[str, list[object]]) -> None:
            nonlocal rows, failures
            names = ("path", "kind", "depth", "blake3", "error")
            for path, kind, depth, digest, problem in zip(*(batch[name] for name in names), strict=True):
                error = problem
                if error is None and digest is None and depth == 0 and kind != "dir":
                    error = f"is a {kind}, whose content is never opened"
                if digest is not None:
                    # What b3sum prints, so that `b3sum --check` reads it.
                    out.write(f"{digest}  {visible(str(path))}\n")
                    rows += 1
                elif error is not None:
                    print(f"vfo: {visible(str(path))}: {visible(str(error))}", file=sys.stderr)
                    failures += 1
            out.flush()

        _drain(request, ["path", "kind", "depth", "blake3", "error"], write)
    return 2 if failures else 0 if rows else 1


def _read(given: argparse.Namespace) -> int:
    paths = [encode_path("path", path) for path in given.source]
    within = encode_within(given.within)
    if _is_of_lines(given):
        return _export_lines(given)
    empty = True
    with _output_bytes(given) as out:
        for path in paths:
            if given.encoding is None:
                for chunk in _core.read_chunks(path, chunk_size=1 << 20, strategy="auto", within=within):
                    empty = empty and not chunk
                    out.write(chunk)
            else:
                text = _core.read_string(
                    path, encoding=given.encoding, errors="strict", strategy="auto", within=within, cancel=None
                )
                empty = empty and not text
                out.write(text.encode())
        out.flush()
    return 1 if empty else 0


def _is_of_lines(given: argparse.Namespace) -> bool:
    """Whether a table of lines is wanted; without one the content itself is, in a file of any name."""
    form = given.format or _BY_EXTENSION.get(_extension(given.output), "table")
    return form != "table" or given.sql is not None or bool(given.columns)


def _index(given: argparse.Namespace) -> int:
    from .cli_index import run

    return run(given, colour=_coloured(given, terminal=sys.stdout.isatty()))


def _serve(given: argparse.Namespace) -> int:
    from .cli_serve import run

    return run(given)


def _export_lines(given: argparse.Namespace) -> int:
    """The lines of files as a table with path, line_number and line."""
    import polars as pl

    from .cli_export import write
    from .files import read_file_lines

    tables = []
    for path in given.source:
        lines = read_file_lines(path, encoding=given.encoding or "auto", within=given.within)
        numbers = pl.int_range(1, lines.len() + 1, dtype=pl.Int64, eager=True).alias("line_number")
        tables.append(pl.DataFrame([numbers, lines]).select(pl.lit(path).alias("path"), pl.all()).lazy())
    frame = pl.concat(tables)
    if given.sql is not None:
        frame = pl.SQLContext({"lines": frame}, eager=False).execute(given.sql)
    elif given.columns:
        frame = frame.select(_columns(given))
    return 0 if _write_frame(given, frame, write) else 1


def _show(given: argparse.Namespace, request: ScanRequest, shown: Sequence[str], needed: Sequence[str]) -> int:
    """Run a scan and show it as a table; then say on stderr what is missing."""
    with _output(given) as out:
        terminal = given.output is None and sys.stdout.isatty()
        table = TextTable(shown, out, terminal=terminal, colour=_coloured(given, terminal=terminal))
        summary = _drain(request, list(dict.fromkeys(needed)), table.add, table.tick)
        table.finish()
    _report(given, request, summary)
    return _status(given, table.rows)


def _drain(
    request: ScanRequest,
    columns: list[str] | None,
    take: Callable[[dict[str, list[object]]], None],
    idle: Callable[[], None] | None = None,
) -> Summary:
    """Run a scan to its end, giving each batch to `take` as Python lists."""
    table = "hits" if request.table == "search" else request.table
    known = list(_core.rows(request.build().schema(table)))
    for name in columns or ():
        if name not in known:
            raise ArgumentError(f"columns: {table} has no column {name!r}; it has {', '.join(known)}")
    scan = request.build().open(columns={"coverage": ["path"], table: known if columns is None else columns})
    try:
        while True:
            event = scan.next(_BOX_SECONDS)
            if event is None:
                if idle is not None:
                    idle()
            elif event[0] == "end":
                return scan.summary()
            elif event[0] == table:
                take(_core.rows(cast("_core.Batch", event[1])))
    finally:
        scan.close()


def _export(
    given: argparse.Namespace,
    requests: Sequence[ScanRequest],
    columns: Sequence[str] | None = None,
    where: pl.Expr | None = None,
) -> int:
    """Write the first request's table, or the answer to --sql over all of them, through Polars."""
    from .cli_export import query, scanned, write

    summaries: list[Summary] = []
    if given.sql is not None:
        if given.columns:
            raise ArgumentError("columns: the query of --sql says which columns it gives")
        frame = query(requests, given.sql, summaries.append)
    else:
        frame = scanned(requests[0], columns or _columns(given) or None, where, summaries.append)
    rows = _write_frame(given, frame, write)
    # A query may have stopped early, or searched in several passes; the ledger is that of one whole pass.
    if requests[0].table == "hits" and given.ledger:
        _report(given, requests[0], _drain(requests[1], ["path", "status"], lambda _: None))
    elif requests[0].table == "chunks" and given.ledger and given.sql is not None:
        _report(given, requests[0], _drain(requests[0], ["path"], lambda _: None))
    elif summaries:
        # A query that stops early (LIMIT) has no summary: it asked for no more.
        _report(given, requests[0], summaries[-1])
    return _status(given, rows)


def _write_frame(
    given: argparse.Namespace, frame: pl.LazyFrame, write: Callable[[pl.LazyFrame, str, IO[bytes]], int]
) -> int:
    """Write a frame as it is wanted; returns its number of rows."""
    form = _format(given)
    if form != "table":
        if form in {"parquet", "arrow"} and given.output is None and sys.stdout.isatty():
            raise ArgumentError(f"format: {form} is not for a terminal; use --output")
        with _output_bytes(given) as binary:
            return write(frame, form, binary)
    collected = frame.collect()
    with _output(given) as out:
        terminal = given.output is None and sys.stdout.isatty()
        table = TextTable(collected.columns, out, terminal=terminal, colour=_coloured(given, terminal=terminal))
        table.add(collected.to_dict(as_series=False))
        table.finish()
    return collected.height


def _report(given: argparse.Namespace, request: ScanRequest, summary: Summary) -> None:
    if request.table not in {"hits", "search", "chunks"}:
        return
    chunks = request.table == "chunks"
    if given.ledger:
        print(ledger_text(summary, "chunk" if chunks else "hit"), file=sys.stderr)
    work = "chunking" if chunks else "search"
    missing = incomplete_text(summary, cut_expected=request.asks_for_cut, work=work)
    if missing is not None:
        by_sql = '--sql "select path, status, error from coverage" names each file'
        in_python = "chunk() in Python names each file in its coverage"
        print(f"vfo: {missing}; {in_python if chunks else by_sql}", file=sys.stderr)


def _source(paths: Sequence[str]) -> str | list[str]:
    return _one_or_list(paths) if paths else "."


def _one_or_list(paths: Sequence[str]) -> str | list[str]:
    return paths[0] if len(paths) == 1 else list(paths)


def _columns(given: argparse.Namespace) -> list[str]:
    return [name.strip() for name in given.columns.split(",") if name.strip()] if given.columns else []


def _format(given: argparse.Namespace) -> str:
    if given.format is not None:
        return cast("str", given.format)
    extension = _extension(given.output)
    if extension and extension not in _BY_EXTENSION:
        known = ", ".join(_BY_EXTENSION)
        raise ArgumentError(f"output: {given.output} says no format; use one of {known}, or say which with --format")
    return _BY_EXTENSION.get(extension, "table")


def _extension(output: str | None) -> str:
    return os.path.splitext(output or "")[1].lower()


def _plain(given: argparse.Namespace) -> bool:
    """Whether the answer is shown without Polars."""
    return _format(given) == "table" and given.sql is None


def _coloured(given: argparse.Namespace, *, terminal: bool) -> bool:
    if given.color != "auto":
        return bool(given.color == "always")
    return terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


@contextmanager
def _replacing_text(path: str) -> Iterator[IO[str]]:
    with replacing(path) as binary:
        out = io.TextIOWrapper(binary, encoding="utf-8", newline="\n", write_through=True)
        yield out
        out.detach()


def _output(given: argparse.Namespace) -> AbstractContextManager[IO[str]]:
    if given.output is not None:
        return _replacing_text(given.output)
    # Text that the terminal's encoding cannot show must not end the search.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return nullcontext(sys.stdout)


def _output_bytes(given: argparse.Namespace) -> AbstractContextManager[IO[bytes]]:
    return replacing(given.output) if given.output is not None else nullcontext(sys.stdout.buffer)


def _unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Report what could not be raised, but not the Ctrl-C that Polars' engine meets while it is taken down."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _message(error: Exception) -> str:
    """What is said of an error: on one line, but for a pattern, which is shown with a mark below the place."""
    text = str(error)
    if _is_polars_error(error):
        # Behind it stand the expression and the plan of the query, which say nothing to who wrote the SQL.
        text = text.split("\n\n", 1)[0]
    if isinstance(error, PatternError):
        return "\n".join(visible(line) for line in text.split("\n"))
    return visible(text)


def _is_polars_error(error: Exception) -> bool:
    """Whether Polars refused the query; asked without importing it, because then it is loaded already."""
    polars = sys.modules.get("polars")
    return polars is not None and isinstance(error, polars.exceptions.PolarsError)
