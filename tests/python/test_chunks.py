"""Chunks: where they are cut, that offsets lead back to the raw file, that nothing is lost or different elsewhere."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from pathlib import Path

import blake3
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import vespera_file_ops as vfo

SAMPLES = Path(__file__).parent / "chunk_samples"

# Counts what a regular expression counts too: words, and runs of other characters.
TOKENIZER = json.dumps(
    {
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0},
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
    }
).encode()


def tokens(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]+", text))


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def chunked(path: Path, **options: object) -> list[dict[str, object]]:
    return vfo.chunk_files(path, **options).rows(named=True)  # type: ignore[arg-type]


PYTHON = '''"""What it is."""

import os


# Above the function.
@decorated
def first(path):
    """Say it."""
    return os.path.abspath(path)


class Second:
    def one(self):
        return 1

    def two(self):
        return 2
'''


def test_code_is_cut_between_definitions(tmp_path: Path) -> None:
    rows = chunked(written(tmp_path, "a.py", PYTHON.encode()), chunk_size=130)
    assert [row["text"] for row in rows] == [
        '"""What it is."""\n\nimport os',
        '# Above the function.\n@decorated\ndef first(path):\n    """Say it."""\n    return os.path.abspath(path)',
        "class Second:\n    def one(self):\n        return 1\n\n    def two(self):\n        return 2",
    ]
    assert [(row["start_line"], row["end_line"]) for row in rows] == [(1, 3), (6, 10), (13, 18)]
    assert {row["language"] for row in rows} == {"python"}


def test_what_does_not_fit_is_cut_between_statements(tmp_path: Path) -> None:
    body = "".join(f"    value_{number} = compute({number})\n" for number in range(40))
    rows = chunked(written(tmp_path, "a.py", f"def long():\n{body}".encode()), chunk_size=200)
    assert len(rows) > 4
    assert all(str(row["text"]).startswith(("def long", "    value_")) for row in rows)
    assert all(str(row["text"]).endswith(")") for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "language", "starts"),
    [
        ("a.rs", "fn a() {\n    1;\n}\n\n/// Says.\n#[inline]\nfn b() {\n    2;\n}\n", "rust", ["fn a", "/// Says"]),
        ("a.js", "function a() {\n  return 1\n}\n\nconst b = () => 22222;\n", "javascript", ["function a", "const b"]),
        (
            "a.ts",
            "function a(): number {\n return 1\n}\n\nconst b: number = 22222;\n",
            "typescript",
            ["function", "const"],
        ),
        ("a.tsx", "const A = () => <p>aaaaaaa</p>;\n\nconst B = () => <b>bbbbb</b>;\n", "tsx", ["const A", "const B"]),
        ("a.go", "package a\n\nfunc b() int {\n\treturn 1\n}\n\nfunc c() {}\n", "go", ["package", "func b", "func c"]),
        ("a.c", "int a(void) {\n    return 1;\n}\n\nint b(void) { return 22; }\n", "c", ["int a", "int b"]),
        ("a.cpp", "class A {\n    int one() const;\n};\n\nclass B : A { int two; };\n", "cpp", ["class A", "class B"]),
        ("A.java", "class A {\n    int a;\n}\n\nclass B {\n    String bbbbb;\n}\n", "java", ["class A", "class B"]),
        ("a.sh", "one() {\n    echo one\n}\n\ntwo() {\n    echo two 2 2 2\n}\n", "bash", ["one()", "two()"]),
        (
            "script",
            "#!/usr/bin/env bash\none() { echo 1; }\n\ntwo() { echo 2; }\n",
            "bash",
            ["#!/usr", "one()", "two()"],
        ),
        ("a.md", "# One\n\nText of one.\n\n# Two\n\nText of two.\n", "markdown", ["# One", "# Two"]),
        ("a.toml", '[one]\nname = "a long name"\n\n[two]\nname = "other"\n', "toml", ["[one]", "[two]"]),
        ("a.txt", "One paragraph of text.\n\nAnother paragraph of it.\n", None, ["One", "Another"]),
    ],
)
def test_every_language_is_cut_where_something_begins(
    tmp_path: Path, name: str, content: str, language: str | None, starts: list[str]
) -> None:
    rows = chunked(written(tmp_path, name, content.encode()), chunk_size=36)
    assert [row["language"] for row in rows] == [language] * len(rows)
    for start in starts:
        assert any(str(row["text"]).startswith(start) for row in rows), [row["text"] for row in rows]


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "shift_jis"]
TEXT = st.text(st.sampled_from('ab {}()\n\n\té漢ー😀\r"#`*-'), max_size=400)


@settings(max_examples=150, deadline=None)
@given(
    text=TEXT,
    encoding=st.sampled_from(ENCODINGS),
    extension=st.sampled_from(["py", "rs", "js", "md", "txt", "c"]),
    size=st.integers(1, 90),
    overlap=st.integers(0, 40),
    by_tokens=st.booleans(),
    damage=st.integers(0, 400),
)
def test_offsets_lead_back_and_no_character_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    encoding: str,
    extension: str,
    size: int,
    overlap: int,
    by_tokens: bool,
    damage: int,
) -> None:
    raw = text.encode(encoding, "ignore")
    if encoding == "utf-16-be":
        raw = b"\xfe\xff" + raw
    if damage < len(raw) and encoding == "utf-8":
        raw = raw[:damage] + b"\xff" + raw[damage + 1 :]
    path = written(tmp_path_factory.mktemp("chunks"), f"a.{extension}", raw)
    named = {"latin-1": "latin-1", "shift_jis": "shift_jis"}.get(encoding, "auto")
    options: dict[str, object] = {"chunk_size": size, "overlap": min(overlap, size - 1), "encoding": named}
    rows = chunked(path, **options, tokenizer=TOKENIZER if by_tokens else None)
    codec = {"utf-16": "utf-16-le" if raw[:1] == b"\xff" else "utf-16-be"}.get(encoding, encoding)
    codec = {"utf-8-sig": "utf-8"}.get(codec, codec)
    covered = bytearray(len(raw))
    for number, row in enumerate(rows):
        chunk, start, end = row["text"], row["start_byte"], row["end_byte"]
        assert isinstance(chunk, str)
        assert isinstance(start, int)
        assert isinstance(end, int)
        assert raw[start:end].decode(codec, "replace") == chunk
        assert chunk == chunk.rstrip()
        assert chunk.strip() != ""
        assert row["chunk"] == number
        assert (tokens(chunk) if by_tokens else len(chunk)) <= size
        newline = "\n".encode(codec)
        step = len(newline)
        assert row["start_line"] == 1 + sum(raw[at : at + step] == newline for at in range(start % step, start, step))
        covered[start:end] = b"\x01" * (end - start)
    if not by_tokens or size > 4:
        rest = bytes(byte for byte, seen in zip(raw, covered, strict=True) if not seen)
        assert set(rest) <= set(raw[:3]) | set(b" \n\t\r\x00"), rest


def test_overlap_is_shared_by_neighbours(tmp_path: Path) -> None:
    lines = "".join(f"line number {number} of this text.\n\n" for number in range(3000))
    path = written(tmp_path, "a.txt", lines.encode())
    plain, shared = chunked(path, chunk_size=400), chunked(path, chunk_size=400, overlap=100)
    pairs = list(itertools.pairwise(shared))
    overlapping = [row for before, row in pairs if int(str(row["start_byte"])) < int(str(before["end_byte"]))]
    assert len(overlapping) > 0.9 * len(pairs)
    assert len(shared) > len(plain)
    assert all(row["start_byte"] != before["start_byte"] for before, row in pairs)
    assert all(int(str(row["end_byte"])) > int(str(before["end_byte"])) for before, row in pairs)


def test_the_tokens_of_a_given_tokenizer_are_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "a.txt", ("some words in a row. " * 400).encode())
    rows = chunked(path, chunk_size=50, tokenizer=TOKENIZER)
    assert all(tokens(str(row["text"])) <= 50 for row in rows)
    assert sum(tokens(str(row["text"])) for row in rows) == tokens(path.read_text())
    assert max(tokens(str(row["text"])) for row in rows) > 40

    class Given:
        def to_str(self) -> str:
            return TOKENIZER.decode()

    assert chunked(path, chunk_size=50, tokenizer=Given()) == rows


def test_the_same_chunks_however_the_source_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "one"
    shutil.copytree(Path(vfo.__file__).parent, root, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copytree(root, tmp_path / "two")
    monkeypatch.chdir(root)
    expected = vfo.chunk_files(root).drop("path", "modified")
    for source, options in (
        (".", {}),
        ("../two", {"threads": 1}),
        (os.fsencode(root) + b"//./", {"absolute_paths": True}),
        (tmp_path / "two", {"strategy": "stream"}),
        (tmp_path / "two", {"strategy": "mmap"}),
    ):
        assert_frame_equal(vfo.chunk_files(source, **options).drop("path", "modified"), expected)  # type: ignore[arg-type]


def test_identities(tmp_path: Path) -> None:
    for row in chunked(written(tmp_path, "a.py", PYTHON.encode()), chunk_size=130):
        text = str(row["text"]).encode()
        number = int(str(row["chunk"])).to_bytes(8, "little")
        assert row["text_blake3"] == blake3.blake3(text).hexdigest()
        assert row["chunk_id"] == blake3.blake3(b"a.py\0" + number + text).hexdigest()
        assert row["file_blake3"] == blake3.blake3(PYTHON.encode()).hexdigest()


def test_known_files_are_chunked_as_ever() -> None:
    """Whoever changes these chunks raises CHUNKER_VERSION in src/chunk.rs, and writes the new ones down here."""
    chunks = vfo.chunk_files(SAMPLES, chunk_size=300).select("relative_path", "chunk", "start_byte", "end_byte")
    known = json.loads((SAMPLES / "known.json").read_text())
    from vespera_file_ops import _core

    now = {"version": _core.chunker_version, "chunks": [list(row) for row in chunks.rows() if row[0] != "known.json"]}
    assert now == known


@pytest.mark.parametrize(
    ("paragraphs", "options"),
    [(50_000, {}), (50_000, {"overlap": 50}), (5_000, {"tokenizer": TOKENIZER, "chunk_size": 300})],
)
def test_a_file_of_any_length_and_any_reader(tmp_path: Path, paragraphs: int, options: dict[str, object]) -> None:
    paragraph = "A sentence of some words. Another one follows it, and is longer.\n" * 6 + "\n"
    # The longest are streamed without being asked to.
    raw = (paragraph * paragraphs).encode()
    path = written(tmp_path, "large.txt", raw)
    chunks = vfo.chunk_files(path, **options)  # type: ignore[arg-type]
    assert set(chunks["file_blake3"]) == {blake3.blake3(raw).hexdigest()}
    assert chunks["end_byte"][-1] == len(raw.rstrip())
    gaps = chunks["start_byte"][1:] - chunks["end_byte"][:-1]
    assert gaps.max() <= 2  # type: ignore[operator]
    for strategy in ("buffered", "mmap", "stream"):
        other = vfo.chunk_files(path, strategy=strategy, **options)  # type: ignore[arg-type]
        assert_frame_equal(other, chunks)


PATHOLOGICAL = {
    "line.js": b"x" * (4 << 20),
    "words.txt": b"word " * 800_000,
    "sum.py": b"x = " + b"1 +\n" * 20_000 + b"1\n",
    "sums.py": b"x = " + b"1 + " * 3_000 + b"1\n",
    "deep.js": b"(" * 100_000,
    "deep.c": b"{\n" * 50_000,
    "deep.rs": b"[" * 10_000 + b"]" * 10_000,
    "else.c": b"void f() {" + b"if (a) b(); else\n" * 20_000 + b"c(); }\n",
    "brackets.md": b"[" * 50_000,
    "quotes.md": b"> " * 5_000 + b"\n" + b"*a " * 20_000,
    "table.c": b"int a[] = {\n" + b"    0x01, 0x02, 0x03, 0x04,\n" * 100_000 + b"};\n",
    "strings.py": b'"""' * 50_000,
    "json.json": b"[" * 100_000 + b"]" * 100_000,
    "nested.ipynb": b'{"cells": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "spaces.py": b" " * 1_000_000,
    "newlines.py": b"\n" * 1_000_000 + b"x = 1\n",
    "accents.txt": "é\u0301".encode() * 300_000,
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_what_nobody_wrote_is_chunked_all_the_same(tmp_path: Path, name: str) -> None:
    raw = PATHOLOGICAL[name]
    path = written(tmp_path, name, raw)
    result = vfo.chunk(path)
    assert result.coverage["status"].to_list() == ["searched"]
    assert result.summary["seconds"] < 20
    text = raw.decode()
    assert all(len(chunk) <= 1600 for chunk in result.chunks["text"])
    shown = sum(len("".join(chunk.split())) for chunk in result.chunks["text"])
    assert shown == len("".join(text.split()))


