"""Search: from a question to the chunks that may answer it.

dense and lexical lists → fused → linked → reranked (where the application says so) → spread
over documents. Each stage leaves its rank on every candidate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from anyio import to_thread

from assay.documents import PUBLIC, Chunk, Scalar
from assay.errors import NotFound
from assay.models.embedding import Embedder
from assay.models.reranking import Reranker
from assay.retrieval.catalogue import Catalogue, Catalogued
from assay.retrieval.found import Candidate, Found, Mode
from assay.retrieval.fusion import fuse, scaled
from assay.retrieval.linking import ANCHORS, Anchor, coverage, gains, inverse_frequency, specificity
from assay.retrieval.titles import Form, bare, words
from assay.stores.index import Dense, Hit, Index, Lexical, Scope, Vector

BASELINE = 20
"""The rank whose score is the zero of the fused scale."""
_ATTEMPTS = 3
CHUNKS_A_HIT = 8
"""A document may have one hit for each so many chunks, and one more, before others come first."""


@dataclass(frozen=True, slots=True)
class SearchRecipe:
    """How a question is searched. ``candidates`` is the depth of each list; ``dense_weight`` the dense
    side's share in hybrid; ``linked`` whether names are followed; ``reranked`` how many candidates
    the reranker, where there is one, looks at."""

    mode: Mode = "hybrid"
    candidates: int = 100
    dense_weight: float = 0.5
    linked: bool = True
    reranked: int = 30


class Retriever:
    """Searches one index. ``name`` is the index's id, for the trace."""

    def __init__(
        self,
        index: Index,
        embedder: Embedder,
        *,
        name: str,
        recipe: SearchRecipe | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self._index, self._embedder, self._name = index, embedder, name
        self._recipe = recipe or SearchRecipe()
        self._reranker = reranker
        self._catalogue = Catalogued(index)

    async def search(
        self,
        question: str,
        *,
        k: int,
        mode: Mode | None = None,
        groups: frozenset[str] = frozenset({PUBLIC}),
        where: Mapping[str, Scalar] | None = None,
    ) -> Found:
        """At most ``k`` hits that ``groups`` may read and that have every value in ``where``.

        Raises StoreError, ModelError, InputError.
        """
        began = time.perf_counter()
        mode = mode or self._recipe.mode
        scope = Scope(groups, where or {})
        vector = (await self._embedder.embed([question], "query"))[0] if mode != "lexical" else None
        ranking = await to_thread.run_sync(self._settled, question, vector, mode, scope, k)
        ranked = ranking.candidates
        if self._reranker is not None and mode == "hybrid":
            ranked = await self._reranked(question, ranked)
        hits = spread(ranked, ranking.catalogue.chunks)[:k]
        return Found(
            question=question,
            mode=mode,
            hits=tuple(hits),
            candidates=tuple(ranked),
            index=self._name,
            generation=ranking.catalogue.generation,
            milliseconds=(time.perf_counter() - began) * 1000,
        )

    def documents(self) -> int:
        """How many documents the index holds; cheap while it does not change. Blocks, raises StoreError."""
        return len(self._catalogue.current().chunks)

    def _settled(self, question: str, vector: Vector | None, mode: Mode, scope: Scope, k: int) -> _Ranking:
        """The ranking, made again where an ingestion removed a chunk between two reads of the index."""
        for _ in range(_ATTEMPTS - 1):
            with suppress(NotFound):
                return self._ranked(question, vector, mode, scope, k)
        return self._ranked(question, vector, mode, scope, k)

    def _ranked(self, question: str, vector: Vector | None, mode: Mode, scope: Scope, k: int) -> _Ranking:
        depth = max(self._recipe.candidates, k)
        dense = self._index.search(Dense(vector, depth, scope)) if vector is not None else []
        lexical = self._index.search(Lexical(question, depth, scope)) if mode != "dense" else []
        sheet = _Sheet()
        for stage, hits in (("dense", dense), ("lexical", lexical)):
            for rank, hit in enumerate(hits, 1):
                sheet.add(hit.chunk, hit.score, stage, rank)
        if mode == "hybrid" and vector is not None:
            self._fused(sheet, dense, lexical, vector, depth)
        catalogue = self._catalogue.current()
        if mode == "hybrid" and vector is not None and self._recipe.linked:
            self._linked(
                sheet, question, vector, scope, catalogue, max(k, self._recipe.reranked if self._reranker else 0)
            )
        return _Ranking(sheet.candidates(), catalogue)

    def _fused(self, sheet: _Sheet, dense: Sequence[Hit], lexical: Sequence[Hit], vector: Vector, depth: int) -> None:
        cosines = {hit.chunk.id: hit.score for hit in dense}
        missing = [id for id in sheet.chunks if id not in cosines]
        rest = (self._index.vectors(missing) @ np.asarray(vector, np.float32)).tolist() if missing else []
        fused = fuse(
            {**cosines, **dict(zip(missing, rest, strict=True))},
            {hit.chunk.id: hit.score for hit in lexical},
            dense_list=list(cosines.values()),
            depth=depth,
            dense_weight=self._recipe.dense_weight,
        )
        documents = {id: chunk.document for id, chunk in sheet.chunks.items()}
        sheet.scores = scaled(fused, documents, baseline=BASELINE)
        sheet.rank("fused")

    def _linked(self, sheet: _Sheet, question: str, vector: Vector, scope: Scope, catalogue: Catalogue, k: int) -> None:
        """Add to the best chunk of each document what names add, and documents that only names lead to."""
        best: dict[str, str] = {}
        for id in sheet.order:
            best.setdefault(sheet.chunks[id].document, id)
        added = self._gains(question, sheet, list(best.items())[:ANCHORS], scope, catalogue)
        for document, gain in added.items():
            if document in best and gain > 0:
                id = best[document]
                sheet.scores[id] = max(sheet.scores[id], 0.0) + gain
        # One that would stand behind k documents cannot be a hit: its best chunk need not be found.
        ranked = sorted((sheet.scores[id] for id in best.values()), reverse=True)
        bar = max(ranked[k - 1], 0.0) if len(ranked) >= k else 0.0
        fresh = frozenset(document for document, gain in added.items() if gain > bar and document not in best)
        if fresh:
            seen: set[str] = set()
            inside = Scope(scope.groups, scope.where, fresh)
            for hit in self._index.search(Dense(vector, 4 * len(fresh), inside)):
                if hit.chunk.document not in seen:
                    seen.add(hit.chunk.document)
                    sheet.add(hit.chunk, added[hit.chunk.document])
        sheet.rank("linked")

    def _gains(
        self, question: str, sheet: _Sheet, best: Sequence[tuple[str, str]], scope: Scope, catalogue: Catalogue
    ) -> dict[str, float]:
        named = {document: catalogue.names_in(sheet.chunks[id]) for document, id in best}
        if not any(named.values()):
            return {}
        asked = frozenset(map(str.lower, words(question)))
        own = {document: words(bare(sheet.chunks[id].title)) for document, id in best}
        forms = {form for found in named.values() for form in found} | set(own.values())
        asked_for = {word.lower() for form in forms for word in form}
        population, held = catalogue.frequencies(self._index, asked_for, scope.groups)
        idf = {word: inverse_frequency(count, population) for word, count in held.items()}

        def rarity(form: Form) -> float:
            return specificity(min(held[word.lower()] for word in form), population)

        anchors = [
            Anchor(document, sheet.scores[id], coverage(own[document], asked, idf), named[document])
            for document, id in best
        ]
        return gains(anchors, catalogue.titles, rarity)

    async def _reranked(self, question: str, candidates: list[Candidate]) -> list[Candidate]:
        assert self._reranker is not None
        head, tail = candidates[: self._recipe.reranked], candidates[self._recipe.reranked :]
        scores = await self._reranker.scores(question, [candidate.chunk for candidate in head])
        rescored = [replace(candidate, score=score) for candidate, score in zip(head, scores, strict=True)]
        # What was not looked at stays behind what was, in its order.
        last = min(scores, default=0.0)
        rest = [replace(candidate, score=last - n) for n, candidate in enumerate(tail, 1)]
        ordered = sorted([*rescored, *rest], key=lambda each: (-each.score, each.chunk.id))
        return [replace(each, ranks={**each.ranks, "reranked": rank}) for rank, each in enumerate(ordered, 1)]


def spread(candidates: Sequence[Candidate], chunks: Mapping[str, int]) -> list[Candidate]:
    """Candidates in order, but those of a document beyond its share moved behind the others.

    A document of up to 7 chunks is shown by its best place, a long one by one for each 8 chunks
    and one more: else a document that is cut into many would crowd out the rest.
    """
    taken: dict[str, int] = {}
    first: list[Candidate] = []
    later: list[Candidate] = []
    for candidate in candidates:
        document = candidate.chunk.document
        taken[document] = taken.get(document, 0) + 1
        allowed = 1 + chunks.get(document, 1) // CHUNKS_A_HIT
        (first if taken[document] <= allowed else later).append(candidate)
    return first + later


@dataclass(frozen=True, slots=True)
class _Ranking:
    candidates: list[Candidate]
    catalogue: Catalogue


@dataclass(slots=True)
class _Sheet:
    """The candidates of one search while they are being ranked; ``order`` is the last stage's."""

    chunks: dict[str, Chunk] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    ranks: dict[str, dict[str, int]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def add(self, chunk: Chunk, score: float, stage: str | None = None, rank: int = 0) -> None:
        """Enter a chunk, or another stage's rank of one that is known."""
        if chunk.id not in self.chunks:
            self.chunks[chunk.id], self.scores[chunk.id], self.ranks[chunk.id] = chunk, score, {}
            self.order.append(chunk.id)
        if stage is not None:
            self.ranks[chunk.id][stage] = rank

    def rank(self, stage: str) -> None:
        """Best first, equal scores by chunk id; notes the stage's rank."""
        scores = self.scores
        self.order = sorted(scores, key=lambda id: (-scores[id], id))
        for rank, id in enumerate(self.order, 1):
            self.ranks[id][stage] = rank

    def candidates(self) -> list[Candidate]:
        return [Candidate(self.chunks[id], self.scores[id], self.ranks[id]) for id in self.order]
