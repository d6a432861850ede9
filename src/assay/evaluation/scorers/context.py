"""Context precision and recall: are the passages that the writer was given useful, and do they hold the answer?

After the metrics of these names in the Ragas library. Precision is rank-aware: the mean, over the ranks that hold a
useful passage, of the share of useful passages up to that rank (average precision). Recall is the share of
the expected answer's claims that the passages state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.evaluation.cases import Case
from assay.evaluation.judges.together import all_of
from assay.evaluation.judging import Item, Judge
from assay.evaluation.samples import Failed, Passage, Sample
from assay.evaluation.scorers.checking import BAR, check_by
from assay.evaluation.scorers.definition import answerable, failure, identified, stated, unscored
from assay.evaluation.scorers.fields import alternatives, asked, joined, passage_text
from assay.evaluation.scorers.ranking import average_precision
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.scores import Score, Scored, Unscored

PRECISION = Metric("context_precision", judged=True)
RECALL = Metric("context_recall", judged=True)
USEFUL = "context_relevance"
HELD = "context_recall"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Context:
    """``context_precision`` and ``context_recall`` of the passages, whether the case was answered or not.

    Precision asks the judge of each passage (rubric ``context_relevance``); without a judge that knows it a passage
    of a relevant document is useful. Recall asks the judge of each expected answer (rubric ``context_recall``) and
    takes the best; without such a judge each claim is checked by itself, and without expected answers recall is
    the share of the relevant documents. Unscored for an unanswerable case, for passages that are not known,
    and where nothing says what is relevant; precision also without passages, where recall is 0. Detail: ``by``,
    how it was decided, with ``useful`` (precision, a truth value for each passage), or ``claims`` or ``missing``
    documents (recall).
    """

    judge: Judge | None = None

    @property
    def name(self) -> str:
        return "context"

    @property
    def identity(self) -> str:
        judge = None if self.judge is None else self.judge.identity
        return identified(self.name, _VERSION, judge=judge, check=check_by(self.judge).identity)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (PRECISION, RECALL)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        outcome = sample.outcome
        if isinstance(outcome, Failed):
            return unscored(self.metrics, failure(outcome))
        if answerable(sample.case) is False:
            return unscored(self.metrics, "the case is unanswerable: no passage could be useful")
        if outcome.passages is None:
            return unscored(self.metrics, "the passages are not known")
        return {
            PRECISION.name: await self._precision(sample.case, outcome.passages),
            RECALL.name: await self._recall(sample.case, outcome.passages),
        }

    async def _precision(self, case: Case, passages: Sequence[Passage]) -> Measured:
        if not passages:
            return Measured(Unscored("there are no passages"))
        if self.judge is not None and USEFUL in self.judge.rubrics and case.question.strip():
            return await self._judged_precision(self.judge, case, passages)
        if not case.relevant:
            return Measured(Unscored("no relevant document is known, and no judge was asked"))
        useful = [passage.document in case.relevant for passage in passages]
        return Measured(Scored(average_precision(useful)), {"by": "relevant", "useful": useful})

    async def _judged_precision(self, judge: Judge, case: Case, passages: Sequence[Passage]) -> Measured:
        same = {"question": case.question}
        if case.expected and (expected := alternatives(case.expected)):
            same["expected"] = expected
        verdicts = await all_of([judge.judge(Item(USEFUL, same | {"passage": passage_text(p)})) for p in passages])
        spent = sum((verdict.spent for verdict in verdicts), Spent())
        useful: list[bool] = []
        for verdict in verdicts:
            if isinstance(verdict.score, Unscored):
                return Measured(Unscored(f"a passage could not be judged: {verdict.score.reason}"), spent=spent)
            useful.append(verdict.score.value >= BAR)
        return Measured(Scored(average_precision(useful)), {"by": "judge", "useful": useful}, spent)

    async def _recall(self, case: Case, passages: Sequence[Passage]) -> Measured:
        expected = [answer for answer in case.expected or () if answer.strip()]
        if not expected:
            return _documents(case, passages)
        if not any(passage.text.strip() for passage in passages):
            return Measured(Scored(0.0), {"by": "nothing", "claims": []})
        best, spent = Measured(Unscored("the expected answers make no claim")), Spent()
        for answer in expected:
            found = await self._held(case.question, answer, passages)
            spent += found.spent
            if _value(found.score) > _value(best.score) or not isinstance(best.score, Scored):
                best = found
            if _value(best.score) >= 1.0:
                break
        return Measured(best.score, best.detail, spent)

    async def _held(self, question: str, answer: str, passages: Sequence[Passage]) -> Measured:
        """How much of one expected answer the passages hold."""
        if self.judge is None or HELD not in self.judge.rubrics:
            return await self._checked(question, answer, passages)
        fields = asked(question) | {"contexts": joined(passages), "expected": answer}
        verdict = await self.judge.judge(Item(HELD, fields))
        return Measured(verdict.score, {"by": "judge", "expected": answer, **verdict.detail}, verdict.spent)

    async def _checked(self, question: str, answer: str, passages: Sequence[Passage]) -> Measured:
        check, spent = check_by(self.judge), Spent()
        rows: list[dict[str, Any]] = []
        for claim in [claim.text for claim in stated(answer)] or [answer]:
            found = await check(claim, passages, question)
            spent += found.spent
            if isinstance(found.score, Unscored):
                return Measured(Unscored(f"a claim could not be judged: {found.score.reason}"), spent=spent)
            rows.append({"claim": claim, "supported": bool(found.holds)})
        share = sum(row["supported"] for row in rows) / len(rows)
        return Measured(Scored(share), {"by": "claims", "expected": answer, "claims": rows}, spent)


def _documents(case: Case, passages: Sequence[Passage]) -> Measured:
    if not case.relevant:
        return Measured(Unscored("neither an expected answer nor a relevant document is known"))
    missing = sorted(set(case.relevant).difference(passage.document for passage in passages))
    wanted = len(set(case.relevant))
    return Measured(Scored((wanted - len(missing)) / wanted), {"by": "relevant", "missing": missing})


def _value(score: Score) -> float:
    return score.value if isinstance(score, Scored) else -1.0
