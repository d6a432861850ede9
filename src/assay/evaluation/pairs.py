"""Cases that both of two runs hold, and what a metric says of each on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.records import Result, Run
from assay.evaluation.scoring import Metric
from assay.scores import Scored, Unscored

Both: TypeAlias = tuple[tuple[Result, ...], tuple[Result, ...]]
"""A case's results: the subject's, the baseline's."""
APART = "not timed side by side with the baseline's answer"
"""How the reason of a time starts that was measured, and says nothing of the difference."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A case with a metric's values of both sides; repeats are averaged."""

    case: Case
    subject: float
    baseline: float
    results: tuple[Result, Result]


@dataclass(frozen=True, slots=True)
class Lost:
    """Scores that the subject lacks and the baseline has.

    ``cases`` of ``of`` cases, one with repeats counted by their share; ``reason`` is the commonest. ``apart`` of
    them have a time that was not taken side by side: when is no matter of how long, so they are like the rest.
    ``worst`` are the pairs of all these cases with the worst value there is in each lost place, for a metric
    with a range; without one they are those that have a score.
    """

    cases: float
    of: int
    reason: str
    worst: tuple[Pair, ...]
    apart: float = 0.0

    def more_than(self, share: float) -> bool:
        return self.cases > share * self.of + 1e-9

    def more_chosen_than(self, share: float) -> bool:
        """The same, without those that are like the rest."""
        return self.cases - self.apart > share * self.of + 1e-9

    def __str__(self) -> str:
        return (
            f"{self.cases:.3g} of {self.of} cases that the baseline has a score for have none (mostly: {self.reason})"
        )


def shared(subject: Run, baseline: Run) -> list[Both]:
    """The cases that both runs hold unchanged. Raises InputError where there is none."""
    before, after = baseline.by_case(), subject.by_case()
    found = [
        (after[id], before[id])
        for id in after
        if id in before and after[id][0].case.digest == before[id][0].case.digest
    ]
    if not found:
        raise InputError("the two runs have no case in common; run both on the same dataset")
    return found


def value(results: Sequence[Result], metric: str) -> float | None:
    """A case's value: the mean of the repeats that have a score, None if none has."""
    values = [score.value for result in results if isinstance(score := result.score(metric), Scored)]
    return sum(values) / len(values) if values else None


def paired(metric: Metric, cases: Sequence[Both]) -> list[Pair]:
    """The cases that have a score on both sides."""
    found = []
    for ours, theirs in cases:
        first, second = value(ours, metric.name), value(theirs, metric.name)
        if first is not None and second is not None:
            found.append(Pair(ours[0].case, first, second, (ours[0], theirs[0])))
    return found


def lost(metric: Metric, cases: Sequence[Both]) -> Lost | None:
    """What the subject lost, None if nothing."""
    worst, missing, apart, reasons = [], 0.0, 0.0, Counter[str]()
    had = [(ours, theirs, before) for ours, theirs in cases if (before := value(theirs, metric.name)) is not None]
    for ours, theirs, before in had:
        part = max(0.0, 1 - _share_scored(ours, metric.name) / _share_scored(theirs, metric.name))
        after = value(ours, metric.name)
        missing += part
        why = [score.reason for result in ours if isinstance(score := result.score(metric.name), Unscored)]
        reasons.update(why)
        apart += part * sum(reason.startswith(APART) for reason in why) / max(1, len(why))
        if metric.kind == "share":
            lowest = 0.0 if metric.higher_is_better else 1.0
            after = lowest if after is None else (1 - part) * after + part * lowest
        if after is not None:
            worst.append(Pair(ours[0].case, after, before, (ours[0], theirs[0])))
    if missing <= 1e-9:
        return None
    reason = reasons.most_common(1)[0][0] if reasons else "no such score"
    return Lost(missing, len(had), reason, tuple(worst), apart)


def _share_scored(results: Sequence[Result], metric: str) -> float:
    return sum(isinstance(result.score(metric), Scored) for result in results) / len(results)
