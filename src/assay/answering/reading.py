"""What the evidence says to the question: computed once, used by the gate, the writer and the checker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio.to_thread
import numpy as np

from assay.answering.answerability import Answerability, answerability
from assay.answering.context import Context
from assay.answering.evidence import Evidence, statements, weigh_evidence
from assay.documents import PUBLIC
from assay.errors import NotFound
from assay.language.terms import Frequencies, Weights, stem, words
from assay.models.embedding import Matrix
from assay.models.token_vectors import TokenEmbedder
from assay.stores.index import Scope

CountWords: TypeAlias = Callable[[Sequence[str], Scope], tuple[int, Mapping[str, int]]]
"""Number of chunks that a reader may see, and for each word how many hold it: ``Index.frequencies``. Blocks."""

ReadVectors: TypeAlias = Callable[[Sequence[str]], Matrix]
"""The unit vectors of chunks by id: ``Index.vectors``. Blocks."""

STATEMENTS = 24
"""Sentences that are embedded for a question; more of them cost more and gain nothing (clapnq, top 8)."""
_ANYONE = frozenset({PUBLIC})


@dataclass(frozen=True, slots=True)
class Reading:
    """``question`` is the one that was searched for; ``passages`` holds the log-odds of each passage."""

    question: str
    context: Context
    evidence: Evidence
    passages: tuple[Answerability, ...]
    weigh: Weights = field(repr=False)

    @property
    def probability(self) -> float:
        """The probability that the best passage answers; 0 without passages."""
        return max((passage.probability for passage in self.passages), default=0.0)


class Reader:
    """Reads contexts with an embedder's token vectors.

    ``vectors`` reads passage vectors of the same embedder from the index; None has the
    passages embedded here, for an index that another embedder filled. At most ``limit``
    sentences are embedded for a question.
    """

    def __init__(
        self,
        embedder: TokenEmbedder,
        *,
        frequencies: CountWords,
        vectors: ReadVectors | None = None,
        limit: int = STATEMENTS,
    ) -> None:
        self._embedder, self._frequencies, self._vectors, self._limit = embedder, frequencies, vectors, limit

    async def read(self, question: str, context: Context, groups: frozenset[str] = _ANYONE) -> Reading:
        """Compare every sentence of the context with the question; ``groups`` are the reader's.

        Raises ModelError, StoreError.
        """
        weigh = await self._weights(question, context, groups)
        found = statements(question, context.passages, weigh, self._limit)
        asked, *sentences = await self._embedder.token_vectors([question, *(statement.text for statement in found)])
        evidence = weigh_evidence(question, asked, found, sentences)
        vectors = await self._of_passages(context, len(asked.pooled))
        odds = answerability(asked.pooled, context.passages, vectors, evidence, weigh)
        return Reading(question, context, evidence, odds, weigh)

    async def _weights(self, question: str, context: Context, groups: frozenset[str]) -> Frequencies:
        """Weights of the words at hand; a word that is neither asked nor found counts as unseen."""
        text = "\n".join([question, *(f"{p.label}\n{p.text}" for p in context.passages)])
        spelled = {stem(word): word for word in words(text)}
        total, held = await anyio.to_thread.run_sync(self._frequencies, list(spelled.values()), Scope(groups))
        return Frequencies(total, {term: held.get(word, 0) for term, word in spelled.items()})

    async def _of_passages(self, context: Context, dimensions: int) -> Matrix:
        if not context.passages:
            return np.zeros((0, dimensions), np.float32)
        if self._vectors is not None:
            # An ingestion may have replaced a chunk since it was found: its text is still at hand.
            with suppress(NotFound):
                return await self._indexed(self._vectors, context, dimensions)
        labelled = [f"{passage.label}. {passage.text}" for passage in context.passages]
        return np.stack([encoded.pooled for encoded in await self._embedder.token_vectors(labelled)])

    @staticmethod
    async def _indexed(read: ReadVectors, context: Context, dimensions: int) -> Matrix:
        """A vector for each passage: the mean of its chunks', at unit length. Raises NotFound."""
        ids = [chunk for passage in context.passages for chunk in passage.chunks]
        rows = await anyio.to_thread.run_sync(read, ids)
        vectors = np.zeros((len(context.passages), dimensions), np.float32)
        at = 0
        for i, passage in enumerate(context.passages):
            mean = rows[at : at + len(passage.chunks)].mean(axis=0)
            vectors[i] = mean / (float(np.linalg.norm(mean)) or 1.0)
            at += len(passage.chunks)
        return vectors
