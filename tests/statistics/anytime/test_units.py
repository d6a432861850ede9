from __future__ import annotations

import numpy as np
import pytest

from assay.statistics.anytime import traffic
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.units import Units


def test_a_unit_votes_once() -> None:
    units = Units()
    assert [units.admit(user) for user in ("a", "b", "a", "c", "b")] == [True, True, False, True, False]
    assert len(units) == 3


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_users_who_come_back_break_a_count_of_requests_but_not_one_of_users(share: float) -> None:
    """6 % of the users fail nearly always, in either arm: the canary is as good as the control."""
    runs, users = 150, 400
    generator = np.random.default_rng(41)
    asked = traffic.visits(generator, runs, 4000, users)
    fails = np.where(generator.random((runs, users)) < 0.06, 0.8, 0.002)
    failed = (generator.random(asked.shape) < np.take_along_axis(fails, asked, axis=1)).astype(float)
    canary = np.take_along_axis(generator.random((runs, users)), asked, axis=1) < share
    once = traffic.votes(asked, canary, failed)
    rates = [
        traffic.crossing(RateTest("above"), log[0], log[1], (1, 1), threshold(0.05)).rate
        for log in ([canary, failed], once)
    ]
    assert rates[0] > 0.1
    assert rates[1] <= 0.05
