"""Answer relevance: does the answer speak to the question, right or wrong?

A judge reads question and answer alone (rubric ``relevance``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.errors import InputError
from assay.evaluation.judging import Item, Judge
from assay.evaluation.samples import Failed, Sample
from assay.evaluation.scorers.abstaining import unanswered
from assay.evaluation.scorers.definition import failure, identified, unscored
from assay.evaluation.scoring import Measured, Metric

RELEVANCE = Metric("relevance", judged=True)
RUBRIC = "relevance"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Relevance:
    """``relevance`` from 0 to 1, as the judge gives it.

    Unscored for an abstention, which is no answer, and where the question is not known. Detail: the judge's,
    with its ``reason``. Raises InputError for a judge without the rubric.
    """

    judge: Judge

    def __post_init__(self) -> None:
        if RUBRIC not in self.judge.rubrics:
            raise InputError(f"relevance: the judge {self.judge.identity} knows no rubric {RUBRIC!r}")

    @property
    def name(self) -> str:
        return "relevance"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION, judge=self.judge.identity)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (RELEVANCE,)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        outcome, question = sample.outcome, sample.case.question
        if isinstance(outcome, Failed):
            return unscored(self.metrics, failure(outcome))
        reason = unanswered(outcome) or (None if question.strip() else "the question is not known")
        if reason is not None:
            return unscored(self.metrics, reason)
        verdict = await self.judge.judge(Item(RUBRIC, {"question": question, "answer": outcome.text}))
        detail = {**verdict.detail, "reason": verdict.reason} if verdict.reason else verdict.detail
        return {RELEVANCE.name: Measured(verdict.score, detail, verdict.spent)}
