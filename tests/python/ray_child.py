"""A real Ray cluster of two workers on this machine, in a process of its own: what is run on it, and what it says.

Each worker is a node with one processor, so that Daft starts one of its own workers on each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

PRELUDE = """
import json, os, sys, threading, time
os.environ.update(DAFT_PROGRESS_BAR="0", RAY_DEDUP_LOGS="0", RAY_USAGE_STATS_ENABLED="0")
import ray
from ray.cluster_utils import Cluster
import daft
import polars as pl
import vespera_file_ops as vfo
from vespera_file_ops import distributed

argument = json.loads(sys.argv[1])
store = 100 << 20
cluster = Cluster(
    initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": store, "include_dashboard": False}
)
nodes = [cluster.add_node(num_cpus=1, object_store_memory=store) for _ in range(argument.pop("nodes", 2))]
ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
daft.set_runner_ray(cluster.address, noop_if_initialized=True)

def answer(value):
    print("ANSWER" + json.dumps(value), flush=True)
"""

END = """
ray.shutdown()
cluster.shutdown()
"""


def on_ray(code: str, argument: dict[str, Any]) -> list[Any]:
    """Run this on a cluster of `argument["nodes"]` workers (2), and give what it passes to `answer`."""
    program = PRELUDE + textwrap.dedent(code) + END
    here = Path(__file__).parent
    # The workers are started with this process's environment, in other folders.
    paths = [str(Path(path).absolute()) for path in (*sys.path, here) if path]
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(argument)],
        capture_output=True, text=True, timeout=200, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("ANSWER")]
