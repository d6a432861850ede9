from __future__ import annotations

import time

import numpy as np
import pytest

from assay.errors import InputError
from assay.statistics.anytime import traffic
from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.detection import Forecast, mean_forecast, rate_forecast
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.traffic import CAP, Values, costs, errors


def _median(test: RateTest | MeanTest, values: Values, share: float, requests: int) -> float:
    trial = traffic.tried(
        test, values, share=share, requests=requests, needed=threshold(0.05), calm=True, runs=300, seed=3
    )
    return float(np.median(trial.canary))


@pytest.mark.parametrize(
    ("test", "control", "canary", "share", "requests"),
    [
        (RateTest("above"), 0.05, 0.1, 0.1, 10_000),
        (RateTest("above"), 0.02, 0.08, 0.5, 2_000),
        (RateTest("below", margin=0.05), 0.05, 0.05, 0.1, 8_000),
        (RateTest("above", margin=-0.1), 0.8, 0.8, 0.5, 4_000),
    ],
)
def test_a_rate_is_foreseen_as_it_comes(
    test: RateTest, control: float, canary: float, share: float, requests: int
) -> None:
    foreseen = rate_forecast(test, control=control, canary=canary, share=share)
    assert foreseen.median is not None
    assert foreseen.median == pytest.approx(_median(test, errors(control, canary), share, requests), rel=0.25)
    assert test == RateTest(test.alternative, test.margin)


@pytest.mark.parametrize(
    ("test", "times", "share", "requests"),
    [
        (MeanTest("above", 0, CAP), 2.0, 0.1, 5_000),
        (MeanTest("below", 0, CAP, ratio=1.2), 1.0, 0.5, 6_000),
    ],
)
def test_a_mean_is_foreseen_as_it_comes(test: MeanTest, times: float, share: float, requests: int) -> None:
    calm = np.zeros((1, 20_000))
    live = costs(1.0)(np.random.default_rng(4), calm, calm > 1)[0]
    foreseen = mean_forecast(test, values=live.tolist(), factor=times, share=share)
    assert foreseen.median is not None
    assert foreseen.median == pytest.approx(_median(test, costs(times), share, requests), rel=0.25)


def test_what_cannot_be_decided_in_time_is_said_quickly() -> None:
    began = time.process_time()
    foreseen = rate_forecast(RateTest("below", margin=0.001), control=0.05, canary=0.05, share=0.1, within=5000)
    assert time.process_time() - began < 1.5
    assert foreseen.median is None
    assert foreseen.late is None
    assert foreseen.requests(0.1) is None
    assert foreseen.decided <= 0.2


def test_a_forecast_is_the_same_every_time_and_says_the_traffic() -> None:
    first, second = (rate_forecast(RateTest("above"), control=0.01, canary=0.2, share=0.25) for _ in range(2))
    assert first == second
    assert first.median is not None
    assert first.late is not None
    assert first.median <= first.late
    assert Forecast(30, 50, 1.0, 100).requests(0.1) == 300


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.3, 0.5, 0.7, 0.99, 0.9999])
def test_every_share_has_a_forecast(share: float) -> None:
    rate = rate_forecast(RateTest("above"), control=0.01, canary=0.5, share=share, within=3000)
    mean = mean_forecast(MeanTest("above", 0, 1), values=[0.1, 0.2, 0.3], shift=0.5, share=share, within=3000)
    assert rate.median is not None
    assert mean.median is not None


def test_wrong_expectations_are_refused() -> None:
    with pytest.raises(InputError, match="not both rates"):
        rate_forecast(RateTest("above"), control=1.5, canary=0.1, share=0.1)
    with pytest.raises(InputError, match="without traffic"):
        rate_forecast(RateTest("above"), control=0.1, canary=0.1, share=1.0)
    with pytest.raises(InputError, match="sample of the live arm"):
        mean_forecast(MeanTest("above", 0, 1), values=[], share=0.1)
    with pytest.raises(InputError, match="nothing can be decided"):
        rate_forecast(RateTest("above"), control=0.1, canary=0.1, share=0.1, within=0)
