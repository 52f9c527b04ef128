"""What was measured, as Markdown and as JSON."""

from __future__ import annotations

import platform
import shutil
import statistics
import subprocess
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from growth import LEAST_GAIN, MOST_GROWTH, SIZES, Gain, Growth
from memory import Peak
from peers import HERE, OURS, THREADS, Row, find_b3sum
from strategies import STRATEGIES, Contest


@dataclass
class Report:
    """Everything that one run measured."""

    about: dict[str, str | int]
    rows: list[Row]
    order: list[Row]
    peaks: list[Peak]
    growth: list[Growth]
    gains: list[Gain]
    contests: list[Contest]


def first_line(*command: str | None) -> str:
    """What a tool says of its version."""
    if command[0] is None or shutil.which(command[0]) is None:
        return "absent"
    text = subprocess.run([part for part in command if part], capture_output=True, text=True, check=False).stdout
    return text.splitlines()[0] if text else "unknown"


def conditions(rounds: int) -> dict[str, str | int]:
    """Where, when and with what the figures were taken."""
    import polars as pl

    import vespera_file_ops as vfo

    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "tree": "Debian's linux-source-6.1",
        "rounds": rounds,
        "cores": THREADS,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "polars": pl.__version__,
        "vespera_file_ops": vfo.__version__,
        "commit": first_line("git", "-C", str(HERE), "describe", "--always", "--dirty"),
        "rustc": first_line("rustc", "--version"),
        "rg": first_line("rg", "--version"),
        "fd": first_line(shutil.which("fdfind") or "fd", "--version"),
        "b3sum": first_line(find_b3sum(), "--version"),
    }


def _table(head: list[str], lines: list[list[str]], numbers_from: int) -> list[str]:
    ruler = ["---" if at < numbers_from else "---:" for at in range(len(head))]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |" for cells in [head, ruler, *lines]] + [
        ""
    ]


def _verdict(holds: bool) -> str:
    return "yes" if holds else "**no**"


def _shown(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 20 else f"{milliseconds:.1f}"


def _rows(rows: list[Row]) -> list[str]:
    lines = []
    for row in rows:
        if not row.agrees:
            answers = ", ".join(f"{name}: {answer}" for name, answer in row.answers.items())
            lines.append([f"{row.work}: **answers differ**: {answers}", *[""] * 7])
            continue
        ours = statistics.median(row.seconds[OURS]) * 1000
        for peer in row.everybody:
            times = [1000 * each for each in row.seconds[peer.name]]
            middle = statistics.median(times)
            is_ours = peer is row.ours
            most = f"{row.at_most_ms:.0f} ms" if is_ours and row.at_most_ms else f"{peer.at_most or '':}"
            holds = ours <= row.at_most_ms if is_ours and row.at_most_ms else ours / middle <= (peer.at_most or 1e9)
            lines.append(
                [
                    row.work if is_ours else "",
                    peer.name,
                    row.answers.get(peer.name, ""),
                    _shown(middle),
                    f"{_shown(min(times))}-{_shown(max(times))}",
                    "" if is_ours else f"{ours / middle:.2f}",
                    most,
                    _verdict(holds) if most else "",
                ]
            )
    return _table(["work", "tool", "answer", "median ms", "min-max", "ours / theirs", "at most", "holds"], lines, 3)


def markdown(report: Report) -> str:
    """The tables, with what is aimed at and whether it is reached."""
    parts = [", ".join(f"{key}: {value}" for key, value in report.about.items()), ""]
    parts += ["### Time", "", *_rows(report.rows)]
    if report.order:
        parts += ["### What the order costs", "", *_rows(report.order)]
    if report.peaks:
        lines = [[p.work, f"{p.mib:.0f}", str(p.at_most_mib), _verdict(p.mib <= p.at_most_mib)] for p in report.peaks]
        head = ["peak above Python with Polars and us", "MiB", "at most", "holds"]
        parts += ["### Memory", "", *_table(head, lines, 1)]
    if report.growth:
        lines = []
        for g in report.growth:
            lines.append([g.question, *(f"{g.microseconds[size]:.2f}" for size in SIZES), _verdict(g.holds)])
            if g.limit:
                lines.append([f"limit for {g.question}", *(f"{g.limit[size]:.2f}" for size in SIZES), ""])
        head = ["microseconds a file", *(f"{size:,} files" for size in SIZES), f"flat within {MOST_GROWTH}"]
        parts += ["### Growth", "", *_table(head, lines, 1)]
    if report.gains:
        lines = [[g.question, f"{g.ours:.2f}", f"{g.limit:.2f}", _verdict(g.holds)] for g in report.gains]
        head = ["1 thread / 2 threads", "ours", "limit", f"at least {LEAST_GAIN} of the limit's"]
        parts += [*_table(head, lines, 1)]
    if report.contests:
        lines = []
        for contest in report.contests:
            size = f"{contest.size >> 10} KiB" if contest.size < 1 << 20 else f"{contest.size >> 20} MiB"
            times = [_shown(contest.milliseconds[strategy]) for strategy in STRATEGIES]
            cache = "cold" if contest.cold else "warm"
            lines.append([size, cache, contest.default, contest.fastest, *times])
        head = ["file size", "cache", "default", "fastest", *(f"{strategy} ms" for strategy in STRATEGIES)]
        parts += ["### Readers: a search of 128 MiB", "", *_table(head, lines, 4)]
    return "\n".join(parts)


def as_json(report: Report) -> dict[str, object]:
    """Every single measurement."""
    return {
        "about": report.about,
        "rows": [
            {
                "work": row.work,
                "agrees": row.agrees,
                "answers": row.answers,
                "seconds": row.seconds,
                "at_most": {peer.name: peer.at_most for peer in row.peers if peer.at_most},
                "at_most_ms": row.at_most_ms,
            }
            for row in [*report.rows, *report.order]
        ],
        "memory": [asdict(peak) for peak in report.peaks],
        "growth": [asdict(growth) for growth in report.growth],
        "gains": [asdict(gain) for gain in report.gains],
        "readers": [asdict(contest) for contest in report.contests],
    }


def into_readme(readme: Path, text: str) -> None:
    """Put the tables between the two marks of the README."""
    begin, end = "<!-- make bench -->", "<!-- end of make bench -->"
    before, rest = readme.read_text(encoding="utf-8").split(begin)
    after = rest.split(end)[1]
    readme.write_text(f"{before}{begin}\n\n{text}\n{end}{after}", encoding="utf-8")
