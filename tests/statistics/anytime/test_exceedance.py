from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.statistics.anytime.exceedance import Exceedance, WarmUp, quantile_limit


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=80), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_limit_is_the_smallest_value_that_enough_do_not_exceed(values: list[float], quantile: float) -> None:
    limit = quantile_limit(values, quantile)
    assert limit in values
    assert sum(value <= limit for value in values) >= quantile * len(values) - 1e-9
    assert sum(value < limit for value in values) < quantile * len(values)


def test_the_limit_comes_once_when_the_warm_up_is_full() -> None:
    warm_up = WarmUp(20)
    limits = [warm_up.add(float(value)) for value in range(25)]
    assert limits == [None] * 19 + [18.0] + [None] * 5


def test_only_the_canary_is_allowed_the_ratio() -> None:
    slow = Exceedance(2.0, 1.25)
    assert [slow.outcome("control", 2.4), slow.outcome("canary", 2.4), slow.outcome("canary", 2.6)] == [1.0, 0.0, 1.0]


@pytest.mark.parametrize("limit", [0.5, 1.0, 2.0, 3.5])
def test_a_canary_slower_by_the_ratio_is_on_the_line_for_every_limit(limit: float) -> None:
    seconds = np.exp(0.6 * np.random.default_rng(1).normal(size=2000))
    slow = Exceedance(limit, 1.25)
    control = [slow.outcome("control", value) for value in seconds]
    assert control == [slow.outcome("canary", 1.25 * value) for value in seconds]


def test_what_gives_no_limit_is_refused() -> None:
    for values in ([], [1.0, float("inf")]):
        with pytest.raises(InputError, match="finite"):
            quantile_limit(values)
    with pytest.raises(InputError, match="quantile of 1 "):
        quantile_limit([1.0], 1.0)
    with pytest.raises(InputError, match="above 0"):
        Exceedance(0.0)
    with pytest.raises(InputError, match="at least one"):
        WarmUp(0)
