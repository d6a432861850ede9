from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import bootstrap

from assay.statistics.bootstrap import bca, weights
from assay.statistics.moments import Floats


def _ratio(sums: Floats) -> Floats:
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def test_bca_is_scipy_s() -> None:
    x = np.random.default_rng(0).exponential(1, 60)
    rows = np.column_stack([x, np.ones(60)])
    found = bca(rows, _ratio, draws=20_000)
    wanted = bootstrap((x,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    assert found == pytest.approx((wanted.low, wanted.high), abs=0.02)


def test_groups_are_drawn_whole_and_the_seed_is_fixed() -> None:
    groups: NDArray[np.intp] = np.array([0, 0, 1, 2, 2, 2])
    drawn = weights(6, groups=groups, draws=50)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, 3] == drawn[:, 5]).all()
    assert (drawn[:, [0, 2, 3]].sum(1) == 3).all()
    assert (drawn == weights(6, groups=groups, draws=50)).all()


def test_clusters_of_copies_are_worth_one_case_each() -> None:
    x = np.random.default_rng(1).random(40)
    alone = bca(np.column_stack([x, np.ones(40)]), _ratio)
    copied = np.repeat(x, 5)
    rows = np.column_stack([copied, np.ones(200)])
    assert bca(rows, _ratio, groups=np.repeat(np.arange(40), 5)) == pytest.approx(alone)


def test_a_statistic_that_is_never_defined() -> None:
    low, high = bca(np.zeros((5, 2)), lambda sums: np.full(len(sums), np.nan))
    assert np.isnan(low)
    assert np.isnan(high)
