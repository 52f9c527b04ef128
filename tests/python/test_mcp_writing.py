"""The server's tools that write: whole or not at all, over what was read alone, with every line end kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vespera_file_ops as vfo
from vespera_file_ops.mcp import Settings, build_server, writing

from conftest import make_tree
from mcp_tools import call, refused, server_of


def test_a_file_is_written_only_over_what_was_read(demo: Path) -> None:
    server = server_of(demo)
    _, data = call(server, "write_file", path="src/new.py", content="one\n")
    assert Path("src/new.py").read_text() == "one\n"
    text, told = call(server, "write_file", path="src/new.py", content="two\n", dry_run=True)
    assert "-one\n+two\n" in text
    assert told["diff"] in text
    assert Path("src/new.py").read_text() == "one\n"
    Path("src/new.py").write_text("somebody else\n")
    said = refused(server, "write_file", path="src/new.py", content="two\n", expected_blake3=data["blake3"])
    assert "new.py" in said
    assert Path("src/new.py").read_text() == "somebody else\n"
    assert "no such file" in refused(server, "write_file", path="nowhere/x", content="")


def test_texts_are_edited_all_or_none(demo: Path) -> None:
    server = server_of(demo)
    make_tree(demo, {"dos.txt": b"one\r\ntwo\r\nthree\r\n", "wide.txt": "größe\nzwei\n".encode("utf-16")})
    edits = [{"old_text": "one\ntwo", "new_text": "1\n2"}, {"old_text": "three", "new_text": "3"}]
    text, _ = call(server, "edit_file", path="dos.txt", edits=edits, dry_run=True)
    assert "would be written" in text
    assert Path("dos.txt").read_bytes() == b"one\r\ntwo\r\nthree\r\n"
    assert "+1\r\n+2" in text
    _, data = call(server, "edit_file", path="dos.txt", edits=edits)
    assert Path("dos.txt").read_bytes() == b"1\r\n2\r\n3\r\n"
    assert data["blake3"] == vfo.compute_file_hash("dos.txt")
    call(server, "edit_file", path="dos.txt", edits=[{"old_text": "2", "new_text": "2\nmore"}])
    assert Path("dos.txt").read_bytes() == b"1\r\n2\r\nmore\r\n3\r\n"
    call(server, "edit_file", path="wide.txt", edits=[{"old_text": "größe", "new_text": "Größe"}])
    assert Path("wide.txt").read_bytes() == "Größe\nzwei\n".encode("utf-16")
    before = Path("src/app.py").read_bytes()
    edits = [{"old_text": "main", "new_text": "start"}, {"old_text": "os", "new_text": "sys"}]
    assert "2 times" in refused(server, "edit_file", path="src/app.py", edits=edits)
    edits = [{"old_text": "main", "new_text": "start"}, {"old_text": "absent", "new_text": ""}]
    assert "is not there" in refused(server, "edit_file", path="src/app.py", edits=edits)
    assert "changed" in refused(server, "edit_file", path="src/app.py", edits=edits[:1], expected_blake3="0" * 64)
    assert Path("src/app.py").read_bytes() == before
    call(server, "edit_file", path="src/app.py", edits=[{"old_text": "os", "new_text": "sys", "all": True}])
    assert Path("src/app.py").read_bytes() == before.replace(b"os", b"sys")


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        (b"a\r\nb\r\n", "b", "b\nc", b"a\r\nb\r\nc\r\n"),
        (b"a\nb\n", "b", "b\nc", b"a\nb\nc\n"),
        (b"a", "a", "b\nc", b"b\nc"),
        (b"a\r\nb\r\n", "\nb", "", b"a\r\n"),
        (b"a\nb\na\r\nb\r\n", "a\nb", "x\ny", b"x\ny\nx\r\ny\r\n"),
        (b"a\r\nb\r\n", "a\r\nb", "x\ny", b"x\ny\r\n"),
        (b"x\rabc\r\n", "\r\n", "\n", b"x\rabc\n"),
        (b"f(a)[1]{2} #&~-^$|.*+?\\\r\n\tz <w>\r\n", "f(a)[1]{2} #&~-^$|.*+?\\\n\tz <w>", "1", b"1\r\n"),
        ("\ufeffa\r\né\r\n".encode("utf-16-le"), "é", "é\nc", "\ufeffa\r\né\r\nc\r\n".encode("utf-16-le")),
        (b"\xef\xbb\xbf\xffa\r\nb\xff\r\n", "a\nb", "c", b"\xef\xbb\xbf\xffc\xff\r\n"),
    ],
)
def test_an_edit_keeps_whole_line_ends(demo: Path, before: bytes, old: str, new: str, after: bytes) -> None:
    make_tree(demo, {"e.txt": before})
    call(server_of(demo), "edit_file", path="e.txt", edits=[{"old_text": old, "new_text": new, "all": True}])
    assert (demo / "e.txt").read_bytes() == after


@pytest.mark.parametrize("leads", [None, "/etc/hostname", "../beside"])
def test_a_file_that_goes_during_its_edit_is_told_as_gone(
    demo: Path, monkeypatch: pytest.MonkeyPatch, leads: str | None
) -> None:
    (demo.parent / "beside").write_text("TODO")
    searched = writing.search_text

    def search_and_remove(*given: Any, **options: Any) -> Any:
        hits = searched(*given, **options)
        (demo / "README.md").unlink(missing_ok=True)
        if leads is not None:
            (demo / "README.md").symlink_to(leads)
        return hits

    monkeypatch.setattr(writing, "search_text", search_and_remove)
    said = refused(server_of(demo), "edit_file", path="README.md", edits=[{"old_text": "TODO", "new_text": "DONE"}])
    assert said == "README.md: no such file or folder; list_directory shows what is there"


@pytest.mark.parametrize("path", ["absent/new.txt", "absent.txt/", "readme.md/", "../x", "readme.md/x"])
def test_a_dry_write_is_refused_where_the_write_is(demo: Path, path: str) -> None:
    make_tree(demo, {"readme.md": b"x\n"})
    server = server_of(demo)
    assert refused(server, "write_file", path=path, content="x", dry_run=True)
    assert refused(server, "write_file", path=path, content="x")
    expected = {"path": "new.txt", "content": "x", "expected_blake3": "0" * 64}
    assert "not exist" in refused(server, "write_file", dry_run=True, **expected)
    assert "not exist" in refused(server, "write_file", **expected)


def test_folders_are_made_and_entries_moved(demo: Path) -> None:
    make_tree(demo, {"one.txt": b"one\n", "two.txt": b"two\n"})
    server = server_of(demo)
    for _ in range(2):
        assert call(server, "create_directory", path="new/deep")[1]["status"] == "there"
    assert call(server, "move_file", path="one.txt", target="new/deep/one.txt")[1]["target"] == "new/deep/one.txt"
    assert "name already" in refused(server, "move_file", path="two.txt", target="new/deep/one.txt")
    call(server, "move_file", path="two.txt", target="new/deep/one.txt", overwrite=True)
    call(server, "move_file", path="new/deep", target="moved")
    assert (demo / "moved/one.txt").read_bytes() == b"two\n"
    assert "gone.txt: no such file" in refused(server, "move_file", path="gone.txt", target="x.txt")
    assert "./gone/x.txt: no such file" in refused(server, "move_file", path="moved", target="./gone/x.txt")
    assert "itself" in refused(server, "move_file", path="moved", target="moved/x")
    assert "no folder" in refused(server, "create_directory", path="moved/one.txt")
    two = build_server(Settings({"a": str(demo / "moved"), "b": str(demo / "src")}))
    assert "another root" in refused(two, "move_file", path="a/one.txt", target="b/one.txt")
