"""What is handed out: a small wheel that runs alone, a source distribution that makes it, and types that hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

import pytest

import vespera_file_ops as vfo

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(vfo.__file__).parent
MEGABYTE = 1_000_000

# What somebody writes who has the package installed and checks types.
SCRIPT = """
import polars as pl
from typing_extensions import assert_type

import vespera_file_ops as vfo

assert_type(vfo.search_files(r"TODO", ["src"], ignore_case="smart", context=2), pl.DataFrame)
assert_type(vfo.scan_files("src", blake3=True, within=vfo.Root(".")), pl.LazyFrame)
result = vfo.search("TODO", include="*.py")
assert_type(result.coverage, pl.DataFrame)
assert_type(vfo.write_file_atomic("x", b"y", expected_blake3="absent").blake3, str)
assert_type(vfo.read_file_lines("x"), pl.Series)
assert_type(vfo.expr.read_text("path", errors="struct"), pl.Expr)
with vfo.watch(".", debounce=0.1) as watcher:
    for changes in watcher:
        assert_type(changes, pl.DataFrame)
try:
    vfo.move_file("a", "b", overwrite=True)
except vfo.VfoError as error:
    assert_type(str(error), str)
token = vfo.CancelToken()
for batch in vfo.stream_hits("x", columns=["path"], cancel=token):
    print(len(batch))
"""

WRONG = """
import vespera_file_ops as vfo

