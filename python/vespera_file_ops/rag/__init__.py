"""A file tree as a retrieval index: chunks in LanceDB, kept true at the price of what changed. Needs the extra `rag`.

    >>> from vespera_file_ops.rag import Index
    >>> index = Index("tree.index")
    >>> index.sync("src").filter(status="added")["files"].item()
    3
    >>> index.search("parse arguments", limit=1)["relative_path"].to_list()
    ['app.py']

An index is one folder. In it lie:

- `chunks.lance`: LanceDB's table, one row a chunk, keyed by artifact (source and relative path) and chunk number.
- `vectors.lance`: with an embedder, each text's vector by the text's hash.
- `sources/`: of each source its manifest (a files table, as `diff_trees` compares it), and which files are in doubt.
- `settings.json`: the format, the embedder and how files are cut; `lock`; and `queue/`: what waits for the lock.

**What a sync does.** It compares the tree with the manifest, by numbers first and by hash where they differ. Files that
were added or have another content are cut and embedded, and their rows are replaced, stale ones included, in one
commit a batch. Rows of files that were renamed or touched are rewritten without reading the file. Rows are removed only
where a file was *observed* to be absent; what could not be looked at or read keeps its rows and is told as `unknown`.

**Why it may be killed.** Rows are changed only after their files have been noted as in doubt, on disk; the manifest is
saved after the rows, every ten seconds and at the end, and only then is the doubt withdrawn. The next writer takes
nothing for granted that is in doubt: it makes those rows anew. Embeddings are stored batch by batch, apart from the
rows, so none is lost.

**Who may write.** One process, which holds a lock of the kernel that dies with it. `add` and `remove` never wait for
it: their work goes to the queue then, and the holder does it before and after it gives the lock back. Readers need no
lock: LanceDB shows each the version that was newest when it began, whose files stay for an hour.
"""

from __future__ import annotations

from .embedder import Embedder
from .index import Index
from .minilm import MiniLM

__all__ = ["Embedder", "Index", "MiniLM"]
