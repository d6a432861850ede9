"""Rollouts from beginning to end on made-up traffic, looked at after every answer: how often they go wrong.

Users come back, some of them a hundred times as often as others; some always have hard questions.
"""

from __future__ import annotations

import bisect
import itertools
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from assay.rollouts.evidence.deciding import decide
from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.rollouts.traffic.events import Advanced, Promoted
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Guard, Plan
from assay.rollouts.traffic.state import Rollout

ALPHA = 0.05
ERRORS = Guard("errors", "errors", "share", 0.05, 0.0)
COST = Guard("cost", "cost", "mean", 1.2, 1.0, bound=0.02)
P95 = Guard("latency_p95", "latency", "quantile", 1.25, 1.0, quantile=0.95)
QUALITY = Guard("faithfulness", "faithfulness", "share", 0.05, 0.0, higher_is_better=True, judged=True)
RUNS = 300


@dataclass(frozen=True)
class World:
    """``users`` with a weight each, by which they come; ``hard`` is the share of those whose questions are hard."""

    users: int = 1_500
    heavy: float = 1.1
    hard: float = 0.2
    answers: int = 2_500


@dataclass(frozen=True)
class Candidate:
    """How much worse than live: errors added (to everybody alike), factors for cost and time, quality taken away."""

    errors: float = 0.0
    cost: float = 1.0
    latency: float = 1.0
    quality: float = 0.0


def plan_of(*guards: Guard, stages: tuple[float, ...] = (0.1, 0.5)) -> Plan:
    return Plan(stages, guards, ALPHA, ALPHA, "user", 30, 0.0, 1e12, 1.0, None, False)


def outcome(plan: Plan, world: World, candidate: Candidate, seed: int) -> str:
    """How one rollout ends: promoted, a reason to go back, or still under way when the traffic ends."""
    source, salt = random.Random(f"{seed}"), f"r{seed}"
    weights = list(itertools.accumulate((n + 1) ** -world.heavy for n in range(world.users)))
    units = [unit_of(salt, f"user-{n}") for n in range(world.users)]
    hard = [source.random() < world.hard for _ in units]
    rollout = Rollout(salt, "new", "old", plan, 0.0, 0.0, "canary", 0)
    evidence = Evidence(plan)
    arms: dict[tuple[int, str], str] = {}
    for n in range(world.answers):
        user = bisect.bisect(weights, source.random() * weights[-1])
        unit, stage, share = units[user], rollout.stage, plan.stages[rollout.stage]
        if (stage, unit) not in arms:
            arms[stage, unit] = assign(salt, unit, {"live": 1 - share, "candidate": share})
        arm, fresh = arms[stage, unit], arms[stage, unit] == "live" or _fresh(plan, salt, unit, stage)
        values = _answer(source, candidate if arm == "candidate" else Candidate(), hard=hard[user])
        evidence.add(Observation(unit, arm, stage, str(n), values, fresh=fresh))
        found = decide(rollout, evidence, float(n))
        if isinstance(found, Advanced):
            rollout = replace(rollout, stage=found.stage, since=float(n))
        elif found is not None:
            return "promoted" if isinstance(found, Promoted) else found.reason
    return "open"


def _fresh(plan: Plan, salt: str, unit: str, stage: int) -> bool:
    before = plan.stages[stage - 1] if stage else 0.0
    return assign(salt, unit, {"live": 1 - before, "candidate": before}) == "live"


def _answer(source: random.Random, arm: Candidate, *, hard: bool) -> dict[str, float]:
    times = 2.5 if hard else 1.0
    return {
        "errors": float(source.random() < 0.025 * times + arm.errors),
        "cost": 0.002 * source.lognormvariate(0, 0.7) * times * arm.cost,
        "latency": 1_000 * source.lognormvariate(0, 0.5) * times * arm.latency,
        "faithfulness": float(source.random() < 0.95 - 0.05 * times - arm.quality),
    }


def outcomes(
    plan: Plan, candidate: Candidate, *, runs: int = RUNS, world: World | None = None, begin: int = 0
) -> Counter[str]:
    return Counter(outcome(plan, world or World(), candidate, seed) for seed in range(begin, begin + runs))


def test_an_equal_candidate_is_seldom_rolled_back_and_mostly_promoted() -> None:
    found = outcomes(plan_of(ERRORS), Candidate(), runs=25, world=World(answers=2_000))
    assert found["harm"] <= ALPHA * 25
    assert found["mismatch"] == 0
    assert found["promoted"] >= 8


def test_one_that_is_worse_by_the_margin_is_seldom_promoted() -> None:
    found = outcomes(plan_of(ERRORS), Candidate(errors=ERRORS.allowed), runs=25, world=World(answers=2_000))
    assert found["promoted"] <= ALPHA * 25
    assert found["harm"] >= 3


@pytest.mark.slow
class TestManyRollouts:
    """300 rollouts of each, over all kinds of guards at once."""

    GUARDS = (ERRORS, COST, P95, QUALITY)
    EQUAL: Sequence[tuple[str, Callable[[], Plan], World]] = (
        ("all guards", lambda: plan_of(*TestManyRollouts.GUARDS), World()),
        ("few heavy users", lambda: plan_of(ERRORS, COST, stages=(0.3, 0.5)), World(users=200, heavy=1.3, hard=0.5)),
        ("stages close together", lambda: plan_of(ERRORS, stages=(0.3, 0.35, 0.4, 0.45, 0.5)), World(users=400)),
        (
            "arms of one in a hundred",
            lambda: plan_of(ERRORS, COST, stages=(0.01, 0.05)),
            World(users=20_000, heavy=0.5),
        ),
    )

    @pytest.mark.parametrize(("name", "plan", "world"), EQUAL, ids=[row[0] for row in EQUAL])
    def test_equal_candidates_are_seldom_rolled_back(self, name: str, plan: Callable[[], Plan], world: World) -> None:
        found = outcomes(plan(), Candidate(), world=world)
        assert found["harm"] + found["mismatch"] <= ALPHA * RUNS, (name, found)

    @pytest.mark.parametrize(
        ("guard", "candidate"),
        [
            (ERRORS, Candidate(errors=0.05)),
            (COST, Candidate(cost=1.2)),
            (P95, Candidate(latency=1.25)),
            (QUALITY, Candidate(quality=0.05)),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_those_worse_by_the_margin_are_seldom_promoted(self, guard: Guard, candidate: Candidate) -> None:
        lenient = replace(guard, harm=guard.allowed)  # so that nothing goes back before it could be promoted
        found = outcomes(plan_of(lenient), candidate)
        assert found["promoted"] <= ALPHA * RUNS, found

    def test_one_bad_guard_among_good_ones_is_enough(self) -> None:
        found = outcomes(plan_of(*self.GUARDS), Candidate(errors=0.05), runs=100)
        assert found["promoted"] <= ALPHA * 100, found

    def test_many_more_errors_are_found(self) -> None:
        found = outcomes(plan_of(ERRORS), Candidate(errors=0.1), runs=100, begin=1_000)
        assert found["harm"] >= 80, found
