"""What Tab offers behind `vfo`, asked in the shells themselves, and what installing it leaves behind."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vespera_file_ops.cli import completion as cli_completion
from vespera_file_ops.cli.arguments import FORMATS

Ask = Callable[[str], list[str]]


@pytest.fixture
def home(tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which nothing is set up but that `vfo` is this package; the demo tree is the current directory."""
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    command = home / "bin" / "vfo"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vespera_file_ops "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "ZDOTDIR", "SHELL"):
        monkeypatch.delenv(name, raising=False)
    return home


def vfo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["vfo", *arguments], capture_output=True, text=True, timeout=60, check=False)


def in_bash(line: str) -> list[str]:
    """What bash itself finds for a line, by the function that the start file has set up."""
    code = f"""
    . ~/.bashrc
    COMP_LINE={shlex.quote(line)} COMP_POINT=${{#COMP_LINE}} COMP_TYPE=9 COMPREPLY=()
    set -- $(complete -p vfo)
    while [ "$1" != -F ]; do shift; done
    "$2" vfo
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return [word.rstrip() for word in done.stdout.splitlines()]


def in_fish(line: str) -> list[str]:
    done = subprocess.run(
        ["fish", "-c", f"complete -C {shlex.quote(line)}"], capture_output=True, text=True, timeout=60, check=True
    )
    return [word.split("\t")[0] for word in done.stdout.splitlines()]


def typed_in_zsh(keys: str, until: str) -> str:
    """What a terminal shows when these keys are pressed in a fresh zsh."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["PS1"] = "ready> "
        os.execvp("zsh", ["zsh", "-d", "-i"])
    shown = b""
    try:
        end = time.monotonic() + 60
        pending = [(b"ready> ", keys.encode()), (until.encode(), b"")]
        while pending and time.monotonic() < end:
            if select.select([terminal], [], [], 0.2)[0]:
                shown += os.read(terminal, 4096)
            if pending[0][0] in shown:
                os.write(terminal, pending.pop(0)[1])
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)
    return shown.decode(errors="replace")


ASKED = [
    ("vfo ", {"files", "search", "chunks", "info", "hash", "read", "explain", "watch", "index", "serve"}),
    ("vfo index ", {"sync", "search", "status", "verify"}),
    ("vfo files --bl", {"--blake3"}),
    ("vfo search x --form", {"--format"}),
    ("vfo search x --format ", set(FORMATS)),
    ("vfo search x -f pa", {"parquet"}),
    ("vfo search x --strategy ", {"auto", "buffered", "mmap", "stream"}),
    ("vfo files -t rus", {"rust"}),
    ("vfo index search x --mode ", {"auto", "text", "vector", "hybrid"}),
    ("vfo search x --columns line_", {"line_number", "line_truncated"}),
    ("vfo search x --columns path,line_n", {"path,line_number"}),
    ("vfo files --columns bl", set[str]()),
    ("vfo files --blake3 --columns bl", {"blake3"}),
    ("vfo explain x --columns rea", {"reason"}),
    ("vfo watch --columns ev", {"event"}),
    ("vfo watch -f ", {"table", "csv", "ndjson"}),
    ("vfo explain --source ", {"src/", "data/"}),
    ("vfo read src/", {"src/app.py", "src/lib.rs", "src/util.py"}),
    ("vfo search TODO s", {"src/"}),
    ("vfo files --within ", {"src/", "data/"}),
    ("vfo files --max-depth ", set[str]()),
]


@pytest.mark.parametrize(("line", "offered"), ASKED)
def test_bash_completes(line: str, offered: set[str], home: Path) -> None:
    assert vfo("--install-completion", "bash").returncode == 0
    assert set(in_bash(line)) - {""} == offered


@pytest.mark.parametrize(("line", "offered"), [ASKED[at] for at in (0, 4, 7, 10, 17)])
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes(line: str, offered: set[str], home: Path) -> None:
    assert vfo("--install-completion", "fish").returncode == 0
    assert set(in_fish(line)) == offered


@pytest.mark.parametrize(
    ("keys", "shown"), [("vfo chu\t", "vfo chunks"), ("vfo search x --columns path,line_n\t", "path,line_number")]
)
@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_completes(keys: str, shown: str, home: Path) -> None:
    assert vfo("--install-completion", "zsh").returncode == 0
    assert shown in typed_in_zsh(keys, shown)


def test_a_name_with_a_space_is_completed(home: Path) -> None:
    Path("two words.txt").write_text("x")
    vfo("--install-completion", "bash")
    assert in_bash("vfo read tw") == ["two\\ words.txt"]


@pytest.mark.parametrize("shell", cli_completion.SHELLS)
def test_it_is_installed_once(shell: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = home / f".{shell}rc"
    start.write_text("alias ll='ls -l'")
    monkeypatch.setenv("SHELL", f"/bin/{shell}")
    first = vfo("--install-completion")
    assert first.returncode == 0, first.stderr
    before = {path: (path.read_text(), path.stat().st_mtime_ns) for path in home.rglob("*") if path.is_file()}
    (written,) = [path for path in before if path.name == f"vfo.{shell}"]
    assert f"wrote {written}" in first.stdout
    assert written.read_text() == vfo("--show-completion", shell).stdout
    lines = start.read_text().splitlines()
    assert lines[0] == "alias ll='ls -l'"
    assert len(lines) == (1 if shell == "fish" else 2)
    second = vfo("--install-completion")
    assert f"{written} is up to date" in second.stdout
    assert before == {path: (path.read_text(), path.stat().st_mtime_ns) for path in home.rglob("*") if path.is_file()}


def test_a_link_to_the_start_file_stays_a_link(home: Path) -> None:
    (home / "dotfiles").write_text("# mine\n")
    (home / ".bashrc").symlink_to("dotfiles")
    vfo("--install-completion", "bash")
    assert (home / ".bashrc").is_symlink()
    assert "vfo.bash" in (home / "dotfiles").read_text()


def test_an_unknown_shell_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("/bin/tcsh", ""):
        monkeypatch.setenv("SHELL", value)
        done = vfo("--install-completion")
        assert (done.returncode, done.stdout) == (2, "")
        assert "name one of bash, zsh, fish" in done.stderr
        assert "Traceback" not in done.stderr
