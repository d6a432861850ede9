"""Late interaction: a reranker that compares a question and a chunk token by token.

MaxSim after ColBERT (Khattab and Zaharia 2020, arXiv 2004.12832), here over the token vectors
of a sentence embedder: each token of the question is worth its nearest token of the chunk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.documents import Chunk
from assay.models.embedding import Matrix
from assay.models.token_vectors import TokenEmbedder, TokenVectors

Weigh: TypeAlias = Callable[[Sequence[str]], Sequence[float]]
"""Weights of words, for example their inverse document frequency; one for each word, none negative."""

WORD = re.compile(r"\w+")


class LateInteraction:
    """The reranker ``late-interaction``. ``weigh`` says how much each word of the question counts; None: alike.

    ``name`` stands for ``weigh`` in the identity.
    """

    def __init__(self, embedder: TokenEmbedder, *, weigh: Weigh | None = None, name: str = "idf") -> None:
        self._embedder, self._weigh, self._name = embedder, weigh, name

    @property
    def identity(self) -> str:
        weights = f":{self._name}" if self._weigh else ""
        return f"late-interaction:{self._embedder.identity}{weights}"

    async def scores(self, question: str, chunks: Sequence[Chunk]) -> list[float]:
        """MaxSim of the question with each chunk's context and text, at most 1. Raises ModelError."""
        if not chunks:
            return []
        asked, *found = await self._embedder.token_vectors([question, *map(indexed_text, chunks)])
        weights = np.asarray(self._weigh(words(asked)), np.float32) if self._weigh else None
        return [maxsim(asked.vectors, chunk.vectors, weights) for chunk in found]


def maxsim(question: Matrix, chunk: Matrix, weights: NDArray[np.float32] | None = None) -> float:
    """Weighted mean over the question's tokens of the best cosine with a token of the chunk.

    ``question`` (m, d) and ``chunk`` (n, d) are unit rows, ``weights`` (m,) not negative. The mean
    instead of ColBERT's sum leaves the order as it is and makes scores of questions of any length
    look alike. 0 where either side has no token or no weight.
    """
    if not len(question) or not len(chunk):
        return 0.0
    nearest = (question @ chunk.T).max(axis=1)
    if weights is None:
        return float(nearest.mean())
    total = float(weights.sum())
    return float(nearest @ weights) / total if total > 0 else 0.0


def words(vectors: TokenVectors) -> list[str]:
    """For each token the whole word that it is a piece of, as it stands in the text; itself if it is none."""
    spans = [match.span() for match in WORD.finditer(vectors.text)]
    found = []
    at = 0
    for start, end in vectors.offsets:
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        inside = at < len(spans) and spans[at][0] <= start
        first, last = spans[at] if inside else (start, end)
        found.append(vectors.text[first:last])
    return found


def indexed_text(chunk: Chunk) -> str:
    """A chunk as it is compared: its title and headings, then its text."""
    return f"{chunk.context}\n{chunk.text}" if chunk.context else chunk.text
