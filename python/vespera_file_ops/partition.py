"""One part of a tree that is shared out, as the scans take it instead of a source.

A partition is a section of the table's order: what stands after one path, up to another and with it. It holds no list
of files, so it is small however many there are, and nothing falls between two partitions: a file that has come since
the plan was made stands in exactly one of them. Who scans it walks the folders that the section reaches into, reads the
ignore rules above them where they are, and needs nothing but the same file system.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from . import _core
from .errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    _Root = tuple[str, tuple[str, ...], tuple[str, ...]]

__all__ = ["Partition", "packed", "unpacked"]


@dataclass(frozen=True)
class Partition:
    """One part of a plan: every `scan_*`, `search*`, `chunk*` and `stream_*` takes it as its source.

    It can be pickled, and scanned in another process or on another machine that has the same version of this package
    and the same file system at the same path. Together the partitions of a plan give the rows of the whole source.

    Arguments:
        source: The source of the plan.
        is_glob: Whether the source is a glob.
        working_folder: The folder from which a relative source is looked for, and from which its paths are told.
        walk: The options of the walk, as `plan` was given them; of `within` the path and the names that it denies.
        after: The last path before the partition, relative to the source; None: it begins with the first entry.
        until: Its own last path; None: it ends with the last entry.
        files: How many files stood in it when it was planned.
        size: How many bytes these held.
        version: The version of the package that planned it.
    """

    source: bytes
    is_glob: bool
    working_folder: bytes
    walk: Mapping[str, object] = field(repr=False, hash=False)
    after: bytes | None
    until: bytes | None
    files: int
    size: int
    version: str = _core.__version__

    def ensure_same_version(self) -> None:
        """Refuse what another version of this package has planned: nothing of it can be relied on.

        Raises:
            ArgumentError: It is another version.
        """
        if self.version != _core.__version__:
            here = f"{platform.node() or 'this machine'} (process {os.getpid()})"
            raise ArgumentError(
                f"source: planned by vespera_file_ops {self.version}, but {here} has {_core.__version__}; "
                "install the same version everywhere, and plan anew"
            )

    @property
    def sources(self) -> list[tuple[bytes, bool]]:
        """The one source, as the core takes it."""
        self.ensure_same_version()
        return [(self.source, self.is_glob)]

    def scan_options(self, options: Mapping[str, object]) -> dict[str, object]:
        """The options of a scan of this partition alone, as the core takes them, from those of the call."""
        again = sorted({*self.walk, "follow_symlinks", "within"}.intersection(options))
        if again:
            raise ArgumentError(f"{again[0]}: what is walked was settled when the tree was planned: give it to plan()")
        given = {**options, **unpacked(self.walk), "working_folder": self.working_folder}
        given["section"] = (self.after, self.until, self.files > 0)
        return given


def packed(options: Mapping[str, object]) -> dict[str, object]:
    """The options of a walk, as the core takes them, for another process: a root is a handle, which no other has."""
    walk = {
        name: value for name, value in options.items() if name not in {"cancel", "source_is_list", "working_folder"}
    }
    root = walk.get("within")
    if isinstance(root, _core.Root):
        walk["within"] = (root.path, root.denied, root.allowed)
    return walk


def unpacked(options: Mapping[str, object]) -> dict[str, object]:
    """What `packed` made, as the core takes it."""
    walk = dict(options)
    if "within" in walk:
        path, denied, allowed = cast("_Root", walk["within"])
        walk["within"] = _core.Root(path, denied=denied, allowed=allowed)
    return walk
