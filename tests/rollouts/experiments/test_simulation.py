"""What is promised of an experiment, on made-up users: how rarely it is wrong, how honest its estimates are, and how
soon it finds. Fixed seeds; the longer runs are marked slow."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from assay.rollouts.traffic.plan import Guard

COST = Guard("cost", "cost", "mean", allowed=1.0, harm=1.0, bound=0.1)


def false_findings(make: Any, runs: int, *, arms: int, policy: str, units: int = 800, values: Any = None) -> int:
    found = 0
    same = values or make.rates(dict.fromkeys("ABCD", 0.5))
    for seed in range(runs):
        run = make.simulate(make.design(arms, policy=policy), same, seed=seed, units=units)
        found += run.end is not None and run.end.reason == "found"
    return found


def most(runs: int, alpha: float = 0.05) -> float:
    """What so many runs give at most, all but one time in a thousand, where each is wrong with probability alpha."""
    return runs * alpha + 3.1 * math.sqrt(runs * alpha * (1 - alpha))


@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("policy", ["fixed", "thompson"])
def test_equal_arms_are_hardly_ever_told_apart(make: Any, arms: int, policy: str) -> None:
    assert false_findings(make, 40, arms=arms, policy=policy, units=600) <= most(40)


@pytest.mark.slow
@pytest.mark.parametrize("arms", [2, 3])
@pytest.mark.parametrize("policy", ["fixed", "thompson"])
def test_equal_arms_are_told_apart_at_most_as_often_as_alpha_says(make: Any, arms: int, policy: str) -> None:
    assert false_findings(make, 500, arms=arms, policy=policy, units=1_500) <= 500 * 0.05


@pytest.mark.slow
@pytest.mark.parametrize("arms", [2, 3])
def test_under_drift_equal_arms_are_told_apart_at_most_as_often_as_alpha_says(make: Any, arms: int) -> None:
    """Both arms become worse together, while shares follow what is seen: plain averages would be far apart."""
    assert false_findings(make, 300, arms=arms, policy="thompson", units=1_500, values=drifting({}, 1_500)) <= 15


def drifting(gain: Mapping[str, float], units: int) -> Any:
    """Rates that fall from 0.75 to 0.25, an arm's ``gain`` above that."""

    def values(generator: random.Random, arm: str, at: int) -> Mapping[str, float]:
        return {"quality": float(generator.random() < 0.75 - 0.5 * at / units + gain.get(arm, 0.0))}

    return values


def test_thompson_gives_more_users_the_better_arm_and_finds_it(make: Any) -> None:
    better, units = 0, 0
    for seed in range(10):
        values = make.rates({"A": 0.5, "B": 0.7, "C": 0.45})
        run = make.simulate(make.design(3, policy="thompson"), values, seed=seed, units=4_000)
        assert run.end is not None
        assert (run.end.reason, run.end.winner) == ("found", "B")
        better += run.evidence.tallies["B"].n
        units += run.units
        assert run.shares[-1][1] > 0.5
    assert better > 0.45 * units  # of a third at equal shares


def test_a_cheaper_arm_is_found(make: Any) -> None:
    def values(generator: random.Random, arm: str, at: int) -> Mapping[str, float]:
        return {"cost": generator.lognormvariate(-4.6, 0.5) * (0.7 if arm == "B" else 1.0)}

    for policy in ("fixed", "thompson"):
        run = make.simulate(make.design(policy=policy, metric=COST), values, seed=3, units=6_000)
        assert run.end is not None
        assert run.end.winner == "B"


def late_gain(units: int) -> Any:
    """Rates that fall from 0.78 to 0.05; in the second half B's are 0.2 above that, so most late users are B's."""

    def values(generator: random.Random, arm: str, at: int) -> Mapping[str, float]:
        gain = 0.2 if arm == "B" and 2 * at > units else 0.0
        return {"quality": float(generator.random() < 0.78 - 0.73 * at / units + gain)}

    return values


