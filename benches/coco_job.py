"""The job of `index.py` for CocoIndex: chunks of a folder's files, with vectors, kept true in LanceDB.

    python coco_job.py FOLDER STATE

Run by the interpreter that CocoIndex is installed in. One process is one update; it prints as JSON what it did, how
long that took without the imports, and what the table holds.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

SIZE = 1600

# Nothing is told to anybody, and nothing waits for an answer.
os.environ.setdefault("COCOINDEX_DISABLE_USAGE_TRACKING", "1")
coco: Any = import_module("cocoindex")
lance: Any = import_module("cocoindex.connectors.lancedb")
local: Any = import_module("cocoindex.connectors.localfs")
file_kinds: Any = import_module("cocoindex.resources.file")
texts: Any = import_module("cocoindex.ops.text")

FOLDER, STATE = Path(sys.argv[1]), Path(sys.argv[2])
DATABASE = coco.ContextKey("database")
splitter = texts.RecursiveSplitter()
done = {"read": 0, "chunks": 0, "embedded": 0}


@dataclass
class Row:
    """A chunk."""

    path: str
    chunk: int
    text: str
    start_line: int
    end_line: int
    vector: list[float]


async def lifespan(builder: Any) -> AsyncIterator[None]:
    """Where everything lies."""
    builder.settings.db_path = STATE / "state"
    builder.provide(DATABASE, await lance.connect_async(str(STATE / "rows")))
    yield


async def vector_of(text: str) -> list[float]:
    """As the embedder of `index.py` makes it."""
    done["embedded"] += 1
    return [byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]]


async def file_rows(file: Any, table: Any) -> None:
    """Declare the rows of one file."""
    done["read"] += 1
    content = await file.read()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return
    language = texts.detect_code_language(filename=file.file_path.path.name)
    for number, chunk in enumerate(splitter.split(text, chunk_size=SIZE, language=language)):
        done["chunks"] += 1
        vector = await embed(chunk.text)
        lines = chunk.start.line, chunk.end.line
        table.declare_row(row=Row(str(file.file_path.path), number, chunk.text, *lines, vector))


async def main_rows(folder: Path) -> None:
    """Declare everything."""
    schema = await lance.TableSchema.from_class(Row, primary_key=["path", "chunk"])
    table = await lance.mount_table_target(DATABASE, table_name="chunks", table_schema=schema)
    matcher = file_kinds.PatternFilePathMatcher(excluded_patterns=["**/.*"])
    files = local.walk_dir(folder, recursive=True, path_matcher=matcher)
    await coco.mount_each(process, files.items(), table)


embed = coco.fn(memo=True)(vector_of)
process = coco.fn(memo=True)(file_rows)
coco.lifespan(lifespan)


async def letters() -> dict[str, int]:
    """Of each file, the characters in its rows that are no white space."""
    table = await (await lance.connect_async(str(STATE / "rows"))).open_table("chunks")
    rows = await table.query().select(["path", "text"]).to_list()
    counts: dict[str, int] = {}
    for row in rows:
        path = os.path.relpath(row["path"], FOLDER) if os.path.isabs(row["path"]) else row["path"]
        counts[path] = counts.get(path, 0) + len("".join(row["text"].split()))
    return counts


def main() -> None:
    """One update."""
    STATE.mkdir(exist_ok=True)
    app = coco.App(coco.AppConfig(name="bench"), coco.fn(main_rows), folder=FOLDER)
    begun = time.perf_counter()
    app.update_blocking()
    seconds = time.perf_counter() - begun
    print(json.dumps({**done, "seconds": seconds, "letters": asyncio.run(letters())}))


if __name__ == "__main__":
    main()
