from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from assay.errors import InputError
from assay.statistics.contrast import contrast
from assay.statistics.paired import compare, detectable, mcnemar, needed, no_difference


def test_mcnemar_s_exact_p_value() -> None:
    p_value, name = mcnemar(9, 1)
    assert (round(p_value, 9), name) == (round(22 / 1024, 9), "McNemar, exact")
    assert mcnemar(0, 0)[0] == 1
    p_value, name = mcnemar(60, 40)
    assert (round(p_value, 4), name) == (0.0455, "McNemar")


def test_the_t_test_is_scipy_s() -> None:
    d = np.random.default_rng(0).normal(0.02, 0.1, 50)
    p_value, name = no_difference(contrast(d))
    assert p_value == pytest.approx(ttest_1samp(d, 0).pvalue)
    assert name == "paired t"


def test_signs_are_flipped_all_ways_for_few_cases() -> None:
    # 1 and 2 and 3 with the same sign: 2 of 8 ways are as far out.
    assert no_difference(contrast([0.1, 0.2, 0.3])) == (0.25, "sign flips")
    assert no_difference(contrast([0.0, 0.0, 0.3])) == (1.0, "sign flips")
    assert no_difference(contrast([0.25, 0.0], clusters=["a", "b"], span=None))[0] == 1


def test_a_cluster_is_flipped_whole() -> None:
    rows = [0.1, 0.2, 0.3, 0.1, 0.1, 0.2]
    assert no_difference(contrast(rows, clusters=list("aabbcc")))[0] == 0.25


def test_comparison_counts_and_names() -> None:
    found = compare([1, 1, 0, 1], [1, 0, 0, 0])
    assert (found.higher, found.lower, found.equal) == (2, 0, 2)
    assert found.difference.value == 0.5
    assert found.test == "McNemar, exact"
    with pytest.raises(InputError, match="pair them"):
        compare([1.0], [1.0, 0.0])
    with pytest.raises(InputError, match="span"):
        compare([3.0, 0.1], [0.0, 0.0])


def test_no_difference_anywhere_is_not_certainty() -> None:
    found = compare([1.0] * 100, [1.0] * 100)
    assert found.p_value == 1
    assert -0.04 < found.difference.low < -0.02
    assert found.difference.high == pytest.approx(-found.difference.low)


def test_the_p_value_is_the_level_whose_bound_touches_the_null() -> None:
    of = contrast(np.random.default_rng(4).normal(0.03, 0.1, 60))
    p_value = of.above(0.0)
    assert of.bounds(1 - 2 * p_value)[0] == pytest.approx(0, abs=1e-5)
    assert of.below(0.0) == 1
    assert of.below(1.0) == pytest.approx(1e-9, rel=0.01)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40), st.integers(1, 4))
def test_exchanging_the_systems_turns_the_interval_round(rows: list[float], size: int) -> None:
    clusters = [i // size for i in range(len(rows))]
    found, turned = contrast(rows, clusters=clusters), contrast([-row for row in rows], clusters=clusters)
    assert found.bounds()[0] == pytest.approx(-turned.bounds()[1], abs=1e-7)
    low, high = found.bounds()
    assert -1 <= low <= sum(rows) / len(rows) + 1e-9
    assert sum(rows) / len(rows) - 1e-9 <= high <= 1


def test_what_is_detectable_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(5)
    effect = detectable(contrast(rng.normal(0, 0.2, 4_000))) * math.sqrt(4_000 / 100)
    found = 0
    for _ in range(2_000):
        low, high = contrast(rng.normal(effect, 0.2, 100), span=None).bounds()
        found += low > 0 or high < 0
    assert 0.77 <= found / 2_000 <= 0.83


def test_needed_grows_towards_the_null_and_is_never_none_with_a_spread() -> None:
    d = np.random.default_rng(6).normal(0, 0.2, 100)
    d -= d.mean()
    counts = [needed(contrast(d + shift)) for shift in (0.08, 0.03, 0.02, 0.01, 0.0)]
    known = [count for count in counts if count is not None]
    assert known == sorted(known)
    assert len(known) == 5
    assert 4_500 < known[-1] < 6_000  # about 50 times as many
    assert needed(contrast([0.1], span=None)) is None


@pytest.mark.parametrize("n", [2, 5, 30, 100])
def test_equal_cases_need_as_many_more_as_the_rule_of_three_says(n: int) -> None:
    of = contrast([0.0] * n)
    more = needed(of, null=-0.02)
    assert more == 149 - n  # .98^149 < .05
    assert contrast([0.0] * 149).bounds(0.9)[0] > -0.02 > contrast([0.0] * 113).bounds(0.9)[0]
    assert needed(of, null=0.0) is None
    assert needed(contrast([0.1] * n), null=0.1) is None


def test_equal_cases_of_documents_are_counted_by_document() -> None:
    assert needed(contrast([0.0] * 40, clusters=[i // 2 for i in range(40)]), null=-0.02) == (149 - 20) * 2


def test_too_few_equal_differences_without_a_range_have_no_interval() -> None:
    assert contrast([0.1] * 4, span=None).bounds() == (-math.inf, math.inf)
    assert needed(contrast([0.1] * 4, span=None)) == 1
    assert contrast([0.1] * 5, span=None).bounds() == (0.1, 0.1)


@pytest.mark.parametrize("shape", ["normal", "binary"])
def test_needed_is_calibrated(shape: str) -> None:
    """Draw a truth, look at 60 cases; where they do not settle it, add what is asked for."""
    rng, settled, asked = np.random.default_rng(7), 0, 0
    for _ in range(1_500):
        if shape == "normal":
            truth = rng.normal(0, 0.08)

            def draw(n: int, at: float = truth) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
                return np.asarray(rng.normal(at, 0.3, n))

        else:
            truth = rng.normal(0, 0.08)

            def draw(n: int, at: float = truth) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
                up = min(0.4, max(0.0, 0.15 + at / 2))
                down = min(0.4, max(0.0, 0.15 - at / 2))
                return np.asarray(rng.choice([1.0, -1.0, 0.0], n, p=[up, down, 1 - up - down]))

        first = draw(60)
        span = None if shape == "normal" else 1.0
        of = contrast(first, span=span)
        if of.bounds(0.9)[0] > 0 or of.bounds(0.9)[1] < 0:
            continue
        more = needed(of)
        assert more is not None
        low, high = contrast(np.concatenate([first, draw(more)]), span=span).bounds(0.9)
        asked += 1
        settled += low > 0 or high < 0
    assert asked > 500
    assert 0.76 <= settled / asked <= 0.92
