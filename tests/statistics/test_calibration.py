from __future__ import annotations

import numpy as np
import pytest

from assay.errors import InputError
from assay.statistics.calibration import calibration_error, reliability


def test_by_hand() -> None:
    # .2 and .2 (none true): gap .2 by half; .9 and .8 (one of two): in two bins, gaps .1 and .8 by a quarter.
    found = calibration_error([0.2, 0.2, 0.9, 0.8], [False, False, True, False])
    assert found.value == pytest.approx(0.5 * 0.2 + 0.25 * 0.1 + 0.25 * 0.8)
    bins = reliability([0.2, 0.2, 0.9, 0.8], [False, False, True, False])
    assert [(b.low, b.observed.n) for b in bins] == [(0.1, 2), (0.7, 1), (0.8, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.05, 0.1])
@pytest.mark.parametrize("n", [300, 1_000])
def test_the_interval_covers_the_error_without_chance(gap: float, n: int) -> None:
    rng, inside, runs = np.random.default_rng(n), 0, 300
    for _ in range(runs):
        p = (rng.integers(0, 8, n) + 0.5) / 10
        found = calibration_error(p, list(rng.random(n) < p + gap))
        inside += found.low <= gap <= found.high
    assert inside / runs >= 0.92


def test_a_perfect_forecaster_s_interval_reaches_0() -> None:
    rng = np.random.default_rng(5)
    p = rng.random(2_000)
    found = calibration_error(p, list(rng.random(2_000) < p))
    assert found.low < 0.01
    assert found.value < 0.05


@pytest.mark.parametrize(("p", "y"), [([1.2], [True]), ([0.5], [True, False]), ([0.5], [0.5])])
def test_what_is_no_forecast(p: list[float], y: list[bool]) -> None:
    with pytest.raises(InputError):
        calibration_error(p, y)
