"""``[rollout]``: how a release reaches users, and what is watched meanwhile. None of it alters an answer."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from assay.releases.file.quantities import Duration, Money
from assay.releases.file.sections import Count, Dollars, KeyMistake, Seconds, Section, Share


class RolloutGuard(Section):
    """How much worse than live a release may be to be promoted: by a ``margin``, or by a ``ratio``.

    ``harm`` is how much worse it must be shown to be for going back at once, in the same unit: by default
    anything (a margin's 0), or what the ratio allows, since a dearer or slower release may be wanted so.
    """

    margin: Annotated[float, Field(gt=0)] | None = None
    ratio: Annotated[float, Field(gt=1)] | None = None
    harm: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _one(self) -> RolloutGuard:
        if (self.margin is None) == (self.ratio is None):
            raise ValueError("must have either margin or ratio: { margin = 0.02 } or { ratio = 1.2 }")
        if self.ratio is not None and self.harm is not None and self.harm < 1:
            raise ValueError("harm is a ratio here, as ratio is: at least 1")
        return self


class ShadowPlan(Section):
    """The candidate answers copies that no user sees: of a ``share`` of the questions, until ``answers`` are
    made or ``time`` is over, for at most ``cost`` in all. ``answers`` 0 leaves the stage out."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.1
    answers: Annotated[int, Field(ge=0)] = 100
    time: Seconds = Duration(3600)
    cost: Dollars = Money(1)


def _guards() -> dict[str, RolloutGuard]:
    return {
        "errors": RolloutGuard(margin=0.01),
        "latency_p95": RolloutGuard(ratio=1.25),
        "cost": RolloutGuard(ratio=1.2),
        "abstention": RolloutGuard(margin=0.05),
    }


class RolloutPlan(Section):
    """Shares of traffic in order, ending in 1, and the guards that decide.

    ``sticky`` is what keeps its arm, and counts once a stage: a user, a session, or each request by itself.
    A stage lasts until ``least_answers`` of the candidate and ``least_time``; ``longest`` bounds the whole
    rollout, which is then inconclusive and does not ship. ``alpha`` bounds the chance of a false way back and
    that of a false promotion, one by one; ``risk_per_quarter`` bounds the sum over a quarter's rollouts.
    ``judged`` is the share of the candidate's answers that the judged guards' scorers score.
    """

    stages: Annotated[tuple[Share, ...], Field(strict=False, min_length=1)] = (0.01, 0.05, 0.25, 1.0)
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    guards: dict[str, RolloutGuard] = Field(default_factory=_guards, min_length=1)
    sticky: Literal["user", "session", "request"] = "user"
    least_answers: Count = 100
    least_time: Seconds = Duration(600)
    longest: Seconds = Duration(7 * 86_400)
    judged: Annotated[float, Field(gt=0, le=1)] = 0.5
    shadow: ShadowPlan = ShadowPlan()
    risk_per_quarter: Annotated[float, Field(gt=0)] = 0.5

    @model_validator(mode="after")
    def _growing(self) -> RolloutPlan:
        stages = self.stages
        if stages[0] <= 0 or stages[-1] != 1 or any(a >= b for a, b in pairwise(stages)):
            raise KeyMistake("stages", f"stages must grow from above 0 to 1; they are {list(stages)}")
        if len(stages) == 1:
            raise KeyMistake("stages", "stages needs a share below 1: nothing could be compared at once with live")
        if self.risk_per_quarter < self.alpha:
            raise KeyMistake("risk_per_quarter", f"risk_per_quarter must be at least alpha ({self.alpha:g})")
        return self
