"""The folders that a server gives access to, and which names in them it does not."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import polars as pl

from .. import _core
from ..errors import ArgumentError, OutsideRootError, VfoError
from ..listing import get_file_info
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
        self.roots = {name: _core.Root(path) for name, path in roots.items()}
        allowed = tuple(allowed)
        self.denied = tuple(glob for glob in DENIED if glob not in allowed)
        self._allowed = allowed
        again = (f"!{_any_case(glob)}" for glob in allowed if glob not in DENIED)
        self._walked = (*map(_any_case, self.denied), *again)

    @property
    def only(self) -> str | None:
        """The name of the one root, if there is one."""
        return next(iter(self.roots)) if len(self.roots) == 1 else None

    def exclude(self, given: str | Iterable[str] = ()) -> list[str]:
        """What a walk leaves out: what was asked for, and what is denied; the last has the last word."""
        return [*([given] if isinstance(given, str) else given), *self._walked]

    def find(self, argument: str, text: str) -> Place:
        """Where the path `text` lies, which is the value of `argument`.

        Raises:
            ArgumentError: It is no path, names no root, or something that is denied.
        """
        encode_path(argument, text)
        place = self._absolute(text) if text.startswith("/") else self._relative(argument, text)
        self.ensure_allowed(argument, place)
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

    def ensure_allowed(self, argument: str, place: Place) -> None:
        """Refuse what is denied, also where a link leads to it.

        Raises:
            ArgumentError: It is denied.
        """
        top = os.path.realpath(place.root.path)
        real = os.path.realpath(os.path.join(place.root.path, place.path))
        below = real[len(top) :] if real == top or real.startswith(top.rstrip("/") + "/") else ""
        for name in [*place.path.split("/"), *below.split("/")]:
            if self._is_denied(name):
                if self._is_outside(place):
                    # To say that something out there leads back here would tell that it is there.
                    return
                raise ArgumentError(
                    f"{argument}: {name!r} is denied by this server, because it may hold secrets; "
                    f"whoever starts it can allow it: --allow {name}"
                )

    def _is_denied(self, name: str) -> bool:
        folded = name.casefold()
        if any(fnmatch.fnmatchcase(folded, glob.casefold()) for glob in self._allowed):
            return False
        return any(fnmatch.fnmatchcase(folded, glob) for glob in self.denied)

    def _is_outside(self, place: Place) -> bool:
        try:
            get_file_info(place.source, within=place.root, follow_symlinks=True)
        except OutsideRootError:
            return True
        except VfoError:
            pass
        return False

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


def _any_case(glob: str) -> str:
    """The glob for names in any case, as `Places.find` compares them."""
    return "".join(f"[{char.lower()}{char.upper()}]" if char.isascii() and char.isalpha() else char for char in glob)
