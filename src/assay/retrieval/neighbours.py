"""Neighbours: the chunks before and after a hit, for a model that reads on.

Off unless the application asks for them: the benchmarks show no gain for the extractive default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from anyio import to_thread

from assay.documents import Scalar
from assay.retrieval.found import Candidate, Found
from assay.retrieval.retriever import Retriever
from assay.stores.index import Index, Scope


class WithNeighbours:
    """Searches as ``retriever`` does and puts up to ``reach`` chunks from each side of a hit behind it."""

    def __init__(self, retriever: Retriever, index: Index, *, reach: int) -> None:
        self._retriever, self._index, self._reach = retriever, index, reach

    async def search(self, question: str, *, k: int, groups: frozenset[str], where: Mapping[str, Scalar]) -> Found:
        """The hits with their neighbours, each chunk once, hits in their order. Raises as a search does."""
        found = await self._retriever.search(question, k=k, groups=groups, where=where)
        hits = await to_thread.run_sync(self._widened, found, Scope(groups, where))
        return replace(found, hits=tuple(hits))

    def _widened(self, found: Found, scope: Scope) -> list[Candidate]:
        seen = {hit.chunk.id for hit in found.hits}
        widened: list[Candidate] = []
        for hit in found.hits:
            widened.append(hit)
            for chunk in self._index.document(hit.chunk.document, scope):
                if abs(chunk.ordinal - hit.chunk.ordinal) <= self._reach and chunk.id not in seen:
                    seen.add(chunk.id)
                    widened.append(Candidate(chunk, hit.score))
        return widened
