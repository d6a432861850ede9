"""Search: from a question to the chunks that may answer it.

dense and lexical lists → fused → linked → reranked (where the application says so) → spread
over documents. Each stage leaves its rank on every candidate.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from anyio import to_thread

from assay.documents import PUBLIC, Chunk, Scalar
from assay.models.embedding import Embedder
from assay.models.reranking import Reranker
from assay.retrieval.catalogue import Catalogue, Catalogued
from assay.retrieval.found import Candidate, Found, Mode
from assay.retrieval.fusion import fuse, scaled
from assay.retrieval.linking import ANCHORS, Anchor, coverage, gains, inverse_frequency, specificity
from assay.retrieval.titles import Form, bare, words
from assay.stores.index import Dense, Index, Lexical, Scope, Vector

BASELINE = 20
"""The rank whose score is the zero of the fused scale."""
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
        ranked = await to_thread.run_sync(self._ranked, question, vector, mode, scope, max(self._recipe.candidates, k))
        if self._reranker is not None and mode == "hybrid":
            ranked = await self._reranked(question, ranked)
        catalogue = await to_thread.run_sync(self._catalogue.current)
        hits = spread(ranked, catalogue.chunks)[:k]
        return Found(
            question=question,
            mode=mode,
            hits=tuple(hits),
            candidates=tuple(ranked),
            index=self._name,
            generation=catalogue.generation,
            milliseconds=(time.perf_counter() - began) * 1000,
        )

    def _ranked(self, question: str, vector: Vector | None, mode: Mode, scope: Scope, depth: int) -> list[Candidate]:
        dense = self._index.search(Dense(vector, depth, scope)) if vector is not None else []
        lexical = self._index.search(Lexical(question, depth, scope)) if mode != "dense" else []
        chunks = {hit.chunk.id: hit.chunk for hit in (*dense, *lexical)}
        ranks: dict[str, dict[str, int]] = {id: {} for id in chunks}
        for stage, hits in (("dense", dense), ("lexical", lexical)):
            for rank, hit in enumerate(hits, 1):
                ranks[hit.chunk.id][stage] = rank
        if mode != "hybrid" or vector is None:
            return [Candidate(hit.chunk, hit.score, ranks[hit.chunk.id]) for hit in dense or lexical]
        cosines = {hit.chunk.id: hit.score for hit in dense}
        fused = fuse(
            self._completed(cosines, chunks, vector),
            {hit.chunk.id: hit.score for hit in lexical},
            dense_list=list(cosines.values()),
            depth=depth,
            dense_weight=self._recipe.dense_weight,
        )
        scores = scaled(fused, {id: chunk.document for id, chunk in chunks.items()}, baseline=BASELINE)
        candidates = _ordered([Candidate(chunks[id], score, ranks[id]) for id, score in scores.items()], "fused")
        return self._linked(question, vector, candidates, scope) if self._recipe.linked else candidates

    def _completed(self, cosines: Mapping[str, float], chunks: Mapping[str, Chunk], vector: Vector) -> dict[str, float]:
        """Cosines of the dense list and of what only the lexical list has."""
        missing = [id for id in chunks if id not in cosines]
        if not missing:
            return dict(cosines)
        rest = self._index.vectors(missing) @ np.asarray(vector, np.float32)
        return {**cosines, **dict(zip(missing, rest.tolist(), strict=True))}

    def _linked(self, question: str, vector: Vector, candidates: list[Candidate], scope: Scope) -> list[Candidate]:
        """The candidates with what names add to them, and documents that only names lead to."""
        catalogue = self._catalogue.current()
        added = self._gains(question, candidates, catalogue)
        lifted: list[Candidate] = []
        for candidate in candidates:
            gain = added.pop(candidate.chunk.document, 0.0)
            lifted.append(replace(candidate, score=max(candidate.score, 0.0) + gain) if gain else candidate)
        # The best chunk of a document comes first among the candidates, so only that one was lifted.
        worthwhile = frozenset(document for document, gain in added.items() if gain > 0)
        if worthwhile:
            inside = Scope(scope.groups, scope.where, worthwhile)
            seen: set[str] = set()
            for hit in self._index.search(Dense(vector, 4 * len(worthwhile), inside)):
                if hit.chunk.document not in seen:
                    seen.add(hit.chunk.document)
                    lifted.append(Candidate(hit.chunk, added[hit.chunk.document], {}))
        return _ordered(lifted, "linked")

    def _gains(self, question: str, candidates: Sequence[Candidate], catalogue: Catalogue) -> dict[str, float]:
        best: dict[str, Candidate] = {}
        for candidate in candidates:
            best.setdefault(candidate.chunk.document, candidate)
            if len(best) == ANCHORS:
                break
        named = {document: tuple(catalogue.titles.named_in(each.chunk.text)) for document, each in best.items()}
        if not any(named.values()):
            return {}
        asked = frozenset(map(str.lower, words(question)))
        own = {document: words(bare(each.chunk.title)) for document, each in best.items()}
        forms = {form for found in named.values() for form in found} | set(own.values())
        population, held = self._index.frequencies(sorted({word.lower() for form in forms for word in form}))
        idf = {word: inverse_frequency(count, population) for word, count in held.items()}

        def rarity(form: Form) -> float:
            return specificity(min(held[word.lower()] for word in form), population)

        anchors = [
            Anchor(document, each.score, coverage(own[document], asked, idf), named[document])
            for document, each in best.items()
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
        return _ordered(rescored + rest, "reranked")


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


def _ordered(candidates: list[Candidate], stage: str) -> list[Candidate]:
    """Best first, equal scores by chunk id, with the stage's rank noted."""
    ordered = sorted(candidates, key=lambda each: (-each.score, each.chunk.id))
    return [replace(each, ranks={**each.ranks, stage: rank}) for rank, each in enumerate(ordered, 1)]
