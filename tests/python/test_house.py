"""What the source tree promises of itself: where unsafe code may stand, and that every hazard has its test."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

UNSAFE = {"src/io/mmap.rs", "src/table/text.rs", "src/python/ascii_string.rs", "src/expr/plugin.rs"}
"""At most one file a room holds unsafe code, and states the contract of all of it."""

HAZARDS = 37


def test_unsafe_code_stands_in_one_file_a_room() -> None:
    assert 'unsafe_code = "deny"' in (ROOT / "Cargo.toml").read_text()
    rust = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "src").rglob("*.rs")}
    assert len(rust) > 50
    assert {path for path, text in rust.items() if "unsafe_code" in text} == UNSAFE
    assert all("# The contract of the unsafe code" in rust[path] for path in UNSAFE)
    assert len({Path(path).parts[1] for path in UNSAFE}) == len(UNSAFE)


def hazards_with_tests() -> set[int]:
    found: set[int] = set()
    for path in (ROOT / "tests" / "python").glob("test_*.py"):
        for numbers in re.findall(r"pytest\.mark\.hazard\(([\d, ]+)\)", path.read_text()):
            found.update(int(number) for number in numbers.split(","))
    for folder in ("src", "tests/rust"):
        for path in (ROOT / folder).rglob("*.rs"):
            for numbers in re.findall(r"/// Hazards? ([\d, and]+)[:.]", path.read_text()):
                found.update(int(number) for number in re.findall(r"\d+", numbers))
    return found


def test_every_hazard_has_a_test() -> None:
    assert hazards_with_tests() == set(range(1, HAZARDS + 1))
