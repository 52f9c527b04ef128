"""What `vfo` takes on its command line.

An option has the name that it has in Python, with dashes; short forms are ripgrep's where it has one. argparse, and
not a richer library: typer alone takes longer to import than a whole search of a small repository may last.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from .. import _core
from ..errors import ArgumentError
from .parser import SIZE_UNITS, Parser, column_names, size

__all__ = ["FORMATS", "command_parser", "parse"]

FORMATS = ("table", "csv", "ndjson", "json", "parquet", "arrow")

# Those that need no end.
_ENDLESS_FORMATS = ("table", "csv", "ndjson")

_WITHIN = "a folder in which paths start, and which nothing leads out of"
# The options of a call that a command does not take.
_NOT_EXPLAINED = ("max_hits", "context", "captures", "ledger", "ordered", "threads", "time_limit")
_NOT_SYNCED = ("ordered", "time_limit", "absolute_paths")
_NOT_WATCHED = ("ordered", "threads", "time_limit")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line, checked; `command` is the subcommand's name."""
    parser = command_parser()
    if "_ARGCOMPLETE" in os.environ:
        from .completion import answer

        answer(parser)
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    given, unknown = parser.parse_known_args(words)
    if unknown:
        given.parser.take_rest(given, unknown)
    if given.command == "search":
        if not given.pattern and not given.positional:
            raise ArgumentError("a pattern is needed: vfo search PATTERN [SOURCE ...]")
        given.source = given.positional if given.pattern else given.positional[1:]
        given.pattern = given.pattern or given.positional[:1]
    if getattr(given, "columns", None) and given.sql is not None:
        raise ArgumentError("columns: the query of --sql says which columns it gives")
    return given


