"""How fast a rollout's stages fill at a given traffic."""

from __future__ import annotations

from dataclasses import dataclass

from assay.rollouts.traffic.plan import Plan


@dataclass(frozen=True, slots=True)
class StageForecast:
    """A stage that nothing ends before its time: hours from the rollout's start, and the candidate's units in it.
    The last stage lasts until every guard is safe, at most until the rollout's time is over."""

    stage: int
    share: float
    begins: float
    ends: float
    units: float


@dataclass(frozen=True, slots=True)
class Pace:
    """The stages of a plan at ``per_hour`` units; ``shadow`` is how many hours shadow takes before them."""

    stages: tuple[StageForecast, ...]
    shadow: float
    longest: float
    per_hour: float

    @property
    def most(self) -> float:
        """The candidate's units by the end of the longest time."""
        return sum(stage.units for stage in self.stages)

    def hours(self, units: float) -> float | None:
        """Until the candidate has had so many units; None where the time is over before."""
        for stage in self.stages:
            if units <= stage.units:
                rate = stage.share * self.per_hour
                return stage.begins + units / rate if rate > 0 else None
            units -= stage.units
        return None

    def units(self, hours: float) -> float:
        """The candidate's units after so many hours."""
        spans = ((max(0.0, min(hours, stage.ends) - stage.begins), stage.share) for stage in self.stages)
        return sum(span * share * self.per_hour for span, share in spans)

    def share(self, units: float) -> float:
        """The share of the stage in which the candidate gets so many units."""
        for stage in self.stages:
            if units <= stage.units:
                return stage.share
            units -= stage.units
        return self.stages[-1].share


def pace(plan: Plan, *, answers_per_hour: float, units_per_hour: float) -> Pace:
    """The pace of a plan, whose stages follow each other as soon as they may."""
    longest = plan.longest_seconds / 3_600
    at = shadow = _shadow_hours(plan, answers_per_hour, longest)
    found = []
    for stage, share in enumerate(plan.stages):
        filled = plan.least_answers / (units_per_hour * share) if units_per_hour > 0 else longest
        last = stage == len(plan.stages) - 1
        ends = longest if last else min(longest, at + max(plan.least_seconds / 3_600, filled))
        found.append(StageForecast(stage, share, at, ends, max(0.0, ends - at) * share * units_per_hour))
        at = ends
    return Pace(tuple(found), shadow, longest, units_per_hour)


def _shadow_hours(plan: Plan, answers_per_hour: float, longest: float) -> float:
    shadow = plan.shadow
    if shadow is None:
        return 0.0
    copied = answers_per_hour * shadow.share
    filled = shadow.answers / copied if copied > 0 else longest
    return min(longest, shadow.seconds / 3_600, filled)
