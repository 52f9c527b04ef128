"""A scan's account of itself, in words: found = searched + not searched, each with a reason.

Works on the `summary` of a scan, a plain dict, so that the command line can say it without Polars.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Summary", "counted", "incomplete_text", "ledger_text"]

Summary = Mapping[str, "int | bool | float"]
"""What a finished scan counted: files by status (`found`, `searched`, `binary`, `too_large`, `unreadable`, `vanished`,
`changed`, `limit`, `not_reached`, `ignored`, `hidden`), `hits`, `matched_lines`, `bytes_searched`, `seconds` and
`complete`."""

# The statuses that add up to `found`, in the order in which the ledger names them, each with what it means in a
# sentence about a search that is not complete. `binary` is by rule, not by failure, so it has none.
_STATUSES = {
    "searched": None,
    "binary": None,
    "too_large": "too large",
    "unreadable": "unreadable",
    "vanished": "gone before they were read",
    "changed": "changed while they were read",
    "limit": "cut by a limit",
    "not_reached": "not reached",
}


def counted(count: float, one: str, several: str | None = None) -> str:
    """A number of things: `1 hit`, `2 hits`, `3 entries`."""
    return f"{count} {one if count == 1 else several or one + 's'}"


def ledger_text(summary: Summary, row: str = "hit") -> str:
    """One line, such as `found 120 = searched 110 + binary 8 + unreadable 2; 31 hits`."""
    parts = [f"{status} {summary[status]}" for status in _STATUSES if status == "searched" or summary.get(status)]
    text = f"found {summary['found']} = {' + '.join(parts)}; {counted(summary['hits'], row)}"
    left_out = [f"{summary[status]} {status}" for status in ("ignored", "hidden") if summary.get(status)]
    return f"{text}; left out by rule: {', '.join(left_out)}" if left_out else text


def incomplete_text(summary: Summary, *, cut_expected: bool = False, work: str = "search") -> str | None:
    """What was not searched though it should have been, or None if nothing was.

    `cut_expected` says that the caller set `max_hits` or `max_hits_per_file`: what those cut is not worth a word.
    `work` is what was done with the files.
    """
    parts = [
        f"{summary[status]} {meaning}"
        for status, meaning in _STATUSES.items()
        if meaning is not None and summary.get(status) and not (cut_expected and status == "limit")
    ]
    if not parts:
        return None
    return f"the {work} is not complete: {', '.join(parts)}"
