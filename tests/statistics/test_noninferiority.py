from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from assay.errors import InputError
from assay.statistics.contrast import contrast
from assay.statistics.noninferiority import (
    Fail,
    Inconclusive,
    Margin,
    MeanRatio,
    Pass,
    QuantileRatio,
    assess,
    decide,
)

Floats: TypeAlias = NDArray[np.float64]
ALPHA = 0.05


def _binary(rng: np.random.Generator, n: int, baseline: float, change: float) -> tuple[Floats, Floats]:
    """Two systems' binary scores, dependent, whose means differ by ``change``."""
    base = (rng.random(n) < baseline) * 1.0
    flips = 0.08
    # From 1 to 0 with chance a, from 0 to 1 with chance b: the mean changes by (1-p)b - pa.
    up = flips / (1 - baseline) * 0.5
    down = ((1 - baseline) * up - change) / baseline
    moved = np.where(base == 1, rng.random(n) >= down, rng.random(n) < up)
    return np.asarray(moved, dtype=np.float64), np.asarray(base, dtype=np.float64)


def test_verdicts_of_plain_cases() -> None:
    rng = np.random.default_rng(0)
    base = rng.random(400)
    same, worse = base + rng.normal(0, 0.02, 400), base - 0.1 + rng.normal(0, 0.02, 400)
    guard = Margin(0.02, span=None)
    assert decide({"a": assess(guard, same, base)}).verdict == Pass()
    assert decide({"a": assess(guard, worse, base)}).verdict == Fail()
    found = decide({"a": assess(guard, same, base), "b": assess(guard, worse, base)})
    assert found.verdict == Fail()
    assert found.guards["a"].verdict == Pass()
    few = decide({"a": assess(Margin(0.02), [1, 1, 0, 1, 1], [1, 1, 1, 1, 1])}).verdict
    assert isinstance(few, Inconclusive)
    assert few.needs is not None
    assert few.needs > 50


def test_lower_is_better_and_the_effect_is_shown_as_measured() -> None:
    base = np.random.default_rng(1).random(300)
    found = assess(Margin(0.02, higher_is_better=False), np.clip(base - 0.1, 0, 1), base)
    assert found.effect.value < 0
    assert found.p_pass < 1e-6
    assert decide({"x": found}).verdict == Pass()


def test_two_releases_that_answer_alike_need_enough_cases_all_the_same() -> None:
    hundred, thousand = np.ones(100), np.ones(1_000)
    assert isinstance(decide({"a": assess(Margin(0.02), hundred, hundred)}).verdict, Inconclusive)
    assert decide({"a": assess(Margin(0.02), thousand, thousand)}).verdict == Pass()


def test_free_answers_cost_no_more() -> None:
    nothing = np.zeros(10)
    assert decide({"cost": assess(MeanRatio(1.2), nothing, nothing)}).verdict == Pass()
    assert decide({"cost": assess(MeanRatio(1.2), np.full(40, 0.1), np.zeros(40))}).verdict == Fail()


@pytest.mark.parametrize("value", [0.1, 0.0])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_a_few_equal_costs_are_no_evidence(n: int, value: float) -> None:
    costs = np.full(n, value)
    for guard in (MeanRatio(1.2), QuantileRatio(1.2, 0.5), Margin(0.01, higher_is_better=False, span=None)):
        verdict = decide({"x": assess(guard, costs, costs)}).verdict
        assert isinstance(verdict, Inconclusive)
    alike = assess(QuantileRatio(1.2, 0.5), np.full(n, 0.1), np.full(n, 1.0))
    assert isinstance(decide({"x": alike}).verdict, Inconclusive)


def test_five_equal_costs_are_and_it_is_said_how_many_lack() -> None:
    two, five = np.full(2, 0.1), np.full(5, 0.1)
    assert decide({"x": assess(MeanRatio(1.2), two, two)}).verdict == Inconclusive(3)
    assert decide({"x": assess(MeanRatio(1.2), five, five)}).verdict == Pass()
    many = assess(MeanRatio(1.2), np.full(40, 0.1), np.full(40, 0.1), clusters=["a", "b"] * 20)
    assert isinstance(decide({"x": many}).verdict, Inconclusive)


@pytest.mark.parametrize("guard", [Margin(2.0), Margin(1.0), Margin(1.0, higher_is_better=False)])
def test_a_margin_that_nothing_can_fail_is_refused(guard: Margin) -> None:
    with pytest.raises(InputError, match="lets everything pass"):
        assess(guard, [0.0, 0.0], [1.0, 1.0])


def test_ratios() -> None:
    rng = np.random.default_rng(2)
    base = np.exp(rng.normal(0, 0.5, 800))
    noise = np.exp(rng.normal(0, 0.1, 800))
    for guard in (MeanRatio(1.2), QuantileRatio(1.2)):
        assert decide({"x": assess(guard, base * noise, base)}).verdict == Pass()
        assert decide({"x": assess(guard, 1.6 * base * noise, base)}).verdict == Fail()
        assert isinstance(decide({"x": assess(guard, 1.2 * base * noise, base)}).verdict, Inconclusive)


