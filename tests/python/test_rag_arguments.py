"""Hazard 37 for the index: a bad argument raises at the call, is named, and leaves the index as it was."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

import vespera_file_ops as vfo
from test_bad_arguments import BAD as WALK
from vespera_file_ops import options
from vespera_file_ops.rag import Index

from rag_tools import make_source

pytestmark = pytest.mark.hazard(37)

BAD: dict[str, list[Any]] = {
    **{name: WALK[name] for name in options.DIFF},
    "path": [None, 3, "", "a\0b"],
    "source": [3, "", "a\0b", ["src"], "README.md"],
    "name": [3, "", "added", b"x", "\udcff"],
    "chunk_size": ["3", 1.5, True],
    "overlap": ["3", 1.5, True],
    "extractors": [3, [".pdf"], {"pdf": str}, {".pdf": 3}],
    "tokenizer": [],
    "encoding": [3],
    "max_removed": [-1, 1.5, "3", True, float("nan"), None],
    "dry_run": ["no", 0],
    "rebuild": ["no", 0],
    "engine": ["ray", "", None, 3],
    "wait": [-1, "3", True, float("nan"), None],
    "progress": [],
    "content": [3, ["line"], object()],
    "at_once": ["no", 0],
    "query": [None, 3, b"x", "\udcff"],
    "limit": [0, -1, "3", 1.5, True],
    "mode": ["clever", 3, None],
    "where": [3, "nothing = 3", b"x", "path = '\udcff'"],
}
GOOD: dict[str, dict[str, Any]] = {
    "sync": {"source": "."}, "add": {"path": "README.md"}, "remove": {"path": "README.md"}, "search": {"query": "x"},
    "verify": {},
}  # fmt: skip
CASES = [
    (method, argument, value)
    for method in GOOD
    for argument, parameter in list(inspect.signature(getattr(Index, method)).parameters.items())[1:]
    for value in BAD[argument]
    if not (value is None and parameter.default is None)
    # As a name it is only looked for, and as a path it is one of many.
    and not (method == "verify" and argument == "name" and isinstance(value, str))
]


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Index, Path]:
    folder = tmp_path_factory.mktemp("arguments")
    source = make_source(folder)
    index = Index(folder / "index")
    index.sync(source)
    return index, source


@pytest.mark.parametrize(("method", "argument", "value"), CASES)
def test_a_bad_argument_raises_and_is_named(
    indexed: tuple[Index, Path], method: str, argument: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    index, source = indexed
    monkeypatch.chdir(source)
    version = index.table.version
    with pytest.raises((TypeError, ValueError, vfo.VfoError)) as caught:
        getattr(index, method)(**{**GOOD[method], argument: value})
    assert argument in str(caught.value)
    assert index.table.version == version


def test_an_unknown_option_suggests_the_one_meant(indexed: tuple[Index, Path]) -> None:
    with pytest.raises(TypeError, match="did you mean 'include_hidden'"):
        indexed[0].sync(indexed[1], include_hiden=True)  # type: ignore[call-arg]


@pytest.mark.parametrize("uri", [None, 3, "", "a\0b"])
def test_a_bad_place_is_named(uri: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="uri"):
        Index(uri)
