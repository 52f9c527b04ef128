"""What the tests of confined roots share: a root among secrets, every way out of it, and who takes a path."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

import vespera_file_ops as vfo

SECRET = "SECRET"
# What leads out of the root of `roots`, in every way that a path can.
ESCAPES = [
    "..",
    "../",
    "../secret",
    "../missing",
    "../rootless/secret",
    "sub/../../secret",
    "sub/deep/../../../root/file",
    "up",
    "up_missing",
    "up_folder",
    "up_folder/secret",
    "sub/up",
    "absolute",
    "absolute_missing",
    "chain",
    "sub/deep/../../up",
    "/etc/passwd",
    "/missing",
    "/",
    "//etc/passwd",
    "\udcff/../../secret",
    "up_folder/root/file",
    "absolute_inside",
    "new\nline",
]


def write_roots(top: Path) -> Path:
    """A root among secrets, with links in it that lead to them; the root's path."""
    root = top / "root"
    (root / "sub" / "deep").mkdir(parents=True)
    os.mkdir(os.fsencode(root) + b"/\xff")
    (top / "rootless").mkdir()
    for secret in (top / "secret", top / "rootless" / "secret"):
        secret.write_text(f"{SECRET}\n")
    (root / "file").write_text("inside\n")
    (root / "sub" / "deep" / "file").write_text("inside\n")
    for target, link in (
        ("../secret", "up"),
        ("../missing", "up_missing"),
        ("../", "up_folder"),
        ("../../secret", "sub/up"),
        (str(top / "secret"), "absolute"),
        (str(top / "missing"), "absolute_missing"),
        (str(root / "file"), "absolute_inside"),
        ("../secret", "new\nline"),
        ("up", "chain"),
        ("sub/deep", "inside"),
        ("sub/deep/file", "inside_file"),
    ):
        (root / link).symlink_to(target)
    return root


# What takes no path but a frame; those whose frames hold paths have tests of their own for what leads out.
OF_FRAMES = {"apply_edits", "show", "summarize_hits", "write_files"}


def takes_a_path(parameter: inspect.Parameter) -> bool:
    return "PathArgument" in str(parameter.annotation) or "SourceArgument" in str(parameter.annotation)


def path_arguments() -> Iterator[tuple[str, str]]:
    """Every public function with each of its arguments that is a path, as the function itself says."""
    for name in vfo.__all__:
        if not inspect.isfunction(getattr(vfo, name)):
            continue
        parameters = inspect.signature(getattr(vfo, name)).parameters
        paths = [argument for argument in parameters if argument != "within" and takes_a_path(parameters[argument])]
        assert "within" in parameters or not paths, f"{name} has no within="
        yield from ((name, argument) for argument in paths)


# Of these test_create_directory.py and test_move_file.py try what links do, and whoever swaps them.
MAKES = ("create_directory", "move_file")


def drained(result: Any) -> str:
    """Everything that a call gave, as text, so that a secret in it shows."""
    if isinstance(result, vfo.SearchResult):
        return drained(result.hits) + drained(result.coverage)
    if isinstance(result, vfo.ChunkResult):
        return drained(result.chunks) + drained(result.coverage)
    if hasattr(result, "collect"):
        result = result.collect()
    if hasattr(result, "__arrow_c_stream__") and not isinstance(result, (pl.DataFrame, pl.Series)):
        result = pl.DataFrame(result)
    if isinstance(result, pl.DataFrame):
        return str(result.rows())
    return str(list(result)) if hasattr(result, "__next__") else str(result)


def everything_in(folder: Path) -> list[str]:
    """The names and contents of all that lies outside of the root."""
    files = [path for path in sorted(folder.rglob("*")) if "root" not in path.relative_to(folder).parts]
    return [f"{path} {path.read_bytes() if path.is_file() else path.lstat().st_mode}" for path in files]


WRITES: dict[str, Callable[..., object]] = {
    "write_file_atomic": lambda path, **options: vfo.write_file_atomic(path, "new", **options),
    "append_file": lambda path, **options: vfo.append_file(path, "new", **options),
    "replace_in_file": lambda path, **options: vfo.replace_in_file(path, ".", "new", **options),
}
