"""Faithfulness: does the evidence say what the answer says?

A judge reads question, passages and answer (rubric ``faithfulness``). A language model takes the answer apart and the
score is the share of claims that are supported, as in Ragas (Es et al. 2023, arXiv 2309.15217) and FActScore
(Min et al. 2023, arXiv 2305.14251); the offline judge gives the probability that every claim is. Judges that are
put together, a cascade or a panel, give the share, whoever of them judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.errors import InputError
from assay.evaluation.judging import Item, Judge
from assay.evaluation.samples import Answered, Failed, Sample
from assay.evaluation.scorers.abstaining import unanswered
from assay.evaluation.scorers.definition import failure, identified, unscored
from assay.evaluation.scorers.fields import asked, joined
from assay.evaluation.scoring import Measured, Metric

FAITHFULNESS = Metric("faithfulness", judged=True)
RUBRIC = "faithfulness"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """``faithfulness``, 1 where every claim of the answer is supported by the passages.

    Unscored for an abstention, where the passages are not known or there are none, and where the judge finds no
    claim. Detail: ``unsupported``, [start, end) pairs of characters of the answer, and ``claims``, each with
    ``start``, ``end``, ``supported`` and, where the judge has it, ``probability``; what of these the judge cannot tell
    is left out. ``reason`` is the judge's. Raises InputError for a judge without the rubric.
    """

    judge: Judge

    def __post_init__(self) -> None:
        if RUBRIC not in self.judge.rubrics:
            raise InputError(f"faithfulness: the judge {self.judge.identity} knows no rubric {RUBRIC!r}")

    @property
    def name(self) -> str:
        return "faithfulness"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION, judge=self.judge.identity)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (FAITHFULNESS,)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        outcome = sample.outcome
        if isinstance(outcome, Failed):
            return unscored(self.metrics, failure(outcome))
        reason = unanswered(outcome) or _no_evidence(outcome)
        if reason is not None:
            return unscored(self.metrics, reason)
        fields = asked(sample.case.question) | {"contexts": joined(outcome.passages or ()), "answer": outcome.text}
        verdict = await self.judge.judge(Item(RUBRIC, fields))
        detail = _located(outcome.text, verdict.detail, verdict.reason)
        return {FAITHFULNESS.name: Measured(verdict.score, detail, verdict.spent)}


def _no_evidence(answer: Answered) -> str | None:
    if answer.passages is None:
        return "the passages are not known"
    if not any(passage.text.strip() for passage in answer.passages):
        return "there are no passages"
    return None


def _located(answer: str, told: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """A judge's detail with ``unsupported`` as places in the answer; a judge that quotes them is looked up."""
    detail = dict(told)
    if reason:
        detail["reason"] = reason
    if "unsupported" in told:
        places = (_place(answer, item) for item in told["unsupported"])
        detail["unsupported"] = [list(place) for place in places if place is not None]
    return detail


def _place(answer: str, item: Any) -> tuple[int, int] | None:
    if isinstance(item, str):
        at = answer.find(item.strip())
        return (at, at + len(item.strip())) if at >= 0 and item.strip() else None
    if isinstance(item, Mapping):
        item = (item.get("start"), item.get("end"))
    start, end = item
    return (start, end) if 0 <= start < end <= len(answer) else None