def test_a_tail_of_few_cases_settles_nothing() -> None:
    base = np.random.default_rng(3).random(20)
    found = decide({"p95": assess(QuantileRatio(1.2), base, base)}).verdict
    assert isinstance(found, Inconclusive)


@pytest.mark.parametrize(
    ("guard", "values"),
    [
        (Margin(-0.1), [0.5, 0.5]),
        (MeanRatio(0.0), [0.5, 0.5]),
        (MeanRatio(1.2), [-0.5, 0.5]),
        (QuantileRatio(1.2, 1.0), [0.5, 0.5]),
    ],
)
def test_what_is_no_guard(guard: Any, values: list[float]) -> None:
    with pytest.raises(InputError):
        assess(guard, values, values)


def test_a_gate_needs_a_guard_and_an_alpha() -> None:
    with pytest.raises(InputError):
        decide({})
    with pytest.raises(InputError):
        decide({"a": assess(Margin(0.1), [1.0], [1.0])}, alpha=0.7)


def _rates(guards: int, n: int, runs: int, changes: tuple[float, float], seed: int) -> tuple[float, float]:
    """How often a gate passes and fails: its first guard changed by the first, the others by the second."""
    rng, passed, failed = np.random.default_rng(seed), 0, 0
    for _ in range(runs):
        found = {}
        for at in range(guards):
            change = changes[0] if at == 0 else changes[1]
            if at % 2 == 0:
                found[str(at)] = assess(Margin(0.04), *_binary(rng, n, 0.8, change))
            else:
                base = rng.beta(8, 2, n)
                found[str(at)] = assess(Margin(0.04, span=2.0), base + change + rng.normal(0, 0.1, n), base)
        verdict = decide(found, alpha=ALPHA).verdict
        passed, failed = passed + (verdict == Pass()), failed + (verdict == Fail())
    return passed / runs, failed / runs


def _at_most(runs: int) -> float:
    """α and three standard errors of the simulation."""
    return ALPHA + 3 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


@pytest.mark.parametrize("guards", [1, 3, 6])
def test_a_release_worse_by_the_margin_on_one_guard_seldom_passes(guards: int) -> None:
    runs = 600
    passed, _ = _rates(guards, 200, runs, (-0.04, 0.05), seed=10 + guards)
    assert passed <= _at_most(runs)


@pytest.mark.parametrize("guards", [1, 3, 6])
def test_a_release_at_the_margin_on_all_guards_seldom_fails(guards: int) -> None:
    runs = 600
    _, failed = _rates(guards, 200, runs, (-0.04, -0.04), seed=20 + guards)
    assert failed <= _at_most(runs)


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 100, 1_000])
@pytest.mark.parametrize("guards", [1, 3, 6])
def test_both_error_rates_at_length(guards: int, n: int) -> None:
    runs = 1_500
    passed, _ = _rates(guards, n, runs, (-0.04, 0.05), seed=30 + guards)
    _, failed = _rates(guards, n, runs, (-0.04, -0.04), seed=40 + guards)
    assert passed <= _at_most(runs)
    assert failed <= _at_most(runs)


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 100, 1_000])
@pytest.mark.parametrize("clustered", [False, True], ids=["independent", "clustered"])
def test_false_passes_and_fails_of_binary_scores(n: int, clustered: bool) -> None:
    """The candidate is worse by the margin exactly: over chances of gaining and losing, and at each of them."""
    runs, documents = 1_000, np.repeat(np.arange(n), np.resize([1, 3, 2, 1, 4, 2, 1, 2], n))[:n]
    cells = [(up, down) for up in (0.02, 0.05, 0.1) for down in (0.07, 0.113, 0.187)]
    passed, failed = np.zeros(len(cells)), np.zeros(len(cells))
    for at, (up, down) in enumerate(cells):
        rng = np.random.default_rng(n + 10 * at)
        for _ in range(runs):
            z = rng.standard_normal(n)
            if clustered:
                z = np.sqrt(0.3) * rng.standard_normal(n)[documents] + np.sqrt(0.7) * z
            change = (z > ndtri(1 - up)) * 1.0 - (z < ndtri(down))
            low, high = contrast(change, clusters=documents if clustered else None).bounds(1 - 2 * ALPHA)
            passed[at] += low > up - down
            failed[at] += high < up - down
    for wrong in (passed / runs, failed / runs):
        assert wrong.mean() <= ALPHA + math.sqrt(ALPHA * (1 - ALPHA) / runs)
        # Four standard errors: it is the worst of 9 cells, in 6 tests, on either side.
        assert wrong.max() <= ALPHA + 4 * math.sqrt(ALPHA * (1 - ALPHA) / runs)


def test_power_where_there_is_something_to_find() -> None:
    passed, _ = _rates(3, 1_000, 100, (0.0, 0.0), seed=50)
    _, failed = _rates(3, 1_000, 100, (-0.12, 0.0), seed=51)
    assert passed > 0.9
    assert failed > 0.9
