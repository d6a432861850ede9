"""When one guard would find harm, and when it would be shown to be safe, at a given traffic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from assay.rollouts.evidence.comparing import harm_test, safe_test, shares_of
from assay.rollouts.planning.pace import Pace
from assay.rollouts.traffic.plan import Guard, Plan
from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.detection import Forecast, mean_forecast, rate_forecast

_DRAWS = 200_000
"""Bounds the values that a simulation of means draws, for both arms of each of its runs."""
_WIDEST = 0.9
_WIDER = (1.5, 2.0, 3.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Known:
    """What live is like under a guard: ``values`` is a sample of what its answers give, ``source`` says where from;
    ``votes`` is the share of units of which the guard learns anything."""

    values: tuple[float, ...]
    source: str
    votes: float = 1.0

    @property
    def mean(self) -> float:
        """Of the values; for yes or no drawn towards a half by one answer, since none of 300 is not never."""
        if set(self.values) <= {0.0, 1.0}:
            return (sum(self.values) + 0.5) / (len(self.values) + 1)
        return sum(self.values) / len(self.values)


@dataclass(frozen=True, slots=True)
class GuardForecast:
    """``live`` is live's share, mean or quantile. ``harm_observations`` are the candidate's units that have voted when
    a candidate that is worse by ``worse`` is found out, at the median, after ``harm_hours`` from the start, when
    ``harm_exposed`` units have had the candidate; ``safe_observations`` and ``safe_hours`` until a candidate that is
    like live is shown to be safe. None: not within the rollout's longest time. ``available`` is how many votes of the
    candidate that time brings. ``advice`` is what would help a guard that cannot decide."""

    guard: str
    live: float
    source: str
    worse: str
    harm_observations: int | None
    harm_hours: float | None
    harm_exposed: int | None
    safe_observations: int | None
    safe_hours: float | None
    available: int
    advice: str = ""

    @property
    def decides(self) -> bool:
        """Whether an equal candidate is shown to be safe in time, at the median."""
        return self.safe_observations is not None


def guard_forecast(guard: Guard, plan: Plan, known: Known, pace: Pace) -> GuardForecast:
    """Simulates the guard's own tests, with a fixed seed."""
    available = int(pace.most * known.votes)
    harm = _harm(guard, plan, known, pace, available)
    safe = _safe(guard, plan, known, _last(guard, plan), available)
    harm_hours = None if harm is None else pace.hours(harm / known.votes)
    safe_hours = None if safe is None else pace.hours(safe / known.votes)
    return GuardForecast(
        guard.name,
        _live(guard, known),
        known.source,
        worse(guard),
        harm if harm_hours is not None else None,
        harm_hours,
        None if harm_hours is None else math.ceil(pace.units(harm_hours)),
        safe if safe_hours is not None else None,
        safe_hours,
        available,
        "" if safe_hours is not None else _advice(guard, plan, known, pace, available),
    )


def worse(guard: Guard) -> str:
    """The harm that a forecast is about, in words."""
    if guard.judged:
        return f"worse by {guard.allowed:g}"
    match guard.kind:
        case "share":
            return "half as many" if guard.higher_is_better else "twice as many"
        case "mean" | "quantile":
            return "twice as much"


def _harm(guard: Guard, plan: Plan, known: Known, pace: Pace, available: int) -> int | None:
    # The mean over the guards must reach 1/alpha: a guard that finds harm alone must bring it all; and half of what
    # was staked stays out of shadow.
    alpha = plan.alpha / len(plan.guards) / (2 if plan.shadow else 1)
    found: int | None = None
    stages = shares_of(guard, plan.stages)
    share = stages[0]
    for _ in stages:
        found = _worse(guard, known, share, alpha, available)
        if found is None:
            return found
        reached = stages[plan.stages.index(pace.share(found / known.votes))]
        if reached <= share:
            break
        share = reached
    return found


