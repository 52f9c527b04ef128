"""The system's caches: whether they can be emptied here, and that."""

from __future__ import annotations

import os
from pathlib import Path

_SWITCH = Path("/proc/sys/vm/drop_caches")


def can_forget() -> bool:
    """Whether this process may empty the caches."""
    return os.access(_SWITCH, os.W_OK)


def forget() -> None:
    """Write out what is dirty, and drop pages, names and inodes."""
    os.sync()
    _SWITCH.write_text("3\n", encoding="ascii")
