"""`vfo index` for cron: what it prints, and with which status it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rag_tools import FILES, make_source


def vfo_index(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vespera_file_ops", "index", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return make_source(tmp_path), tmp_path / "index"


def test_daft_cuts_it_too(places: tuple[Path, Path]) -> None:
    source, index = places
    done = vfo_index("sync", source, "--index", index, "--engine", "daft")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1].split()[:2] == ["added", str(len(FILES))]
    assert vfo_index("verify", "--index", index).returncode == 0
    assert vfo_index("sync", source, "--index", index, "--engine", "dafd").returncode == 2


def test_sync_search_status_and_verify(places: tuple[Path, Path]) -> None:
    source, index = places
    done = vfo_index("sync", source, "--index", index, "--dry-run")
    assert (done.returncode, index.exists()) == (0, False)
    done = vfo_index("sync", source, "--index", index)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].split() == ["status", "files", "chunks", "embedded", "seconds"]
    assert done.stdout.splitlines()[1].split()[:2] == ["added", str(len(FILES))]
    assert "\x1b" not in done.stdout
    done = vfo_index("search", "ZebraCrossing", "--index", index)
    assert done.returncode == 0
    header, row = done.stdout.splitlines()
    assert row.split()[0] == "src/util.py"
    assert len(row[header.index("score") :].split()[0]) <= len("0.1234")
    assert vfo_index("search", "nowhere", "--index", index).returncode == 1
    assert vfo_index("search", "zebra", "--index", index, "--where", "nothing = 1").returncode == 2
    assert vfo_index("verify", "--index", index).returncode == 0
    (source / "new.py").write_text("new\n")
    done = vfo_index("verify", source, "--index", index)
    assert done.returncode == 1
    assert "missing" in done.stdout
    assert str(source) in vfo_index("status", "--index", index).stdout
    assert "\x1b[" in vfo_index("status", "--index", index, "--color", "always").stdout


def test_reports_as_json(places: tuple[Path, Path]) -> None:
    source, index = places
    done = vfo_index("sync", source, "--index", index, "--json", "-g", "*.py")
    report = {line["status"]: line for line in json.loads(done.stdout)}
    assert report["added"]["files"] == 3
    assert sorted(report["added"]["paths"]) == ["src/app.py", "src/long.py", "src/util.py"]
    (found,) = json.loads(vfo_index("search", "zebra", "--index", index, "--json").stdout)
    assert found["relative_path"] == "src/util.py"
    assert json.loads(vfo_index("verify", "--index", index, "--json").stdout) == []
    (status,) = json.loads(vfo_index("status", "--index", index, "--json").stdout)
    assert status["files"] == 3


def test_what_is_refused_or_fails_ends_with_2(places: tuple[Path, Path], tmp_path: Path) -> None:
    source, index = places
    for arguments in (("search", "x"), ("status",), ("verify",), ("sync", tmp_path / "none")):
        done = vfo_index(*arguments, "--index", index)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("vfo: ")
    vfo_index("sync", source, "--index", index)
    for bad in (("--chunk-size", "7"), ("--max-removed", "3"), ("--embedder", "minilm")):
        assert vfo_index("sync", source, "--index", index, *bad).returncode == 2
