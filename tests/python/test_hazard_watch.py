"""Hazard 27 where the kernel gives up: its queue runs over, its watches run out, nobody takes what was found."""

from __future__ import annotations

import itertools
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

import vespera_file_ops as vfo

from conftest import make_tree
from watch_replica import Replica

pytestmark = pytest.mark.hazard(27)

LIMITS = Path("/proc/sys/fs/inotify")


@contextmanager
def limit(name: str, value: int) -> Iterator[None]:
    """Another limit of the kernel's, for as long as it lasts; needs root, and concerns everybody."""
    file = LIMITS / name
    if not file.exists() or not os.access(file, os.W_OK):
        pytest.skip(f"{file} cannot be written: this needs root")
    before = file.read_text()
    try:
        file.write_text(str(value))
    except OSError as error:
        pytest.skip(f"{file} cannot be written: {error}")
    try:
        yield
    finally:
        file.write_text(before)


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """So many more can be opened by this process, for as long as it lasts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = {int(name) for name in os.listdir("/proc/self/fd")}
    # The one that listed them is free again.
    free = (
        number for number in itertools.count() if number not in taken or not Path(f"/proc/self/fd/{number}").exists()
    )
    most = next(itertools.islice(free, count, None))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def create(root: Path, count: int, folders: int = 30) -> None:
    for folder in range(folders):
        (root / f"d{folder}").mkdir(exist_ok=True)
    for number in range(count):
        (root / f"d{number % folders}" / f"{number}.txt").touch()


def lost(replica: Replica, count: int) -> int:
    return count - sum(key.endswith(b".txt") for key in replica.rows)


def test_a_blocked_consumer_loses_nothing(tmp_path: Path, figures: Callable[[str], None]) -> None:
    with Replica(tmp_path) as replica:
        # One answer lies ready and is not taken; what follows is only noted.
        (tmp_path / "first").touch()
        time.sleep(0.3)
        before = psutil.Process().memory_info().rss
        create(tmp_path, 30_000)
        time.sleep(0.3)
        grown = psutil.Process().memory_info().rss - before
        events = replica.converge(60)
        rescans = sum(event == "rescan" for event, _, _ in events)
        figures(
            f"hazard 27: blocked consumer: {lost(replica, 30_000)} of 30000 lost, {rescans} rescans, "
            f"{grown >> 20} MiB more"
        )
        assert lost(replica, 30_000) == 0
        assert grown < 50 << 20


OUT_OF_DESCRIPTORS = [
    (".", {}),
    (".", {"follow_symlinks": True}),
    (".", {"max_depth": 1}),
    (".", {"include": "*.txt"}),
    ([".", "a", "c.txt"], {}),
    (["a", "c.txt", "a/b/*.txt"], {}),
    (["a", "c.txt"], {"within": "."}),
]


@pytest.mark.parametrize("left", range(6))
@pytest.mark.parametrize(("sources", "options"), OUT_OF_DESCRIPTORS, ids=str)
def test_descriptors_that_run_out(tree: Path, sources: Any, options: dict[str, Any], left: int) -> None:
    make_tree(tree, {".gitignore": b"*.o\n", ".git/info/exclude": b"*.x\n", "a/b/x.o": b"o", "a/x.x": b"x"})
    os.symlink("a/one.txt", "link")
    with Replica(sources, **options) as replica:
        before = dict(replica.rows)
        with descriptors_left(left):
            # None of these needs one.
            os.mkdir("a/new")
            os.rename("a/b/two.txt", "a/b/2.txt")
            os.truncate("c.txt", 1)
            replica.next(0.4)
            os.chmod("a", 0o700)
            os.rename("a/one.txt", "a/1.txt")
            replica.watcher.rescan()
            replica.next(0.4)
            replica.next(0.2)
        told = [row for frame in replica.frames for row in frame.select("event", "path").rows()]
        gone = {"a/one.txt", "a/b/two.txt"}
        assert {path for event, path in told if event == "removed"} <= gone
        assert not any(path.endswith((".o", ".x")) for _, path in told)
        # Nothing more happens: it has to look again by itself.
        replica.converge(8)
        assert replica.rows != before


def test_a_first_look_without_descriptors_raises(tree: Path) -> None:
    make_tree(tree, {".gitignore": b"*.o\n", "a/x.o": b"o"})
    with Replica() as expected:
        refused = 0
        # From some number on, it has what it needs.
        while True:
            with descriptors_left(refused):
                try:
                    watcher = vfo.watch(initial=True)
                    break
                except vfo.VfoError as error:
                    told = str(error)
            refused += 1
            assert "open files" in told
            assert refused < 20
        with watcher:
            assert set(next(watcher)["path"].to_list()) == {os.fsdecode(key) for key in expected.rows}
        assert refused > 0


@pytest.mark.hard
def test_a_queue_that_runs_over_is_told_and_made_good(tmp_path: Path, figures: Callable[[str], None]) -> None:
    with limit("max_queued_events", 50), Replica(tmp_path, initial=True) as replica:
        create(tmp_path, 30_000)
        events = replica.converge(60)
        rescans = sum(event == "rescan" for event, _, _ in events)
        figures(f"hazard 27: a queue of 50 events: {lost(replica, 30_000)} of 30000 lost, {rescans} rescans")
        assert rescans > 0
        assert lost(replica, 30_000) == 0


@pytest.mark.hard
def test_five_times_thirty_thousand(tmp_path: Path, figures: Callable[[str], None]) -> None:
    for turn in range(5):
        root = tmp_path / str(turn)
        root.mkdir()
        with Replica(root) as replica:
            maker = threading.Thread(target=create, args=(root, 30_000))
            began = time.monotonic()
            maker.start()
            while maker.is_alive():
                replica.next(0.05)
            maker.join()
            made = time.monotonic() - began
            replica.converge(60)
            figures(
                f"hazard 27: run {turn + 1}: {lost(replica, 30_000)} of 30000 creates lost ({made:.1f} s to make them)"
            )
            assert lost(replica, 30_000) == 0


@pytest.mark.hard
def test_watches_that_run_out(tmp_path: Path, figures: Callable[[str], None]) -> None:
    for number in range(40):
        (tmp_path / f"old{number}" / "deep").mkdir(parents=True)
    with limit("max_user_watches", 20), Replica(tmp_path) as replica:
        assert 0 < replica.watches() <= 20
        frame = replica.next(5)
        assert frame is not None
        assert frame["event"][0] == "rescan"
        for number in range(40):
            (tmp_path / f"old{number}" / "deep" / "x.txt").touch()
            (tmp_path / f"new{number}").mkdir()
            (tmp_path / f"new{number}" / "x.txt").touch()
        began = time.monotonic()
        replica.converge(30)
        figures(
            f"hazard 27: 20 watches for 121 folders: {lost(replica, 80)} of 80 creates lost, "
            f"{time.monotonic() - began:.1f} s"
        )
        assert lost(replica, 80) == 0
        # With watches to be had again, the folders without one get theirs.
        (LIMITS / "max_user_watches").write_text("100000")
        deadline = time.monotonic() + 10
        while replica.watches() < 121 and time.monotonic() < deadline:
            replica.next(0.2)
        assert replica.watches() == 121


@pytest.mark.hard
def test_watchers_that_run_out(tmp_path: Path) -> None:
    with limit("max_user_instances", 8):
        watchers: list[vfo.Watcher] = []

        def start_many() -> None:
            watchers.extend(vfo.watch(tmp_path) for _ in range(20))

        with pytest.raises(vfo.LimitError, match="max_user_instances"):
            start_many()
        for watcher in watchers:
            watcher.close()
    vfo.watch(tmp_path).close()
