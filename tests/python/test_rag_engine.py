"""An index that Daft's workers cut and embed is the index that this process makes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import vespera_file_ops as vfo
from ray_child import on_ray
from vespera_file_ops.rag import Index

from conftest import make_tree
from rag_tools import HashEmbedder, held

pytest.importorskip("daft")


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAFT_PROGRESS_BAR", "0")


def vectors(index: Index) -> int:
    count: int = pl.DataFrame(index.table.to_arrow())["text_blake3"].n_unique()
    return count


def test_daft_makes_the_same_index_and_the_same_changes(tmp_path: Path) -> None:
    code = "".join(f"def function_{at}():\n    return {at}\n\n" for at in range(300)).encode()
    root = make_tree(tmp_path / "tree", {f"p{at % 3}/m{at}.py": code + str(at).encode() for at in range(30)})
    # Names that are no text, and what is no text at all.
    make_tree(root, {"blob.bin": b"\0\1", "empty.txt": b"", "ü.md": b"# One\n\nTwo.\n"})
    here = Index(tmp_path / "here", embedder=HashEmbedder())
    there = Index(tmp_path / "there", embedder=HashEmbedder())
    first = [index.sync(root, engine=engine) for index, engine in ((here, "local"), (there, "daft"))]
    assert_frame_equal(first[0].drop("seconds"), first[1].drop("seconds"))
    assert first[1].filter(status="added").select("files", "embedded").row(0) == (33, vectors(there))
    assert_frame_equal(held(here), held(there))
    (root / "p0/m0.py").rename(root / "p0/renamed.py")
    (root / "p1/m1.py").write_bytes(code + b"other")
    (root / "p2/m2.py").unlink()
    second = [index.sync(root, engine=engine) for index, engine in ((here, "local"), (there, "daft"))]
    assert_frame_equal(second[0].drop("seconds"), second[1].drop("seconds"))
    assert second[1].filter(status="modified")["files"].item() == 1
    assert_frame_equal(held(here), held(there))
    assert there.verify().is_empty()


def test_daft_keeps_to_the_root_and_tells_what_cannot_be_read(tmp_path: Path, beside: Path) -> None:
    index = Index(tmp_path / "index")
    report = index.sync(".", within=vfo.Root(beside, denied=".env"), include_hidden=True, engine="daft")
    assert report.filter(status="added")["paths"].item().to_list() == ["d/x", "in.txt"]
    large = beside / "large.txt"
    with large.open("wb") as file:
        file.truncate(257 << 20)
    report = index.sync(".", within=vfo.Root(beside, denied=".env"), include_hidden=True, engine="daft")
    unknown = report.filter(status="unknown")
    assert unknown["paths"].item().to_list() == ["large.txt"]
    assert "an index takes no larger file" in unknown["errors"].item()[0]


def test_what_cannot_be_sent_is_refused_before_anything_is_done(tmp_path: Path, demo: Path) -> None:
    class Locked(HashEmbedder):
        def __init__(self) -> None:
            super().__init__()
            self.lock = threading.Lock()

    index = Index(tmp_path / "index", embedder=Locked())
    with pytest.raises(TypeError, match=r"embedder: the workers of engine='daft' need it, but it cannot be pickled"):
        index.sync(engine="daft")
    with pytest.raises(vfo.ArgumentError, match="engine: one of local, daft, not 'ray'"):
        index.sync(engine="ray")  # type: ignore[arg-type]
    assert not (tmp_path / "index").exists()


class Failing(HashEmbedder):
    def embed(self, texts: object) -> object:
        raise ValueError("no memory left on the accelerator")


def test_a_worker_that_fails_raises_what_it_raised(tmp_path: Path, demo: Path) -> None:
    index = Index(tmp_path / "index", embedder=Failing())
    with pytest.raises(ValueError, match="no memory left on the accelerator"):
        index.sync("src", engine="daft")
    index = Index(tmp_path / "index", embedder=HashEmbedder())
    assert index.sync("src", engine="daft").filter(status="added")["files"].item() == 3
    assert index.verify().is_empty()


def test_a_ray_cluster_cuts_and_embeds(tmp_path: Path) -> None:
    code = "".join(f"def function_{at}():\n    return {at}\n\n" for at in range(200)).encode()
    root = make_tree(tmp_path / "tree", {f"p{at % 3}/m{at}.py": code + str(at).encode() for at in range(40)})
    answers: list[Any] = on_ray(
        """
        import numpy
        from vespera_file_ops.rag import Index, sync

        sync._BATCH_FILES = 5

        class Counting:
            name, dimension = "counting", 2
            def embed(self, texts):
                # Where it was embedded, told by the vector.
                return [[float(len(text)), float(os.getpid())] for text in texts]

        index = Index(argument["index"], embedder=Counting())
        report = index.sync(argument["root"], engine="daft")
        rows = pl.DataFrame(index.table.to_arrow())
        processes = set(rows["vector"].arr.get(1).cast(pl.Int64))
        answer([report.filter(status="added")["files"].item(), rows.height, len(processes), os.getpid() in processes])
        """,
        {"root": str(root), "index": str(tmp_path / "index")},
    )
    chunks = vfo.chunk_files(str(root)).height
    [[files, height, processes, is_here]] = answers
    assert (files, height, is_here) == (40, chunks, False)
    assert processes in {1, 2}
