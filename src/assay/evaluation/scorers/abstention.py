"""Abstention: was it right to answer, or to say that there is no answer?

One case is right or wrong. Over a run: precision and recall of abstaining. Error against coverage, as the bar on
the answerer's own confidence is raised, stands in ``reporting.curves``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from assay.evaluation.records import Result
from assay.evaluation.samples import Answered, Failed, Sample
from assay.evaluation.scorers.abstaining import abstention
from assay.evaluation.scorers.definition import answerable, failure, identified, unscored
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Score, Scored, Unscored

ABSTENTION = Metric("abstention")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Abstention:
    """``abstention`` is 1 where an answerable case was answered or an unanswerable one was not, else 0.

    A text that only says that it does not know counts as abstaining. Unscored where nobody knows whether
    the case is answerable. Detail: ``answerable``, ``abstained`` (the reason, None for an answer).
    """

    @property
    def name(self) -> str:
        return "abstention"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (ABSTENTION,)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        if isinstance(sample.outcome, Failed):
            return unscored(self.metrics, failure(sample.outcome))
        expected = answerable(sample.case)
        if expected is None:
            return unscored(self.metrics, "nobody knows whether the case is answerable")
        reason = abstention(sample.outcome)
        detail = {"answerable": expected, "abstained": reason}
        return {ABSTENTION.name: Measured(Scored(float(expected == (reason is None))), detail)}


@dataclass(frozen=True, slots=True)
class AbstentionRates:
    """Counts over answers whose case is known to be answerable or not; failures are left out.

    ``rightly`` abstained on unanswerable cases, ``wrongly`` on answerable ones, ``missed`` unanswerable
    cases that were answered, ``answered`` answerable ones that were.
    """

    rightly: int
    wrongly: int
    missed: int
    answered: int

    @property
    def precision(self) -> Score:
        """The share of abstentions that were right."""
        return _share(self.rightly, self.rightly + self.wrongly, "nothing was abstained from")

    @property
    def recall(self) -> Score:
        """The share of unanswerable cases that were abstained from."""
        return _share(self.rightly, self.rightly + self.missed, "no case is unanswerable")

    @property
    def coverage(self) -> Score:
        """The share of answerable cases that were answered."""
        return _share(self.answered, self.answered + self.wrongly, "no case is answerable")


def abstention_rates(results: Iterable[Result]) -> AbstentionRates:
    """Count the abstentions of a run, each repeat by itself."""
    counts = dict.fromkeys(((True, True), (True, False), (False, True), (False, False)), 0)
    for result in results:
        expected = answerable(result.case)
        if expected is not None and isinstance(result.outcome, Answered):
            counts[expected, abstention(result.outcome) is None] += 1
    return AbstentionRates(
        rightly=counts[False, False],
        wrongly=counts[True, False],
        missed=counts[False, True],
        answered=counts[True, True],
    )


def _share(part: int, whole: int, otherwise: str) -> Score:
    return Scored(part / whole) if whole else Unscored(otherwise)
