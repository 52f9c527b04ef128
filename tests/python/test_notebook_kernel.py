"""In a real Jupyter kernel: Ctrl-C stops a scan and leaves the kernel alive; tables are HTML; bars make no noise."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

SECONDS = 30


class Kernel:
    """A kernel with its working directory, and what its cells show."""

    def __init__(self, folder: Path) -> None:
        # The kernel of this interpreter, whatever kernels the machine has been told of.
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def begin(self, code: str) -> str:
        """Send a cell, and return when the kernel is at work on it."""
        message = self.client.execute(code)
        while self._next(message)["msg_type"] != "execute_input":
            pass
        return str(message)

    def finish(self, message: str) -> list[dict[str, Any]]:
        """Wait for the end of a cell; what it has shown."""
        shown = []
        while True:
            answer = self._next(message)
            if answer["msg_type"] == "status" and answer["content"]["execution_state"] == "idle":
                return shown
            shown.append(answer)

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell."""
        return self.finish(self.begin(code))

    def _next(self, message: str) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                answer = self.client.get_iopub_msg(timeout=1)
            except Empty:
                assert self.manager.is_alive(), "the kernel died"
                continue
            if answer["parent_header"].get("msg_id") == message:
                return dict(answer)
        raise AssertionError("the kernel does not answer")


def text_of(shown: list[dict[str, Any]]) -> str:
    return "".join(answer["content"]["text"] for answer in shown if answer["msg_type"] == "stream")


def errors_of(shown: list[dict[str, Any]]) -> list[str]:
    return [answer["content"]["ename"] for answer in shown if answer["msg_type"] == "error"]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("kernel")
    for number in range(300):
        (folder / "many" / str(number % 10)).mkdir(parents=True, exist_ok=True)
        (folder / "many" / str(number % 10) / f"{number}.txt").write_bytes(b"needle abcdef\n" * 300)
    # A pattern of quadratic cost: half a minute to the end.
    (folder / "line.txt").write_bytes(b"a" * 400_000)
    kernel = Kernel(folder)
    yield kernel
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel(now=True)


CALLS = {
    "eager": r'vfo.search_files(r"(?s).*[^a-z]|[a-z]", "line.txt")',
    "with a bar": r'vfo.search(r"(?s).*[^a-z]|[a-z]", "line.txt", progress=True)',
    "lazy": r'vfo.scan_hits(r"(?s).*[^a-z]|[a-z]", "line.txt").collect()',
    "lazy, made in another cell": "made.collect()",
    "lazy, streaming": r'vfo.scan_hits(r"(?s).*[^a-z]|[a-z]", "line.txt").collect(engine="streaming")',
    "lazy, joined": r'made.join(vfo.scan_files("many"), on="path").collect()',
    "lazy, into a file": r'made.select("path", "line").sink_parquet("out.parquet")',
    "again and again": 'while True: vfo.scan_files("many", blake3=True).collect()',
    "watch": '[None for _ in vfo.watch("many")]',
}


@pytest.mark.hazard(13)
@pytest.mark.parametrize("name", CALLS)
def test_an_interrupt_ends_the_cell_and_not_the_kernel(
    name: str, kernel: Kernel, figures: Callable[[str], None]
) -> None:
    made = r'made = vfo.scan_hits(r"(?s).*[^a-z]|[a-z]", "line.txt")'
    assert errors_of(kernel.run(f"import vespera_file_ops as vfo; {made}")) == []
    late = []
    for _ in range(3):
        message = kernel.begin(CALLS[name])
        time.sleep(0.3)
        start = time.monotonic()
        kernel.manager.interrupt_kernel()
        shown = kernel.finish(message)
        late.append(time.monotonic() - start)
        assert errors_of(shown) == ["KeyboardInterrupt"]
        assert kernel.manager.is_alive()
        after = kernel.run('print(vfo.search_files("needle", "many").height)')
        assert errors_of(after) == []
        assert text_of(after) == "90000\n"
    figures(f"interrupt of a cell ({name}): ended after {statistics.median(late) * 1000:.0f} ms")
    # Of this the traceback, which IPython draws, takes most.
    assert min(late) < 1


def test_show_gives_html_and_text(kernel: Kernel) -> None:
    kernel.run("import vespera_file_ops as vfo")
    (shown,) = [a for a in kernel.run('vfo.show(vfo.search("needle", "many", max_hits=5))') if "data" in a["content"]]
    assert shown["msg_type"] == "display_data"
    bundle = shown["content"]["data"]
    assert '<a href="./many/0/0.txt">many/0/0.txt</a>' in bundle["text/html"]
    assert ">needle</mark>" in bundle["text/html"]
    assert "many/0/0.txt" in bundle["text/plain"]
    assert "<" not in bundle["text/plain"]
    result = kernel.run('vfo.search("needle", "many", max_hits=5)')
    (last,) = [a["content"]["data"] for a in result if a["msg_type"] == "execute_result"]
    assert "</table>" in last["text/html"]
    assert last["text/plain"].startswith("SearchResult(")


def test_a_bar_is_a_widget_where_there_are_widgets(kernel: Kernel) -> None:
    kernel.run("import vespera_file_ops as vfo")
    shown = kernel.run('_ = vfo.search_files("needle", "many", progress=True)')
    assert errors_of(shown) == []
    assert text_of(shown) == ""
    kinds = {kind for a in shown if a["msg_type"] == "display_data" for kind in a["content"]["data"]}
    assert "application/vnd.jupyter.widget-view+json" in kinds


def test_a_bar_is_text_without_a_warning_where_there_are_none(kernel: Kernel) -> None:
    """A kernel of its own, where the import of ipywidgets fails."""
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(timeout=SECONDS)
    kernel.run("import sys; sys.modules['ipywidgets'] = None; import vespera_file_ops as vfo")
    shown = kernel.run('_ = vfo.search_files("needle", "many", progress=True)')
    assert errors_of(shown) == []
    assert "Warning" not in text_of(shown)
    assert "300" in text_of(shown)


def test_a_chart_is_a_picture_that_needs_no_network(kernel: Kernel) -> None:
    shown = kernel.run('import vespera_file_ops as vfo; vfo.plot.treemap(vfo.scan_files("many"))')
    (last,) = [a["content"]["data"] for a in shown if a["msg_type"] == "execute_result"]
    assert last["image/svg+xml"].startswith("<svg")
    assert "text/html" not in last
