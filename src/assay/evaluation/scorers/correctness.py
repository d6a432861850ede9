"""Correctness: is the answer right, by the answers that are known to be?

An answer that is one of the expected answers as a whole, or the same number, is right without a judge.
All others a judge decides (rubric ``correctness``), who also counts claims: made by both (tp), only by the
answer and against the expected one (fp), only by the expected one (fn). Claim-level F1 is 2tp / (2tp + fp + fn),
as the Ragas library has it in its answer correctness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.judging import Item, Judge
from assay.evaluation.samples import Failed, Sample
from assay.evaluation.scorers.abstaining import abstention
from assay.evaluation.scorers.definition import failure, identified, unscored
from assay.evaluation.scorers.fields import alternatives
from assay.evaluation.scorers.plain_match import match
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Score, Scored, Unscored

CORRECTNESS = Metric("correctness", judged=True)
F1 = Metric("correctness_f1", judged=True)
RUBRIC = "correctness"
_RIGHT = 0.5
_VERSION = 2


@dataclass(frozen=True, slots=True)
class Correctness:
    """``correctness`` from 0 to 1, right from 0.5 on, and ``correctness_f1`` over claims.

    An abstention or an empty answer to an answerable case is wrong: both are 0, and the detail has the
    ``reason``. Unscored for an unanswerable case, without an expected answer, where no plain match decides
    and there is no judge; F1 also where the judge counts no claims, or calls an answer right with no right claim or
    wrong with no wrong or missing one. Detail: ``tp``, ``fp``, ``fn`` and ``match``,
    the plain form (exact, alias, numeric) or what the judge says; beside it what else the judge tells. Raises
    InputError for a judge without the rubric.
    """

    judge: Judge | None = None

    def __post_init__(self) -> None:
        if self.judge is not None and RUBRIC not in self.judge.rubrics:
            raise InputError(f"correctness: the judge {self.judge.identity} knows no rubric {RUBRIC!r}")

    @property
    def name(self) -> str:
        return "correctness"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION, judge=None if self.judge is None else self.judge.identity)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (CORRECTNESS, F1)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        outcome, case = sample.outcome, sample.case
        if isinstance(outcome, Failed):
            return unscored(self.metrics, failure(outcome))
        if case.answerable is False:
            return unscored(self.metrics, "the case is unanswerable: `abstention` scores it")
        expected = tuple(answer for answer in case.expected or () if answer.strip())
        if not expected:
            return unscored(self.metrics, "no expected answer is known")
        # First: "None" and "unknown" are right where they are expected.
        if found := match(expected, outcome.text):
            detail = {"tp": 1, "fp": 0, "fn": 0, "match": found.form, "expected": found.expected}
            return _both(Scored(1.0), Scored(1.0), detail)
        reason = abstention(outcome)
        if reason is not None or not outcome.text.strip():
            detail = {"tp": 0, "fp": 0, "fn": 1, "reason": f"abstained: {reason}" if reason else "the answer is empty"}
            return _both(Scored(0.0), Scored(0.0), detail)
        if self.judge is None:
            return unscored(self.metrics, "no plain match, and no judge to ask")
        return await self._judged(self.judge, case, expected, outcome.text)

    async def _judged(self, judge: Judge, case: Case, expected: tuple[str, ...], answer: str) -> dict[str, Measured]:
        fields = {"question": case.question, "expected": alternatives(expected), "answer": answer}
        verdict = await judge.judge(Item(RUBRIC, fields))
        detail = dict(verdict.detail)
        if verdict.reason:
            detail["reason"] = verdict.reason
        found = _both(verdict.score, _f1(verdict.score, detail), detail)
        found[CORRECTNESS.name] = Measured(verdict.score, detail, verdict.spent)
        return found


def _both(score: Score, f1: Score, detail: Mapping[str, Any]) -> dict[str, Measured]:
    return {CORRECTNESS.name: Measured(score, detail), F1.name: Measured(f1, detail)}


def _f1(score: Score, detail: Mapping[str, Any]) -> Score:
    if isinstance(score, Unscored):
        return score
    counts = [detail.get(name) for name in ("tp", "fp", "fn")]
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts):
        return Unscored("the judge counts no claims")
    tp, fp, fn = (int(count) for count in counts if count is not None)
    if tp + fp + fn and (not tp if score.value >= _RIGHT else not fp + fn):
        return Unscored("the claims that the judge counts contradict its verdict")
    return Scored(2 * tp / (2 * tp + fp + fn)) if tp + fp + fn else Unscored("there is no claim to count")
