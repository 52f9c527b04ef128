"""A real Nushell with the plugin, for tests and benchmarks."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

BIN = Path(sys.prefix) / "bin"
PLUGIN = BIN / "nu_plugin_vfo"
SHELL = BIN / "nu"

MISSING = None if SHELL.exists() and PLUGIN.exists() else "needs npm, and `make nushell`, which `make test` does"
"""Why there is none."""


def command(code: str) -> list[str]:
    """The arguments of a Nushell that reads no configuration and has the plugin."""
    return [str(SHELL), "--no-config-file", "--plugins", f"[{PLUGIN}]", "--commands", code]


def run(code: str, folder: str | os.PathLike[str] = ".", *, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """What a Nushell prints that is started in this folder."""
    environment = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(
        command(code), cwd=folder, capture_output=True, text=True, timeout=timeout, check=False, env=environment
    )


def values(code: str, folder: str | os.PathLike[str] = ".", *, timeout: float = 60) -> Any:
    """What a pipeline gives, as Python's own values; a failure is an AssertionError with Nushell's message."""
    done = run(f"{code} | to json --raw", folder, timeout=timeout)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def failure(code: str, folder: str | os.PathLike[str] = ".") -> str:
    """Nushell's message about a pipeline that fails."""
    done = run(code, folder)
    assert done.returncode != 0, done.stdout
    return done.stderr


class Terminal:
    """A Nushell at a terminal, as a user has it; it ends with the block."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            environment = {**os.environ, "XDG_CONFIG_HOME": str(state), "XDG_DATA_HOME": str(state)}
            shell = [str(SHELL), "--no-config-file", "--plugins", f"[{PLUGIN}]"]
            os.execve(shell[0], shell, environment)
        self._seen = b""

    def __enter__(self) -> Self:
        self.wait_for("> ")
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)

    def type(self, text: str) -> None:
        """Type this."""
        os.write(self._terminal, text.encode())

    def wait_for(self, text: str, seconds: float = 20) -> float:
        """Wait until this is printed; returns how long that took, in seconds."""
        begun = time.monotonic()
        while text.encode() not in self._seen:
            left = begun + seconds - time.monotonic()
            assert left > 0, f"{text!r} was not printed: {self._seen[-2000:].decode(errors='replace')}"
            if select.select([self._terminal], [], [], left)[0]:
                part = os.read(self._terminal, 1 << 16)
                self._seen += part
                # The line editor asks where the cursor is, and waits for the answer.
                os.write(self._terminal, b"\x1b[1;1R" * part.count(b"\x1b[6n"))
        self._seen = self._seen.split(text.encode(), 1)[1]
        return time.monotonic() - begun
