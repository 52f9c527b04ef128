r"""The words that full text search looks for: a text's own, those inside its identifiers, and those of its path.

LanceDB's tokenizer cuts at everything that is no letter and no digit, so also at `_`, but not in `parseArguments`.
Beside the text stand therefore the parts of its camelCase names, its snake_case names in one piece (`parse_arguments`
as `parsearguments`, which is also what `parseArguments` is as one word), the names that it defines, and the path. A
query is spread likewise.
"""

from __future__ import annotations

import re

import polars as pl

__all__ = ["query_words", "words_column"]

_CAMEL = r"\b[A-Za-z0-9]*[a-z0-9][A-Z][A-Za-z0-9]*\b|\b[A-Z]{2,}[a-z][A-Za-z0-9]*\b"
_SNAKE = r"\b[A-Za-z0-9]+(?:_+[A-Za-z0-9]+)+\b"
_DEFINITION = (
    r"(?m)^[ \t]*(?:(?:pub|export|default|async|public|private|protected|static|abstract|final|unsafe|const)[ \t]+)*"
    r"(?:def|class|fn|func|function|struct|enum|trait|impl|interface|type|module|mod|namespace)[ \t]+\w+"
)
_HUMP = (r"([a-z0-9])([A-Z])", r"([A-Z])([A-Z][a-z])")


def words_column() -> pl.Expr:
    """The column `words` of a frame with `text` and `relative_path`."""
    text = pl.col("text")
    camel = text.str.extract_all(_CAMEL).list.join(" ")
    snake = text.str.extract_all(_SNAKE).list.join(" ").str.replace_all("_", "", literal=True)
    path = pl.col("relative_path")
    place = pl.concat_str(path, _humps(path), separator=" ").str.replace_all(r"[^\pL\pN]+", " ")
    # What a chunk defines says more of it than what it uses: these names count twice.
    defined = _humps(text.str.extract_all(_DEFINITION).list.join(" "))
    return pl.concat_str(place, text, _humps(camel), snake, defined, separator="\n").alias("words")


def _humps(names: pl.Expr) -> pl.Expr:
    for hump in _HUMP:
        names = names.str.replace_all(hump, "$1 $2")
    return names


def query_words(query: str) -> str:
    """A query, spread as the texts are."""
    camel = " ".join(re.findall(_CAMEL, query))
    for hump in _HUMP:
        camel = re.sub(hump, r"\1 \2", camel)
    snake = " ".join(re.findall(_SNAKE, query)).replace("_", "")
    return " ".join(part for part in (query, camel, snake) if part)
