"""`search` and its ledger, the warning of the searches without one, listings, and `explain`."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import polars as pl
import pytest

import vespera_file_ops as vfo
from vespera_file_ops.ledger import incomplete_text, ledger_text

from conftest import make_tree

COUNTED = ("searched", "binary", "too_large", "unreadable", "vanished", "changed", "limit", "not_reached")


def test_the_ledger_adds_up(mixed_tree: Path) -> None:
    result = vfo.search(["a", "TODO"], mixed_tree, max_file_size=300)
    summary = result.summary
    assert summary["found"] == sum(summary[status] for status in COUNTED)
    assert summary["found"] == result.coverage.height
    assert summary["too_large"] > 0
    assert summary["binary"] == 1
    for status in COUNTED:
        assert summary[status] == result.coverage.filter(status=status).height
    assert summary["hits"] == result.hits.height == result.coverage["hits"].sum()
    assert summary["matched_lines"] == result.coverage["matched_lines"].sum()
    assert result.ledger == ledger_text(summary)
    assert repr(result) == f"SearchResult({result.ledger})"


def test_a_result_cannot_be_changed(demo: Path) -> None:
    result = vfo.search("TODO")
    with pytest.raises(AttributeError):
        result.hits = pl.DataFrame()  # type: ignore[misc]


def test_ledger_texts() -> None:
    counts = dict.fromkeys(COUNTED, 0) | {"ignored": 0, "hidden": 0}
    full = {**counts, "found": 120, "searched": 110, "binary": 8, "unreadable": 2, "hits": 31}
    assert ledger_text(full) == "found 120 = searched 110 + binary 8 + unreadable 2; 31 hits"
    assert incomplete_text(full) == "the search is not complete: 2 unreadable"
    clean = {**counts, "found": 9, "searched": 1, "binary": 8, "hits": 1, "ignored": 3}
    assert ledger_text(clean) == "found 9 = searched 1 + binary 8; 1 hit; left out by rule: 3 ignored"
    assert incomplete_text(clean) is None
    cut = {**counts, "found": 2, "searched": 1, "limit": 1, "hits": 1}
    assert incomplete_text(cut) == "the search is not complete: 1 cut by a limit"
    assert incomplete_text(cut, cut_expected=True) is None


def test_a_search_without_ledger_warns_once_and_points_at_the_caller(demo: Path) -> None:
    with pytest.warns(vfo.IncompleteSearchWarning, match="1 too large") as caught:
        vfo.search_files("TODO", max_file_size=40)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    with pytest.warns(vfo.IncompleteSearchWarning, match="1 unreadable|1 gone"):
        vfo.search_files("TODO", ["src", "gone"])


def test_no_warning_for_what_the_caller_asked_for(demo: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vfo.search_files("TODO")
        vfo.search_files("TODO", max_hits=1)
        vfo.search_files("TODO", max_hits_per_file=1)
        vfo.search_text("TODO", "README.md", max_hits=1)
        vfo.search("TODO", ["src", "gone"])


def test_a_time_limit_keeps_what_is_finished(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x\n")
    (tmp_path / "b.txt").write_bytes(b"a" * 400_000)
    result = vfo.search(r"x|(?s).*[^a-z]|[a-z]", tmp_path, time_limit=0.5)
    assert result.summary["complete"] is False
    assert result.summary["seconds"] < 5
    assert result.coverage.filter(status="not_reached").height == 1
    with pytest.warns(vfo.IncompleteSearchWarning, match="not reached"):
        vfo.search_files(r"(?s).*[^a-z]|[a-z]", tmp_path, time_limit=0.3)


def test_list_directory_shows_what_is_hidden_and_ignored(demo: Path) -> None:
    names = vfo.list_directory()["name"].to_list()
    assert {".gitignore", "README.md", "data", "debug.log", "src"} <= set(names)
    assert "app.py" not in names
    assert "debug.log" not in vfo.list_directory(respect_ignore=True)["name"].to_list()
    assert ".gitignore" not in vfo.list_directory(include_hidden=False)["name"].to_list()
    assert vfo.list_directory("src")["path"].to_list() == ["src/app.py", "src/lib.rs", "src/util.py"]


def test_glob_files_gives_files_alone(demo: Path) -> None:
    assert vfo.glob_files(".", ["src"])["kind"].unique().to_list() == ["file"]
    assert vfo.glob_files(".", "*.py", exclude=["app.py"])["path"].to_list() == ["src/util.py"]
    assert vfo.glob_files(".", "*.py", blake3=True)["blake3"].str.len_bytes().to_list() == [64, 64]


def test_progress_changes_nothing_but_the_screen(demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vfo.search_files("TODO", progress=True).equals(vfo.search_files("TODO"))
    told = capsys.readouterr().err
    assert "files" in told
    assert "2 hits" in told
    assert vfo.chunk_files("src", progress=True).equals(vfo.chunk_files("src"))
    assert "3 chunks" in capsys.readouterr().err
    assert vfo.search("TODO", progress=False).hits.height == 2
    assert vfo.chunk("src", progress=False).chunks.height == 3
    assert capsys.readouterr().err == ""


def reason(*arguments: object, **options: object) -> str:
    frame = vfo.explain(*arguments, **options)
    assert frame.height == 1
    return str(frame["reason"][0])


def test_explain_names_the_reason(demo: Path) -> None:
    make_tree(demo, {"target/deep/er/x.py": b"TODO\n", ".gitignore": b"*.log\n/target/\n", ".secret/x.py": b"TODO\n"})
    assert reason("src/app.py") == "searched: nothing leaves it out"
    assert reason("src/app.py", "TODO") == "searched: 1 hit in 1 line"
    assert reason("src/lib.rs", "TODO") == "searched: 0 hits in 0 lines"
    assert "binary" in reason("data/blob.bin")
    assert "at byte 0" in reason("data/blob.bin")
    assert "*.log" in reason("debug.log")
    assert "respect_ignore=False" in reason("debug.log")
    assert reason("target/deep/er/x.py").startswith("its folder target is ignored by ")
    assert "/target/" in reason("target/deep/er/x.py")
    assert "include_hidden=True" in reason(".secret/x.py")
    assert "max_file_size=10" in reason("src/app.py", max_file_size=10)
    assert "folder" in reason("src")
    assert "searched" in reason(demo / "src" / "app.py")
    assert "searched" in reason("app.py", "TODO", "src") if (demo / "app.py").exists() else True
    assert "searched" in reason("src/app.py", "TODO", "src")
    assert "left out by" in reason("src/app.py", types=["rust"])


def test_explain_a_symlink(demo: Path) -> None:
    os.symlink("src/app.py", demo / "link.py")
    assert "follow_symlinks=True" in reason("link.py")


def test_explain_goes_up_from_where_a_link_leads(demo: Path, tmp_path: Path) -> None:
    elsewhere = make_tree(tmp_path / "elsewhere", {"real/a.py": b"TODO\n", "b.py": b"TODO\n"})
    make_tree(demo, {"b.py": b"", "src/deep/c.py": b"TODO\n", "c.py": b""})
    (demo / "out").symlink_to("../elsewhere/real")
    (demo / "chain").symlink_to("out")
    (demo / "in").symlink_to("src/deep")
    # `b.py` and `c.py` are also beside the links, and have no hit there.
    for path in ("out/../b.py", "chain/../b.py", "./out//.././b.py", demo / "chain" / ".." / "b.py"):
        assert reason(path, "TODO") == "searched: 1 hit in 1 line", path
        assert vfo.explain(path)["path"].to_list() == [str(elsewhere / "b.py")]
    assert vfo.explain("in/../app.py", "TODO")["path"].to_list() == ["src/app.py"]
    assert vfo.explain("in/../deep/c.py", "TODO", "src")["path"].to_list() == ["src/deep/c.py"]
    assert vfo.explain("src/app.py", "TODO", "in/..")["relative_path"].to_list() == ["app.py"]
    assert reason("in/..") == "a folder: the ledger has rows for files; ask for a file in it"
    # Without a link, up is the folder before.
    assert vfo.explain("src/deep/../../debug.log")["path"].to_list() == ["debug.log"]
    os.chdir(demo / "src")
    assert vfo.explain("../README.md", "TODO")["path"].to_list() == [str(demo / "README.md")]
    with pytest.raises(vfo.PathNotFoundError):
        vfo.explain("missing/../app.py")
    with pytest.raises(vfo.ArgumentError, match="does not lie below"):
        vfo.explain("deep/../app.py", source="deep")


def test_explain_has_the_columns_of_coverage_and_a_reason(demo: Path) -> None:
    expected = dict(vfo.scan_coverage("TODO").collect_schema()) | {"reason": pl.String()}
    for path in ("src/app.py", "debug.log", "src"):
        assert dict(vfo.explain(path).schema) == expected


def test_explain_works_from_elsewhere(demo: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    os.chdir(elsewhere)
    assert "searched" in reason(demo / "src" / "app.py")
    assert "*.log" in reason(demo / "debug.log")
    # Also where the current directory is gone.
    elsewhere.rmdir()
    assert "*.log" in reason(demo / "debug.log")
    assert reason(demo / "src" / "app.py", source=demo / "src") == "searched: nothing leaves it out"


FORKED = """
    import os, sys, polars as pl
    import vespera_file_ops as vfo
    pl.DataFrame({{"a": [1, 2]}}).lazy().filter(pl.col("a") > 1).collect()
    {before}
    child = os.fork()
    if child == 0:
        code = 1
        try:
            assert vfo.read_file("README.md").startswith(b"# Demo")
            assert len(vfo.compute_file_hash("README.md")) == 64
            assert vfo.read_file_string("src/lib.rs") == "fn main() {{}}\\n"
            assert sum(len(batch) for batch in vfo.stream_hits("TODO")) == 2
            for call in (
                lambda: vfo.search_files("TODO"), lambda: vfo.scan_files(), lambda: vfo.search("TODO"),
                lambda: vfo.read_file_lines("README.md"), lambda: vfo.list_directory(), lambda: vfo.explain("src"),
            ):
                try:
                    call()
                except vfo.ForkedProcessError as error:
                    assert "spawn" in str(error)
                else:
                    raise AssertionError("it did not raise")
            code = 0
        finally:
            os._exit(code)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.hazard(14)
@pytest.mark.parametrize("before", ["pass", "vfo.search_files('TODO')"])
def test_hazard_14_a_forked_child_reads_and_never_hangs(before: str, demo: Path) -> None:
    code = textwrap.dedent(FORKED.format(before=before))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=30, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_of_a_parent_without_polars_may_use_it(demo: Path) -> None:
    code = textwrap.dedent("""
        import os, sys
        import vespera_file_ops as vfo
        child = os.fork()
        if child == 0:
            os._exit(0 if vfo.search_files("TODO").height == 2 else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    subprocess.run([sys.executable, "-c", code], timeout=30, check=True)
