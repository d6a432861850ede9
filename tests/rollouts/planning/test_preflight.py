"""The forecast: right in order of magnitude, honest about what it does not know."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace

import pytest

from assay.errors import InputError
from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.planning.guard_forecast import Known, guard_forecast
from assay.rollouts.planning.history import History, Past
from assay.rollouts.planning.pace import pace
from assay.rollouts.planning.preflight import Given, preflight
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Guard, Plan, Shadow
from assay.statistics.anytime.evidence import threshold

ERRORS = Guard("errors", "errors", "share", 0.05, 0.0)
COST = Guard("cost", "cost", "mean", 1.2, 1.2, bound=0.02)
P95 = Guard("latency_p95", "latency", "quantile", 1.25, 1.25, quantile=0.95)
FAITHFUL = Guard("faithfulness", "faithfulness", "share", 0.05, 0.0, higher_is_better=True, judged=True)
PLAN = Plan((0.1, 0.5), (ERRORS,), 0.05, 0.05, "request", 100, 600.0, 48 * 3_600.0, 0.5, None, False)


def history(many: int = 1_000, *, hours: float = 10.0, cost: float | None = 0.002) -> History:
    source = random.Random(1)
    rows = tuple(
        Past(
            hours * 3_600 * n / many,
            source.lognormvariate(7, 0.5),
            n % 20 == 0,
            failed=n % 25 == 3,
            cost=None if cost is None else cost * source.lognormvariate(0, 0.4),
        )
        for n in range(many)
    )
    return History(rows, 0.0, hours * 3_600)


def test_the_pace_of_the_stages() -> None:
    going = pace(PLAN, answers_per_hour=100, units_per_hour=100)
    first, last = going.stages
    assert (first.begins, first.ends, first.units) == (0.0, 10.0, 100.0)
    assert (last.begins, last.ends, last.units) == (10.0, 48.0, 1_900.0)
    assert going.hours(50) == 5.0
    assert going.hours(150) == 11.0
    assert going.hours(3_000) is None
    assert going.units(11.0) == 150.0
    assert (going.share(100), going.share(101)) == (0.1, 0.5)


def test_shadow_comes_first_and_least_time_holds_a_stage() -> None:
    plan = replace(PLAN, shadow=Shadow(0.1, 200, 3_600.0, 1.0), least_seconds=7_200.0)
    going = pace(plan, answers_per_hour=10_000, units_per_hour=10_000)
    assert going.shadow == pytest.approx(0.2)
    assert going.stages[0].ends == pytest.approx(2.2)
    assert pace(plan, answers_per_hour=1, units_per_hour=1).shadow == 1.0


def test_traffic_is_told_from_history_and_says_so() -> None:
    found = preflight(PLAN, history())
    assert found.answers_per_hour == 100.0
    assert found.based_on == "1,000 answers of live in the last 10 hours"
    (errors,) = found.guards
    assert errors.live == pytest.approx(0.04)
    assert errors.source == "1,000 answers"
    assert errors.decides
    assert found.end_hours is not None
    assert found.end_hours >= 12.0  # ten hours of the first stage, two until the last one has its hundred
    assert not found.cannot


def test_what_is_forecast_is_what_happens() -> None:
    """The median of the forecast against rollouts through the real fold."""
    found = guard_forecast(
        ERRORS, PLAN, Known((1.0,) * 50 + (0.0,) * 950, ""), pace(PLAN, answers_per_hour=100, units_per_hour=100)
    )
    assert found.harm_observations is not None
    assert found.safe_observations is not None
    counts = []
    for seed in range(9):
        source, evidence, n = random.Random(seed), Evidence(PLAN), 0
        while evidence.harm_peak < threshold(PLAN.alpha) and n < 20_000:
            stage = 0 if evidence.units(0).candidate < 100 else 1
            candidate = source.random() < PLAN.stages[stage]
            errors = float(source.random() < (0.1 if candidate else 0.05))
            evidence.add(Observation(f"u{n}", "candidate" if candidate else "live", stage, f"t{n}", {"errors": errors}))
            n += 1
        counts.append(evidence.units(0).candidate + evidence.units(1).candidate)
    median = sorted(counts)[4]
    assert 0.5 * median < found.harm_observations < 2 * median


def test_too_little_history_is_said_and_what_is_given_is_taken() -> None:
    with pytest.raises(InputError, match="live has 7 recorded answers of the last days, too few"):
        preflight(PLAN, history(7))
    found = preflight(PLAN, History(), given=Given(answers_per_hour=500, rates={"errors": 0.03}))
    assert found.based_on == "as given"
    assert found.guards[0].source == "as given"
    assert found.guards[0].live == pytest.approx(0.03)
    assert preflight(PLAN, History(), given=Given(answers_per_hour=500)).guards[0].source == "assumed"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Given(answers_per_hour=0), "--answers-per-hour: 0 answers"),
        (Given(answers_per_hour=1e308), r"--answers-per-hour: 1e\+308 answers an hour are no traffic"),
        (Given(answers_per_hour=math.nan), "--answers-per-hour: nan"),
        (Given(answers_per_hour=10, answers_per_unit=math.inf), "--answers-per-user: inf"),
        (Given(answers_per_hour=10, answers_per_unit=math.nan), "--answers-per-user: nan"),
        (Given(answers_per_hour=10, feedback=math.nan), "--feedback: nan"),
        (Given(answers_per_hour=10, rates={"errors": 3.0}), "--rate errors=3 is not a share"),
        (Given(answers_per_hour=10, rates={"errors": math.nan}), "--rate errors=nan is not a share"),
        (Given(answers_per_hour=10, rates={"cost": -1.0}), "--rate cost=-1: give an amount above 0"),
        (Given(answers_per_hour=10, rates={"cost": math.inf}), "--rate cost=inf"),
    ],
)
def test_what_is_given_must_make_sense(given: Given, message: str) -> None:
    with pytest.raises(InputError, match=message):
        preflight(replace(PLAN, guards=(ERRORS, COST)), History(), given=given)


def test_the_largest_traffic_has_a_forecast() -> None:
    found = preflight(PLAN, History(), given=Given(answers_per_hour=1e9))
    assert found.end_hours is not None
    assert math.isfinite(found.end_hours)


def test_every_kind_of_guard_has_a_forecast() -> None:
    plan = replace(PLAN, guards=(ERRORS, COST, P95, FAITHFUL))
    found = {each.guard: each for each in preflight(plan, history()).guards}
    assert found["latency_p95"].live == pytest.approx(1_096 * 2.27, rel=0.2)
    assert found["cost"].live == pytest.approx(0.00217, rel=0.1)
    assert found["faithfulness"].source == "assumed"
    assert found["faithfulness"].available == pytest.approx(found["errors"].available / 2, abs=1)
    for name in ("errors", "cost", "latency_p95"):
        assert found[name].harm_observations is not None, name
        assert found[name].harm_hours is not None, name
        assert found[name].safe_observations is not None, name


def test_a_wider_margin_and_more_traffic_decide_sooner() -> None:
    wide = preflight(replace(PLAN, guards=(replace(ERRORS, allowed=0.1),)), history()).guards[0].safe_observations
    narrow = preflight(PLAN, history()).guards[0].safe_observations
    assert wide is not None
    assert narrow is not None
    assert wide < narrow
    busy = preflight(PLAN, history(hours=1.0)).guards[0].harm_hours
    calm = preflight(PLAN, history()).guards[0].harm_hours
    assert busy is not None
    assert calm is not None
    assert busy < calm


def test_a_guard_that_cannot_decide_is_named_with_what_would_help() -> None:
    plan = replace(PLAN, guards=(replace(ERRORS, allowed=0.005),), stages=(0.1, 0.2), longest_seconds=36 * 3_600.0)
    found = preflight(plan, history())
    assert not found.guards[0].decides
    assert found.end_hours is None
    assert found.cannot[0].startswith("errors: ")
    assert any("margin = " in line and "could be decided" in line for line in found.advice)
    assert found.exposed == sum(stage.units for stage in found.stages)


def test_a_cost_guard_with_a_loose_bound_is_advised_a_closer_one() -> None:
    loose = replace(COST, bound=1.0, allowed=1.05, harm=1.05)
    found = preflight(replace(PLAN, guards=(loose,)), history(5_000, hours=20.0))
    assert not found.guards[0].decides
    assert "ratio = " in found.guards[0].advice or "smaller largest amount" in found.guards[0].advice


def test_a_stage_that_never_fills_is_said() -> None:
    found = preflight(PLAN, history(60, hours=100.0))
    assert "does not get its 100 units" in found.cannot[0]
    assert found.advice[0].startswith("larger shares")


def test_users_who_come_back_are_fewer_units() -> None:
    plan = replace(PLAN, sticky="user")
    alone, often = preflight(plan, history()), preflight(plan, history(), given=Given(answers_per_unit=5.0))
    assert often.units_per_hour == alone.units_per_hour / 5
    assert any("every answer is taken for another user" in line for line in alone.advice)
    assert not any("another user" in line for line in often.advice)


def test_money() -> None:
    plan = replace(PLAN, guards=(ERRORS, FAITHFUL), shadow=Shadow(0.1, 100, 3_600.0, 0.1))
    known = preflight(plan, history(), judge_cost=0.001)
    assert known.money.candidate == pytest.approx(known.exposed * 0.00217, rel=0.1)
    assert known.money.shadow == pytest.approx(0.1)  # its cap
    assert known.money.judge == pytest.approx(2 * known.exposed * 0.5 * 0.001, rel=0.02)
    unknown = preflight(plan, history(cost=None)).money
    assert (unknown.candidate, unknown.shadow, unknown.judge) == (None, None, None)
    assert preflight(PLAN, history()).money.judge == 0.0


def test_it_is_the_same_each_time_and_can_be_written_down() -> None:
    plan = replace(PLAN, guards=(ERRORS, COST))
    first, second = preflight(plan, history()), preflight(plan, history())
    assert first == second
    told = json.loads(json.dumps(first.as_dict(), allow_nan=False))
    assert told["guards"][0]["decides"] is True
    assert told["stages"][0]["share"] == 0.1
