"""`make bench`: what we are asked to be faster than, the physical limit, and how far we are.

All tools are asked in turn, round after round, in one run, so that a machine that slows down slows them all. Answers
are compared before any time is taken: a row whose peers disagree says so and the run fails. Processes (`rg`, `fd`,
`b3sum`, `tree_limit`) are timed from start to the end of their output, read from a pipe; ours and the other Python
peers as single calls in one warm process (`worker.py`).

`trees.py` has what is worked on, `questions.py` what is asked, `rows.py` who is compared and what is aimed at,
`memory.py`, `growth.py` and `strategies.py` the other tables, `report.py` their shape.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import trees
from caches import can_forget, forget
from growth import gains, growth
from memory import peaks
from peers import HERE, Row, Worker, build_limit, run
from report import Report, as_json, conditions, into_readme, markdown
from rows import cold_rows, file_rows, order_rows, process_rows, reading_rows, search_rows
from strategies import contests

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or HERE.parent / "target") / "bench"
COLD_ROUNDS = 2
# Short calls are noisier, and cost little: so many times the rounds where one takes less than this.
SHORT_SECONDS, SHORT_TIMES = 0.05, 3


def compare(row: Row, worker: Worker) -> None:
    """Ask everybody once, untimed: this warms the cache and shows who disagrees."""
    for peer in row.everybody:
        if peer.count and peer.answer:
            output = subprocess.run(peer.count, stdout=subprocess.PIPE, check=True).stdout
            row.answers[peer.name] = peer.answer(output)
        else:
            answer = run(peer, row.tree, worker)[1]
            if answer is not None:
                row.answers[peer.name] = answer


def measure(table: list[Row], rounds: int, worker: Worker) -> None:
    """Everybody in turn, row by row, so that each row's tree is what the caches hold; then round after round."""
    for row in table:
        times = SHORT_TIMES if run(row.ours, row.tree, worker)[0] < SHORT_SECONDS else 1
        for number in range(COLD_ROUNDS if row.cold else rounds * times):
            for peer in row.everybody:
                if number < peer.rounds:
                    if row.cold:
                        forget()
                    row.seconds.setdefault(peer.name, []).append(run(peer, row.tree, worker)[0])


def main() -> int:
    """Compare, measure, print, write; 1 when an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="only the rows whose work holds this text, and no other table")
    parser.add_argument("--readme", action="store_true", help="put the tables into the README")
    options = parser.parse_args()

    linux, limit = str(trees.linux()), build_limit()
    rows = [*search_rows(linux, limit), *file_rows(linux, limit), *reading_rows(), *process_rows()]
    if can_forget():
        rows += cold_rows(linux)
    else:
        trees.skip("the rows with a cold cache", "only root may empty it")
    order = order_rows(linux)
    rows = [row for row in rows if options.only in row.work]
    order = [row for row in order if options.only in row.work]

    worker = Worker()
    for row in [*rows, *order]:
        compare(row, worker)
    timed = [row for row in [*rows, *order] if row.agrees]
    measure(timed, options.rounds, worker)
    report = Report(conditions(options.rounds), rows, order, [], [], [], [])
    if not options.only:
        report.gains = gains(worker, linux, options.rounds)
        report.growth = growth(worker)
        report.peaks = peaks(linux)
        report.contests = contests()

    text = markdown(report)
    TARGET.mkdir(parents=True, exist_ok=True)
    (TARGET / "bench.md").write_text(text, encoding="utf-8")
    (TARGET / "bench.json").write_text(json.dumps(as_json(report), indent=1), encoding="utf-8")
    print(text)
    print(f"written to {TARGET}/bench.md and bench.json", file=sys.stderr)
    if options.readme:
        into_readme(HERE.parent / "README.md", text)
    return 0 if len(timed) == len(rows) + len(order) else 1


if __name__ == "__main__":
    sys.exit(main())
