"""The package's docstrings as the reference shows them: filled in as at run time, each section known to the tool.

An extension of Griffe, which reads the sources for mkdocstrings. This package writes `Example:` and `Columns:`, and the
options that several functions share are put into their docstrings by a decorator.
"""

from __future__ import annotations

import importlib
import inspect
import operator
import re
import sys
from pathlib import Path
from typing import Any

import griffe

# The site tells of this tree, whatever is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

KEYWORD_ONLY = griffe.ParameterKind("keyword-only")


class Docstrings(griffe.Extension):
    """What is done to each object that is read."""

    def on_function_instance(self, *, func: griffe.Function, **_: Any) -> None:
        """Take the text and the options that `documented` gives a function when it is imported."""
        if func.docstring is None:
            return
        if "{options}" in func.docstring.value or "{columns}" in func.docstring.value:
            names = func.path.removeprefix(f"{func.module.path}.")
            real = operator.attrgetter(names)(importlib.import_module(func.module.path))
            func.docstring.value = inspect.getdoc(real) or ""
            _spell_out(func, inspect.signature(real))
        func.docstring.value = as_google(func.docstring.value)

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """The same for a class; what makes it, and the fields of a tuple, are what its arguments are."""
        made = cls.members.get("__new__")
        if isinstance(made, griffe.Function) and "__init__" not in cls.members:
            cls.set_member("__init__", griffe.Function("__init__", parameters=made.parameters, parent=cls))
        if cls.docstring is not None:
            cls.docstring.value = as_google(cls.docstring.value)
            if "NamedTuple" in map(str, cls.bases):
                cls.docstring.value = cls.docstring.value.replace("Arguments:\n", "Attributes:\n")

    def on_module_instance(self, *, mod: griffe.Module, **_: Any) -> None:
        """The same for a module."""
        if mod.docstring is not None:
            mod.docstring.value = as_google(mod.docstring.value)


def _spell_out(function: griffe.Function, signature: inspect.Signature) -> None:
    """Show the options one by one, as `help()` does, and not as one bundle."""
    if not any(parameter.kind is griffe.ParameterKind.var_keyword for parameter in function.parameters):
        return
    kept = [parameter for parameter in function.parameters if parameter.kind is not griffe.ParameterKind.var_keyword]
    known = {parameter.name for parameter in kept}
    added = [
        griffe.Parameter(name, kind=KEYWORD_ONLY, default=repr(parameter.default))
        for name, parameter in signature.parameters.items()
        if name not in known
    ]
    function.parameters = griffe.Parameters(*kept, *added)


def as_google(text: str) -> str:
    """`Example:` and `Columns:` as sections that the tool knows: examples, and a table."""
    text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
    # The tool tells the default from the signature.
    text = re.sub(r"^(    \w+ \([^()\n]*), default [^()\n]*\): ", r"\1): ", text, flags=re.MULTILINE)
    # An indented example before the first section is a block of code.
    prose, *sections = re.split(r"(?=^[A-Z][a-z]+:$)", text, maxsplit=1, flags=re.MULTILINE)
    prose = re.sub(r"^    >>> .*\n(?:    .*(?:\n|\Z))*", _fenced, prose, flags=re.MULTILINE)
    text = prose + "".join(sections)

    def table(found: re.Match[str]) -> str:
        lines = ["**Columns:**", "", "| column | type | meaning |", "|---|---|---|"]
        for line in re.findall(r"^    (\S.*(?:\n        +\S.*)*)", found[1], flags=re.MULTILINE):
            parts = re.fullmatch(r"(\w+(?:, \w+)*) \((.*?)\): (.*)", re.sub(r"\s+", " ", line))
            if parts is None:
                raise ValueError(f"no column is described by {line!r}")
            meaning = parts[3].replace("|", "\\|")
            lines.append(f"| `{parts[1]}` | {parts[2]} | {meaning} |")
        return "\n".join(lines) + "\n\n"

    return re.sub(r"^Columns:\n((?:    .*\n|\n(?=    ))+)\n?", table, text, flags=re.MULTILINE)


def _fenced(found: re.Match[str]) -> str:
    return f"```pycon\n{inspect.cleandoc(found[0])}\n```\n"