def test_the_same_rows_lazily_eagerly_and_as_a_stream(demo: Path) -> None:
    eager = vfo.chunk_files(".", chunk_size=30)
    assert_frame_equal(vfo.scan_chunks(".", chunk_size=30).collect(), eager)
    assert_frame_equal(vfo.scan_chunks(".", chunk_size=30).collect(engine="streaming"), eager)
    assert_frame_equal(pl.DataFrame(vfo.stream_chunks(".", chunk_size=30)).cast(eager.schema), eager)  # type: ignore[arg-type]
    assert_frame_equal(vfo.chunk(".", chunk_size=30).chunks, eager)
    assert_frame_equal(vfo.scan_chunks(".", chunk_size=30).head(3).collect(), eager.head(3))
    wanted = pl.col("extension") == "py"
    assert_frame_equal(vfo.scan_chunks(".", chunk_size=30).filter(wanted).collect(), eager.filter(wanted))


def test_a_filter_on_the_file_runs_before_it_is_opened(demo: Path) -> None:
    from vespera_file_ops import _core

    before = _core.counters()["files_opened"]
    rows = vfo.scan_chunks(".").filter(pl.col("extension") == "rs").select("text").collect()
    assert rows["text"].to_list() == ["fn main() {}"]
    assert _core.counters()["files_opened"] - before == 1


