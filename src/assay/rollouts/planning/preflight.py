"""Before a rollout starts: how long it will take here, who is exposed, what it costs, what it cannot tell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from assay.errors import InputError
from assay.rollouts.planning.guard_forecast import GuardForecast, Known, guard_forecast
from assay.rollouts.planning.history import History
from assay.rollouts.planning.pace import Pace, StageForecast, pace
from assay.rollouts.traffic.plan import Guard, Plan

LEAST = 50
"""Recorded answers without which nothing is forecast from them."""
ASSUMED: Mapping[str, float] = {"errors": 0.01, "abstention": 0.05, "feedback": 0.8}
JUDGED = 0.85
"""What is taken for live's mean of a judged metric that nobody gave."""
MOST = 1e9
"""More than any number of answers an hour, or any amount, that is given in earnest."""
_SAMPLE = 1_000


@dataclass(frozen=True, slots=True)
class Given:
    """What a person says of the traffic, in place of what was recorded, or beside it.

    ``answers_per_unit`` is how many answers a user (or session) asks in the time of a rollout: traces do not say who
    asked. ``rates`` are live's shares by guard; ``feedback`` is the share of units that give any.
    """

    answers_per_hour: float | None = None
    answers_per_unit: float = 1.0
    rates: Mapping[str, float] = field(default_factory=dict)
    feedback: float = 0.05


@dataclass(frozen=True, slots=True)
class Money:
    """US dollars until the expected end; None where a price is not known. ``candidate`` is what its answers to users
    cost at live's price, most of which live would have cost; ``shadow`` and ``judge`` come on top."""

    candidate: float | None
    shadow: float | None
    judge: float | None


@dataclass(frozen=True, slots=True)
class Preflight:
    """The forecast. ``end_hours`` is when an equal candidate is promoted, at the median of the slowest guard; None
    where some guard cannot decide. ``exposed`` units have had the candidate by then, or by the longest time.
    ``cannot`` says which guards cannot decide and why, ``advice`` what would help."""

    answers_per_hour: float
    units_per_hour: float
    based_on: str
    guards: tuple[GuardForecast, ...]
    stages: tuple[StageForecast, ...]
    shadow_hours: float
    longest_hours: float
    end_hours: float | None
    exposed: int
    money: Money
    cannot: tuple[str, ...]
    advice: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        found = asdict(self)
        for row, guard in zip(found["guards"], self.guards, strict=True):
            row["decides"] = guard.decides
        return found


def preflight(plan: Plan, history: History, *, given: Given = Given(), judge_cost: float | None = None) -> Preflight:
    """Forecast a rollout of this plan. Simulates its tests: seconds of work, the same result each time.

    Raises InputError where too little was recorded and nothing is given in its place.
    """
    _check(given, plan)
    answers, told = _traffic(history, given)
    per_unit = 1.0 if plan.sticky == "request" else max(1.0, given.answers_per_unit)
    going = pace(plan, answers_per_hour=answers, units_per_hour=answers / per_unit)
    guards = tuple(guard_forecast(guard, plan, _known(guard, plan, history, given), going) for guard in plan.guards)
    slowest = [each.safe_hours for each in guards]
    end = None if None in slowest else max((each for each in slowest if each is not None), default=None)
    if end is not None:
        end = max(end, _earliest(plan, going))
    until = going.longest if end is None else end
    exposed = going.units(until)
    return Preflight(
        answers,
        answers / per_unit,
        told,
        guards,
        going.stages,
        going.shadow,
        going.longest,
        end,
        math.ceil(exposed),
        _money(plan, history, exposed * per_unit, judge_cost),
        tuple(_cannot(plan, going, guards)),
        tuple(_advice(plan, going, guards, given)),
    )


def _check(given: Given, plan: Plan) -> None:
    if not 1 <= given.answers_per_unit < math.inf:
        raise InputError(f"--answers-per-user: {given.answers_per_unit:g} is no number of answers; give 1 or more")
    if not 0 <= given.feedback <= 1:
        raise InputError(f"--feedback: {given.feedback:g} is not a share; give one from 0 to 1")
    for guard in plan.guards:
        rate = given.rates.get(guard.name)
        if rate is None:
            continue
        if guard.kind == "share" and not 0 <= rate <= 1:
            raise InputError(f"--rate {guard.name}={rate:g} is not a share; give one from 0 to 1")
        if guard.kind != "share" and not 0 < rate <= MOST:
            raise InputError(f"--rate {guard.name}={rate:g}: give an amount above 0 and at most {MOST:g}")


