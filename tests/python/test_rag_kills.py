"""Hazard 29: killed in the middle of a sync, the next one converges: nothing twice, nothing missing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vespera_file_ops.rag import Index

from rag_tools import HashEmbedder, fresh, held, make_source

pytestmark = pytest.mark.hazard(29)


def change(source: Path, chance: random.Random) -> None:
    """Do to a tree what happens to trees."""
    files = sorted(path for path in source.rglob("*.py") if path.is_file())
    for number in range(chance.randrange(1, 12)):
        folder = source / f"d{chance.randrange(4)}"
        folder.mkdir(parents=True, exist_ok=True)
        text = "".join(f"line {chance.randrange(50)}\n" for _ in range(chance.randrange(1, 200)))
        (folder / f"new{chance.randrange(60)}.py").write_text(text)
        if not files:
            continue
        old = chance.choice(files)
        files.remove(old)
        match number % 5:
            case 0:
                old.unlink()
            case 1:
                old.rename(folder / f"moved{chance.randrange(60)}.py")
            case 2:
                os.utime(old, (chance.randrange(1 << 30), chance.randrange(1 << 30)))
            case 3:
                old.write_text(old.read_text()[: chance.randrange(400)])
            case _:
                copy = folder / f"copy{chance.randrange(60)}.py"
                if copy != old:
                    shutil.copy2(old, copy)
        files = [path for path in files if path.exists()]


def killed_sync(index: Path, source: Path, seconds: float) -> bool:
    """Start a sync and kill it after so many seconds; whether it was still running."""
    command = [sys.executable, str(Path(__file__).with_name("rag_child.py")), str(index), str(source)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        return child.stdout.read() != "done\n"


@pytest.mark.parametrize(
    "kills", [6, pytest.param(100, marks=[pytest.mark.hard, pytest.mark.timeout(3600)])], ids=["few", "many"]
)
def test_a_killed_sync_is_finished_by_the_next(tmp_path: Path, kills: int, figures: Callable[[str], None]) -> None:
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    source, place = tmp_path / "source", tmp_path / "index"
    source.mkdir()
    # How long a sync of this takes here, the import of LanceDB included.
    change(source, chance)
    begun = time.monotonic()
    killed_sync(tmp_path / "timed", source, 1.0)
    started = running = 0
    span = 3.0
    # Some end before they are killed, and count for nothing.
    while running < kills:
        started += 1
        assert started <= 3 * kills + 10
        change(source, chance)
        wait = chance.random() * span
        was_running = killed_sync(place, source, wait)
        running += was_running
        span = span * 1.2 if was_running and wait > span * 0.8 else span * 0.95 if not was_running else span
        if chance.random() < 0.7:
            continue
        index = Index(place, embedder=HashEmbedder())
        index.sync(source, max_removed=1)
        assert index.verify().is_empty()
    index = Index(place, embedder=HashEmbedder())
    index.sync(source, max_removed=1)
    assert index.verify().is_empty()
    assert held(index).equals(fresh(tmp_path, source, HashEmbedder()))
    assert index.status()["in_doubt"].to_list() == [0]
    figures(f"hazard 29: {running} syncs killed while they ran, of {started} ({time.monotonic() - begun:.0f} s)")


def test_a_kill_costs_no_embedding_that_was_made(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(20):
        (source / f"{number}.py").write_text(f"text {number}\n")
    place = tmp_path / "index"

    class Dying(HashEmbedder):
        def embed(self, texts: object) -> object:
            if self.texts:
                raise KeyboardInterrupt
            return super().embed(texts)  # type: ignore[arg-type]

    from vespera_file_ops.rag import engines

    before, engines._TEXTS = engines._TEXTS, 5
    try:
        with pytest.raises(KeyboardInterrupt):
            Index(place, embedder=Dying()).sync(source)
        embedder = HashEmbedder()
        index = Index(place, embedder=embedder)
        index.sync(source)
    finally:
        engines._TEXTS = before
    assert len(embedder.texts) == 15
    assert index.verify().is_empty()


@pytest.mark.parametrize("is_rebuilt", [False, True])
def test_every_step_of_the_making_may_be_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_rebuilt: bool
) -> None:
    from vespera_file_ops.rag import rows, settings

    source = make_source(tmp_path)
    for step in range(6):
        left = step
        index = Index(tmp_path / f"index{step}", embedder=HashEmbedder("other") if is_rebuilt else None)
        if is_rebuilt:
            index.sync(source)

        def stopping(function: Callable[..., object]) -> Callable[..., object]:
            def wrapper(*args: object, **kwargs: object) -> object:
                nonlocal left
                left -= 1
                if left == -1:
                    raise KeyboardInterrupt
                done = function(*args, **kwargs)
                left -= 1
                if left == -1:
                    raise KeyboardInterrupt
                return done

            return wrapper

        index = Index(tmp_path / f"index{step}", embedder=HashEmbedder())
        with monkeypatch.context() as patch:
            patch.setattr(settings, "write_file_atomic", stopping(settings.write_file_atomic))
            patch.setattr(rows.Rows, "create", stopping(rows.Rows.create))
            with pytest.raises(KeyboardInterrupt):
                index.sync(source, rebuild=is_rebuilt)
        # Before the first step of a rebuild, it has not begun.
        index.sync(source, rebuild=is_rebuilt and step == 0)
        assert index.verify().is_empty()
        assert held(index).equals(fresh(tmp_path, source, HashEmbedder()))


def test_every_step_may_be_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer stops before each of its writes in turn, and the tree changes before the next one comes."""
    from vespera_file_ops.rag import manifest, rows

    source = tmp_path / "source"
    steps = 0

    class Stopped(BaseException):
        pass

    def stopping(function: Callable[..., object], after: bool) -> Callable[..., object]:
        def wrapper(*args: object, **kwargs: object) -> object:
            nonlocal steps
            steps -= 1
            if steps == 0 and not after:
                raise Stopped
            done = function(*args, **kwargs)
            if steps == 0:
                raise Stopped
            return done

        return wrapper

    stopped = 0
    for after in (False, True):
        for step in range(1, 30):
            shutil.rmtree(source, ignore_errors=True)
            source.mkdir()
            contents = {
                f"{name}.py": f"{name} one\n" for name in ("modified", "removed", "renamed", "reverted", "kept")
            }
            for name, text in contents.items():
                (source / name).write_text(text)
            place = tmp_path / f"index{after}{step}"
            index = Index(place, embedder=HashEmbedder())
            index.sync(source)
            (source / "modified.py").write_text("modified two\n" * 200)
            (source / "reverted.py").write_text("reverted two\n")
            (source / "removed.py").unlink()
            (source / "renamed.py").rename(source / "moved.py")
            (source / "passing.py").write_text("passing\n")
            steps = step
            with monkeypatch.context() as patch:
                for home, name in ((manifest, "write_file_atomic"), (rows.Rows, "write")):
                    patch.setattr(home, name, stopping(getattr(home, name), after))
                try:
                    index.sync(source)
                except Stopped:
                    stopped += 1
                else:
                    break
            # As the manifest knew it, with other times; gone again; there again.
            (source / "reverted.py").write_text("reverted one\n")
            (source / "passing.py").unlink()
            (source / "removed.py").write_text("removed one\n")
            (source / "moved.py").unlink()
            index = Index(place, embedder=HashEmbedder())
            index.sync(source, max_removed=1)
            assert index.verify().is_empty(), (after, step)
            assert held(index).equals(fresh(tmp_path, source, HashEmbedder())), (after, step)
    assert stopped > 12