vfo.search_files(7)
vfo.search_files("x", no_such_option=True)
vfo.search_files("x", ignore_case="sometimes")
vfo.scan_everything()
vfo.write_file_atomic("x", 1)
"""


def run(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "MYPYPATH", "VIRTUAL_ENV"}}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=clean, **options)  # type: ignore[call-overload,no-any-return]


def check_types(folder: Path, interpreter: str | Path = sys.executable) -> None:
    """Run mypy over both scripts, against the package that the interpreter has."""
    (folder / "script.py").write_text(SCRIPT)
    (folder / "wrong.py").write_text(WRONG)
    # Neither this repository's settings nor its folder of sources: only what is installed. The cache holds Polars.
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir"]
    cache = ROOT / ".mypy_cache" / "packaging"
    done = run(*command, cache, "--python-executable", interpreter, "script.py", "wrong.py", cwd=folder)
    found = [(file, int(line)) for file, line in re.findall(r"^(\S+):(\d+): error", done.stdout, flags=re.MULTILINE)]
    assert sorted(set(found)) == [("wrong.py", line) for line in range(4, 9)], done.stdout + done.stderr


def test_a_script_is_checked_by_the_types_of_the_package(tmp_path: Path) -> None:
    check_types(tmp_path)


def test_the_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").read_text() == ""
    assert (PACKAGE / "_core.pyi").is_file()
    assert "Typing :: Typed" in metadata.metadata("vespera-file-ops").get_all("Classifier", [])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep line tables elsewhere")
def test_the_development_install_keeps_its_line_tables() -> None:
    """Without them the stacks of a crash or a profile have no lines."""
    library = next(PACKAGE.glob("_core*.so")).read_bytes()
    assert b"\0.debug_line\0" in library


def test_the_metadata_says_what_holds() -> None:
    said = metadata.metadata("vespera-file-ops")
    assert said["Version"] == vfo.__version__
    assert said["License-Expression"] == "AGPL-3.0-only"
    assert said["License-File"] == "LICENSE"
    assert "GNU AFFERO GENERAL PUBLIC LICENSE" in (ROOT / "LICENSE").read_text()[:200]
    assert said["Requires-Python"] == ">=3.10"
    assert set(said.get_all("Provides-Extra", [])) == {
        "dev",
        "distributed",
        "docs",
        "mcp",
        "notebook",
        "rag",
        "rag-onnx",
    }
    assert {"Operating System :: POSIX :: Linux", "Programming Language :: Rust"} <= set(said.get_all("Classifier", []))
    (command,) = metadata.distribution("vespera-file-ops").entry_points.select(group="console_scripts")
    assert (command.name, command.value) == ("vfo", "vespera_file_ops.cli:main")
    assert callable(command.load())
    needed = {
        re.split(r"[<>=;\s]", line)[0] for line in metadata.requires("vespera-file-ops") or [] if "extra" not in line
    }
    assert needed == {"argcomplete", "cloudpickle", "polars", "tqdm"}


def test_every_development_dependency_is_pinned() -> None:
    lines = (ROOT / "tests" / "requirements.txt").read_text().splitlines()
    assert lines == sorted(set(lines))
    pinned = {line.split("==")[0] for line in lines}
    assert all("==" in line for line in lines)
    asked = metadata.requires("vespera-file-ops") or []
    names = {re.split(r"[<>=;\[\s]", line)[0] for line in asked if "rag-onnx" not in line}
    assert {name.lower().replace("_", "-") for name in names} - {"vespera-file-ops"} <= pinned


def files_of_sdist(path: Path) -> dict[str, int]:
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2]: member.size for member in archive if member.isfile()}


def test_the_source_distribution_holds_what_a_wheel_needs(tmp_path: Path) -> None:
    done = run(sys.executable, "-m", "maturin", "sdist", "--out", tmp_path, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.iterdir()
    files = files_of_sdist(archive)
    tops = {name.partition("/")[0] for name in files}
    known = {"Cargo.lock", "Cargo.toml", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "python", "src"}
    assert tops == known | {"CHANGELOG.md"}
    assert not [name for name in files if name.endswith((".so", ".pyc", ".ipynb"))]
    assert files["LICENSE"] == (ROOT / "LICENSE").stat().st_size
    assert archive.stat().st_size < 2 * MEGABYTE


def files_of_wheel(path: Path) -> dict[str, int]:
    with zipfile.ZipFile(path) as archive:
        return {info.filename: info.file_size for info in archive.infolist()}


def seconds_of(command: Sequence[str | Path], folder: Path) -> float:
    start = time.perf_counter()
    done = run(*command, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - start


@pytest.mark.hard
@pytest.mark.timeout(3600)
def test_the_wheel_runs_alone_and_is_made_from_the_source_distribution(
    tmp_path: Path, figures: Callable[[str], None]
) -> None:
    handed_out = tmp_path / "dist"
    took = seconds_of(["make", "wheel", f"WHEELS={handed_out}"], ROOT)
    (wheel,), (source,) = handed_out.glob("*.whl"), handed_out.glob("*.tar.gz")
    files = files_of_wheel(wheel)
    library = files["vespera_file_ops/_core.abi3.so"]
    size = f"{wheel.stat().st_size / MEGABYTE:.1f} MB, its library {library / MEGABYTE:.1f} MB"
    figures(f"wheel: {size}, built in {took:.0f} s; source distribution {source.stat().st_size / MEGABYTE:.2f} MB")
    assert "-cp310-abi3-" in wheel.name
    assert wheel.stat().st_size < 25 * MEGABYTE
    assert library < 30 * MEGABYTE
    information = f"vespera_file_ops-{vfo.__version__}.dist-info"
    assert {"vespera_file_ops/py.typed", f"{information}/licenses/LICENSE"} <= set(files)

    alone = tmp_path / "alone"
    seconds_of([sys.executable, "-m", "venv", alone], tmp_path)
    took = seconds_of([alone / "bin" / "python", "-m", "pip", "install", "--quiet", wheel], tmp_path)
    figures(f"wheel: installed with what it needs into an empty environment in {took:.0f} s")
    assert run(alone / "bin" / "vfo", "--version").stdout == f"vfo {vfo.__version__}\n"
    demo = run(alone / "bin" / "python", ROOT / "notebooks" / "demo.py", ROOT, cwd=tmp_path)
    assert (demo.returncode, demo.stderr) == (0, "")
    assert "the ledger" in demo.stdout
    shown = run(alone / "bin" / "python", "-c", "import vespera_file_ops as v; print(v.__file__)", cwd=tmp_path)
    assert shown.stdout.startswith(str(alone))
    check_types(tmp_path, alone / "bin" / "python")

    # Unpacked with the time of now, so that Cargo does not take this tree's library for its own.
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    seconds_of(["tar", "xzmf", source, "--strip-components=1"], unpacked)
    target = os.environ.get("CARGO_TARGET_DIR")
    if target is not None:
        (Path(target) / "vespera_clone").write_text(f"{unpacked}\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        tmp_path / "again",
        unpacked,
    ]
    took = seconds_of(command, tmp_path)
    (again,) = (tmp_path / "again").iterdir()
    figures(f"wheel: {again.stat().st_size / MEGABYTE:.1f} MB from the source distribution in {took:.0f} s")
    assert set(files_of_wheel(again)) == set(files)
    assert files_of_wheel(again)["vespera_file_ops/_core.abi3.so"] < 30 * MEGABYTE
