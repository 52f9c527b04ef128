"""Hazard 23: what is read of a file that somebody rewrites is one of its contents, or said to have changed."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import blake3
import pytest

import vespera_file_ops as vfo
from changing_file import alternating

pytestmark = pytest.mark.hazard(23)

LINE = 4096
SECONDS = 5.0


def content(letter: bytes, size: int) -> bytes:
    return (letter * (LINE - 1) + b"\n") * (size // LINE)


@pytest.mark.parametrize("whole_writes", [False, True], ids=["pieces", "whole"])
@pytest.mark.parametrize("size", [4 << 20, 40 << 20], ids=["4M", "40M"])
def test_a_rewritten_file_is_never_a_mixture(tmp_path: Path, size: int, whole_writes: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(b"A", size))
    contents = {content(letter, size) for letter in (b"A", b"B")}
    hashes = {blake3.blake3(one).hexdigest() for one in contents}
    lines = size // LINE
    seen: Counter[str] = Counter()
    with alternating(path, size, piece=size if whole_writes else 1 << 20, pause=size / (80 << 20) + 0.1):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                assert vfo.read_file(path) in contents, "a mixture"
                seen["read"] += 1
            except vfo.ChangedError:
                seen["read changed"] += 1
            try:
                assert vfo.compute_file_hash(path) in hashes, "a torn hash"
                seen["hash"] += 1
            except vfo.ChangedError:
                seen["hash changed"] += 1
            result = vfo.search(["^A", "^B"], path, max_line_bytes=1)
            (status,) = result.coverage["status"]
            seen[status] += 1
            found = result.hits["pattern"].value_counts().rows()
            if status == "searched":
                assert found in ([(0, lines)], [(1, lines)]), found
            else:
                assert status == "changed"
                assert result.summary["complete"] is False
    print(dict(seen))
    assert set(seen) <= {"read", "read changed", "hash", "hash changed", "searched", "changed"}
    assert seen["read"], seen
    assert seen["hash"], seen
    assert seen["changed"], seen
