"""How well the index answers: questions made from docstrings, and the files of the functions that had them.

    python benches/retrieval.py [--embedder minilm] [--pairs 400] [PACKAGE ...]

Each installed package is copied without its docstrings. A question is the first sentence of one of them; a hit is its
file (or, stricter, its very lines) among the first ten chunks. The baseline is LanceDB's BM25 as well, but over windows
of 1,600 characters that know nothing of syntax and hold nothing but the text.
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
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import lancedb
import polars as pl
from lancedb.index import FTS
from lancedb.query import MatchQuery

from vespera_file_ops.rag import Index, MiniLM
from vespera_file_ops.rag.search import Mode

PACKAGES = ["_pytest", "hypothesis", "pydantic", "lancedb", "urllib3", "pygments", "tqdm"]
MODES: tuple[Mode, ...] = ("text", "vector", "hybrid")
LIMIT = 10
WINDOW = 1600

Search = Callable[[str], pl.DataFrame]


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


def windows(folder: Path, uri: str) -> tuple[Search, int]:
    """The baseline: a search by BM25 over fixed windows of plain text, and how many windows there are."""
    rows: list[dict[str, object]] = []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text()
        for at in range(0, len(text), WINDOW):
            part = text[at : at + WINDOW]
            first = text.count("\n", 0, at) + 1
            last = first + part.removesuffix("\n").count("\n")
            rows.append({
                "relative_path": path.relative_to(folder).as_posix(), "text": part,
                "start_line": first, "end_line": last,
            })  # fmt: skip
    table: Any = lancedb.connect(uri).create_table("windows", pl.DataFrame(rows).to_arrow())
    table.create_index("text", config=FTS())
    match: Any = MatchQuery

    def search(question: str) -> pl.DataFrame:
        return pl.DataFrame(table.search(match(question, "text"), query_type="fts").limit(LIMIT).to_arrow())

    return search, len(rows)


def score(search: Search, pairs: list[Pair]) -> tuple[float, float, float]:
    """The share of hits by file and by line, and seconds a query."""
    files = lines = 0
    begun = time.perf_counter()
    for pair in pairs:
        first = search(pair.question).filter(relative_path=pair.path)
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
        plain, number = windows(source, os.path.join(name, "windows"))
        searches: dict[str, Search] = {f"BM25 over {number} windows": plain}
        for kind in MODES if given.embedder == "minilm" else MODES[:1]:
            searches[kind] = partial(index.search, limit=LIMIT, mode=kind)
        for mode, search in searches.items():
            files, lines, seconds = score(search, pairs[: given.pairs])
            print(f"{mode:25} hit@10 by file {files:.3f}, by line {lines:.3f}, {seconds * 1000:.1f} ms a query")


if __name__ == "__main__":
    main()
