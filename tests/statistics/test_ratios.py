from __future__ import annotations

import math

import numpy as np
import pytest

from assay.errors import InputError
from assay.statistics.ratios import mean_ratio, mean_shortfall, quantile_ratio, quantile_shortfall


def test_a_ratio_of_copies_is_what_they_were_multiplied_by() -> None:
    x = np.random.default_rng(0).exponential(1, 500)
    for found in (mean_ratio(1.3 * x, x), quantile_ratio(1.3 * x, x)):
        assert found.value == pytest.approx(1.3)
        assert found.low <= 1.3 + 1e-6
        assert found.high >= 1.3 - 1e-6


def test_fieller_s_interval_by_its_quadratic() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(10, 1, 3_000)
    y = rng.normal(12, 1, 3_000)
    found = mean_ratio(y, x)
    t = 1.9607
    a = x.mean() ** 2 - t**2 * x.var(ddof=1) / 3_000
    b = x.mean() * y.mean() - t**2 * np.cov(x, y)[0, 1] / 3_000
    c = y.mean() ** 2 - t**2 * y.var(ddof=1) / 3_000
    root = math.sqrt(b * b - a * c)
    assert found.low == pytest.approx((b - root) / a, abs=1e-3)
    assert found.high == pytest.approx((b + root) / a, abs=1e-3)


def test_a_tail_with_too_few_values_bounds_nothing() -> None:
    x = np.random.default_rng(2).exponential(1, 20)
    found = quantile_ratio(x[::-1].copy(), x)
    assert (found.low, found.high) == (0, math.inf)


def test_nothing_over_nothing_is_one() -> None:
    assert mean_ratio(np.zeros(3), np.zeros(3)).value == 1
    assert mean_ratio(np.ones(3), np.zeros(3)).value == math.inf
    with pytest.raises(InputError):
        quantile_ratio(np.ones(3), np.ones(3), 1.5)


@pytest.mark.parametrize("n", [30, 100, 1_000])
@pytest.mark.parametrize("spread", [0.5, 1.0])
def test_the_errors_of_both_questions(n: int, spread: float) -> None:
    """Log-normal times that share half their variance; the candidate is at the limit exactly."""
    rng, runs = np.random.default_rng(n), 1_200
    wrong = np.zeros(4)
    for _ in range(runs):
        shared = rng.normal(0, spread * 0.7, n)
        x, y = (np.exp(shared + rng.normal(0, spread * 0.7, n)) for _ in range(2))
        tail = quantile_shortfall(1.2 * y, x, 0.95, 1.2).bounds(0.9)
        centre = mean_shortfall(1.2 * y, x, 1.2).bounds(0.9)
        wrong += (tail[0] > 0, tail[1] < 0, centre[0] > 0, centre[1] < 0)
    assert (wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)).all()
