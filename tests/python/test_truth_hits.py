"""Hits equal `rg --json` row for row: path, line, column, byte offsets, text and order.

Each case runs over three corpora: a generated folder of awkward files, this repository, and the Cargo registry's
unpacked sources. Rare patterns are put to the whole registry; the others rotate over its crates, so that every crate is
searched by some pattern and the suite stays short.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

import vespera_file_ops as vfo

import truth_rg as rg


@dataclass(frozen=True)
class Case:
    """Patterns, our options, rg's options for the same, and on which part of the registry (1 in `share` crates)."""

    name: str
    patterns: tuple[str, ...]
    ours: dict[str, object] = field(default_factory=dict)
    theirs: tuple[str, ...] = ()
    share: int = 12


def case(name: str, pattern: str, share: int = 12, theirs: tuple[str, ...] = (), **ours: object) -> Case:
    """A case of one pattern."""
    return Case(name, (pattern,), ours, theirs, share)


CASES = [
    case("literal rare", "transmute_copy", share=1),
    case("literal common", "static", share=4),
    case("literal with regex characters", "vec![", theirs=("-F",), fixed_strings=True),
    case("one byte", "z", share=40),
    case("class", r"[0-9a-f]{8}", share=10),
    case("negated class", r"#\[[^\]]+\]", share=10),
    case("anchored start", r"^use "),
    case("anchored end", r"\{$", share=20),
    case("whole line", r"^\s*\}$", share=40),
    case("word option", "fn", share=20, theirs=("-w",), whole_word=True),
    case("word option over a class", r"[a-z]+\d", theirs=("-w",), whole_word=True),
    case("word boundary", r"\bimpl\b", share=12),
    case("not a boundary", r"\Bness\b", share=4),
    case("half boundaries", r"\b{start}un\w+\b{end}", share=20),
    case("alternation", r"TODO|FIXME|XXX|HACK", share=1),
    case("alternation, leftmost first", r"u8|u8x|usize|us", share=20),
    case("captures", r"(\w+)::<(\w+)>", share=10),
    case("Unicode class", r"\p{Greek}+|\p{Cyrillic}+", share=1),
    case("Unicode letters beyond ASCII", r"[^\x00-\x7f]+", share=25),
    case("Unicode word", r"\b\w*[äöüéñß]\w*\b", share=1),
    case("Unicode off", r"(?-u:[\xc0-\xff])", share=50),
    case("case-insensitive inline", r"(?i)linus|copyright \(c\)", share=3),
    case("case-insensitive option", "OVERFLOW", share=6, theirs=("-i",), ignore_case=True),
    case("case-insensitive beyond ASCII", "straße|ſtatic|Kelvin", share=2, theirs=("-i",), ignore_case=True),
    case("smart case, lower", "todo", share=2, theirs=("-S",), ignore_case="smart"),
    case("smart case, upper", "Panics", share=2, theirs=("-S",), ignore_case="smart"),
    case("smart case, class escape", r"\Wtodo", share=2, theirs=("-S",), ignore_case="smart"),
    case("empty match", "x*", share=90),
    case("empty pattern", "", share=90),
    case("line start alone", "^", share=60),
    case("line end alone", "$", share=60),
    case("empty line", "^$", share=30),
    case("could match a line end", r"unsafe\s+\{", share=6),
    case("class that holds a line end", r"[^a-z]{6}", share=30),
    case("white space to the end", r"\s+$", share=8),
    case("carriage return", r"\r", share=1),
    case("dot to the end", r"panic!.*", share=8),
    case("lazy", r"\".*?\"", share=30),
    case("counted", r"(?:ab|cd|ef){2,3}", share=2),
    case("long alternation", "|".join(f"name{n}|item_{n}" for n in range(60)), share=6),
    case("invert", "[a-z]", share=30, theirs=("-v",), invert_match=True),
    case("multi-line block", r"fn \w+\(\) \{\n[^}]*\}", share=8, theirs=("-U",), multiline=True),
    case("multi-line, dot matches all", r"(?s)/\*.{0,400}?\*/", share=6, theirs=("-U",), multiline=True),
    case("multi-line, blank lines", r"\n\n\n", share=10, theirs=("-U",), multiline=True),
    case("multi-line, one line", r"\bstruct \w+;$", share=10, theirs=("-U",), multiline=True),
]


