"""How well the index answers: questions made from docstrings, and the files of the functions that had them.

    python benches/retrieval.py [--embedder minilm] [--pairs 400] [PACKAGE ...]

Each installed package is copied without its docstrings. A question is the first sentence of one of them; a hit is its
file (or, stricter, its very lines) among the first ten chunks.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import os
import random
import re
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import polars as pl

from vespera_file_ops.rag import Index, MiniLM

PACKAGES = ["_pytest", "hypothesis", "pydantic", "lancedb", "urllib3", "pygments", "tqdm"]


class Pair(NamedTuple):
    """A question, and where its answer stands."""

    question: str
    path: str
    line: int


def stripped(source: str) -> tuple[str, list[tuple[str, int]]]:
    """A module without docstrings, its lines where they were; and the question of each function that had one."""
    lines = source.splitlines(keepends=True)
    pairs = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            continue
        text = ast.get_docstring(node)
        if text is None:
            continue
        held = node.body[0]
        indent = re.match(r"\s*", lines[held.lineno - 1])
        for at in range(held.lineno - 1, held.end_lineno or held.lineno):
            lines[at] = "\n"
        if len(node.body) == 1 and indent is not None:
            lines[held.lineno - 1] = f"{indent.group()}...\n"
        question = re.split(r"(?<=[.!?])\s|\n\s*\n", text.strip())[0].replace("\n", " ")
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and len(node.body) > 2
        if is_function and 5 <= len(question.split()) <= 40:
            pairs.append((re.sub(r"\s+", " ", question), getattr(node, "lineno", 1)))
    return "".join(lines), pairs


def prepared(packages: list[str], folder: Path) -> list[Pair]:
    """Copy the packages without docstrings; returns all questions that are asked once."""
    found: list[Pair] = []
    for package in packages:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            print(f"{package} is not installed")
            continue
        base = Path(next(iter(spec.submodule_search_locations)))
        for path in sorted(base.rglob("*.py")):
            relative = f"{package}/{path.relative_to(base)}"
            try:
                text, pairs = stripped(path.read_text())
            except (SyntaxError, UnicodeDecodeError):
                continue
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).write_text(text)
            found += [Pair(question, relative, line) for question, line in pairs]
    asked = pl.Series([pair.question for pair in found]).value_counts().rows()
    once = {question for question, count in asked if count == 1}
    return [pair for pair in found if pair.question in once]


def score(index: Index, pairs: list[Pair], mode: str) -> tuple[float, float, float]:
    """The share of hits by file and by line, and seconds a query."""
    files = lines = 0
    begun = time.perf_counter()
    for pair in pairs:
        found = index.search(pair.question, limit=10, mode=mode)  # type: ignore[arg-type]
        first = found.filter(relative_path=pair.path)
        files += first.height > 0
        lines += first.filter(pl.lit(pair.line).is_between("start_line", "end_line")).height > 0
    return files / len(pairs), lines / len(pairs), (time.perf_counter() - begun) / len(pairs)


def main() -> None:
    """Print one line a mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--embedder", choices=("none", "minilm"), default="none")
    parser.add_argument("--pairs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "source"
        pairs = prepared(given.packages, source)
        random.Random(given.seed).shuffle(pairs)
        index = Index(os.path.join(name, "index"), embedder=MiniLM() if given.embedder == "minilm" else None)
        begun = time.perf_counter()
        report = index.sync(source)
        print(f"{report['files'].sum()} files, {report['chunks'].sum()} chunks, {len(pairs)} questions, "
              f"{report['embedded'].sum()} texts embedded, {time.perf_counter() - begun:.1f} s")  # fmt: skip
        for mode in ("text", "vector", "hybrid") if given.embedder == "minilm" else ("text",):
            files, lines, seconds = score(index, pairs[: given.pairs], mode)
            print(f"{mode:7} hit@10 by file {files:.3f}, by line {lines:.3f}, {seconds * 1000:.1f} ms a query")


if __name__ == "__main__":
    main()
