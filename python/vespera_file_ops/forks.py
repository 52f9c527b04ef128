"""Which process may use Polars.

A process that was forked after its parent used Polars' engine hangs in nearly every Polars call: the engine's threads
did not survive the fork, but its locks did. Reading, hashing, writing and the streams never touch Polars and work
everywhere; whatever does need it asks here first and raises `ForkedProcessError` instead of hanging.

A parent that had not even imported Polars has nothing to hand down: its children may use it.
"""

from __future__ import annotations

import os
import sys

# The process that this module belongs to. Recorded when the package is imported, not when the first table is made: a
# pool's worker may well be the first to make one, in a process that inherited the broken engine.
_home = os.getpid()


def _adopt_child() -> None:
    """Let a child use Polars if its parent had not loaded it when it forked."""
    global _home
    if "polars" not in sys.modules:
        _home = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_adopt_child)


def ensure_not_forked() -> None:
    """Raise `ForkedProcessError` where Polars would hang; call it before anything that runs Polars code."""
    if os.getpid() != _home:
        from .errors import ForkedProcessError

        raise ForkedProcessError(
            "this process was forked from one that had loaded Polars, whose engine hangs in a forked child: start "
            'workers with the "spawn" or "forkserver" method, or use the functions that need no Polars '
            "(read_file, read_file_string, read_file_chunks, compute_file_hash, write_file_atomic, append_file, "
            "create_directory, move_file, stream_*)"
        )
