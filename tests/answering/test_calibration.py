from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.answering.calibration import ErrorTarget, ScoredCase, Utility, calibrate, point
from assay.errors import InputError
from assay.statistics.proportions import binomial_upper, proportion
from assay.statistics.ranking import auroc

CASES = [ScoredCase(s, a) for s, a in [(0.9, True), (0.8, True), (0.7, False), (0.6, True), (0.2, False), (0.1, False)]]


def test_auroc_counts_pairs_ties_half() -> None:
    assert auroc([0.9, 0.5], [0.5, 0.1]).value == pytest.approx(3.5 / 4)


def test_auroc_interval_is_delong_s() -> None:
    # Variance by hand: placements of the positives (1, .5, 1) and of the negatives (1, 2/3).
    found = auroc([0.9, 0.4, 0.8], [0.3, 0.5])
    assert found.value == pytest.approx(5 / 6)
    assert found.low < found.value < found.high < 1
    assert found.method.startswith("DeLong")


def test_auroc_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = random.Random(5)
    inside = 0
    for _ in range(200):
        positives = [rng.gauss(1, 1) for _ in range(60)]
        negatives = [rng.gauss(0, 1) for _ in range(60)]
        found = auroc(positives, negatives)
        inside += found.low <= 0.7602 <= found.high  # the normal distribution function at 1/√2
    assert 180 <= inside <= 199


def test_perfect_separation_still_has_an_interval() -> None:
    found = auroc([0.9, 0.8], [0.1, 0.2])
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.3


def test_utility_weighs_wrong_against_right() -> None:
    assert calibrate(CASES).threshold == pytest.approx(0.75)
    assert calibrate(CASES, aim=Utility(wrong_cost=0.5)).threshold == pytest.approx(0.4)
    everything_wrong = [ScoredCase(0.9, False), ScoredCase(0.1, True)]
    assert calibrate(everything_wrong, aim=Utility(5)).chosen.coverage.value == 0


def test_an_answer_known_to_be_wrong_counts_as_wrong() -> None:
    cases = [ScoredCase(0.9, True, correct=False), ScoredCase(0.5, True), ScoredCase(0.1, False)]
    assert point(cases, 0.4).error is not None
    assert point(cases, 0.4).error.value == 0.5  # type: ignore[union-attr]


def test_an_error_target_holds_and_is_not_wider_than_needed() -> None:
    rng = random.Random(1)
    cases = [ScoredCase(s, rng.random() < s) for s in (rng.random() for _ in range(2_000))]
    fitted = calibrate(cases, aim=ErrorTarget(0.15))
    assert fitted.met
    assert fitted.chosen.error is not None
    assert fitted.chosen.error.value <= 0.15
    # Error above a threshold t is (1 - t) / 2 here: .15 at t = .7.
    assert 0.68 <= fitted.threshold <= 0.85


def test_a_target_out_of_reach_answers_nothing() -> None:
    fitted = calibrate(CASES, aim=ErrorTarget(0.01))
    assert not fitted.met
    assert fitted.chosen.coverage.value == 0
    assert fitted.chosen.error is None


def test_bounds() -> None:
    assert binomial_upper(0, 59, 0.05) == pytest.approx(0.0495, abs=1e-3)
    assert binomial_upper(5, 5, 0.05) == 1
    assert proportion(0, 10).low == pytest.approx(0)
    assert proportion(0, 10).high == pytest.approx(0.2775, abs=1e-3)


@pytest.mark.parametrize(
    "cases",
    [[], [ScoredCase(0.5, True)], [ScoredCase(1.5, True), ScoredCase(0.5, False)]],
    ids=["none", "one", "range"],
)
def test_cases_that_cannot_be_fitted(cases: list[ScoredCase]) -> None:
    with pytest.raises(InputError):
        calibrate(cases)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=40))
def test_coverage_falls_along_the_curve_and_utility_is_never_negative(rows: list[tuple[float, bool]]) -> None:
    cases = [ScoredCase(score, answerable) for score, answerable in rows]
    if len({case.answerable for case in cases}) < 2:
        return
    fitted = calibrate(cases)
    coverages = [p.coverage.value for p in fitted.curve]
    assert coverages == sorted(coverages, reverse=True)
    answered = [case for case in cases if case.score >= fitted.threshold]
    assert sum(1 if case.answerable else -1 for case in answered) >= 0
