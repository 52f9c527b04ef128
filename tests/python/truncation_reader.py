"""A process that reads, hashes and searches files which somebody truncates all the while, and checks every answer.

Run as a program by `test_hazard_map.py`, because it may die by a signal. Its argument and its answer are JSON.
"""

from __future__ import annotations

import faulthandler
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

HANDLERS = ["never", "before", "after", "between", "disabled", "toggled"]
"""When the interpreter's own handler for SIGBUS goes on top: never, before or after the import of the package, between
any two calls, before the first call and off again, or on and off again between any two calls."""


def handler_between_calls(when: str) -> None:
    if when in ("between", "toggled"):
        faulthandler.disable()
        faulthandler.enable()
    if when == "toggled":
        faulthandler.disable()


def main(argument: dict[str, Any]) -> dict[str, int]:
    if argument["faulthandler"] == "before":
        faulthandler.enable()
    sys.path.insert(0, argument["tests"])
    import vespera_file_ops as vfo
    from changing_file import LINE, truncating
    from vespera_file_ops import _core

    _core.counters()
    if argument["faulthandler"] in ("after", "disabled"):
        faulthandler.enable()
    if argument["faulthandler"] == "disabled":
        faulthandler.disable()
    strategy = argument["strategy"]
    every = Path(argument["content"]).read_bytes()
    hashes = set(Path(argument["hashes"]).read_text().split())
    seen: Counter[str] = Counter()
    failures: list[BaseException] = []

    def check_search(path: Path, content: bytes, sparse: bool) -> None:
        for options in ({"binary": "search"}, {}):
            patterns = [r"^\d{20}x"] if sparse else [r"^\d{20}x", r"\x00"]
            result = vfo.search(patterns, path, strategy=strategy, **options)
            (file,) = result.coverage.iter_rows(named=True)
            assert file["status"] in ("searched", "changed"), file
            assert file["binary_offset"] is None, file
            hits = result.hits
            assert set(hits["pattern"].unique()) <= {0}, "zeros were found"
            # Every row tells its own place.
            assert ((hits["line_number"] - 1) * LINE == hits["start_byte"]).all()
            assert (hits["line"].str.slice(0, 20).cast(int) == hits["start_byte"]).all()
            if file["status"] == "searched":
                assert hits.height == file["bytes_searched"] // LINE + (file["bytes_searched"] % LINE > 20), file
            seen[file["status"]] += 1

    def check_read(path: Path, content: bytes, sparse: bool) -> None:
        got = vfo.read_file(path, strategy=strategy)
        assert content.startswith(got), "read what the file never held"

    def check_hash(path: Path, content: bytes, sparse: bool) -> None:
        assert vfo.compute_file_hash(path, strategy=strategy) in hashes, "hashed what the file never held"

    def work(path: Path, content: bytes, sparse: bool, end: float, meet: threading.Barrier) -> None:
        try:
            while time.monotonic() < end and not failures:
                for check in (check_read, check_hash, check_search):
                    if argument["faulthandler"] in ("between", "toggled"):
                        # In nobody's call: a handler that goes on top while a map is read is not covered.
                        meet.wait(60)
                    try:
                        check(path, content, sparse)
                        seen["searched"] += 1
                    except vfo.ChangedError:
                        seen["changed"] += 1
                    except AssertionError:
                        # Grown by truncation, the file does hold zeros: all that is promised is that we live.
                        if not sparse:
                            raise
        except threading.BrokenBarrierError:
            pass
        except BaseException as failure:
            failures.append(failure)
        meet.abort()

    for size in argument["sizes"]:
        path = Path(argument["folder"]) / "file"
        for sparse in (False, True):
            path.write_bytes(every[:size])
            with truncating(path, sparse=sparse):
                end = time.monotonic() + argument["seconds"] / (4 if sparse else 1)
                threads = argument["threads"]
                meet = threading.Barrier(threads, action=lambda: handler_between_calls(argument["faulthandler"]))
                readers = [
                    threading.Thread(target=work, args=(path, every[:size], sparse, end, meet)) for _ in range(threads)
                ]
                for reader in readers:
                    reader.start()
                for reader in readers:
                    reader.join()
            seen["truncations"] += int(Path(f"{path}.truncations").read_text())
            if failures:
                raise failures[0]
    counts = _core.counters()
    return {**seen, "mapped": counts["files_mapped"], "faults": counts["faults_caught"]}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
