"""Matches are replaced, and nothing else of a file changes."""

from __future__ import annotations

import codecs
import os
import re
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import blake3
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import vespera_file_ops as vfo
from hazard_child import run_child

SCHEMA = {"start_byte": pl.Int64(), "end_byte": pl.Int64(), "matched": pl.String(), "replacement": pl.String()}


def replaced(path: Path, raw: bytes, *arguments: object, **options: object) -> tuple[bytes, list[tuple[object, ...]]]:
    path.write_bytes(raw)
    edits = vfo.replace_in_file(path, *arguments, **{"durable": False, **options})
    assert dict(edits.schema) == SCHEMA
    return path.read_bytes(), edits.rows()


@pytest.mark.parametrize(
    ("raw", "arguments", "options", "expected"),
    [
        ("one two", ("two", "three"), {}, "one three"),
        ("a.b", (".", "x"), {"fixed_strings": True}, "axb"),
        ("a.b", (".", "$0$0"), {}, "aa..bb"),
        ("cost", ("cost", "$5 $$ ${1}"), {"fixed_strings": True}, "$5 $$ ${1}"),
        ("key = value", (r"(\w+) = (?P<right>\w+)", "$right = ${1}s $$"), {}, "value = keys $"),
        ("a a a", ("a", "b"), {"max_replacements": 2}, "b b a"),
        ("Word word WORD", ("word", "x"), {"ignore_case": True}, "x x x"),
        ("Word word", ("word", "x"), {"ignore_case": "smart"}, "x x"),
        ("Word word", ("Word", "x"), {"ignore_case": "smart"}, "x word"),
        ("cat concat", ("cat", "dog"), {"whole_word": True}, "dog concat"),
        ("a\r\nb\r\n", ("b", "c\nd"), {}, "a\r\nc\nd\r\n"),
        ("a\nb\n", (r"a\nb", "x"), {"multiline": True}, "x\n"),
        ("a\nb\n", ("^", "> "), {}, "> a\n> b\n"),
        ("a\nb\n", ("$", ";"), {}, "a;\nb;\n"),
        ("ab ba", (["a", "b"], ["b", "a"]), {}, "ba ab"),
        ("abc", (["bc", "ab"], ["X", "Y"]), {}, "Yc"),
        ("ab", (["a", "ab"], ["1", "2"]), {}, "1b"),
        ("aaaa", ("aa", "a"), {}, "aa"),
        ("(a)(b)", (r"\((a)|\((b)", "<$1$2"), {}, "<a)<b)"),
        ("größer 漢字", ("漢(字)", "→$1"), {}, "größer →字"),
        ("delete me", (" me", ""), {}, "delete"),
        ("äöx", ("x*", "-"), {}, "-ä-ö-"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"])
def test_replacements(
    raw: str, arguments: tuple[object, ...], options: dict[str, object], expected: str, encoding: str, tmp_path: Path
) -> None:
    named = {"encoding": encoding} if encoding in ("utf-16-be", "utf-16-le") else {}
    before = raw.encode(encoding)
    after, rows = replaced(tmp_path / "file", before, *arguments, **{**options, **named})
    assert after == expected.encode(encoding)
    bare = {"utf-8-sig": "utf-8", "utf-16": f"utf-16-{'le' if sys.byteorder == 'little' else 'be'}"}
    for start, end, matched, _ in rows:
        assert before[start:end].decode(bare.get(encoding, encoding)) == matched


def test_the_rows_tell_what_was_done(tmp_path: Path) -> None:
    _, rows = replaced(tmp_path / "file", "TODO: grün\nTODO: rot\n".encode(), r"TODO: (\w+)", "done $1")
    assert rows == [(0, 11, "TODO: grün", "done grün"), (12, 21, "TODO: rot", "done rot")]


def test_a_group_that_the_pattern_has_not(tmp_path: Path) -> None:
    for template in ("$2", "$1x", "${name}"):
        with pytest.raises(vfo.ArgumentError, match="replacement"):
            replaced(tmp_path / "file", b"abc", "(b)", template)


def test_nothing_matched_touches_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    before = path.stat()
    for arguments in (("x", "y"), ("b", "b")):
        vfo.replace_in_file(path, *arguments)
        after = path.stat()
        assert (after.st_ino, after.st_ctime_ns) == (before.st_ino, before.st_ctime_ns)
    assert vfo.replace_in_file(path, "x", "y").height == 0
    path.write_bytes(b"")
    assert vfo.replace_in_file(path, ".*", "y").height == 0


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    path.chmod(0o444)
    os.link(path, tmp_path / "other")
    assert vfo.replace_in_file(path, "b", "x", dry_run=True).rows() == [(1, 2, "b", "x")]
    assert path.read_bytes() == b"abc"


def test_a_binary_file_is_refused_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(vfo.ArgumentError, match="NUL at byte 4"):
        replaced(path, b"abc\n\0abc", "b", "x")
    assert path.read_bytes() == b"abc\n\0abc"
    assert replaced(path, b"abc\n\0abc", "b", "x", binary="search")[0] == b"axc\n\0axc"


@pytest.mark.hazard(11)
def test_mode_and_links_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    path.chmod(0o640)
    os.symlink("file", tmp_path / "link")
    vfo.replace_in_file(tmp_path / "link", "b", "x")
    assert path.read_bytes() == b"axc"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert (tmp_path / "link").is_symlink()
    with pytest.raises(vfo.ArgumentError, match="symlink"):
        vfo.replace_in_file(tmp_path / "link", "a", "y", follow_symlinks=False)
    os.link(path, tmp_path / "other")
    with pytest.raises(vfo.ArgumentError, match="break_hard_links=True"):
        vfo.replace_in_file(path, "a", "y")
    vfo.replace_in_file(path, "a", "y", break_hard_links=True)
    assert (path.read_bytes(), (tmp_path / "other").read_bytes()) == (b"yxc", b"axc")


def test_what_cannot_be_edited(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path, tmp_path / "pipe", "/dev/null"):
        for dry_run in (True, False):
            with pytest.raises(vfo.ArgumentError, match="path"):
                vfo.replace_in_file(target, "a", "b", dry_run=dry_run)
    with pytest.raises(vfo.PathNotFoundError):
        vfo.replace_in_file(tmp_path / "gone", "a", "b")
    assert not (tmp_path / "gone").exists()


@pytest.mark.hazard(10)
def test_only_the_expected_content_is_edited(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    with pytest.raises(vfo.ConflictError, match=blake3.blake3(b"abc").hexdigest()):
        vfo.replace_in_file(path, "b", "x", expected_blake3="0" * 64)
    with pytest.raises(vfo.ArgumentError, match="expected_blake3"):
        vfo.replace_in_file(path, "b", "x", expected_blake3="absent")
    vfo.replace_in_file(path, "b", "x", expected_blake3=blake3.blake3(b"abc").hexdigest())
    assert path.read_bytes() == b"axc"


@pytest.mark.hazard(10)
@pytest.mark.hazard(23)
def test_a_change_between_reading_and_writing_is_a_conflict(tmp_path: Path) -> None:
    """The folder's lock holds the edit back until the file has changed."""
    import fcntl

    path = tmp_path / "file"
    for how in ("in place", "renamed"):
        path.write_bytes(b"abc" * 10)
        folder = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        outcome: list[object] = []

        def edit(outcome: list[object] = outcome) -> None:
            try:
                outcome.append(vfo.replace_in_file(path, "b", "x").height)
            except vfo.VfoError as error:
                outcome.append(type(error))

        thread = threading.Thread(target=edit)
        thread.start()
        time.sleep(0.5)
        assert not outcome
        if how == "in place":
            path.write_bytes(b"other")
        else:
            (tmp_path / "new").write_bytes(b"other")
            os.rename(tmp_path / "new", path)
        os.close(folder)
        thread.join()
        assert outcome == [vfo.ConflictError]
        assert path.read_bytes() == b"other"
        assert os.listdir(tmp_path) == ["file"]


@pytest.mark.hazard(10)
def test_processes_that_edit_one_file_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("".join(f"<{number}> open\n" for number in range(60)))
    code = """
        import sys
        import vespera_file_ops as vfo
        for number in range(int(sys.argv[1]), 60, 3):
            while True:
                try:
                    edits = vfo.replace_in_file("file", f"<{number}> open", f"<{number}> done", durable=False)
                    assert edits.height == 1
                    break
                except (vfo.ConflictError, vfo.ChangedError):
                    pass
    """
    children = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(code), str(at)], cwd=tmp_path) for at in range(3)
    ]
    assert [child.wait(100) for child in children] == [0, 0, 0]
    assert (tmp_path / "file").read_text() == "".join(f"<{number}> done\n" for number in range(60))


@pytest.mark.hazard(14)
def test_a_forked_child_is_told_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    child = os.fork()
    if child == 0:
        try:
            vfo.replace_in_file(path, "b", "x")
        except vfo.ForkedProcessError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.read_bytes() == b"abc"


@pytest.mark.hazard(19)
def test_a_costly_edit_can_be_cancelled(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * 200_000)
    token = vfo.CancelToken()
    threading.Timer(0.3, token.cancel).start()
    begun = time.monotonic()
    with pytest.raises(vfo.CancelledError):
        vfo.replace_in_file(path, r"(?s).*[^a-z]|[a-z]", "x", cancel=token)
    assert time.monotonic() - begun < 3
    assert path.read_bytes() == b"a" * 200_000


@pytest.mark.hazard(13)
@pytest.mark.hazard(19)
@pytest.mark.parametrize(
    ("line", "pattern"),
    [
        ("größer wäre\n", r"(?:\w+\s){3}\bqqq\b|\bö\b"),
        ("\n", r"\Aq"),
        ("größer wäre ", [rf"q\w+{at}" for at in range(200)]),
    ],
    ids=["slow lines", "every line", "many patterns"],
)
@pytest.mark.parametrize("how", ["token", "signal"])
def test_an_edit_can_be_stopped_where_nothing_matches(
    line: str, pattern: str | list[str], how: str, tmp_path: Path
) -> None:
    path = tmp_path / "file"
    raw = (line * (64 << 20)).encode()[: 64 << 20]
    path.write_bytes(raw)
    # So that the file is old enough not to be waited for.
    time.sleep(1)
    token = vfo.CancelToken()
    stopped: list[float] = []

    def stop() -> None:
        stopped.append(time.monotonic())
        if how == "token":
            token.cancel()
        else:
            signal.raise_signal(signal.SIGINT)

    threading.Timer(0.3, stop).start()
    with pytest.raises(vfo.CancelledError if how == "token" else KeyboardInterrupt):
        vfo.replace_in_file(path, pattern, pattern, cancel=token)
    # The promise is 0.1 s; what is above it is the time of a loaded machine's scheduler.
    assert time.monotonic() - stopped[0] < 0.5
    assert path.read_bytes() == raw


@pytest.mark.hazard(17)
@pytest.mark.hazard(18)
@pytest.mark.parametrize(("pattern", "size"), [("(?s).*", 4_000_000), ("(?s).{1000}", 8_000_000)])
def test_a_replacement_that_no_memory_holds_is_refused(pattern: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * size)
    code = """
        import resource
        most = 3 << 30
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        try:
            vfo.replace_in_file(argument[0], argument[1], "$0" * 1000)
        except vfo.LimitError as error:
            answer(str(error))
    """
    assert "smaller steps" in run_child(code, [str(path), pattern])
    assert path.read_bytes() == b"a" * size


def test_text_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for name, arguments in (("pattern", ("\ud800", "x")), ("replacement", ("a", "x\ud800"))):
        with pytest.raises(vfo.ArgumentError, match=f"^{name}: .*surrogate"):
            replaced(path, b"a", *arguments)


def test_a_large_file_of_many_matches(tmp_path: Path) -> None:
    raw = b"one needle in a line of a large file\n" * 300_000
    begun = time.monotonic()
    after, rows = replaced(tmp_path / "file", raw, "needle", "pin")
    assert time.monotonic() - begun < 10
    assert after == raw.replace(b"needle", b"pin")
    assert len(rows) == 300_000
    assert rows[-1] == (len(raw) - 33, len(raw) - 27, "needle", "pin")


ALPHABET = st.sampled_from([*"abAB \n\r.$", "ä", "漢", "🎈"])
TEXTS = st.text(ALPHABET, max_size=60)
ENCODINGS = {"utf-8": b"", "utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE, "utf-8-sig": b""}


@given(
    text=TEXTS,
    pairs=st.lists(
        st.tuples(st.text(ALPHABET.filter(lambda c: c != "\n"), min_size=1, max_size=3), TEXTS), min_size=1, max_size=4
    ),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    most=st.none() | st.integers(1, 3),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_plain_text_is_replaced_as_a_naive_oracle_does(
    text: str, pairs: list[tuple[str, str]], encoding: str, most: int | None, tmp_path: Path
) -> None:
    """Byte by byte: at each place the first pattern that stands there, in UTF-8 and UTF-16."""
    bare = "utf-8" if encoding == "utf-8-sig" else encoding
    mark = codecs.BOM_UTF8 if encoding == "utf-8-sig" else ENCODINGS[encoding]
    expected, rows, at = [], [], 0
    while at < len(text):
        found = next((pair for pair in pairs if text.startswith(pair[0], at)), None)
        if found is None or len(rows) == (most or -1):
            expected.append(text[at])
            at += 1
            continue
        start = len(mark + text[:at].encode(bare))
        rows.append((start, start + len(found[0].encode(bare)), *found))
        expected.append(found[1])
        at += len(found[0])
    patterns, replacements = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    options = {"fixed_strings": True, "max_replacements": most}
    raw = mark + text.encode(bare)
    after, edits = replaced(tmp_path / "file", raw, patterns, replacements, **options)
    assert after == mark + "".join(expected).encode(bare)
    assert edits == rows


@given(
    raw=st.lists(
        st.sampled_from([b"a", b"b", b"ab", b"\xff", b"\xc3", b"\xa4", b"\n", b"\r\n", b" "]), max_size=40
    ).map(b"".join),
    pattern=st.sampled_from(
        ["a", "ab|b", "a+b?", "[ab]+", r"(?-u:\b)ab(?-u:\b)", "a(b)", "(a)|(b)", r"(?-u:\xff)a", "^a", "b$", r"[^a\n]b"]
    ),
    replacement=st.sampled_from([b"", b"x", b"xyz\n", "ö".encode()]),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_patterns_over_any_bytes_as_a_naive_oracle_does(
    raw: bytes, pattern: str, replacement: bytes, tmp_path: Path
) -> None:
    """Python's `re` over the bytes of each line; invalid bytes are no characters, which `.` and classes leave out."""
    theirs = {r"(?-u:\xff)a": rb"\xffa", r"[^a\n]b": rb"[ b\r]b", r"(?-u:\b)ab(?-u:\b)": rb"\bab\b", "b$": rb"b$"}
    oracle = re.compile(theirs.get(pattern, pattern.encode()))
    if pattern == r"[^a\n]b" and re.search(rb"[\xc3][\xa4]b", raw):
        return
    lines = raw.split(b"\n")
    # What stands behind the last newline is a line only if there is something.
    expected = [oracle.sub(lambda _: replacement, line) for line in lines]
    after, edits = replaced(tmp_path / "file", raw, pattern, replacement.decode())
    assert after == b"\n".join(expected)
    assert len(edits) == sum(len(list(oracle.finditer(line))) for line in lines)