def awkward_files() -> dict[str, bytes]:
    """Line ends, last lines, encodings and lengths that real trees hold rarely."""
    text = "static fn main() {\n    // TODO: straße, Ελλάδα, Привет ness\n}\n\n\nuse x::<y>;\r\n"
    return {
        "empty": b"",
        "newline": b"\n",
        "newlines": b"\n\n\n\n",
        "no_end": b"static\nuse the\n  }",
        "no_end_cr": b"use a\r\n}\r",
        "crlf.txt": text.replace("\n", "\r\n").encode(),
        "mixed.txt": (text + "todo Todo TODO\rpanic!(1)\r\n" + text).encode(),
        "invalid.txt": b"static \xff\xfe fn\n\xc3\x28 use \xe2\x82 TODO \xf0\x9f\x92\n}\n",
        "surrogates.txt": "a😀b TODO 😀😀 use\n".encode() * 3,
        "long.txt": b"x" * 5000 + b" TODO static " + b"y" * 5000 + b"\n" + b"TODO " * 500,
        "deep/a/b.c": b"/* one\n two */\nfn f() {\n  unsafe\n  {\n}\n}\n",
        "deep/a-b": b"unsafe   {\n\n\n\n",
        "deep.txt": b"struct A;\n\tstruct B;  \n",
        "tabs": b"\t\tfn\tname1\titem_2\n\v\f\n",
        "\u00e9\u4e2d.txt": "中文 impl é\n".encode(),
    }


@pytest.fixture(scope="module")
def awkward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of awkward files."""
    folder = tmp_path_factory.mktemp("awkward")
    for name, content in awkward_files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def compare(one: Case, sources: list[Path], odd_root: Path) -> int:
    """Ours against one run of rg for the same sources; the number of rows."""
    odd = rg.odd_files(odd_root)
    pattern = list(one.patterns) if len(one.patterns) > 1 else one.patterns[0]
    ours = [row for source in sources for row in rg.our_rows(vfo.search_files(pattern, source, **one.ours), odd)]
    theirs = [row for row in rg.rg_rows(one.patterns, sources, one.theirs) if row[0] not in odd]
    rg.assert_same(ours, theirs, f"{one.name} in {sources[0]} and {len(sources) - 1} more")
    return len(ours)


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_hits_equal_ripgrep_on_awkward_files(one: Case, awkward: Path) -> None:
    compare(one, [awkward], awkward)


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_hits_equal_ripgrep_on_this_repository(one: Case) -> None:
    sources = [rg.REPOSITORY / name for name in ("Cargo.toml", "python", "src", "tests")]
    compare(one, sources, rg.REPOSITORY)


@pytest.mark.parametrize("one", CASES, ids=lambda one: one.name)
def test_hits_equal_ripgrep_on_the_cargo_registry(one: Case) -> None:
    folder = rg.registry()
    if folder is None:
        pytest.skip("no unpacked crates in the Cargo registry")
    sources = [folder] if one.share == 1 else rg.crates()[CASES.index(one) % one.share :: one.share]
    if sources:
        compare(one, sources, folder)


def test_the_registry_patterns_find_something() -> None:
    """The comparison is worth nothing if both sides are empty: each pattern has hits somewhere in its corpora."""
    folder = rg.registry()
    if folder is None:
        pytest.skip("no unpacked crates in the Cargo registry")
    some = rg.crates()[:40]
    common = ["static", r"^use ", r"\bimpl\b", r"unsafe\s+\{", r"panic!.*", r"(\w+)::<(\w+)>"]
    for pattern in common:
        assert rg.rg_rows([pattern], some), pattern


SEVERAL = [
    ("overlapping", ["unsafe", "unsafe fn", r"fn \w+"], {}, ()),
    ("same twice", ["static", "static"], {}, ()),
    ("prefix and word", ["u8", r"\bu8\b", "u"], {}, ()),
    ("case", ["todo", "FIXME"], {"ignore_case": True}, ("-i",)),
    ("smart case, each for itself", ["todo", "Self"], {"ignore_case": "smart"}, ("-S",)),
    ("fixed", ["vec![", "("], {"fixed_strings": True}, ("-F",)),
    ("empty and literal", ["x*", "self"], {}, ()),
    ("anchors", ["^", "$", r"^\s+"], {}, ()),
]


@pytest.mark.parametrize(("name", "patterns", "ours", "theirs"), SEVERAL, ids=lambda value: str(value)[:30])
def test_several_patterns_are_several_searches(
    name: str, patterns: list[str], ours: dict, theirs: tuple, awkward: Path
) -> None:
    """The rows of each pattern are those of rg with that pattern alone, and all stand in one order."""
    crates = rg.crates()[len(name) % 40 :: 40][:2] or [awkward]
    for source in [awkward, *crates]:
        odd = rg.odd_files(source)
        hits = vfo.search_files(patterns, source, **ours)
        for number, pattern in enumerate(patterns):
            alone = rg.our_rows(hits.filter(hits["pattern"] == number), odd)
            expected = [row for row in rg.rg_rows([pattern], [source], theirs) if row[0] not in odd]
            rg.assert_same(alone, expected, f"{name}: pattern {pattern!r} in {source}")
        order = [
            (rg.component_key(path), start, end, pattern)
            for path, start, end, pattern in hits.select("path", "start_byte", "end_byte", "pattern").rows()
        ]
        assert order == sorted(order)
