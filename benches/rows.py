"""The table of work: what is asked of which tree, who is compared, and which ratio is aimed at.

A new row is a new `Row`; nothing here is a figure of the past.
"""

from __future__ import annotations

import sys

import trees
from peers import HERE, OURS, THREADS, Peer, Row, find_b3sum, find_fd, find_rg, lines_of, sum_of_counts
from questions import PATTERNS, TEN_LITERALS

J = f"-j{THREADS}"


def ours(question: str) -> Peer:
    """Our call in the warm process."""
    return Peer(OURS, question=question)


def with_start(question: str, tree: str) -> Peer:
    """Our call and the start of an interpreter that imports us."""
    return Peer(
        f"{OURS}, with Python's start", command=(sys.executable, str(HERE / "worker.py"), question, tree), rounds=3
    )


def limited(limit: str | None, mode: str, tree: str, at_most: float | None = None) -> list[Peer]:
    """The physical limit."""
    return [Peer(f"limit: {mode}", command=(limit, mode, tree, str(THREADS)), at_most=at_most)] if limit else []


def ripgrep(patterns: list[str], tree: str, at_most: float, options: tuple[str, ...] = (J,)) -> Peer:
    """`rg -n` to a pipe; another call counts the matches."""
    expressions = [part for pattern in patterns for part in ("-e", pattern)]
    base = (find_rg(), "--no-config", *options, *expressions, tree)
    counted = (*base, "--count-matches", "--no-filename")
    return Peer("rg -n", command=(*base, "-n"), answer=sum_of_counts, count=counted, at_most=at_most)


def search_rows(linux: str, limit: str | None) -> list[Row]:
    """Hits."""

    def hits(name: str, at_most: float, tree: str = linux, *more: Peer) -> Row:
        pattern = PATTERNS[name]
        peers = [ripgrep([pattern], tree, at_most), *more]
        return Row(f"hits of `{pattern}` ({name})", tree, ours(name), peers)

    json = Peer("rg --json into Polars", question="a common literal rg --json", at_most=0.08, rounds=2)
    rare = "a rare literal"
    table = [
        hits(rare, 0.70, linux, *limited(limit, "scan", linux, 1.25), with_start(rare, linux)),
        hits("a literal", 0.70),
        hits("a common literal", 0.80, linux, json),
        hits("a literal in any case", 0.75),
        hits("a class and a literal", 0.75),
        hits("no literal", 1.00),
        Row("hits of ten literals, each with its pattern", linux, ours("ten literals"), [
            ripgrep(TEN_LITERALS, linux, 0.80),
        ]),
    ]  # fmt: skip
    with_rules = hits(rare, 0.70, str(trees.linux_with_ignore_files(trees.linux())))
    with_rules.work += ", 306 ignore files"
    table.append(with_rules)
    for name, tree in (
        ("a rare literal of crates", trees.cargo_registry()),
        ("a rare literal of packages", trees.node_modules()),
    ):
        if tree:
            table.append(hits(name, 0.75, str(tree)))
    large = str(trees.large_file(trees.linux()))
    table.append(hits("a rare literal of one file of 2 GiB", 0.70, large))
    table.append(Row("first rows of `static`", linux, ours("first batch"), at_most_ms=60))
    return table


def file_rows(linux: str, limit: str | None) -> list[Row]:
    """Entries, paths and hashes."""
    rg, fd, b3sum = find_rg(), find_fd(), find_b3sum()

    def fds(at_most: float | None, answer: bool, *options: str) -> list[Peer]:
        command = (fd or "", "--no-global-ignore-file", J, *options, ".", linux)
        name = " ".join(["fd", *options])
        return [Peer(name, command=command, answer=lines_of if answer else None, at_most=at_most)] if fd else []

    walked = Peer("os.walk + lstat + DataFrame", question="metadata os.walk")
    listed = Peer("rg --files", command=(rg, "--no-config", J, "--files", linux), answer=lines_of, at_most=0.55)
    hashing = Row("BLAKE3 of every file", linux, ours("hashes"), limited(limit, "read", linux, 1.8))
    if b3sum:
        # The same files as ours: what is hidden is not hashed. Names without a newline are all that this tree holds.
        pipeline = (
            f"find '{linux}' -name '.?*' -prune -o -type f -print0 | xargs -0 -P{THREADS} '{b3sum}' --num-threads=1"
        )
        both = pipeline.replace(" --num-threads=1", "")
        hashing.peers[:0] = [
            Peer(f"find | xargs -P{THREADS} b3sum", command=("sh", "-c", both), answer=lines_of, at_most=0.35),
            Peer("the same, a thread each", command=("sh", "-c", pipeline), answer=lines_of),
        ]
    return [
        Row(
            "every entry with all metadata",
            linux,
            ours("metadata"),
            [walked, *limited(limit, "stat", linux, 1.6), *fds(1.0, False, "-tf")],
        ),
        Row(
            "the path of every entry",
            linux,
            ours("paths"),
            [*fds(None, True), *limited(limit, "walk", linux, 2.0)],
        ),
        Row(
            "the paths of regular files",
            linux,
            ours("file paths"),
            [listed, *fds(None, True, "-tf"), *limited(limit, "walk", linux)],
        ),
        hashing,
    ]


def reading_rows() -> list[Row]:
    """Single files, as text and as lines."""
    table = []
    for size, at_most in ((8 << 20, 0.2), (256 << 20, 0.5)):
        path = str(next(trees.sized_files(size, size).iterdir()))
        shown = f"{size >> 20} MiB"
        read = Peer("open().read()", question="open().read()", at_most=0.8)
        lines = Peer("open().readlines()", question="open().readlines()", at_most=at_most)
        table.append(Row(f"`read_file_string` of {shown}", path, ours("read_file_string"), [read]))
        table.append(Row(f"`read_file_lines` of {shown}", path, ours("read_file_lines"), [lines]))
    return table


def process_rows() -> list[Row]:
    """The command line."""
    small = str(trees.small_repository())
    vfo = str(HERE.parent / ".venv" / "bin" / "vfo")
    command = Peer(OURS, command=(vfo, "search", "needle", small))
    return [
        Row("`vfo search` as a process, 200 files", small, command, [
            Peer("rg -n", command=(find_rg(), "--no-config", "-n", "-e", "needle", small)),
        ], at_most_ms=120),
    ]  # fmt: skip


def cold_rows(linux: str) -> list[Row]:
    """The system has forgotten the tree."""
    pattern = PATTERNS["a rare literal"]
    peer = ripgrep([pattern], linux, 0.5, ())
    return [Row(f"hits of `{pattern}`, cold cache", linux, ours("a rare literal"), [peer], cold=True)]


def order_rows(linux: str) -> list[Row]:
    """What the order costs: ours, in order, against ours as it comes."""
    names = ["a rare literal", "a common literal", "no literal", "ten literals", "metadata", "paths", "hashes"]
    return [
        Row(f"order: {name}", linux, ours(name), [
            Peer("vfo, ordered=False", question=f"{name}, unordered", at_most=1.05),
        ])
        for name in names
    ]  # fmt: skip
