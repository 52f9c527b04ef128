"""Runs a piece of Python in a process of its own: what may abort, starve or change its user must not do so here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from typing import Any

_PRELUDE = """
import json, os, resource, sys, threading, time
import polars as pl
import vespera_file_ops as vfo
argument = json.loads(sys.argv[1])
def peak():
    # The most memory that this process had, in bytes. Not ru_maxrss: that one is inherited from who started it.
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
def answer(value):
    print("ANSWER " + json.dumps(value), flush=True)
"""


def run_child(code: str, argument: Any = None, *, timeout: float = 60, home: os.PathLike[str] | None = None) -> Any:
    """The value that `code` handed to `answer(...)`; it finds its argument in `argument`.

    `home` is where it looks for the user's own ignore rules.

    A death by signal, an exception and a hang are failures that show what the process said.
    """
    program = _PRELUDE + textwrap.dedent(code)
    command = [sys.executable, "-X", "faulthandler", "-c", program, json.dumps(argument)]
    environment = {**os.environ, **({"HOME": str(home)} if home else {})}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, f"exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    answers = [line for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert len(answers) == 1, done.stdout
    return json.loads(answers[0].removeprefix("ANSWER "))
