"""How long a guard will take: what to expect before a rollout starts.

The guard's own test is run on made-up traffic some hundred times, with a fixed seed. So that long
waits are foreseen quickly, as the runs grow longer the bettors learn and are looked at ever more
rarely (every 3 %).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from assay.errors import InputError
from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.blocks import shape
from assay.statistics.anytime.cuts import cut
from assay.statistics.anytime.evidence import threshold
from assay.statistics.anytime.paths import Floats, MeanPaths, RatePaths

RUNS = 160
_GROWTH = 0.03
_LATE = 0.9
_POOL = 4096
_LARGEST = 200


@dataclass(frozen=True, slots=True)
class Forecast:
    """Canary values until the decision, at the median and in all but 10 % of the runs; None: not ``within`` that many.

    ``decided`` is the share of runs that came to the decision within ``within`` canary values.
    """

    median: int | None
    late: int | None
    decided: float
    within: int

    def requests(self, share: float) -> int | None:
        """The traffic of both arms that brings the median, for a canary at ``share``."""
        return None if self.median is None else math.ceil(self.median / share)


def rate_forecast(
    test: RateTest, *, control: float, canary: float, share: float, alpha: float = 0.05, within: int = 20_000
) -> Forecast:
    """When ``test`` (unused; it says the question) decides, for these true rates of the arms.

    Raises InputError for what is not a rate, or a share outside (0, 1).
    """
    if not (0 <= control <= 1 and 0 <= canary <= 1):
        raise InputError(f"{control:g} and {canary:g} are not both rates")
    n_a, n_b = ratio(share)
    paths = RatePaths(test, RUNS)

    def step(generator: np.random.Generator, merged: int) -> Floats:
        sizes = np.full(RUNS, merged * n_a), np.full(RUNS, merged * n_b)
        bad = generator.binomial(sizes[0], control), generator.binomial(sizes[1], canary)
        return paths.add(bad[0].astype(np.float64), sizes[0], bad[1].astype(np.float64), sizes[1])

    return _run(step, n_b, alpha, within)


def mean_forecast(
    test: MeanTest,
    *,
    values: Sequence[float],
    factor: float = 1.0,
    shift: float = 0.0,
    share: float,
    alpha: float = 0.05,
    within: int = 20_000,
) -> Forecast:
    """When ``test`` decides, for a canary whose values are those of the live arm times ``factor`` plus ``shift``.

    ``values`` is a sample of the live arm, drawn from again and again; values beyond the test's
    bounds are clipped as in the test. Raises InputError without values.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0 or not np.all(np.isfinite(sample)):
        raise InputError("a forecast needs a sample of the live arm's values, each a finite number")
    least = shape(share)
    # Beyond this the rarer arm alone says how long it takes.
    share = min(0.995, max(0.005, share))
    generator = np.random.default_rng(20_212)
    canary = generator.random((1, math.ceil(_POOL / min(share, 1 - share)))) < share
    drawn = sample[generator.integers(0, sample.size, canary.shape)]
    inside = np.clip(np.where(canary, factor * drawn + shift, drawn), test.low, test.high)
    blocks = cut(canary, least, dealt=True)
    moments = [arm[:, :, 0] for arm in blocks.moments((inside - test.low) / (test.high - test.low))]
    paths = MeanPaths(test, RUNS)

    def step(generator: np.random.Generator, merged: int) -> Floats:
        at = generator.integers(0, moments[0].shape[1], (merged, RUNS))
        return paths.add(moments[0][:, at], moments[1][:, at])

    return _run(step, float(moments[1][0].mean()), alpha, within)


def ratio(share: float) -> tuple[int, int]:
    """Control and canary values in a block when the arms keep their ratio exactly."""
    shape(share)
    if share <= 0.5:
        return min(_LARGEST, round((1 - share) / share)), 1
    return 1, min(_LARGEST, round(share / (1 - share)))


def _run(step: Callable[[np.random.Generator, int], Floats], n_b: float, alpha: float, within: int) -> Forecast:
    last = int(within / n_b)
    if last < 1:
        raise InputError(f"nothing can be decided within {within} values")
    needed = threshold(alpha)
    generator = np.random.default_rng(20_211)
    blocks, found = 0, np.full(RUNS, math.inf)
    while blocks < last and np.isinf(found).sum() > (1 - _LATE) * RUNS:
        merged = min(1 + int(_GROWTH * blocks), last - blocks)
        blocks += merged
        found[(step(generator, merged) >= needed) & np.isinf(found)] = blocks * n_b
    ordered = np.sort(found)
    median, late = (ordered[math.ceil(quantile * RUNS) - 1] for quantile in (0.5, _LATE))
    return Forecast(_count(median), _count(late), float(np.isfinite(found).mean()), within)


def _count(value: float) -> int | None:
    return int(value) if math.isfinite(value) else None
