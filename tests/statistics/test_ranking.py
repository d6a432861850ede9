from __future__ import annotations

import numpy as np
import pytest

from assay.errors import InputError
from assay.statistics.ranking import auroc


def test_delong_against_every_pair() -> None:
    rng = np.random.default_rng(0)
    up, down = np.round(rng.normal(1, 1, 40), 1), np.round(rng.normal(0, 1, 30), 1)
    wins = (up[:, None] > down[None]) + 0.5 * (up[:, None] == down[None])
    found = auroc(up, down)
    assert found.value == pytest.approx(wins.mean())
    variance = wins.mean(1).var(ddof=1) / 40 + wins.mean(0).var(ddof=1) / 30
    logit = np.log(found.value / (1 - found.value))
    half = 1.959964 * np.sqrt(variance) / (found.value * (1 - found.value))
    assert found.low == pytest.approx(1 / (1 + np.exp(-(logit - half))), abs=1e-6)
    assert found.high == pytest.approx(1 / (1 + np.exp(-(logit + half))), abs=1e-6)


def test_coverage() -> None:
    rng, inside = np.random.default_rng(1), 0
    for _ in range(2_000):
        found = auroc(rng.normal(1, 1, 50), rng.normal(0, 1, 50))
        inside += found.low <= 0.7602 <= found.high  # the normal distribution function at 1/√2
    assert 0.93 <= inside / 2_000 <= 0.97


def test_perfect_separation_still_has_an_interval_and_one_side_has_none() -> None:
    assert auroc([0.9, 0.8], [0.1, 0.2]).low < 0.3
    with pytest.raises(InputError):
        auroc([], [0.5])
