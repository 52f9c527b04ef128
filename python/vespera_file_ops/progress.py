"""The progress bar of a long call, drawn by tqdm: in a terminal as text, in a notebook as a widget.

The total of a scan is not known before the walk is over, so its bar counts instead of filling: files, and beside them
bytes and rows. tqdm is imported when the first bar is drawn.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING

from .ledger import counted

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ProgressBar", "byte_text"]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class ProgressBar:
    """A bar for one run; a context manager that leaves the last state on the screen.

    Arguments:
        label: What stands before the count.
        enabled: False draws nothing and imports nothing.
        total: How many there will be, where that is known.
        unit: What is counted.
        row: What is counted beside them.
    """

    def __init__(
        self, label: str, *, enabled: bool, total: int | None = None, unit: str = "files", row: str = "hit"
    ) -> None:
        self._bar = None
        self._row = row
        if enabled:
            tqdm = _tqdm()
            self._bar = tqdm(desc=label, total=total, unit=f" {unit}", unit_scale=True)

    def update(self, counts: Mapping[str, int]) -> None:
        """Show what was counted so far: `files`, and `bytes` and `hits` where they are."""
        if self._bar is not None:
            if "bytes" in counts:
                rows = counted(counts["hits"], self._row)
                self._bar.set_postfix_str(f"{byte_text(counts['bytes'])}, {rows}", refresh=False)
            self._bar.update(counts["files"] - self._bar.n)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _tqdm() -> type:
    """The bar that fits the place: a widget in a notebook that has ipywidgets, else one of text."""
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        # Where the widgets are missing, it would say so in red above a bar that is as good.
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm
    return tqdm  # type: ignore[no-any-return]  # tqdm has no types


def byte_text(count: int) -> str:
    """A number of bytes as people read it: `1.5 MiB`."""
    amount = float(count)
    for unit in _UNITS:
        if abs(amount) < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"
