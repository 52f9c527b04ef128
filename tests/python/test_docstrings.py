"""Every public docstring's example runs, in the demo tree, and gives what it says."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import vespera_file_ops as vfo
from vespera_file_ops import distributed, rag
from vespera_file_ops.rag import Index

FUNCTIONS = [name for name in vfo.__all__ if inspect.isfunction(getattr(vfo, name))]


def run_examples(text: str, name: str) -> doctest.TestResults:
    """Run a docstring's examples; the report of a failure goes to stdout, where pytest shows it."""
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test)
    return doctest.TestResults(runner.failures, runner.tries)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_an_example_that_runs(name: str, demo: Path) -> None:
    text = inspect.getdoc(getattr(vfo, name))
    assert text is not None
    result = run_examples(text, name)
    assert result.attempted > 0, f"{name} has no example"
    assert result.failed == 0


@pytest.mark.parametrize("name", vfo.expr.__all__)
def test_every_expression_has_an_example_that_runs(name: str, demo: Path) -> None:
    function = getattr(vfo.expr, name)
    text = inspect.getdoc(function) or ""
    result = run_examples(text, name)
    assert (result.attempted > 0, result.failed) == (True, 0)
    for parameter in inspect.signature(function).parameters:
        assert f"\n    {parameter}: " in text, f"{name} does not document {parameter}"


@pytest.mark.parametrize("name", vfo.plot.__all__)
def test_every_chart_has_an_example_that_runs(name: str, demo: Path) -> None:
    function = getattr(vfo.plot, name)
    text = inspect.getdoc(function) or ""
    result = run_examples(text, name)
    assert (result.attempted > 0, result.failed) == (True, 0)
    assert "Raises:" in text
    for parameter in inspect.signature(function).parameters:
        assert f"\n    {parameter}: " in text, f"{name} does not document {parameter}"


@pytest.mark.parametrize("name", distributed.__all__)
def test_every_distributed_scan_has_an_example_that_runs(name: str, demo: Path) -> None:
    function = getattr(distributed, name)
    text = inspect.getdoc(function) or ""
    result = run_examples(text, name)
    assert (result.attempted > 0, result.failed) == (True, 0)
    for parameter in inspect.signature(function).parameters:
        assert f"\n    {parameter}: " in text or f"\n    {parameter} (" in text, f"{name} does not document {parameter}"


def test_the_distributed_scans_have_an_example_that_runs(demo: Path) -> None:
    result = run_examples(inspect.getdoc(distributed) or "", "vespera_file_ops.distributed")
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_the_charts_have_an_example_that_runs(demo: Path) -> None:
    result = run_examples(inspect.getdoc(vfo.plot) or "", "vespera_file_ops.plot")
    assert (result.attempted > 0, result.failed) == (True, 0)


def test_the_package_has_an_example_that_runs(demo: Path) -> None:
    result = run_examples(inspect.getdoc(vfo) or "", "vespera_file_ops")
    assert result.attempted > 0
    assert result.failed == 0


METHODS = [name for name, value in vars(Index).items() if inspect.isfunction(value) and not name.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_of_the_index_has_an_example_that_runs(name: str, demo: Path) -> None:
    method = getattr(Index, name)
    text = inspect.getdoc(method) or ""
    result = run_examples(text, name)
    assert (result.attempted > 0, result.failed) == (True, 0)
    assert "{" not in text.split("Example")[0], "a placeholder was left in the docstring"
    assert "Raises:" in text
    for parameter in list(inspect.signature(method).parameters)[1:]:
        assert f"\n    {parameter}" in text, f"{name} does not document {parameter}"


def test_the_index_has_an_example_that_runs(demo: Path) -> None:
    result = run_examples(inspect.getdoc(rag) or "", "vespera_file_ops.rag")
    assert (result.attempted > 0, result.failed) == (True, 0)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_is_documented(name: str) -> None:
    function = getattr(vfo, name)
    text = inspect.getdoc(function) or ""
    assert "{" not in text.split("Example")[0], "a placeholder was left in the docstring"
    assert "Raises:" in text
    for parameter in inspect.signature(function).parameters:
        assert f"\n    {parameter}" in text, f"{name} does not document {parameter}"


@pytest.mark.parametrize(
    "module",
    [
        *(
            "bulk",
            "chunk_arguments",
            "chunks",
            "differences",
            "display",
            "errors",
            "expr",
            "forks",
            "frames",
            "html_table",
            "interrupts",
            "ledger",
        ),
        *("namespaces", "options", "paths", "predicates", "request", "result", "summaries", "tables", "watching"),
        *("plot", "plot.bars", "plot.inputs", "plot.looks", "plot.rectangles", "plot.times"),
        *(
            "rag",
            "rag.arguments",
            "rag.chunking",
            "rag.embedder",
            "rag.lock",
            "rag.manifest",
            "rag.minilm",
            "rag.places",
            "rag.queue",
        ),
        *(
            "rag.rows",
            "rag.settings",
            "rag.store",
            "rag.sync",
            "rag.vectors",
            "rag.verify",
            "rag.words",
            "cli.indexing",
            "cli.options",
        ),
    ],
)
def test_every_module_says_what_it_owns(module: str) -> None:
    assert len(import_module(f"vespera_file_ops.{module}").__doc__ or "") > 80
