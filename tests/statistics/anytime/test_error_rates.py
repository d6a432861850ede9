"""How often a guard decides wrongly when it is looked at after every request: simulations with fixed seeds.

2,000 rollouts each. A canary as good as the control may be rolled back, and one that is worse by
exactly the margin promoted, in at most 5 % of them, in traffic that comes in bursts and waves
which hit both arms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from assay.statistics.anytime import traffic
from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.traffic import CAP, Values, costs, errors, quality, slow

ALPHA = 0.05
GUARDS = ("errors", "latency", "cost", "quality")
LONG = [(0.01, 30_000), (0.1, 12_000), (0.5, 6_000)]


@dataclass(frozen=True)
class Guard:
    """A question, and a canary that lies on its null's edge or, where that is asked for, beyond."""

    test: Callable[[], RateTest | MeanTest]
    values: Values


HARM = {
    "errors": Guard(lambda: RateTest("above"), errors(0.05, 0.05)),
    "latency": Guard(lambda: RateTest("above"), slow(1.0)),
    "cost": Guard(lambda: MeanTest("above", 0, CAP), costs(1.0)),
    "quality": Guard(lambda: MeanTest("below", 0, 1), quality(0.0)),
}
PROMOTION = {
    "errors": Guard(lambda: RateTest("below", margin=0.02), errors(0.05, 0.07)),
    "latency": Guard(lambda: RateTest("below"), slow(1.25, ratio=1.25)),
    "cost": Guard(lambda: MeanTest("below", 0, CAP, ratio=1.2), costs(1.2)),
    "quality": Guard(lambda: MeanTest("above", 0, 1, margin=-0.03), quality(0.03)),
}
BEYOND = {
    "errors": Guard(lambda: RateTest("below", margin=0.02), errors(0.05, 0.08)),
    "latency": Guard(lambda: RateTest("below"), slow(1.35, ratio=1.25)),
    "cost": Guard(lambda: MeanTest("below", 0, CAP, ratio=1.2), costs(1.3)),
    "quality": Guard(lambda: MeanTest("above", 0, 1, margin=-0.03), quality(0.04)),
}


def _rate(guard: Guard, share: float, requests: int, *, calm: bool = False, runs: int = 2000) -> float:
    trial = traffic.tried(
        guard.test(), guard.values, share=share, requests=requests, needed=threshold(ALPHA), calm=calm, runs=runs
    )
    return trial.rate


@pytest.mark.parametrize("name", GUARDS)
def test_an_equal_canary_is_seldom_rolled_back(name: str) -> None:
    assert _rate(HARM[name], 0.1, 2000) <= ALPHA


@pytest.mark.parametrize("name", GUARDS)
def test_a_canary_worse_by_the_margin_is_seldom_promoted(name: str) -> None:
    assert _rate(PROMOTION[name], 0.1, 2000) <= ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("calm", [True, False], ids=["steady", "bursts and waves"])
@pytest.mark.parametrize(("share", "requests"), LONG)
@pytest.mark.parametrize("name", GUARDS)
def test_harm_for_long(name: str, share: float, requests: int, calm: bool) -> None:
    assert _rate(HARM[name], share, requests, calm=calm) <= ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("calm", [True, False], ids=["steady", "bursts and waves"])
@pytest.mark.parametrize(("share", "requests"), LONG)
@pytest.mark.parametrize("name", GUARDS)
def test_promotion_for_long(name: str, share: float, requests: int, calm: bool) -> None:
    assert _rate(PROMOTION[name], share, requests, calm=calm) <= ALPHA
    assert _rate(BEYOND[name], share, requests, calm=calm, runs=500) <= ALPHA


def test_a_doubled_error_rate_is_found_within_300_canary_observations() -> None:
    trial = traffic.tried(
        RateTest("above"), errors(0.05, 0.1), share=0.1, requests=12_000, needed=threshold(ALPHA), calm=True, runs=400
    )
    assert np.median(trial.canary) <= 300
    assert trial.rate >= 0.99


def test_evidence_is_carried_across_stages_while_errors_rise_for_both_arms() -> None:
    """Pooled over the stages the canary looks far worse: most of its requests came late."""
    generator = np.random.default_rng(5)
    runs, requests = 500, 3000
    share = np.array([0.05, 0.25, 0.5])[np.arange(requests) * 3 // requests]
    canary = generator.random((runs, requests)) < share
    failed = (generator.random((runs, requests)) < np.linspace(0.02, 0.3, requests)).astype(float)
    pooled = (failed * canary).sum() / canary.sum() - (failed * ~canary).sum() / (~canary).sum()
    assert pooled > 0.04
    trial = traffic.crossing(RateTest("above"), canary, failed, (1, 1), threshold(ALPHA))
    assert trial.rate <= ALPHA