def test_every_file_is_accounted_for(demo: Path) -> None:
    (demo / "late.txt").write_bytes(b"a line\n" * 20_000 + b"\x00 binary")
    (demo / "secret.txt").write_text("text")
    (demo / "gone").symlink_to("nowhere")
    result = vfo.chunk(".", max_file_size=1 << 20, include_ignored=True)
    status = dict(result.coverage.select("path", "status").rows())
    assert status["data/blob.bin"] == "binary"
    assert status["late.txt"] == "binary"
    assert status["debug.log"] == "ignored"
    assert status["src/app.py"] == "searched"
    late = result.chunks.filter(path="late.txt")
    assert late.height == result.coverage.filter(path="late.txt")["hits"].item()
    assert late["end_byte"].max() == 20_000 * 7 - 1
    assert result.chunks.filter(path="data/blob.bin").height == 0
    assert result.ledger.endswith("chunks; left out by rule: 1 ignored, 2 hidden")


def test_the_expression_gives_the_same_chunks(demo: Path) -> None:
    eager = vfo.chunk_files(".", chunk_size=30, overlap=10)
    fields = ["chunk", "text_blake3", "text", "start_byte", "end_byte", "start_line", "end_line", "language"]
    paths = eager.select(pl.col("path").unique(maintain_order=True))
    exploded = paths.select("path", chunk=pl.col("path").vfo.chunks(chunk_size=30, overlap=10)).explode("chunk")
    assert_frame_equal(exploded.unnest("chunk"), eager.select("path", *fields))
    bad = pl.DataFrame({"path": ["nowhere", None, "src"]})
    assert bad.select(vfo.expr.chunks(errors="null"))["path"].to_list() == [None, None, None]
    with pytest.raises(pl.exceptions.ComputeError, match="nowhere"):
        bad.select(vfo.expr.chunks(errors="raise"))
