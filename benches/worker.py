"""The benchmark's long-lived Python process: it imports once, then answers one question at a time.

So a figure of ours, or of a peer that is Python itself, holds the call alone and no interpreter's start. What must be
equal between peers is computed after the clock has stopped. Standard input takes one JSON object a line (`question`,
`tree`), standard output gives one (`seconds`, `answer`). `peers.py` is the other end. With a question and a tree as
arguments it answers that one and ends, for figures that hold the interpreter's start or a peak of memory.
"""

from __future__ import annotations

import gc
import json
import sys
import time

from questions import answer_of, questions


def answer(question: str, tree: str) -> tuple[float, str]:
    """The seconds that a question takes, and its answer."""
    ask = questions()[question]
    gc.collect()
    start = time.perf_counter()
    table = ask(tree)
    seconds = time.perf_counter() - start
    return seconds, answer_of(question, table)


def main() -> None:
    """Answer questions until the other end closes the pipe."""
    for line in sys.stdin:
        request = json.loads(line)
        seconds, said = answer(request["question"], request["tree"])
        print(json.dumps({"seconds": seconds, "answer": said}), flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        questions()[sys.argv[1]](sys.argv[2])
    else:
        main()
