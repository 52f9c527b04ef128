"""A sync that is to be killed: python rag_child.py INDEX SOURCE."""

from __future__ import annotations

import sys

from vespera_file_ops.rag import Index, engines, sync

from rag_tools import HashEmbedder

if __name__ == "__main__":
    # Many small steps, so that a kill falls between any two of them.
    sync._BATCH_FILES = 5
    sync._SAVE_SECONDS = 0.02
    engines._TEXTS = 4
    index = Index(sys.argv[1], embedder=HashEmbedder())
    print("ready", flush=True)
    index.sync(sys.argv[2], max_removed=1)
    print("done", flush=True)