def _worse(guard: Guard, known: Known, share: float, alpha: float, available: int) -> int | None:
    test = harm_test(guard)
    if guard.kind == "quantile":
        limit = _quantile(known.values, guard.quantile or 0.0)
        slow = _beyond(known.values, guard.harm * limit / 2)
        return _rates(test, 1 - (guard.quantile or 0.0), slow, share, alpha, available)
    if guard.kind == "mean":
        return _means(test, known.values, 2.0, 0.0, share, alpha, available)
    rate = known.mean
    if guard.judged:
        shift = guard.allowed * guard.judge_power
        changed = rate - shift if guard.higher_is_better else rate + shift
    else:
        changed = rate / 2 if guard.higher_is_better else 2 * rate
    return _shares(test, known, min(1.0, max(0.0, changed)), share, alpha, available)


def _safe(guard: Guard, plan: Plan, known: Known, share: float, available: int) -> int | None:
    test = safe_test(guard)
    if guard.kind == "quantile":
        limit = _quantile(known.values, guard.quantile or 0.0)
        slow = _beyond(known.values, guard.allowed * limit)
        return _rates(test, 1 - (guard.quantile or 0.0), slow, share, plan.promotion_alpha, available)
    if guard.kind == "mean":
        return _means(test, known.values, 1.0, 0.0, share, plan.promotion_alpha, available)
    return _shares(test, known, known.mean, share, plan.promotion_alpha, available)


def _shares(
    test: RateTest | MeanTest, known: Known, changed: float, share: float, alpha: float, within: int
) -> int | None:
    if isinstance(test, RateTest):
        return _rates(test, known.mean, changed, share, alpha, within)
    return _means(test, known.values, 1.0, changed - known.mean, share, alpha, within)


def _rates(
    test: RateTest | MeanTest, control: float, canary: float, share: float, alpha: float, within: int
) -> int | None:
    if within < 1 or not isinstance(test, RateTest):
        return None
    found = rate_forecast(test, control=control, canary=canary, share=share, alpha=alpha, within=within)
    return _median(found)


def _means(
    test: RateTest | MeanTest,
    values: Sequence[float],
    factor: float,
    shift: float,
    share: float,
    alpha: float,
    within: int,
) -> int | None:
    within = min(within, int(_DRAWS * share))
    if within < 1 or not isinstance(test, MeanTest):
        return None
    found = mean_forecast(test, values=values, factor=factor, shift=shift, share=share, alpha=alpha, within=within)
    return _median(found)


def _median(found: Forecast) -> int | None:
    return found.median


def _live(guard: Guard, known: Known) -> float:
    if guard.kind == "quantile":
        return _quantile(known.values, guard.quantile or 0.0)
    return sum(known.values) / len(known.values)


def _advice(guard: Guard, plan: Plan, known: Known, pace: Pace, available: int) -> str:
    """What would let this guard decide: the least of some wider margins that does, more traffic, or more time."""
    for times in _WIDER:
        wider = replace(guard, allowed=_wider(guard, times))
        if wider.kind == "share" and wider.allowed >= _WIDEST:
            break
        if _safe(wider, plan, known, _last(guard, plan), available) is not None:
            name = "margin" if guard.kind == "share" else "ratio"
            return f"{name} = {wider.allowed:.3g} in place of {guard.allowed:g} could be decided"
    least = 1.5 * max(known.values)
    if guard.kind == "mean" and least < guard.bound:
        narrower = replace(guard, bound=least)
        if _safe(narrower, plan, known, _last(guard, plan), available) is not None:
            return f"a smaller largest amount, {least:.2g} in place of {guard.bound:.2g}, could decide it"
    share = plan.stages[-1]
    more = int(available * 0.5 / share) if share < 0.5 else available
    if share < 0.5 and _safe(guard, plan, known, 0.5, more) is not None:
        return f"a last stage of 0.5 in place of {share:g} could decide it"
    if known.votes < 1 and _safe(guard, plan, known, _last(guard, plan), int(pace.most)) is not None:
        return "it could be decided if more of the answers were scored"
    return "it takes more traffic, or a longer time, than there is"


def _last(guard: Guard, plan: Plan) -> float:
    return shares_of(guard, plan.stages)[-1]


def _wider(guard: Guard, times: float) -> float:
    return guard.allowed * times if guard.kind == "share" else 1 + (guard.allowed - 1) * times


def _quantile(values: Sequence[float], quantile: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(quantile * len(ordered)) - 1)]


def _beyond(values: Sequence[float], limit: float) -> float:
    return (sum(value > limit for value in values) + 0.5) / (len(values) + 1)
