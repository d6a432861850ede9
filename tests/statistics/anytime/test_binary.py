from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import xlogy

from assay.errors import InputError
from assay.statistics.anytime.binary import Alternative, RateTest, nearest, null_span
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.paths import RatePaths

QUESTIONS: list[tuple[Alternative, float, float]] = [
    ("above", 0.0, 1.0),
    ("below", 0.0, 1.0),
    ("below", 0.02, 1.0),
    ("above", -0.05, 1.0),
    ("below", 0.0, 1.3),
    ("above", 0.01, 1.2),
    ("below", -0.1, 0.9),
]
OUTCOMES = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=6)
HISTORY = st.lists(st.builds(Block, OUTCOMES.map(tuple), OUTCOMES.map(tuple)), max_size=25)


def _folded(blocks: list[Block], question: tuple[Alternative, float, float]) -> RateTest:
    test = RateTest(*question)
    for block in blocks:
        test.add(block)
    return test


def _outcomes(bad: int, n: int) -> tuple[float, ...]:
    return (1.0,) * bad + (0.0,) * (n - bad)


def _binomial(bad: int, n: int, rate: float) -> float:
    return math.comb(n, bad) * math.exp(xlogy(bad, rate) + xlogy(n - bad, 1 - rate))


@given(HISTORY, st.sampled_from(QUESTIONS), st.integers(1, 6), st.integers(1, 3), st.floats(0, 1), st.floats(0, 1))
def test_no_bet_is_expected_to_win_under_the_null(
    history: list[Block],
    question: tuple[Alternative, float, float],
    n_a: int,
    n_b: int,
    control: float,
    canary: float,
) -> None:
    """The whole of the guarantee: summed over all outcomes of the next block, the evidence does not grow on average."""
    alternative, margin, ratio = question
    line = ratio * control + margin
    assume(canary <= line if alternative == "above" else canary >= line)
    before = _folded(history, question).log_e
    expected = 0.0
    for a in range(n_a + 1):
        for b in range(n_b + 1):
            after = _folded([*history, Block(_outcomes(a, n_a), _outcomes(b, n_b))], question).log_e
            expected += _binomial(a, n_a, control) * _binomial(b, n_b, canary) * math.exp(after - before)
    assert expected <= 1 + 1e-6


@given(HISTORY, st.sampled_from(QUESTIONS))
def test_refolding_gives_the_same_state_and_the_peak_never_falls(
    history: list[Block], question: tuple[Alternative, float, float]
) -> None:
    test = RateTest(*question)
    peak = 0.0
    for block in history:
        test.add(block)
        assert math.isfinite(test.log_e)
        assert test.peak == max(peak, test.log_e)
        peak = test.peak
    again = _folded(history, question)
    assert again == test
    assert again.log_e.hex() == test.log_e.hex()


@pytest.mark.parametrize("question", QUESTIONS)
def test_many_runs_at_once_give_what_one_by_one_does(question: tuple[Alternative, float, float]) -> None:
    generator = np.random.default_rng(2)
    runs = 6
    one_by_one = [RateTest(*question) for _ in range(runs)]
    at_once = RatePaths(RateTest(*question), runs)
    for _ in range(150):
        n_a, n_b = generator.integers(1, 9, runs), generator.integers(1, 3, runs)
        a, b = generator.binomial(n_a, 0.2), generator.binomial(n_b, 0.25)
        for run, test in enumerate(one_by_one):
            test.add(Block(_outcomes(int(a[run]), int(n_a[run])), _outcomes(int(b[run]), int(n_b[run]))))
        log_e = at_once.add(a.astype(float), n_a, b.astype(float), n_b)
    np.testing.assert_allclose(log_e, [test.log_e for test in one_by_one], atol=1e-7)


@given(st.floats(0.001, 0.999), st.floats(0.001, 0.999), st.integers(1, 99), st.integers(1, 9), st.integers(0, 6))
def test_the_nearest_point_of_the_null_is_nearer_than_any_other(
    rate_a: float, rate_b: float, n_a: int, n_b: int, question: int
) -> None:
    _, margin, ratio = QUESTIONS[question]

    def distance(x: float) -> float:
        y = ratio * x + margin
        pairs = ((n_a, rate_a, x), (n_b, rate_b, y))
        return sum(
            n * (rate * math.log(rate / to) + (1 - rate) * math.log((1 - rate) / (1 - to))) for n, rate, to in pairs
        )

    low, high = null_span(margin, ratio)
    others = [low + (high - low) * at / 400 for at in range(1, 400)]
    found = nearest(rate_a, rate_b, n_a, n_b, margin, ratio)
    assert low < found < high
    assert distance(found) <= min(map(distance, others)) + 1e-9


def test_evidence_speaks_for_harm_and_against_it() -> None:
    worse = [Block((0.0,) * 9, (1.0,))] * 5
    harm, safe = _folded(worse, ("above", 0.0, 1.0)), _folded(worse, ("below", 0.02, 1.0))
    assert harm.peak > math.log(20)
    assert safe.peak < math.log(2)
    assert (harm.control, harm.control_n, harm.canary, harm.canary_n) == (0.0, 45, 5.0, 5)


def test_wrong_questions_and_values_are_refused() -> None:
    with pytest.raises(InputError, match="no rates lie on"):
        RateTest("above", margin=1.0)
    with pytest.raises(InputError, match="no rates lie on"):
        RateTest("above", ratio=0.0)
    with pytest.raises(InputError, match="no rates lie on"):
        RateTest("worse")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="neither 0 nor 1"):
        RateTest("above").add(Block((0.5,), (1.0,)))
