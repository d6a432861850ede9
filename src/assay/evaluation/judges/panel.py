"""Several judges at once, after Verga et al. 2024, "Replacing Judges with Juries" (arXiv 2404.18796)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from functools import reduce
from typing import Any, Literal, TypeAlias

from assay.errors import InputError, ModelError
from assay.evaluation.judges.llm import UnreadableReply
from assay.evaluation.judges.shares import REVISION, on_one_scale
from assay.evaluation.judges.together import outcomes_of
from assay.evaluation.judging import Item, Judge, Verdict
from assay.evaluation.scoring import Spent
from assay.scores import Scored, Unscored

How: TypeAlias = Literal["mean", "majority"]


class Panel:
    """Judges that judge the same item; their mean, or the side that most of them take, on one scale (see ``shares``).

    A judge that fails is left out and named; with fewer than ``quorum`` left the verdict is Unscored. Detail:
    ``scores`` and ``reasons`` by judge, ``failed`` with what was raised or why there was no score.
    ``uncertain`` is the disagreement: for ``mean`` twice the standard deviation, for ``majority``
    1 - |2·share - 1|, both from 0 to 1. ``majority`` takes a score above .5 for yes and below it for no; one
    of .5 counts half to each side.
    """

    def __init__(self, judges: Mapping[str, Judge], *, how: How = "mean", quorum: int | None = None) -> None:
        """``judges`` by name, at least two. ``quorum``: more than half of them unless said. Raises InputError."""
        if len(judges) < 2:
            raise InputError("a panel needs at least two judges")
        self._judges = dict(judges)
        self._how = how
        self._quorum = len(judges) // 2 + 1 if quorum is None else quorum
        if not 1 <= self._quorum <= len(judges):
            raise InputError(f"a quorum of {self._quorum} for a panel of {len(judges)}: at least 1, at most all")

    @property
    def identity(self) -> str:
        members = ",".join(f"{name}={judge.identity}" for name, judge in self._judges.items())
        return f"panel:{REVISION}({self._how},{self._quorum};{members})"

    @property
    def rubrics(self) -> frozenset[str]:
        """Those that every judge of the panel knows."""
        return frozenset.intersection(*(judge.rubrics for judge in self._judges.values()))

    async def judge(self, item: Item) -> Verdict:
        """Raises RateLimited where any judge does, when all have ended; InputError for an unknown rubric."""
        if item.rubric not in self.rubrics:
            without = [name for name, judge in self._judges.items() if item.rubric not in judge.rubrics]
            raise InputError(f"rubric {item.rubric!r} is not known to {', '.join(without)} of the panel")
        outcomes = await outcomes_of([judge.judge(item) for judge in self._judges.values()])
        alike = [on_one_scale(item, found) if isinstance(found, Verdict) else found for found in outcomes]
        return self._joined(dict(zip(self._judges, alike, strict=True)))

    def _joined(self, outcomes: Mapping[str, Verdict | ModelError]) -> Verdict:
        scores: dict[str, float] = {}
        reasons: dict[str, str] = {}
        failed: dict[str, str] = {}
        for name, outcome in outcomes.items():
            match outcome:
                case Verdict(score=Scored(value), reason=reason):
                    scores[name] = value
                    if reason:
                        reasons[name] = reason
                case Verdict(score=Unscored(why)):
                    failed[name] = why
                case ModelError():
                    failed[name] = str(outcome)
        spent = reduce(Spent.__add__, map(_spent, outcomes.values()), Spent())
        detail: dict[str, Any] = {"scores": scores, "reasons": reasons, "failed": failed}
        if len(scores) < self._quorum:
            said = "; ".join(f"{name}: {why}" for name, why in failed.items())
            few = f"{len(scores)} of {len(outcomes)} judges gave a score, {self._quorum} are needed ({said})"
            return Verdict(Unscored(few), "", detail, None, spent)
        value, uncertain = _mean(scores) if self._how == "mean" else _majority(scores)
        reason = "; ".join(f"{name}: {why}" for name, why in reasons.items())
        return Verdict(Scored(value), reason, detail, uncertain, spent)


def _mean(scores: Mapping[str, float]) -> tuple[float, float]:
    values = list(scores.values())
    return statistics.fmean(values), min(1.0, 2 * statistics.pstdev(values))


def _majority(scores: Mapping[str, float]) -> tuple[float, float]:
    votes = [(value > 0.5) + 0.5 * (value == 0.5) for value in scores.values()]
    share = statistics.fmean(votes)
    return (share > 0.5) + 0.5 * (share == 0.5), 1 - abs(2 * share - 1)


def _spent(outcome: Verdict | ModelError) -> Spent:
    if isinstance(outcome, Verdict):
        return outcome.spent
    # A call that failed is counted; providers charge for few of them, and none says how much.
    return outcome.spent if isinstance(outcome, UnreadableReply) else Spent(calls=1)
