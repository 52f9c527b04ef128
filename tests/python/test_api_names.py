"""Names that stand in several places agree: `__all__`, lazy imports, stubs, options, documented columns."""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import BuiltinFunctionType
from typing import get_type_hints

import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops import _core, chunk_arguments, errors, options, tables

PACKAGE = Path(vfo.__file__).parent


def statically_imported() -> dict[str, str]:
    """The names that a type checker sees in the package, and their modules."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    return {
        alias.name: str(node.module or alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_all_is_what_a_type_checker_sees() -> None:
    assert sorted(statically_imported()) == sorted([*vfo.__all__, "__version__"])
    assert len(set(vfo.__all__)) == len(vfo.__all__)


def test_every_name_comes_from_the_module_that_the_type_checker_is_told() -> None:
    for name, module in statically_imported().items():
        home = import_module(f"vespera_file_ops.{module}")
        assert getattr(vfo, name) is (home if module == name else getattr(home, name))


def test_every_public_function_of_a_module_is_public() -> None:
    found = ("scan", "streams", "searches", "listing", "explanation", "differences", "summaries", "display", "bulk")
    single = ("chunks", "result", "files", "edits", "writes", "watching", "errors")
    for module in (*found, *single):
        assert set(import_module(f"vespera_file_ops.{module}").__all__) <= set(vfo.__all__), module


def test_every_chart_is_public_and_none_is_missing() -> None:
    assert vfo.plot.__all__ == sorted(vfo.plot.__all__)
    made = [import_module(f"vespera_file_ops.plot.{module}").__all__ for module in ("bars", "rectangles", "times")]
    assert {name for names in made for name in names if name.islower()} == set(vfo.plot.__all__)


def test_dir_shows_every_name_and_no_other_exists() -> None:
    assert set(vfo.__all__) <= set(dir(vfo))
    with pytest.raises(AttributeError, match="scan_everything"):
        vfo.scan_everything  # noqa: B018  # the access is the test


def test_every_exception_is_public() -> None:
    defined = {name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)}
    assert defined == set(errors.__all__)


def stub_members() -> dict[str, set[str]]:
    """The classes and functions of the stub, with the members that they have beyond `__new__`."""
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    members: dict[str, set[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            members[node.name] = set()
        elif isinstance(node, ast.ClassDef):
            members[node.name] = {item.name for item in node.body if isinstance(item, ast.FunctionDef)} - {"__new__"}
    return members


def test_the_stub_names_what_the_core_has() -> None:
    stub = stub_members()
    real = {name for name, value in vars(_core).items() if isinstance(value, (type, BuiltinFunctionType))}
    assert real == set(stub)
    for name, members in stub.items():
        value = getattr(_core, name)
        for member in members:
            assert hasattr(value, member), f"{name}.{member}"
        if isinstance(value, type):
            public = {member for member in vars(value) if not member.startswith("_")}
            assert public == {member for member in members if not member.startswith("_")}, name


def test_the_stub_has_the_parameters_that_the_core_has() -> None:
    tree = ast.parse((PACKAGE / "_core.pyi").read_text())
    functions = {(None, node.name): node for node in tree.body if isinstance(node, ast.FunctionDef)}
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef) and hasattr(_core, owner.name):
            functions |= {(owner.name, node.name): node for node in owner.body if isinstance(node, ast.FunctionDef)}
    for (owner_name, name), node in functions.items():
        if name.startswith("__") or any(ast.unparse(decorator) == "property" for decorator in node.decorator_list):
            continue
        real = getattr(_core if owner_name is None else getattr(_core, owner_name), name)
        expected = [argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)]
        assert list(inspect.signature(real).parameters) == expected, f"{owner_name}.{name}"


@pytest.mark.parametrize(
    ("typed", "documented"),
    [
        (options.FilesOptions, options.FILES),
        (options.HitsOptions, options.HITS),
        (options.CoverageOptions, options.COVERAGE),
        (options.CompleteOptions, options.COMPLETE),
        (options.ChunksOptions, options.CHUNKS),
        (options.ChunkOptions, options.CHUNK),
        (options.WatchOptions, options.WATCH),
        (options.DiffOptions, options.DIFF),
    ],
)
def test_an_option_is_typed_and_documented(typed: type, documented: dict[str, options.Option]) -> None:
    assert set(typed.__annotations__) | _inherited(typed) == set(documented)


def _inherited(typed: type) -> set[str]:
    known = {"CancelToken": _core.CancelToken, "Root": _core.Root, "PathArgument": object}
    chunking = {"Tokenizer": chunk_arguments.Tokenizer, "Extractor": chunk_arguments.Extractor}
    return set(get_type_hints(typed, localns={**known, **chunking}))


def test_the_signature_shows_the_options_with_their_defaults() -> None:
    parameters = inspect.signature(vfo.scan_hits).parameters
    assert list(parameters)[:2] == ["pattern", "source"]
    for name, option in options.HITS.items():
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[name].default == option.default
    listed = inspect.signature(vfo.list_directory).parameters
    assert listed["include_hidden"].default is True
    assert listed["respect_ignore"].default is False


@pytest.mark.parametrize("name", sorted({*options.COMPLETE, *options.FILES, *options.CHUNK}))
def test_the_documented_default_is_the_default(name: str, demo: Path) -> None:
    default = {**options.COMPLETE, **options.FILES, **options.CHUNK}[name].default
    if name in options.CHUNK:
        told, silent = vfo.chunk(**{name: default}), vfo.chunk()
        assert told.chunks.equals(silent.chunks)
        assert told.coverage.equals(silent.coverage)
    if name in options.COMPLETE:
        given = vfo.search("TODO", **{name: default})
        plain = vfo.search("TODO")
        assert given.hits.equals(plain.hits)
        assert given.coverage.equals(plain.coverage)
    if name in options.FILES:
        assert (
            vfo.scan_files(**{name: default})
            .collect()
            .drop("accessed")
            .equals(vfo.scan_files().collect().drop("accessed"))
        )


KINDS = {
    "String": pl.String(),
    "Binary": pl.Binary(),
    "Int64": pl.Int64(),
    "UInt64": pl.UInt64(),
    "Boolean": pl.Boolean(),
    "Datetime": pl.Datetime("ns", "UTC"),
    "List[String]": pl.List(pl.String()),
    "List[Struct]": pl.List(
        pl.Struct({"name": pl.String(), "text": pl.String(), "start_byte": pl.Int64(), "end_byte": pl.Int64()})
    ),
}


def test_the_documented_columns_are_the_columns(demo: Path) -> None:
    found = {
        "files": (vfo.scan_files(), vfo.scan_files(blake3=True, observed=True), tables.FILES),
        "hits": (vfo.scan_hits("a"), vfo.scan_hits("a", captures=True, context=1, raw_bytes=True), tables.HITS),
        "coverage": (vfo.scan_coverage("a"), vfo.scan_coverage("a", include_ignored=True), tables.COVERAGE),
        "chunks": (vfo.scan_chunks(), vfo.scan_chunks(overlap=100), tables.CHUNKS),
    }
    for table, (least, most, columns) in found.items():
        assert dict(most.collect_schema()) == {column.name: KINDS[column.type] for column in columns}, table
        assert least.collect_schema().names() == [column.name for column in columns if column.option is None], table


def test_the_documented_columns_of_events_are_the_columns(demo: Path) -> None:
    with vfo.watch(initial=True) as watcher:
        frame = next(watcher)
    assert dict(frame.schema) == {column.name: KINDS[column.type] for column in tables.EVENTS}


def test_the_documented_columns_of_differences_are_the_columns(demo: Path) -> None:
    table = vfo.diff_trees(vfo.scan_files().collect())
    assert dict(table.schema) == {column.name: KINDS[column.type] for column in tables.DIFFERENCES}


def test_the_documented_defaults_of_the_watcher_are_the_defaults(demo: Path) -> None:
    rows = vfo.scan_files().collect()["path"].to_list()
    for name, option in options.WATCH.items():
        with vfo.watch(**{name: option.default}) as watcher:
            watcher.rescan()
            assert next(watcher)["event"].to_list() == ["rescan"]
        with vfo.watch(**{name: option.default, "initial": True}) as watcher:
            assert next(watcher)["path"].to_list() == rows


def test_the_names_of_the_index_are_what_a_type_checker_sees() -> None:
    from vespera_file_ops import rag

    assert rag.__all__ == sorted(rag.__all__)
    assert all(hasattr(rag, name) for name in rag.__all__)
    parameters = inspect.signature(rag.Index.sync).parameters
    for name, option in options.without(options.DIFF, "absolute_paths").items():
        assert parameters[name].default == option.default


def test_importing_the_package_imports_neither_polars_nor_the_core() -> None:
    code = "import sys, json, vespera_file_ops; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))
    assert not loaded & {"polars", "numpy", "pyarrow", "typer", "tqdm", "vespera_file_ops._core", "inspect", "argparse"}
    assert not loaded & {"altair", "vespera_file_ops.plot"}


def test_the_command_line_imports_no_polars() -> None:
    code = "import sys, json, vespera_file_ops.cli; print(json.dumps(sorted(sys.modules)))"
    loaded = set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))
    assert not loaded & {"polars", "numpy", "pyarrow", "typer", "tqdm", "inspect", "dataclasses"}


def test_a_misspelled_name_is_met_with_what_was_meant() -> None:
    code = "import vespera_file_ops as vfo; vfo.scan_hit"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.rstrip().endswith("has no attribute 'scan_hit'. Did you mean: 'scan_hits'?")
