"""The port of a reranker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from assay.documents import Chunk


class Reranker(Protocol):
    """Scores candidates against a question, more closely than the index can."""

    @property
    def identity(self) -> str: ...

    async def scores(self, question: str, chunks: Sequence[Chunk]) -> list[float]:
        """One score for each chunk, higher is better; comparable within one call only. Raises ModelError."""
        ...
