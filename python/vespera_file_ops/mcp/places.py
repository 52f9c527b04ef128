"""The folders that a server gives access to, and which names in them it does not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import polars as pl

from .. import _core
from ..errors import AccessDeniedError, ArgumentError, VfoError
from ..paths import encode_path

__all__ = ["DENIED", "Place", "Places"]

# Names that hold secrets by custom, or (`.git`) a history that is asked through git: as globs of one component.
DENIED = (
    ".git", ".env", ".env.*", ".envrc", ".netrc", ".npmrc", ".pypirc", ".pgpass", ".git-credentials", ".htpasswd",
    ".ssh", ".aws", ".gnupg", ".kube", ".docker",
    "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx",
)  # fmt: skip


class Place(NamedTuple):
    """Where a path that was asked for lies."""

    name: str
    root: _core.Root
    path: str

    @property
    def source(self) -> bytes:
        """The path as a source: as bytes it is never taken for a glob."""
        return os.fsencode(self.path)


class Places:
    """The roots of a server by name.

    Arguments:
        roots: The folders by name; with several, a path begins with the name of its root.
        allowed: Names (or globs of names) that are given though `DENIED` has them.

    Raises:
        ArgumentError: There is no root, or a name holds a slash.
        PathNotFoundError, AccessDeniedError, FileSystemError: A folder cannot be opened.
    """

    def __init__(self, roots: Mapping[str, str], allowed: Iterable[str] = ()) -> None:
        if not roots:
            raise ArgumentError("root: a server needs a folder to give access to: --root DIR")
        for name in roots:
            if not name or "/" in name or name in {".", ".."}:
                raise ArgumentError(f"root: {name!r} cannot be the name of a root; write --root NAME=DIR")
        allowed = tuple(allowed)
        self.denied = tuple(glob for glob in DENIED if glob not in allowed)
        self.roots = {name: _core.Root(path, denied=self.denied, allowed=allowed) for name, path in roots.items()}

    @property
    def only(self) -> str | None:
        """The name of the one root, if there is one."""
        return next(iter(self.roots)) if len(self.roots) == 1 else None

    def find(self, argument: str, text: str) -> Place:
        """Where the path `text` lies, which is the value of `argument`.

        Raises:
            ArgumentError: It is no path, or names no root.
            AccessDeniedError: It leads to something that is denied.
        """
        encode_path(argument, text)
        place = self._absolute(text) if text.startswith("/") else self._relative(argument, text)
        try:
            # The root denies it to whoever opens it; a tool that would only describe a link to it refuses it as well.
            place.root.status(place.source)
        except AccessDeniedError as error:
            hint = "" if error.errno else "; whoever starts this server can allow a name: --allow NAME"
            raise AccessDeniedError(f"{argument}: {error}{hint}", path=text, errno=error.errno) from None
        except VfoError:
            pass
        return place

    def all(self) -> list[Place]:
        """The roots themselves."""
        return [Place(name, root, ".") for name, root in self.roots.items()]

    def shown(self, place: Place, path: str) -> str:
        """A path from a root, as an answer spells it and a later call takes it."""
        path = path.removeprefix("./")
        if self.only is not None:
            return path
        return place.name if path in {"", "."} else f"{place.name}/{path}"

    def spelled(self, rows: pl.DataFrame, place: Place) -> pl.DataFrame:
        """Rows of a scan of this place, their paths as `shown` spells them."""
        paths = [self.shown(place, path) for path in rows["path"].to_list()]
        return rows.with_columns(path=pl.Series(paths, dtype=pl.String))

    def _relative(self, argument: str, text: str) -> Place:
        if self.only is not None:
            return Place(self.only, self.roots[self.only], text)
        name, _, path = text.removeprefix("./").partition("/")
        root = self.roots.get(name)
        if root is None:
            names = ", ".join(self.roots)
            raise ArgumentError(f"{argument}: {text!r} begins with the name of no root; the roots are {names}")
        return Place(name, root, path or ".")

    def _absolute(self, text: str) -> Place:
        for name, root in self.roots.items():
            if text == root.path or text.startswith(root.path.rstrip("/") + "/"):
                return Place(name, root, text[len(root.path) :].strip("/") or ".")
        # The first root refuses it, in the same words as what does not exist.
        name, root = next(iter(self.roots.items()))
        return Place(name, root, text)
