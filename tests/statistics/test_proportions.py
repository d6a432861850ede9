from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from assay.errors import InputError
from assay.statistics.proportions import binomial_upper, clopper_pearson, proportion


@given(st.integers(0, 60), st.integers(1, 60))
def test_both_intervals_are_scipy_s(k: int, n: int) -> None:
    k = min(k, n)
    for ours, name in ((proportion, "wilson"), (clopper_pearson, "exact")):
        found, wanted = ours(k, n), binomtest(k, n).proportion_ci(0.95, method=name)
        assert found.low == pytest.approx(wanted.low, abs=1e-9)
        assert found.high == pytest.approx(wanted.high, abs=1e-9)


def test_newcombe_s_example() -> None:
    assert round(proportion(15, 148).low, 4) == 0.0624
    assert round(proportion(15, 148).high, 4) == 0.1605


def test_the_upper_bound_is_where_the_tail_is_delta() -> None:
    assert binom.cdf(7, 90, binomial_upper(7, 90, 0.05)) == pytest.approx(0.05)
    assert binomial_upper(0, 59, 0.05) == pytest.approx(0.0495, abs=1e-3)
    assert binomial_upper(5, 5, 0.05) == 1


@pytest.mark.parametrize(("k", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share(k: int, n: int) -> None:
    with pytest.raises(InputError):
        proportion(k, n)
