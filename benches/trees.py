"""What the benchmark works on: real trees, fetched or made once, in the user's cache folder.

Nothing here is timed. A tree that cannot be had is named on stderr, and the rows that want it are left out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vespera_file_ops" / "bench"
# Packages with many small files and with large bundles, as they lie side by side in a front-end project.
NODE_PACKAGES = {
    "@babel/preset-env": "7.25.4",
    "aws-sdk": "2.1692.0",
    "core-js": "3.38.1",
    "date-fns": "3.6.0",
    "eslint": "9.10.0",
    "jest": "29.7.0",
    "lodash": "4.17.21",
    "next": "14.2.13",
    "rxjs": "7.8.1",
    "typescript": "5.6.2",
    "webpack": "5.94.0",
}
LARGE_FILE_BYTES = 2 << 30
FILES_PER_FOLDER = 100


def skip(what: str, why: str) -> None:
    """What is missing is named where nobody overlooks it."""
    print(f"SKIPPED: {what}: {why}", file=sys.stderr)


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made beside its place and moved there whole."""
    if not folder.exists():
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        make(partial)
        partial.rename(folder)
    return folder


def linux() -> Path:
    """The sources of Linux 6.1, as Debian ships them."""

    def unpack(folder: Path) -> None:
        archive = Path("/usr/src/linux-source-6.1.tar.xz")
        if not archive.exists():
            subprocess.run(["apt-get", "download", "linux-source-6.1"], cwd=CACHE, check=True)
            package = next(CACHE.glob("linux-source-6.1_*.deb"))
            subprocess.run(["dpkg-deb", "-x", package.name, "package"], cwd=CACHE, check=True)
            archive = CACHE / "package/usr/src/linux-source-6.1.tar.xz"
        subprocess.run(["tar", "-xf", archive, "-C", folder, "--strip-components=1"], check=True)

    return made_once(CACHE / "linux-source-6.1", unpack)


def linux_with_ignore_files(source: Path) -> Path:
    """The same files as a git repository, without the line `/*` that Debian adds: 306 ignore files count there."""

    def link(folder: Path) -> None:
        subprocess.run(["cp", "-al", f"{source}/.", folder], check=True)
        rules = folder / ".gitignore"
        lines = [line for line in rules.read_text().splitlines() if line != "/*"]
        rules.unlink()  # The link, not what it shares with the source.
        rules.write_text("\n".join(lines) + "\n")
        subprocess.run(["git", "init", "--quiet", folder], check=True)

    return made_once(CACHE / "linux-with-ignore-files", link)


def cargo_registry() -> Path | None:
    """The sources of crates that Cargo has unpacked on this machine."""
    folder = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo") / "registry" / "src"
    if folder.is_dir():
        return folder
    skip("the Cargo registry", f"{folder} is missing")
    return None


def node_modules() -> Path | None:
    """A `node_modules` of more than 30,000 files."""

    def install(folder: Path) -> None:
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": NODE_PACKAGES}))
        command = ["npm", "install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps"]
        subprocess.run(command, cwd=folder, check=True)

    try:
        return made_once(CACHE / "node", install) / "node_modules"
    except (OSError, subprocess.CalledProcessError) as error:
        skip("node_modules", f"npm install failed: {error}")
        return None


def large_file(source: Path) -> Path:
    """One file of 2 GiB of C: the texts of the tree, over and over."""

    def write(folder: Path) -> None:
        parts = [*source.glob("kernel/**/*.[ch]"), *source.glob("drivers/base/**/*.[ch]")]
        texts = [path.read_bytes() for path in sorted(parts)]
        with open(folder / "large.c", "wb") as file:
            while file.tell() < LARGE_FILE_BYTES:
                for text in texts:
                    file.write(text[: LARGE_FILE_BYTES - file.tell()])

    return made_once(CACHE / "large", write) / "large.c"


def generated(files: int) -> Path:
    """So many one-line files, a hundred to a folder, a hundred folders to a folder."""

    def write(root: Path) -> None:
        for number in range(files):
            folder = root / f"{number // FILES_PER_FOLDER // 100:03}" / f"{number // FILES_PER_FOLDER % 100:02}"
            if number % FILES_PER_FOLDER == 0:
                folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number % FILES_PER_FOLDER:02}.txt").write_bytes(b"one line\n")

    return made_once(CACHE / "generated" / str(files), write)


def sized_files(size: int, total: int) -> Path:
    """Files of one size that no pattern of the benchmark is found in, together as large as `total`."""

    def write(folder: Path) -> None:
        line = b"the quick brown fox jumps over the lazy dog 0123456789\n"
        content = (line * (size // len(line) + 1))[:size]
        for number in range(max(1, total // size)):
            (folder / f"{number:06}.txt").write_bytes(content)

    return made_once(CACHE / "sized" / f"{size}x{max(1, total // size)}", write)


def small_repository() -> Path:
    """200 files in 20 folders: where a search is over before a human would notice."""

    def write(folder: Path) -> None:
        for number in range(200):
            (folder / f"{number % 20:02}").mkdir(exist_ok=True)
            text = "".join(f"let x_{line} = {line * number};\n" for line in range(100))
            (folder / f"{number % 20:02}" / f"{number:03}.rs").write_text(text + "needle\n" * (number % 7 == 0))

    return made_once(CACHE / "small", write)