class _Completion(argparse.Action):
    """Shows or installs what a shell needs to complete the command, and ends, as --version does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        values: object,
        _option: str | None = None,
    ) -> None:
        from .completion import install, script

        shell = None if values is None else str(values)
        if self.dest == "show_completion":
            print(script(shell), end="")
        else:
            for line in install(shell):
                print(line)
        parser.exit()


def command_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="vfo",
        description="A file tree is a data frame: search, list, describe, hash and chunk files, as tables.",
        epilog="Exit status: 0 with rows, 1 without, 2 on an error.",
    )
    parser.add_argument("--version", action="version", version=f"vfo {_core.__version__}")
    for name, text in (
        ("--install-completion", "let Tab complete the command in this shell (default: that of $SHELL)"),
        ("--show-completion", "print what it would install"),
    ):
        parser.add_argument(name, action=_Completion, nargs="?", choices=("bash", "zsh", "fish"), help=text)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    search = commands.add_parser("search", help="the matches of a pattern, one row each")
    search.add_argument("positional", nargs="*", metavar="PATTERN [SOURCE ...]", help="the pattern, and where to look")
    _add_search(search)
    _add_walk(search)
    _add_output(search, "hits, coverage, files")

    files = commands.add_parser("files", help="the entries below a folder, one row each")
    files.add_argument("source", nargs="*", help="folders, files or globs (default: the current directory)")
    files.add_argument("-b", "--blake3", action="store_true", help="add the hash of each file's content")
    _add_walk(files)
    _add_output(files, "files")

    chunks = commands.add_parser("chunks", help="pieces of files for retrieval, one row each")
    chunks.add_argument("source", nargs="*", help="folders, files or globs (default: the current directory)")
    _add_chunking(chunks)
    _add_walk(chunks)
    _add_output(chunks, "chunks, files")

    info = commands.add_parser("info", help="everything that is known of an entry")
    info.add_argument("source", nargs="+", metavar="path", help="files or folders")
    info.add_argument("--within", help=_WITHIN)
    info.add_argument("-b", "--blake3", action="store_true", help="add the hash of each file's content")
    _add_output(info, "files")

    digest = commands.add_parser("hash", help="the BLAKE3 hash of each file")
    digest.add_argument("source", nargs="+", metavar="path", help="files, or folders for all files below")
    _add_walk(digest)
    _add_output(digest, "files")

    read = commands.add_parser("read", help="the content of a file")
    read.add_argument("source", nargs="+", metavar="path", help="files")
    read.add_argument("--within", help=_WITHIN)
    read.add_argument("-E", "--encoding", help='decode it from this encoding, or "auto"; without it, the bytes')
    _add_output(read, "lines")

    explain = commands.add_parser("explain", help="why a file is searched, or is not")
    explain.epilog = "Exit status: 0 if the file is searched, 1 if not, 2 on an error."
    explain.add_argument("source", nargs="+", metavar="path", help="files")
    explain.add_argument(
        "--source",
        dest="below",
        metavar="FOLDER",
        help="what is searched (default: the current directory, or else the folder of the path)",
    )
    _add_search(explain, without=_NOT_EXPLAINED)
    _add_walk(explain, without=_NOT_EXPLAINED)
    _add_output(explain, None)

    watch = commands.add_parser("watch", help="what changes below a folder, as it changes")
    watch.epilog = "Runs until Ctrl-C (exit status 130)."
    watch.add_argument("source", nargs="*", help="folders, files or globs (default: the current directory)")
    group = watch.add_argument_group("the events")
    flag, value = _adders(group)
    flag(None, "--initial", "begin with what is there, as created")
    flag(None, "--once", "end with the first changes (exit status 0)")
    value(None, "--debounce", float, "seconds of quiet to wait for (0.05)")
    _add_walk(watch, without=_NOT_WATCHED)
    group = watch.add_argument_group("the output")
    group.add_argument("-f", "--format", choices=_ENDLESS_FORMATS, default="table", help="default: table")
    _add_columns(group)
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    watch.set_defaults(output=None, sql=None)

    _add_index(
        commands.add_parser("index", help="a retrieval index of folders, kept true at the price of what changed")
    )
    _add_serve(commands.add_parser("serve", help="a Model Context Protocol server for agents"))
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--root", action="append", required=True, metavar="[NAME=]DIR", help="a folder to give access to (repeatable)"
    )
    parser.add_argument("--read-only", action="store_true", help="offer no tool that changes files")
    parser.add_argument(
        "--allow", action="append", default=[], metavar="GLOB", help="give names that are denied, such as .env"
    )
    parser.add_argument(
        "--max-bytes", type=size, default=20_000, metavar="SIZE", help=f"text in one answer (20000; {SIZE_UNITS})"
    )
    parser.add_argument("--time-limit", type=float, default=20.0, help="seconds for one call (20)")
    parser.add_argument(
        "--index", metavar="URI", help="search this retrieval index too; what is read becomes part of it"
    )
    parser.add_argument("--embedder", choices=("none", "minilm"), default="none", help="what makes its vectors (none)")
    parser.add_argument("--http", metavar="HOST:PORT", help="serve streamable HTTP there, under /mcp, instead of stdio")
    parser.add_argument("--token-file", metavar="FILE", help="requests must carry the token that this file holds")
    parser.add_argument("--concurrency", type=int, default=32, help="calls that are worked on at once (32)")
    parser.set_defaults(output=None)


def _add_index(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Exit status: 0 done, 1 done with files left out (or nothing found), 2 refused or failed."
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    sync = actions.add_parser("sync", help="make the index what a folder holds now")
    sync.add_argument("folder", nargs="?", default=".", metavar="source", help="the folder (default: the current one)")
    sync.add_argument("--name", help="what the source is called in the index (default: its canonical path)")
    sync.add_argument("--chunk-size", type=int, help="characters a chunk; of a new index")
    sync.add_argument("--overlap", type=int, help="characters that neighbouring chunks share; of a new index")
    sync.add_argument("-E", "--encoding", help="decode files from this encoding; of a new index")
    sync.add_argument(
        "--max-removed", type=float, default=0.5, help="refuse to remove a larger share of the files (0.5)"
    )
    sync.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")
    sync.add_argument("--rebuild", action="store_true", help="start over, and forget every source of the index first")
    sync.add_argument("--wait", type=float, default=30.0, help="seconds to wait for another writer (30)")
    sync.add_argument(
        "--engine",
        choices=("local", "daft"),
        default="local",
        help="who cuts and embeds: this process, or Daft's workers",
    )
    sync.add_argument("--progress", action="store_true", help="show progress bars")
    # A sync takes the whole tree, and knows its paths by itself.
    _add_walk(sync, without=_NOT_SYNCED)
    search = actions.add_parser("search", help="the chunks that answer a query best")
    search.add_argument("query", help="words, names or a question")
    search.add_argument("-m", "--limit", type=int, default=10, help="at most so many rows (10)")
    search.add_argument("--mode", choices=("auto", "text", "vector", "hybrid"), default="auto")
    search.add_argument("--where", metavar="SQL", help="a condition on path, language, modified and the like")
    status = actions.add_parser("status", help="what the index holds")
    verify = actions.add_parser("verify", help="every difference between the index and the folders")
    verify.add_argument("folder", nargs="?", metavar="source", help="one source (default: all)")
    verify.add_argument("--name", help="the source by its name")
    for action in (sync, search, status, verify):
        action.add_argument("--index", required=True, metavar="FOLDER", help="the folder of the index")
        action.add_argument("--embedder", choices=("none", "minilm"), default="none", help="what makes vectors (none)")
        action.add_argument("--json", action="store_true", help="the report as JSON")
        action.add_argument("--color", choices=("auto", "always", "never"), default="auto")
        action.set_defaults(output=None, parser=action)


def _add_search(parser: argparse.ArgumentParser, without: Sequence[str] = ()) -> None:
    group = parser.add_argument_group("the search")
    flag, value = _adders(group, without)
    group.add_argument("-e", "--pattern", action="append", default=[], help="a pattern; may be given several times")
    flag("-F", "--fixed-strings", "patterns are plain text")
    flag("-i", "--ignore-case", "ignore case")
    flag("-S", "--smart-case", "ignore case unless a pattern has a capital letter")
    flag("-w", "--whole-word", "only whole words")
    flag("-v", "--invert-match", "the lines that no pattern matches")
    flag("-U", "--multiline", "a match may span lines")
    flag("-a", "--text", "search files with NUL bytes as well (binary=search)")
    value("-E", "--encoding", str, "decode files from this encoding (default: by their BOM, else UTF-8)")
    value("-C", "--context", int, "show so many lines around each hit")
    flag(None, "--captures", "add the pattern's groups")
    value("-m", "--max-hits-per-file", int, "the first so many hits of each file")
    value(None, "--max-hits", int, "the first so many hits")
    value(None, "--max-line-bytes", size, f"cut longer lines around their match ({SIZE_UNITS})")
    value(None, "--strategy", str, "how content is read: auto, buffered, mmap or stream")
    flag(None, "--ledger", "say on stderr what was found and searched")


def _add_chunking(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the chunks")
    flag, value = _adders(group)
    value("-s", "--chunk-size", int, "at most so many characters, or tokens of --tokenizer (default: 1600)")
    value(None, "--overlap", int, "neighbouring chunks share up to so many of them")
    group.add_argument("--tokenizer", metavar="FILE", help="count the tokens of this tokenizer.json")
    value("-E", "--encoding", str, "decode files from this encoding (default: by their BOM, else UTF-8)")
    value(None, "--strategy", str, "how content is read: auto, buffered, mmap or stream")
    flag(None, "--ledger", "say on stderr what was found and chunked")


def _add_walk(parser: argparse.ArgumentParser, without: Sequence[str] = ()) -> None:
    group = parser.add_argument_group("which entries")
    flag, value = _adders(group, without)
    group.add_argument("-g", "--include", action="append", default=[], metavar="GLOB", help="only these; !GLOB: not")
    group.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="leave these out")
    group.add_argument(
        "-t", "--type", "--types", action="append", dest="types", metavar="TYPE", help="only files of this type"
    )
    group.add_argument(
        "-.", "--hidden", "--include-hidden", action="store_true", dest="include_hidden", help="hidden entries as well"
    )
    flag(None, "--no-respect-ignore", "ignored entries as well")
    flag(None, "--no-require-git", "read .gitignore files outside a repository too")
    flag("-L", "--follow-symlinks", "enter symlinked folders")
    value("-d", "--max-depth", int, "how many levels below the source")
    value(None, "--max-file-size", size, f"leave out larger files ({SIZE_UNITS})")
    flag(None, "--one-file-system", "stay on the source's file system")
    flag(None, "--absolute-paths", "give paths from the root")
    value(None, "--within", str, _WITHIN)
    flag(None, "--no-ordered", "rows as they come")
    value("-j", "--threads", int, "at most so many workers")
    value(None, "--time-limit", float, "stop after so many seconds")


def _add_output(parser: argparse.ArgumentParser, tables: str | None) -> None:
    group = parser.add_argument_group("the output")
    group.add_argument("-f", "--format", choices=FORMATS, help="default: by --output's extension, else table")
    group.add_argument(
        "-o", "--output", metavar="FILE", help="write there instead of to the standard output; .csv, .parquet and so on"
    )
    _add_columns(group)
    if tables is not None:
        group.add_argument("--sql", metavar="QUERY", help=f"a query over the tables: {tables}")
    group.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    parser.set_defaults(sql=None)


def _add_columns(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--columns", type=column_names, metavar="NAMES", help="these columns, separated by commas")


def _adders(group: argparse._ArgumentGroup, without: Sequence[str] = ()):  # type: ignore[no-untyped-def]  # two local helpers
    def flag(short: str | None, name: str, text: str) -> None:
        if _option(name) not in without:
            group.add_argument(*([short] if short else []), name, action="store_true", help=text)

    def value(short: str | None, name: str, kind: Callable[[str], object], text: str) -> None:
        metavar = "SIZE" if kind is size else None
        if _option(name) not in without:
            group.add_argument(*([short] if short else []), name, type=kind, metavar=metavar, help=text)

    return flag, value


def _option(name: str) -> str:
    """The option of a call that a flag stands for."""
    return name.removeprefix("--").removeprefix("no-").replace("-", "_")
