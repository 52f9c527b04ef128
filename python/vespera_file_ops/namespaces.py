"""The namespace `vfo` on Polars' own objects: `pl.col("path").vfo.read_text()`, `hits.vfo.apply_edits()`.

Sugar over the functions of this package: each method passes its object as the first argument. They are registered when
both this package and Polars have been imported, in whatever order.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    # It takes a third of the time of this package's import, and a finder need not be one of its classes.
    from importlib.abc import Loader

__all__ = ["register"]


def register() -> None:
    """Register the namespaces now, if Polars is there, else as soon as it has been imported."""
    if "polars" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterPolars())


class _AfterPolars:
    """Waits for the import of Polars."""

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> ModuleSpec | None:
        if fullname != "polars":
            return None
        sys.meta_path.remove(self)
        spec = find_spec("polars")
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _ThenRegister(spec.loader))
        return spec


class _ThenRegister:
    """The loader of Polars, with something to do behind it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        _register()


def _register() -> None:
    import polars as pl

    if not hasattr(pl.Expr, "vfo"):
        pl.api.register_expr_namespace("vfo")(_ExprNamespace)
        pl.api.register_dataframe_namespace("vfo")(_DataFrameNamespace)


def _method(module: str, function: str, *, pattern_first: bool = False) -> Callable[..., Any]:
    """A method that calls a function of this package with its object as the first argument, or behind the pattern."""

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        from importlib import import_module

        called = getattr(import_module(f".{module}", __package__), function)
        if pattern_first:
            pattern, *rest = args if args else (kwargs.pop("pattern"),)
            return called(pattern, self._object, *rest, **kwargs)
        return called(self._object, *args, **kwargs)

    method.__name__ = function
    method.__doc__ = f"`vespera_file_ops.{module}.{function}` of this object; see there."
    return method


class _ExprNamespace:
    """What lies behind the paths of an expression; the functions of `vespera_file_ops.expr`."""

    def __init__(self, expr: Any) -> None:
        self._object = expr

    read_text = _method("expr", "read_text")
    read_bytes = _method("expr", "read_bytes")
    head = _method("expr", "head")
    blake3 = _method("expr", "blake3")
    line_count = _method("expr", "line_count")
    encoding = _method("expr", "encoding")
    is_binary = _method("expr", "is_binary")
    chunks = _method("expr", "chunks")
    count_hits = _method("expr", "count_hits", pattern_first=True)
    search = _method("expr", "search", pattern_first=True)
    info = _method("expr", "info")
    exists = _method("expr", "exists")


class _DataFrameNamespace:
    """What can be done with a frame of this package."""

    def __init__(self, frame: Any) -> None:
        self._object = frame

    write_files = _method("bulk", "write_files")
    apply_edits = _method("bulk", "apply_edits")
    summarize = _method("summaries", "summarize_hits")
    show = _method("display", "show")
