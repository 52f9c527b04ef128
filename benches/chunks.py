"""What chunking costs beside text-splitter's own Python package, where chunks begin, and the memory of a large tree.

`python benches/chunks.py` compares if `pip install semantic-text-splitter tree-sitter-c tree-sitter-python
tree-sitter-rust` was done. Both cut the same files into chunks of at most 1,600 characters, round after round in turn,
with one thread and with two; that the chunks hold the same text is checked before. They are not the same chunks:
text-splitter packs the nodes of a syntax tree by other rules. "Begin" is the share of chunks whose first line that is
no comment defines something.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import trees
import vespera_file_ops as vfo

SIZE = 1600
DEFINITIONS = {
    "python": re.compile(r"\s*(@|async def |def |class )"),
    "rust": re.compile(
        r"\s*(#\[|pub\b|fn |impl\b|struct |enum |trait |mod |const |static |type |macro_rules!|unsafe )"
    ),
    "c": re.compile(r"(#define|[A-Za-z_][\w\s*]*\([^;]*$|(static |const )*(struct|enum|union|typedef)\b)"),
}
COMMENT = re.compile(r"\s*(#[^\[d]|//|/\*|\*|\"\"\"|$)")
MEMORY = """
import sys, vespera_file_ops as vfo
rows = sum(len(batch) for batch in vfo.stream_chunks(sys.argv[1]))
print(rows, next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')) // 1024)
"""

Splitter = Callable[[str], "list[str]"]


def corpora() -> list[tuple[str, str, str]]:
    """A language, its files, and the end of their names."""
    registry = Path.home() / ".cargo/registry/src"
    regex = next(iter(sorted(registry.glob("*/regex-automata-*"))), Path(__file__).parent.parent / "src")
    return [
        ("python", sysconfig.get_path("stdlib") + "/asyncio", ".py"),
        ("rust", str(regex), ".rs"),
        ("c", str(trees.linux() / "kernel"), ".c"),
    ]


def theirs(language: str) -> tuple[Splitter, Splitter] | None:
    """Their splitter for code, and that for text."""
    try:
        from importlib import import_module

        package = import_module("semantic_text_splitter")
        grammar = import_module(f"tree_sitter_{language}")
    except ImportError:
        return None
    return package.CodeSplitter(grammar.language(), SIZE).chunks, package.TextSplitter(SIZE).chunks


def starts_at_definition(chunk: str, language: str) -> bool:
    """Whether the first line that is no comment defines something."""
    lines = (line for line in chunk.split("\n") if not COMMENT.match(line))
    return bool(DEFINITIONS[language].match(next(lines, "")))


def share(chunks: Iterable[str], language: str) -> float:
    """Of the chunks, how many begin at a definition, in percent."""
    flags = [starts_at_definition(chunk, language) for chunk in chunks]
    return 100 * sum(flags) / max(len(flags), 1)


def letters(chunks: Iterable[str]) -> int:
    """How many characters they hold that are no white space."""
    return sum(len("".join(chunk.split())) for chunk in chunks)


def compare(language: str, folder: str, extension: str, rounds: int) -> str:
    """The rows of one language."""
    paths = [str(path) for path in sorted(Path(folder).rglob(f"*{extension}")) if path.is_file()]
    texts = {path: Path(path).read_text(errors="replace") for path in paths}
    megabytes = sum(Path(path).stat().st_size for path in paths) / 1e6

    def ours(threads: int) -> list[str]:
        return vfo.chunk_files(paths, chunk_size=SIZE, threads=threads)["text"].to_list()

    mine = ours(2)
    peers = theirs(language)
    if peers is None:
        return f"| {language} | {megabytes:.1f} | {len(mine)} | | | | {share(mine, language):.0f} % | | |"
    code, text = peers

    def split(splitter: Splitter, threads: int) -> list[str]:
        def one(path: str) -> list[str]:
            return splitter(Path(path).read_text(errors="replace"))

        if threads == 1:
            return [chunk for path in paths for chunk in one(path)]
        with ThreadPoolExecutor(threads) as pool:
            return [chunk for chunks in pool.map(one, paths) for chunk in chunks]

    other, plain = split(code, 1), split(text, 1)
    if not letters(mine) == letters(other) == letters(texts.values()):
        raise SystemExit(f"{language}: the chunks do not hold the same text")
    seconds: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for threads in (1, 2):
            for name, call in (("ours", ours), ("theirs", lambda threads: split(code, threads))):
                began = time.perf_counter()
                call(threads)
                seconds.setdefault((name, threads), []).append(time.perf_counter() - began)
    speed = {key: megabytes / statistics.median(taken) for key, taken in seconds.items()}
    shares = " | ".join(f"{share(chunks, language):.0f} %" for chunks in (mine, other, plain))
    speeds = " | ".join(f"{speed['ours', n]:.1f} | {speed['theirs', n]:.1f}" for n in (1, 2))
    return f"| {language} | {megabytes:.1f} | {len(mine)} | {len(other)} | {speeds} | {shares} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="chunk the whole Linux tree as well, which takes minutes")
    arguments = parser.parse_args()
    print("MB/s of files in one thread and in two; begin at a definition: ours, text-splitter's for code, its for text")
    print(
        "| language | MB | chunks | theirs | ours, 1 | theirs, 1 | ours, 2 | theirs, 2 | ours begin | theirs | text |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for corpus in corpora():
        print(compare(*corpus, arguments.rounds), flush=True)
    if arguments.memory:
        began = time.perf_counter()
        program = [sys.executable, "-c", MEMORY, str(trees.linux())]
        rows, peak = subprocess.run(program, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        took = time.perf_counter() - began
        print(f"the Linux tree: {rows} chunks in {took:.0f} s, peak of the process {peak} MiB")


if __name__ == "__main__":
    main()
