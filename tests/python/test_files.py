"""One file's content in every form: what is read is what is there, under every strategy and every size at a seam."""

from __future__ import annotations

import os
from pathlib import Path

import blake3
import pytest

import vespera_file_ops as vfo

MIB = 1 << 20
SIZES = [0, 1, 7, 4095, 65536, MIB - 1, MIB, MIB + 1, 8 * MIB + 3, 16 * MIB, 16 * MIB + 1]
STRATEGIES = ["auto", "buffered", "mmap", "stream"]


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    root = tmp_path_factory.mktemp("sized")
    paths = {}
    for size in SIZES:
        paths[size] = root / str(size)
        paths[size].write_bytes((b"%07d\n" % size * (size // 8 + 1))[:size])
    return paths


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("size", SIZES)
def test_content_hash_and_chunks_agree(size: int, strategy: str, sized: dict[int, Path]) -> None:
    path = sized[size]
    content = path.read_bytes()
    assert vfo.read_file(path, strategy=strategy) == content
    assert vfo.read_file_string(path, strategy=strategy) == content.decode()
    assert vfo.compute_file_hash(path, strategy=strategy) == blake3.blake3(content).hexdigest()
    chunks = list(vfo.read_file_chunks(path, chunk_size=300_001, strategy=strategy))
    assert b"".join(chunks) == content
    assert all(len(chunk) == 300_001 for chunk in chunks[:-1])
    assert b"".join(vfo.read_file_chunks(path, chunk_size=10**30, strategy=strategy)) == content
    assert all(chunks)


@pytest.mark.parametrize("kind", ["str", "bytes", "path", "dir entry", "relative"])
def test_every_spelling_of_a_path(kind: str, demo: Path) -> None:
    target = demo / "src" / "lib.rs"
    with os.scandir(demo / "src") as entries:
        entry = next(entry for entry in entries if entry.name == "lib.rs")
    path: object = {
        "str": str(target),
        "bytes": os.fsencode(target),
        "path": target,
        "dir entry": entry,
        "relative": "src/lib.rs",
    }[kind]
    assert vfo.read_file(path) == b"fn main() {}\n"
    assert vfo.search_text("main", path).height == 1
    assert vfo.get_file_info(path)["size"].to_list() == [13]
    assert vfo.scan_files(path).collect()["size"].to_list() == [13]


@pytest.mark.hazard(24)
def test_a_name_that_is_not_utf8_goes_through_every_function(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/odd\xff\xfe.txt"
    with open(name, "wb") as file:
        file.write(b"needle\n")
    for path in (name, os.fsdecode(name)):
        assert vfo.read_file(path) == b"needle\n"
        assert vfo.read_file_string(path) == "needle\n"
        assert vfo.read_file_lines(path).to_list() == ["needle"]
        assert list(vfo.read_file_chunks(path)) == [b"needle\n"]
        assert vfo.compute_file_hash(path) == blake3.blake3(b"needle\n").hexdigest()
        for frame in (
            vfo.get_file_info(path),
            vfo.search_text("needle", path),
            vfo.scan_files(path).collect(),
            vfo.search_files("needle", tmp_path),
            vfo.list_directory(tmp_path),
            vfo.explain(path),
        ):
            assert frame.height == 1
            assert frame["path"][0].endswith("odd\ufffd\ufffd.txt")
            assert frame["path_bytes"][0].endswith(b"odd\xff\xfe.txt")
        found = vfo.list_directory(tmp_path)["path_bytes"][0]
        assert vfo.read_file(found) == b"needle\n"


def test_a_name_with_glob_letters_that_exists_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "a[1]*.txt").write_text("needle\n")
    (tmp_path / "a1.txt").write_text("needle\n")
    literal = str(tmp_path / "a[1]*.txt")
    assert vfo.scan_files(literal).collect()["name"].to_list() == ["a[1]*.txt"]
    assert vfo.search_files("needle", str(tmp_path / "a[1].*"))["path"].to_list() == [str(tmp_path / "a1.txt")]
    with pytest.raises(vfo.PathNotFoundError):
        vfo.get_file_info(str(tmp_path / "a[1].*"))
    with pytest.raises(vfo.PathNotFoundError):
        vfo.scan_files(Path(tmp_path / "a[1].*"))


@pytest.mark.parametrize(
    ("content", "encoding", "text"),
    [
        (b"\xef\xbb\xbfa\r\nb", "auto", "a\r\nb"),
        ("a\nb".encode("utf-16"), "auto", "a\nb"),
        ("größer".encode("utf-16-be"), "utf-16be", "größer"),
        ("größer".encode("cp1252"), "windows-1252", "größer"),
        ("漢字".encode("shift_jis"), "shift_jis", "漢字"),
        (b"", "auto", ""),
    ],
)
def test_text_is_decoded_and_newlines_are_left_alone(content: bytes, encoding: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    assert vfo.read_file_string(path, encoding=encoding) == text
    lines = vfo.read_file_lines(path, encoding=encoding)
    assert lines.name == "line"
    assert lines.to_list() == [line.removesuffix("\r") for line in text.split("\n")] if text else lines.is_empty()


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"a", ["a"]),
        (b"a\n", ["a"]),
        (b"a\n\n", ["a", ""]),
        (b"a\r\nb\rc\n", ["a", "b\rc"]),
        ("a\u2028b\x0cc\n".encode(), ["a\u2028b\x0cc"]),
    ],
)
def test_a_line_ends_at_a_newline_only(content: bytes, lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(content)
    assert vfo.read_file_lines(path).to_list() == lines


def test_pseudo_files_of_size_zero_are_read() -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("this system has no /proc: pseudo files cannot be tested here")
    assert "Threads:" in vfo.read_file_string("/proc/self/status")
    assert vfo.search_text("^Threads:", "/proc/self/status").height == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(vfo.VfoError):
        vfo.read_file(tmp_path / "pipe")
    assert vfo.get_file_info(tmp_path / "pipe")["kind"].to_list() == ["fifo"]
    assert vfo.search_files("x", tmp_path).height == 0
