"""An embedder without a model: hashed words as directions. Deterministic, and it says what it computed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import anyio
import numpy as np

from assay.digest import digest_text
from assay.models.embedding import Matrix, Role

_WORD = re.compile(r"\w+|[^\w\s]")


class HashEmbedder:
    """Texts with the same words are near each other.

    ``calls`` counts the calls of ``embed``, ``texts`` the texts in them. ``log`` names a file to
    which the digest of each text is appended once it is computed, one line a batch, so that a
    test can count across processes. ``pause`` seconds pass per batch.
    """

    def __init__(
        self, dimensions: int = 32, *, max_tokens: int = 256, log: Path | None = None, pause: float = 0.0
    ) -> None:
        self._dimensions, self._max_tokens = dimensions, max_tokens
        self._log, self._pause = log, pause
        self.calls = 0
        self.texts = 0

    @property
    def identity(self) -> str:
        return f"hashed-words:{self._dimensions}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def count(self, text: str) -> int:
        """Words and marks."""
        return len(_WORD.findall(text))

    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:  # noqa: ARG002 - both roles are alike
        """One unit row for each text."""
        self.calls += 1
        self.texts += len(texts)
        await anyio.sleep(self._pause)
        rows = np.stack([self._vector(text) for text in texts])
        if self._log is not None:
            line = " ".join(digest_text(text) for text in texts)
            with self._log.open("a", encoding="ascii") as log:
                log.write(f"{line}\n")
        return rows

    def _vector(self, text: str) -> Matrix:
        row = np.zeros(self._dimensions, np.float32)
        for word in _WORD.findall(text.lower()) or [""]:
            hashed = hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()
            row[int.from_bytes(hashed[:4], "big") % self._dimensions] += 1 if hashed[4] % 2 else -1
        length = float(np.linalg.norm(row))
        if length == 0:
            row[0] = length = 1.0
        return (row / np.float32(length)).astype(np.float32)
