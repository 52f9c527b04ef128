"""What the Python tests share: trees to read, and figures to report."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from root_escapes import write_roots

# A shell without job control starts what it puts in the background with Ctrl-C ignored, and the tests of it would wait.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Every docstring's example runs in this tree, and the README speaks of nothing else.
DEMO = {
    ".git/HEAD": b"ref: refs/heads/main\n",
    ".gitignore": b"*.log\n",
    "README.md": b"# Demo\n\nTODO: write this\n",
    "data/blob.bin": b"\x00\x01\x02",
    "debug.log": b"TODO: never seen\n",
    "src/app.py": b"import os\n\n\ndef main():\n    # TODO: parse arguments\n    return os.getpid()\n",
    "src/lib.rs": b"fn main() {}\n",
    "src/util.py": b"def helper():\n    return 1  # FIXME\n",
}


def make_tree(root: Path, files: dict[str, bytes]) -> Path:
    """Write files, with the folders that they need."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Path]:
    """The demo tree, as current directory."""
    before = Path.cwd()
    root = make_tree(tmp_path / "demo", DEMO)
    os.chdir(root)
    yield root
    os.chdir(before)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A small tree to be watched, as current directory."""
    before = Path.cwd()
    root = make_tree(tmp_path / "tree", {"a/one.txt": b"1", "a/b/two.txt": b"22", "c.txt": b"333"})
    os.chdir(root)
    yield root
    os.chdir(before)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A root with links to what lies beside it, and to what is denied in it."""
    make_tree(
        tmp_path, {"outside/secret.txt": b"secret", "root/in.txt": b"in", "root/.env": b"secret", "root/d/x": b"x"}
    )
    top = tmp_path / "root"
    (top / "link").symlink_to("../outside")
    (top / "file").symlink_to("../outside/secret.txt")
    (top / "harmless").symlink_to(".env")
    return top


@pytest.fixture(scope="session")
def mixed_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few dozen files that differ in every column that a query can ask for."""
    files: dict[str, bytes] = {}
    words = ["alpha", "beta", "TODO", "gamma", "FIXME"]
    for folder in ("", "a/", "a/b/", "c d/", "e/f/g/"):
        for number, extension in enumerate((".py", ".rs", ".md", "", ".txt")):
            lines = [
                f"{words[(number + line) % 5]} {folder} {line} {'x' * (line * number)}"
                for line in range(number * 3 + 1)
            ]
            files[f"{folder}file{number}{extension}"] = "\n".join(lines).encode()
    files["a/blob.bin"] = b"TODO\x00TODO\n"
    files["a/utf8.txt"] = "TODO größer → 漢字\n".encode()
    files["a/empty.txt"] = b""
    root = make_tree(tmp_path_factory.mktemp("mixed"), files)
    for at, path in enumerate(sorted(root.rglob("*"))):
        os.utime(path, (1_700_000_000 + at * 1000, 1_700_000_000 + at * 1000))
    return root


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line such as `hazard 1: 5,000 truncations survived`; the end of the run lists it, captured or not."""

    def figures(line: str) -> None:
        print(line)
        record_property("figures", line)

    return figures


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    lines = [line for report in reports for name, line in report.user_properties if name == "figures"]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """A root among secrets, with links in it that lead to them."""
    return write_roots(tmp_path)
