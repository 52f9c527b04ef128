"""`vfo info` and `vfo hash`: what is known of entries that are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..request import ScanRequest
from ..text_table import value_text, visible
from .options import walk_options
from .output import is_plain, say, text_output
from .rows import drain, one_or_list, show, status_of

if TYPE_CHECKING:
    import argparse

__all__ = ["hashes", "info"]


def info(given: argparse.Namespace) -> int:
    """Everything that is known of an entry."""
    options: dict[str, object] = {"describe_only": True, "within": given.within}
    options |= {"blake3": True} if given.blake3 else {}
    request = ScanRequest("files", one_or_list(given.source), options, argument="path", globs=False)
    if not is_plain(given):
        from .export import export

        return export(given, [request])
    if given.columns:
        return show(given, request, given.columns, given.columns)
    rows = 0
    with text_output(given) as out:

        def write(batch: dict[str, list[object]]) -> None:
            nonlocal rows
            width = max(map(len, batch))
            for at in range(len(batch["path"])):
                filled = {name: value_text(name, values[at]) for name, values in batch.items()}
                out.write("\n" if rows else "")
                out.writelines(f"{name:{width}}  {text}\n" for name, text in filled.items() if text)
                rows += 1
            out.flush()

        drain(request, None, write)
    return status_of(given, rows)


def hashes(given: argparse.Namespace) -> int:
    """The BLAKE3 hash of each file, as `b3sum` prints it."""
    options = {**walk_options(given), "blake3": True}
    request = ScanRequest("files", one_or_list(given.source), options, argument="path")
    if not is_plain(given) or given.columns:
        import polars as pl

        from .export import export

        columns = given.columns or ["path", "blake3", "error"]
        return export(given, [request], columns, pl.col("blake3").is_not_null() | pl.col("error").is_not_null())
    rows = failures = 0
    with text_output(given) as out:

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
                    say(f"vfo: {path}: {error}")
                    failures += 1
            out.flush()

        drain(request, ["path", "kind", "depth", "blake3", "error"], write)
    return 2 if failures else 0 if rows else 1