def _traffic(history: History, given: Given) -> tuple[float, str]:
    if given.answers_per_hour is not None:
        if not 0 < given.answers_per_hour <= MOST:
            raise InputError(
                f"--answers-per-hour: {given.answers_per_hour:g} answers an hour are no traffic; "
                f"give a number above 0 and at most {MOST:g}"
            )
        return given.answers_per_hour, "as given"
    many = len(history.answers)
    if many < LEAST or history.hours <= 0:
        raise InputError(
            f"live has {many} recorded answer{'s' * (many != 1)} of the last days, too few to tell its traffic from; "
            "say it: --answers-per-hour N"
        )
    hours = history.hours
    span = f"{hours:,.0f} hours" if hours >= 2 else f"{60 * hours:,.0f} minutes"
    return many / hours, f"{many:,} answers of live in the last {span}"


def _known(guard: Guard, plan: Plan, history: History, given: Given) -> Known:
    votes = plan.judged if guard.judged else given.feedback if guard.metric == "feedback" else 1.0
    rate = given.rates.get(guard.name)
    values = history.values(guard)
    if rate is not None and guard.kind == "share":
        return Known(_yes(rate), "as given", votes)
    if len(values) >= LEAST:
        return Known(tuple(values[-_SAMPLE:]), f"{len(values):,} answers", votes)
    if guard.kind == "share":
        return Known(_yes(JUDGED if guard.judged else ASSUMED.get(guard.metric, JUDGED)), "assumed", votes)
    return Known(_spread(guard, rate), "assumed" if rate is None else "as given", votes)


def _yes(rate: float) -> tuple[float, ...]:
    """Yes and no at a rate."""
    many = round(rate * _SAMPLE)
    return (1.0,) * many + (0.0,) * (_SAMPLE - many)


def _spread(guard: Guard, mean: float | None) -> tuple[float, ...]:
    """Times and costs where none is known: spread as such amounts are, log-normally with a deviation of 0.7, by its
    quantiles."""
    from scipy.special import ndtri

    middle = mean if mean is not None else (guard.bound / 5 if guard.kind == "mean" else 1_000.0)
    return tuple(middle * math.exp(0.7 * float(ndtri((at + 0.5) / _SAMPLE)) - 0.245) for at in range(_SAMPLE))


def _earliest(plan: Plan, going: Pace) -> float:
    """When the last stage may end at the earliest."""
    last = going.stages[-1]
    rate = last.share * going.per_hour
    return last.begins + max(plan.least_seconds / 3_600, plan.least_answers / rate if rate > 0 else going.longest)


def _money(plan: Plan, history: History, answers: float, judge_cost: float | None) -> Money:
    costs = history.of("cost")
    each = sum(costs) / len(costs) if costs else None
    shadow = 0.0 if plan.shadow is None else None if each is None else min(plan.shadow.cost, each * plan.shadow.answers)
    judged = any(guard.judged for guard in plan.guards)
    judge = 0.0 if not judged else None if judge_cost is None else 2 * answers * plan.judged * judge_cost
    return Money(None if each is None else each * answers, shadow, judge)


def _cannot(plan: Plan, going: Pace, guards: tuple[GuardForecast, ...]) -> list[str]:
    if going.stages[-1].units < plan.least_answers:
        share = plan.stages[-1]
        return [
            f"the last stage ({share:g} of traffic) does not get its {plan.least_answers:,} units of the candidate "
            f"within {going.longest:,.0f} hours: nothing is promoted at this traffic"
        ]
    return [
        f"{each.guard}: {each.available:,} votes for the candidate come within {going.longest:,.0f} hours, too few to "
        "show that it is not worse by what is allowed; the rollout would end inconclusive"
        for each in guards
        if not each.decides
    ]


def _advice(plan: Plan, going: Pace, guards: tuple[GuardForecast, ...], given: Given) -> list[str]:
    found = [f"{each.guard}: {each.advice}" for each in guards if each.advice]
    if going.stages[-1].units < plan.least_answers:
        found.insert(0, "larger shares, a smaller least_answers, or a longer time: set them in [rollout]")
    if plan.sticky != "request" and given.answers_per_unit == 1.0:
        found.append(
            f"every answer is taken for another {plan.sticky}: where {plan.sticky}s come back it takes longer; "
            "--answers-per-user says how often"
        )
    return found
