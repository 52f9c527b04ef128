"""The notebooks: each runs from a clean kernel, and what is committed is what a whole run showed."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PICTURES = {"image/svg+xml", "image/png"}

# What a reader's own machine is called is not the business of another one.
PRIVATE = re.compile(r"/(?:tmp|home|root|Users|private|var/folders)/|/\.venv/")


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    """What `make notebooks` runs."""
    spec = importlib.util.spec_from_file_location("run_notebooks", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def assert_whole(notebook: dict[str, Any]) -> None:
    """Every cell ran, in order and without error or complaint, and the last one shows a picture."""
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output["text"] for output in outputs if output.get("name") == "stderr"]
    assert [output for output in cells[-1]["outputs"] if PICTURES & set(output.get("data", {}))]


def test_there_is_a_notebook_for_each_question() -> None:
    names = [path.stem for path in NOTEBOOKS]
    assert names == [
        "01_tour",
        "02_search",
        "03_duplicates_and_diffs",
        "04_refactor",
        "05_rag",
        "06_templates",
    ]
    readme = (ROOT / "README.md").read_text()
    assert all(f"](notebooks/{name}.ipynb)" in readme for name in names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_notebook_is_a_whole_run(path: Path) -> None:
    notebook = json.loads(path.read_text())
    assert_whole(notebook)
    assert notebook["cells"][0]["cell_type"] == "markdown"
    shown = json.dumps([cell["outputs"] for cell in code_cells(notebook)])
    assert PRIVATE.findall(shown) == []
    # A picture that needs a script or a network would be empty for whoever opens the notebook without one.
    assert "<script" not in shown
    assert "cdn" not in shown.lower()
    assert "vega" not in {kind.split("+")[0] for kind in re.findall(r'"application/vnd\.(\w+)', shown)}


def test_the_notebooks_are_small() -> None:
    sizes = [path.stat().st_size for path in NOTEBOOKS]
    assert max(sizes) < 300_000
    assert sum(sizes) < 1_000_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs_from_a_clean_kernel(path: Path, runner: ModuleType, figures: Callable[[str], None]) -> None:
    before = {file: file.stat().st_mtime_ns for file in FOLDER.iterdir() if file.is_file()}
    start = time.perf_counter()
    notebook = runner.executed(path)
    figures(f"{path.name}: {time.perf_counter() - start:.1f} s")
    assert_whole(notebook)
    # It works elsewhere, and leaves the folder that it stands in as it was.
    assert {file: file.stat().st_mtime_ns for file in FOLDER.iterdir() if file.is_file()} == before
