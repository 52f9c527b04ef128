"""The eager listings: files by glob, one folder's contents, single entries; each a frame of the files table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import options as opt
from . import tables
from .errors import ArgumentError
from .frames import collect
from .options import checked, documented
from .paths import is_path, text_list
from .request import ScanRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    import polars as pl
    from typing_extensions import Unpack

    from .options import FilesOptions
    from .paths import PathArgument, SourceArgument

__all__ = ["get_file_info", "glob_files", "list_directory"]

_GLOB = opt.without(opt.FILES, "include")
_LIST = {
    **opt.without(opt.FILES, "max_depth"),
    "include_hidden": opt.FILES["include_hidden"]._replace(default=True),
    "respect_ignore": opt.FILES["respect_ignore"]._replace(default=False),
}
_INFO = {name: opt.FILES[name] for name in ("absolute_paths", "follow_symlinks", "within", "blake3")}


@documented(_GLOB, tables.FILES)
def glob_files(
    source: SourceArgument,
    patterns: str | Iterable[str],
    *,
    progress: bool = False,
    **options: Unpack[FilesOptions],
) -> pl.DataFrame:
    """The files below a folder whose path matches one of the globs.

    Globs follow gitignore's rules: `*.py` at any depth, `/x` anchored at the source, `**` across folders. Folders are
    no rows, but for those that could not be read.

    Arguments:
        source: A folder, or a list of them.
        patterns: A glob, or a list of them; braces are allowed.
        progress: Show a progress bar (tqdm).
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one source does not exist.
        PatternError: A glob does not parse.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.glob_files(".", ["*.py", "*.rs"])["path"].to_list()
        ['src/app.py', 'src/lib.rs', 'src/util.py']
    """
    given = checked("glob_files", options, _GLOB)
    globs = text_list("patterns", patterns)
    if not globs:
        raise ArgumentError("patterns: the list holds no glob")
    return _files(ScanRequest("files", source, {**given, "include": globs}), progress=progress)


@documented(_LIST, tables.FILES)
def list_directory(path: PathArgument = ".", **options: Unpack[FilesOptions]) -> pl.DataFrame:
    """Everything that lies directly in a folder, hidden and ignored entries included.

    Arguments:
        path: The folder; never taken for a glob.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: There is no such folder.
        ArgumentError: The path names something else than a folder, or another argument cannot be used.
        TypeError: An argument has the wrong type; the message names it.

    Example:
        >>> import vespera_file_ops as vfo
        >>> vfo.list_directory(".").select("name", "kind").rows()[-3:]
        [('data', 'dir'), ('debug.log', 'file'), ('src', 'dir')]
    """
    given = {"include_hidden": True, "respect_ignore": False, **checked("list_directory", options, _LIST)}
    request = _one("files", path, {**given, "max_depth": 1})
    entries = _files(request)
    if entries.height == 1 and entries["depth"][0] == 0 and entries["error"][0] is None:
        raise ArgumentError(
            f"path: {entries['path'][0]!r} is a {entries['kind'][0]}, not a folder; get_file_info describes it",
            path=entries["path"][0],
        )
    return entries


@documented(_INFO, tables.FILES)
def get_file_info(path: SourceArgument, **options: Unpack[FilesOptions]) -> pl.DataFrame:
    """The named entries themselves, one row each, also folders and symlinks.

    Arguments:
        path: A path, or a list of them; never taken for globs. In a list, a path that does not exist is a row with
            `error`.
        {options}

    Columns:
        {columns}

    Raises:
        PathNotFoundError: The one path does not exist.
        ArgumentError, TypeError: Another argument cannot be used; the message names it.

    Example:
        >>> import polars as pl
        >>> import vespera_file_ops as vfo
        >>> vfo.get_file_info("src/app.py").select("name", "kind", "size", "strategy").row(0)
        ('app.py', 'file', 75, 'buffered')
        >>> vfo.get_file_info(["src", "gone"]).select("path", pl.col("error").is_null()).rows()
        [('src', True), ('gone', False)]
    """
    given = checked("get_file_info", options, _INFO)
    return _files(ScanRequest("files", path, {**given, "describe_only": True}, argument="path", globs=False))


def _one(table: str, path: PathArgument, options: dict[str, object]) -> ScanRequest:
    if not is_path(path):
        raise TypeError(f"path: one path (str, bytes or os.PathLike), not {type(path).__name__}")
    return ScanRequest(table, path, options, argument="path", globs=False)


def _files(request: ScanRequest, *, progress: bool = False) -> pl.DataFrame:
    (entries,), _summary = collect(request, "files", progress=progress)
    return entries
