"""The scans on more than one machine: Daft frames whose tasks are the parts of a plan. Needs the extra `distributed`.

    >>> from vespera_file_ops import distributed
    >>> hits = distributed.scan_hits("TODO|FIXME", "src")
    >>> hits.select("path", "line_number").sort("path").to_pydict()
    {'path': ['src/app.py', 'src/util.py'], 'line_number': [5, 2]}

Each function gives the rows of the function of the same name in `vespera_file_ops`, as a `daft.DataFrame`. It runs
where Daft runs: on this machine, or on a Ray cluster after `daft.set_runner_ray(address)`. When the frame is collected,
the tree is planned here (`vespera_file_ops.plan`), and each part is a task that the same core scans on the machine
which takes it, with the interpreter released. The columns that the query uses, its comparisons with constants and its
limit are handed to the scan, so that what is not asked for is not read. A task of a worker that has died is done by
another.

**What the machines share.** The same file system at the same path, and the same version of this package. A worker that
does not see the source raises; a part whose end has gone has a row with the error, as everything else that could not be
read: `scan_coverage` is the ledger here too.
"""

from __future__ import annotations

from .scans import scan_chunks, scan_coverage, scan_files, scan_hits

__all__ = ["scan_chunks", "scan_coverage", "scan_files", "scan_hits"]
