"""Retrieval: did the search find the documents that answer, and how high do they stand?

nDCG@k with linear gain (Järvelin and Kekäläinen 2002), recall@k, precision@k as TREC counts it, and the
reciprocal rank (Voorhees 1999; its mean over cases is MRR), over document ids with binary relevance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.errors import InputError
from assay.evaluation.samples import Failed, Sample
from assay.evaluation.scorers.definition import failure, identified, unscored
from assay.evaluation.scorers.ranking import ndcg, precision, recall, reciprocal_rank
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Scores ``retrieved`` against ``relevant``: ``ndcg@k``, ``recall@k``, ``precision@k`` and ``mrr``.

    Unscored where no relevant document is known (an unanswerable case has none) or the ranking is not.
    An abstention is scored: the search had its turn. Detail: ``ranks`` of the relevant documents by id
    (None: not found) and how many were ``retrieved``. Raises InputError for a k below 1.
    """

    k: int = 10

    def __post_init__(self) -> None:
        if self.k < 1:
            raise InputError(f"retrieval: k is {self.k}; it must be at least 1")

    @property
    def name(self) -> str:
        return "retrieval"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION, k=self.k)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (
            Metric(f"ndcg@{self.k}"),
            Metric(f"recall@{self.k}"),
            Metric(f"precision@{self.k}"),
            Metric("mrr"),
        )

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        outcome, relevant = sample.outcome, sample.case.relevant
        if isinstance(outcome, Failed):
            return unscored(self.metrics, failure(outcome))
        if not relevant:
            return unscored(self.metrics, "no relevant document is known")
        if outcome.retrieved is None:
            return unscored(self.metrics, "what was retrieved is not known")
        ranked, wanted = list(dict.fromkeys(outcome.retrieved)), frozenset(relevant)
        places = {id: rank for rank, id in enumerate(ranked, 1)}
        detail = {"ranks": {id: places.get(id) for id in sorted(wanted)}, "retrieved": len(ranked)}
        values = (
            ndcg(ranked, wanted, self.k),
            recall(ranked, wanted, self.k),
            precision(ranked, wanted, self.k),
            reciprocal_rank(ranked, wanted),
        )
        return {
            metric.name: Measured(Scored(value), detail) for metric, value in zip(self.metrics, values, strict=True)
        }
