"""Work that waits for the writer's lock: one file an item, written whole or not at all, done in the order of its names.

Whoever finds the lock held puts an item here and tries the lock once more; whoever gives the lock back looks here once
more. One of the two sees the item, so none is left lying: but where others add without a pause, for seconds, the rest
is left to the next of them.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import time
from typing import TypedDict

from ..errors import IndexDamagedError
from ..writes import write_file_atomic

__all__ = ["Item", "Queue"]

_counter = itertools.count()


class Item(TypedDict):
    """One artifact to be added or removed."""

    action: str
    source: str
    key: str
    relative_path: str
    path: str
    # The bytes of the path of the file, in hexadecimal digits.
    file: str
    content: str | None
    is_base64: bool


class Queue:
    """The queue of an index.

    Arguments:
        folder: Where the items lie.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def put(self, item: Item) -> None:
        """Add an item, durably."""
        os.makedirs(self.folder, exist_ok=True)
        # Of one process in its order, of several in that of the clock.
        name = f"{time.time_ns():020}-{next(_counter):010}-{secrets.token_hex(4)}.json"
        write_file_atomic(os.path.join(self.folder, name), json.dumps(item))

    def names(self) -> list[str]:
        """The items that wait, the oldest first."""
        try:
            return sorted(name for name in os.listdir(self.folder) if name.endswith(".json"))
        except FileNotFoundError:
            return []

    def read(self, name: str) -> Item:
        """One of them."""
        path = os.path.join(self.folder, name)
        with open(path, encoding="utf-8") as file:
            try:
                item: Item = json.load(file)
            except ValueError as error:
                raise IndexDamagedError(
                    f"{path}: a queued item cannot be read ({error}); delete the file and add its artifact again",
                    path=path,
                ) from error
        return item

    def done(self, names: list[str]) -> None:
        """Forget items."""
        for name in names:
            os.unlink(os.path.join(self.folder, name))