def coverage(make: Any, runs: int, units: int) -> tuple[dict[str, int], dict[str, int], dict[str, tuple[float, float]]]:
    """Over runs: how often the weighted interval and the plain one hold each arm's true mean over all users, and how
    far the plain and the weighted mean are off on average."""
    true = {"A": 0.415, "B": 0.515}
    weighted, plain, off = dict.fromkeys(true, 0), dict.fromkeys(true, 0), dict.fromkeys(true, (0.0, 0.0))
    for seed in range(runs):
        run = make.simulate(make.design(policy="thompson"), late_gain(units), seed=seed, units=units, ends=False)
        for arm, mean in true.items():
            honest, tally = run.evidence.mean(arm), run.evidence.tallies[arm]
            assert honest is not None
            weighted[arm] += honest.low <= mean <= honest.high
            average = tally.total / tally.n
            plain[arm] += abs(average - mean) <= 1.96 * math.sqrt(average * (1 - average) / tally.n)
            off[arm] = (off[arm][0] + (average - mean) / runs, off[arm][1] + (honest.value - mean) / runs)
    return weighted, plain, off


@pytest.mark.slow
def test_weighted_intervals_cover_under_adaptive_shares_where_plain_ones_do_not(make: Any) -> None:
    weighted, plain, off = coverage(make, 200, 1_500)
    assert min(weighted.values()) >= 0.93 * 200
    assert plain["A"] < 0.75 * 200
    # B had most of the late users, for whom everything was worse: plainly averaged its gain seems less than it is.
    assert off["A"][0] > 0.02
    assert off["B"][0] < -0.01
    assert max(abs(each[1]) for each in off.values()) < 0.01


def test_weighted_intervals_cover_in_a_few_runs(make: Any) -> None:
    weighted, plain, _ = coverage(make, 15, 1_500)
    assert min(weighted.values()) >= 14
    assert plain["A"] < 13


def test_an_arm_that_fails_more_often_ends_the_experiment_and_is_named(make: Any) -> None:
    def values(generator: random.Random, arm: str, at: int) -> Mapping[str, float]:
        return {
            "quality": float(generator.random() < 0.5),
            "errors": float(generator.random() < (0.3, 0.04)[arm != "C"]),
        }

    run = make.simulate(make.design(3, guards=(make.errors,)), values, seed=2, units=3_000)
    assert run.end is not None
    assert (run.end.reason, run.end.winner) == ("harm", None)
    assert "errors: C vs A" in run.end.decision.why


def test_users_who_are_split_otherwise_end_the_experiment(make: Any) -> None:
    plan = make.design(shares=(0.5, 0.5))
    run = make.simulate(plan, make.rates({"A": 0.5, "B": 0.5}), seed=1, units=50)
    evidence = run.evidence
    from assay.rollouts.experiments.deciding import decide
    from assay.rollouts.traffic.observations import Observation

    for at in range(400):
        evidence.add(Observation(f"more {at}", "A" if at % 3 else "B", 0, f"m{at}", {"quality": at % 2}))
    end = decide(run.experiment, evidence, 500.0, changed=0.0)
    assert end is not None
    assert getattr(end, "reason", None) == "mismatch"
    assert "of A where about" in end.decision.why  # type: ignore[union-attr]


def test_time_that_is_over_shows_nothing(make: Any) -> None:
    plan = make.design(longest=300.0)
    run = make.simulate(plan, make.rates({"A": 0.5, "B": 0.5}), seed=1, units=400)
    assert run.end is not None
    assert (run.end.reason, run.end.winner) == ("inconclusive", None)
    assert run.units == 300
    assert "no arm is shown to be best" in run.end.decision.why


def test_a_quantile_decides_at_fixed_shares(make: Any) -> None:
    tail = Guard("latency_p90", "latency", "quantile", allowed=1.0, harm=1.0, quantile=0.9, frozen=200.0)

    def values(generator: random.Random, arm: str, at: int) -> Mapping[str, float]:
        return {"latency": generator.lognormvariate(4.5, 0.6) * (1.6 if arm == "B" else 1.0)}

    run = make.simulate(make.design(metric=tail), values, seed=1, units=4_000)
    assert run.end is not None
    assert run.end.winner == "A"
    assert "waited longer than" in run.end.decision.why


def test_a_metric_of_which_less_is_better_gets_fewer_users_where_there_is_more(make: Any) -> None:
    plan = make.design(policy="thompson", metric=replace(make.errors, allowed=0.0))
    run = make.simulate(plan, make.rates({"A": 0.4, "B": 0.1}, "errors"), seed=1, units=2_000)
    assert run.end is not None
    assert run.end.winner == "B"
    assert run.shares[-1][1] > 0.7
