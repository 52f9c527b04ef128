"""The index of a server: what is read becomes part of it, and what it gives lies in the roots."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

import vespera_file_ops as vfo
from vespera_file_ops.mcp import Settings, build_server
from vespera_file_ops.mcp.indexing import Artifacts
from vespera_file_ops.mcp.places import Places
from vespera_file_ops.rag import Index

from conftest import make_tree
from mcp_tools import call, refused, server_of, stdio_of, with_client
from rag_tools import make_source


def eventually(holds: Callable[[], bool], seconds: float = 90.0) -> None:
    """Wait until something holds."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < seconds
        time.sleep(0.02)


def finds(index: Index, query: str) -> bool:
    """Whether there is an index yet, and the query has an answer."""
    try:
        return index.search(query).height > 0
    except vfo.PathNotFoundError:
        return False


def test_what_is_read_becomes_an_artifact_that_is_found(tmp_path: Path) -> None:
    source, index = make_source(tmp_path), Index(tmp_path / "index")
    server = server_of(source, index=index.uri)
    assert "is empty" in call(server, "search_index", query="zebra")[0]
    text, data = call(server, "read_file", path=["src/util.py", "README.md", "data/blob.bin", "gone"])
    told = {one["path"]: one.get("artifact") for one in data["files"]}
    assert told["src/util.py"] in text
    assert told["data/blob.bin"] is told["gone"] is None
    eventually(lambda: finds(index, "arguments"))
    text, data = call(server, "search_index", query="zebra crossing")
    assert data["columns"] == ["path", "start_line", "end_line", "score", "text"]
    assert data["rows"][0][:3] == ["src/util.py", 1, 2]
    assert text.startswith("== src/util.py:1-2")
    assert "class ZebraCrossing:\n    pass" in text
    assert index.search("zebra")["artifact"].to_list() == [told["src/util.py"]]
    (source / "src" / "util.py").write_text("class Giraffe:\n    pass\n")
    assert call(server, "read_file", path="src/util.py")[1]["files"][0]["artifact"] == told["src/util.py"]
    eventually(lambda: index.search("giraffe").height == 1)
    assert index.search("zebra").is_empty()


def test_a_synced_source_keeps_its_artifacts(tmp_path: Path) -> None:
    source, index = make_source(tmp_path), Index(tmp_path / "index")
    index.sync(source)
    before = dict(index.search("parse arguments").select("relative_path", "artifact").iter_rows())
    server = server_of(source, index=index.uri)
    _, data = call(server, "read_file", path="src/app.py")
    assert data["files"][0]["artifact"] == before["src/app.py"]
    _, data = call(server, "search_index", query="main", where="language = 'rust' and modified > '2020-01-01'")
    assert [row[0] for row in data["rows"]] == ["src/lib.rs"]
    assert call(server, "search_index", query="main", where="modified > now() + interval '1 day'")[1]["rows"] == []
    for where, said in (("lang = 'rust'", "did you mean language"), ("1 = 1) or (1 = 1", "where"), ("path", "where")):
        assert said in refused(server, "search_index", query="main", where=where)


def test_only_files_of_the_roots_are_given(tmp_path: Path) -> None:
    source, index = make_source(tmp_path), Index(tmp_path / "index")
    make_tree(source, {"src/.env": b"zebra_password = 1\n", "src/server.pem": b"zebra_key = 1\n"})
    make_tree(tmp_path / "source-beside", {"other.py": b"class ZebraBeside: pass\n"})
    for folder in (source, tmp_path / "source-beside"):
        index.sync(folder, include_hidden=True)
    index.add("ticket/7", "The zebra crossing is closed.")
    assert index.search("zebra").height == 5
    found = call(server_of(source / "src", index=index.uri), "search_index", query="zebra")[1]["rows"]
    assert [row[0] for row in found] == ["util.py"]
    roots = {"code": str(source / "src"), "beside": str(tmp_path / "source-beside")}
    server = build_server(Settings(roots, index=index.uri))
    found = call(server, "search_index", query="zebra")[1]["rows"]
    assert sorted(row[0] for row in found) == ["beside/other.py", "code/util.py"]
    assert call(server, "read_file", path="code/util.py")[1]["files"][0]["size"] == 30


def test_the_end_of_the_server_loses_nothing_that_was_read(tmp_path: Path) -> None:
    source, index = make_source(tmp_path), Index(tmp_path / "index")

    async def work(client: Client) -> Any:
        return await client.call_tool("read_file", {"path": "src/util.py"})

    answer = with_client(stdio_of("--root", str(source), "--index", index.uri), work)
    artifact = answer.structured_content["files"][0]["artifact"]
    # Started and ended within a second, the server has at least queued it.
    index.drain()
    assert index.search("zebra")["artifact"].to_list() == [artifact]


def test_reads_do_not_wait_for_the_index(tmp_path: Path) -> None:
    make_tree(tmp_path, {f"many/{number}.py": b"value = %d\n" % number for number in range(200)})
    index = Index(tmp_path / "index")
    server = server_of(tmp_path / "many", index=index.uri)
    call(server, "read_file", path="0.py")
    begun = time.monotonic()
    for number in range(0, 200, 50):
        call(server, "read_file", path=[f"{at}.py" for at in range(number, number + 50)])
    # A commit takes some 50 ms.
    assert time.monotonic() - begun < 4
    with index._store.writing(30):
        assert call(server, "read_file", path="7.py")[1]["files"][0]["artifact"]
    eventually(lambda: index.status()["files"].to_list() == [200])


def test_what_failed_is_tried_again_and_a_lost_file_is_none(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tree(tmp_path, {"root/one.py": b"zebra = 1\n", "root/gone.py": b"zebra = 2\n"})
    artifacts = Artifacts(str(tmp_path / "index"))
    places = Places({"root": str(tmp_path / "root")})
    one, gone = places.find("path", "one.py"), places.find("path", "gone.py")
    (tmp_path / "root" / "gone.py").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Index, "drain", lambda _: 1 / 0)
        artifacts.read(one, "a")
        artifacts.read(gone, "b")
        assert artifacts.settle()
    assert "was not indexed: ZeroDivisionError" in capfd.readouterr().err
    artifacts.read(one, "c")
    assert artifacts.settle()
    artifacts.close()
    assert artifacts.index.search("zebra")["text"].to_list() == ["zebra = 1"]
    assert capfd.readouterr().err == ""


def test_an_index_needs_its_extra(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['lancedb'] = None\n"
        "from vespera_file_ops.mcp import Settings, build_server\n"
        f"build_server(Settings({{'a': {str(tmp_path)!r}}}, index={str(tmp_path / 'index')!r}))\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtraError" in told.stderr
    assert "vespera-file-ops[rag]" in told.stderr


@pytest.mark.parametrize("limit", [0, 1000, "x"])
def test_bad_arguments_of_a_search_are_named(tmp_path: Path, limit: object) -> None:
    server = server_of(make_source(tmp_path), index=str(tmp_path / "index"))
    assert "limit" in refused(server, "search_index", query="x", limit=limit)
    assert "query" in refused(server, "search_index", query="")
    assert "no such tool" in refused(server_of(tmp_path / "source"), "search_index", query="x")
