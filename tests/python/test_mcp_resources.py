"""Files and folders as resources: what is listed and read, and what is said of what cannot be."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from vespera_file_ops.mcp import Settings, build_server, resources

from conftest import make_tree
from mcp_tools import server_of, with_client


def read(server: object, uri: str) -> Any:
    async def work(client: Client) -> Any:
        return await client.read_resource(uri)

    (content,) = with_client(server, work).contents
    assert content.uri == uri
    return content


def said_of(server: object, uri: str) -> str:
    """The message of one read that is refused."""

    async def work() -> str:
        async with Client(server) as client:  # type: ignore[arg-type]
            with pytest.raises(MCPError) as caught:
                await client.read_resource(uri)
        return caught.value.message

    return anyio.run(work)


def refused(server: object, uri: str) -> tuple[int, str]:
    """The code and the message of a read that is refused, the same in both forms of the protocol."""

    async def work() -> list[tuple[int, str]]:
        told = []
        for mode in ("auto", "legacy"):
            async with Client(server, mode=mode) as client:  # type: ignore[arg-type]
                with pytest.raises(MCPError) as caught:
                    await client.read_resource(uri)
                assert caught.value.data == {"uri": uri}
                told.append((caught.value.code, caught.value.message))
        return told

    first, second = anyio.run(work)
    assert first == second
    return first


def test_what_is_offered_is_declared(demo: Path) -> None:
    async def work() -> None:
        for mode in ("auto", "legacy"):
            async with Client(server_of(demo), mode=mode) as client:  # type: ignore[arg-type]
                told = client.server_capabilities.resources
                assert told is not None
                assert (told.subscribe, told.list_changed) == (True, False)
                assert client.server_capabilities.tools is not None
                assert client.server_capabilities.tools.list_changed is False
                assert client.instructions

    anyio.run(work)


def test_roots_are_listed_and_the_rest_has_a_template(demo: Path, tmp_path: Path) -> None:
    make_tree(tmp_path, {"other root/ä b?.txt": b"other\n"})
    server = build_server(Settings({"demo": str(demo), "other root": str(tmp_path / "other root")}))

    async def work(client: Client) -> Any:
        with pytest.raises(MCPError, match="cursor"):
            await client.list_resources(cursor="2")
        return (await client.list_resources()).resources, (await client.list_resource_templates()).resource_templates

    listed, templates = with_client(server, work)
    assert [one.uri for one in listed] == ["vfo://demo/", "vfo://other%20root/"]
    assert {one.mime_type for one in listed} == {"inode/directory"}
    assert [one.uri_template for one in templates] == ["vfo://{root}/{+path}"]
    assert "src/" in read(server, "vfo://demo/").text
    for spelled in ("%C3%A4%20b%3F.txt", "ä b?.txt"):
        assert read(server, f"vfo://other%20root/{spelled}").text == "other\n"


def test_files_are_read_as_text_or_bytes(demo: Path) -> None:
    contents = {
        "a.json": b"{}",
        "wide.txt": b"\xff\xfeh\x00i\x00",
        "bad.md": b"\xff",
        "x.png": b"\x00\x01",
        "t.png": b"t",
    }
    make_tree(demo, contents)
    Path("empty.rs").touch()
    server = server_of(demo)
    for path, mime_type, text in (
        ("src/app.py", "text/x-python", Path("src/app.py").read_text()),
        ("src/lib.rs", "text/plain", "fn main() {}\n"),
        ("README.md", "text/markdown", Path("README.md").read_text()),
        ("a.json", "application/json", "{}"),
        ("wide.txt", "text/plain", "hi"),
        ("t.png", "text/plain", "t"),
        ("empty.rs", "text/plain", ""),
    ):
        content = read(server, f"vfo://root/{path}")
        assert (content.mime_type, content.text) == (mime_type, text), path
    for path, mime_type in (
        ("x.png", "image/png"),
        ("data/blob.bin", "application/octet-stream"),
        ("bad.md", "application/octet-stream"),
    ):
        content = read(server, f"vfo://root/{path}")
        assert (content.mime_type, base64.b64decode(content.blob)) == (mime_type, Path(path).read_bytes())


def test_names_that_are_no_text_are_read(demo: Path) -> None:
    Path(os.fsdecode(b"caf\xe9.txt")).write_text("old\n")
    assert read(server_of(demo), "vfo://root/caf%E9.txt").text == "old\n"


def test_folders_are_read_as_listings(demo: Path) -> None:
    make_tree(demo, {f"many/{number:04}.txt": b"" for number in range(500)})
    Path(".env").touch()
    server = server_of(demo, max_bytes=400)
    for uri in ("vfo://root/src", "vfo://root/src/"):
        content = read(server, uri)
        assert content.mime_type == "inode/directory"
        assert [line.split()[0] for line in content.text.splitlines()] == ["app.py", "lib.rs", "util.py"]
    text = read(server, "vfo://root/many").text
    assert len(text) < 500
    assert "(500 entries, " in text
    for uri in ("vfo://root", "vfo://root/", "VFO://root/"):
        names = [line.split()[0] for line in read(server, uri).text.splitlines()]
        assert "debug.log" in names
        assert not {".env", ".git/"} & set(names)


def test_what_cannot_be_read_says_why(demo: Path) -> None:
    make_tree(
        demo, {"big.txt": b"x" * (resources.MOST_BYTES + 1), ".env": b"", "fits.txt": b"x" * resources.MOST_BYTES}
    )
    os.mkfifo("pipe")
    server = server_of(demo)
    for uri, code, said in (
        ("vfo://root/gone", INVALID_PARAMS, "no such file"),
        ("vfo://root/src//app.py", INVALID_PARAMS, "no such file"),
        ("vfo://root/src/./app.py", INVALID_PARAMS, "no such file"),
        ("vfo://root/src%2Fapp.py", INVALID_PARAMS, "no such file"),
        ("vfo://root/src/app.py/", INVALID_PARAMS, "no such file"),
        ("vfo://root/src/app.py/x", INVALID_PARAMS, "no such file"),
        ("vfo://root/a%00b", INVALID_PARAMS, "NUL"),
        ("vfo://rot/src", INVALID_PARAMS, "did you mean root"),
        ("file:///etc/passwd", INVALID_PARAMS, "vfo://ROOT/path"),
        ("vfo:///src", INVALID_PARAMS, "vfo://ROOT/path"),
        ("src/app.py", INVALID_PARAMS, "vfo://ROOT/path"),
        ("vfo://root/.env", INVALID_PARAMS, "denied"),
        ("vfo://root/.git/HEAD", INVALID_PARAMS, "denied"),
        ("vfo://root/%2Eenv", INVALID_PARAMS, "denied"),
        ("vfo://root/pipe", INVALID_PARAMS, "fifo"),
        ("vfo://root/big.txt", INTERNAL_ERROR, "1 MiB"),
    ):
        told = refused(server, uri)
        assert told[0] == code, (uri, told)
        assert said in told[1], (uri, told)
    assert len(read(server, "vfo://root/fits.txt").text) == resources.MOST_BYTES


OUTSIDE = ["link/secret.txt", "file", "link", "../outside/secret.txt", "%2e%2e/outside/secret.txt", "/etc/passwd",
           "..%2Foutside%2Fsecret.txt", "%2Fetc%2Fpasswd"]  # fmt: skip


def test_what_lies_outside_is_told_as_what_is_not_there(beside: Path) -> None:
    for several in (False, True):
        roots = {"root": str(beside), **({"other": str(beside / "d")} if several else {})}
        server = build_server(Settings(roots))
        expected = refused(server, "vfo://root/gone")
        for path in OUTSIDE:
            uri = f"vfo://root/{path}"
            code, said = refused(server, uri)
            assert (code, said) == (expected[0], expected[1].replace("vfo://root/gone", uri)), path
        assert "denied" in refused(server, "vfo://root/harmless")[1]


def test_what_a_link_leads_to_by_then_is_looked_at_again(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def repoint(*given: Any, **options: Any) -> Any:
        for name, leads_to in (("file", ".env"), ("folder", ".git")):
            (beside / name).unlink(missing_ok=True)
            (beside / name).symlink_to(leads_to)
        return original(*given, **options)

    make_tree(beside, {".git/HEAD": b"secret"})
    for name, path in (("read_file_string", "file"), ("list_directory", "folder")):
        for link, leads_to in (("file", "in.txt"), ("folder", "d")):
            (beside / link).unlink(missing_ok=True)
            (beside / link).symlink_to(leads_to)
        server = server_of(beside)
        read(server, f"vfo://root/{path}")
        original = getattr(resources, name)
        monkeypatch.setattr(resources, name, repoint)
        # Once: the next would find the link where it leads by now.
        assert "denied" in said_of(server, f"vfo://root/{path}")
