"""Ratios of means and of quantiles of two systems on the same cases; for cost and latency.

A ratio is asked as a difference: the mean of the candidate is below r times the baseline's if
the mean of r·baseline - candidate is above 0 (Fieller 1954), and a quantile is if fewer than
as many of the candidate's values lie above the joint quantile once they are divided by r.
Intervals are the ratios that the same question does not exclude.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.contrast import Contrast, contrast, exact_signs
from assay.statistics.means import at_level
from assay.statistics.moments import Clusters, Floats

_WIDEST = math.log(1e4)


def mean_shortfall(candidate: Floats, baseline: Floats, limit: float, *, clusters: Clusters | None = None) -> Contrast:
    """``limit``·baseline - candidate: above 0 on average where the ratio of means is below the limit."""
    return contrast(limit * baseline - candidate, clusters=clusters, span=None)


def quantile_shortfall(
    candidate: Floats, baseline: Floats, quantile: float, limit: float, *, clusters: Clusters | None = None
) -> Contrast:
    """Whether the baseline exceeds the joint quantile and the candidate, divided by ``limit``, does not.

    1 where only the baseline does, -1 where only the candidate does: above 0 on average where
    the ratio of quantiles is below the limit. It needs no density, and with too few values in
    the tail it excludes nothing. Raises InputError unless 0 < quantile < 1.
    """
    if not 0 < quantile < 1:
        raise InputError(f"a quantile of {quantile:g} does not lie between 0 and 1")
    scaled = candidate / limit
    joint = float(np.quantile(np.concatenate([baseline, scaled]), quantile, method="inverted_cdf"))
    return exact_signs(contrast((baseline > joint) * 1.0 - (scaled > joint) * 1.0, clusters=clusters))


def mean_ratio(
    candidate: Floats,
    baseline: Floats,
    *,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
    unscored: int = 0,
) -> Estimate:
    """The candidate's mean over the baseline's, by Fieller's method; 1 where both are 0 in every case."""
    above, below = float(candidate.mean()), float(baseline.mean())
    if below == 0:
        method = "baseline 0 in every case"
        value = 1.0 if above == 0 else math.inf
        return Estimate(value, value if above == 0 else 0.0, value, candidate.size, unscored, method)
    value = above / below

    def ends(ratio: float) -> tuple[float, float]:
        return mean_shortfall(candidate, baseline, ratio, clusters=clusters).bounds(confidence)

    low, high = _kept(value, ends)
    return Estimate(value, low, high, candidate.size, unscored, at_level("Fieller, ratio of means", confidence))


def quantile_ratio(
    candidate: Floats,
    baseline: Floats,
    quantile: float = 0.95,
    *,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
    unscored: int = 0,
) -> Estimate:
    """The candidate's quantile over the baseline's; the interval is open (0, ∞) where the tail holds too few."""
    if not 0 < quantile < 1:
        raise InputError(f"a quantile of {quantile:g} does not lie between 0 and 1")
    above, below = (float(np.quantile(side, quantile, method="inverted_cdf")) for side in (candidate, baseline))
    method = at_level(f"ratio of {quantile:g} quantiles, inverted paired test", confidence)
    if below == 0 or above == 0:
        return Estimate(1.0 if above == below else above and math.inf, 0.0, math.inf, candidate.size, unscored, method)

    def ends(ratio: float) -> tuple[float, float]:
        return quantile_shortfall(candidate, baseline, quantile, ratio, clusters=clusters).bounds(confidence)

    low, high = _kept(above / below, ends)
    return Estimate(above / below, low, high, candidate.size, unscored, method)


def _kept(value: float, ends: Callable[[float], tuple[float, float]]) -> tuple[float, float]:
    """The least and the largest ratio that are not excluded, by bisection away from the observed one."""

    def last(direction: int, excluded: Callable[[float], bool]) -> float:
        near, far = 0.0, _WIDEST
        if not excluded(value * math.exp(direction * far)):
            return math.inf if direction > 0 else 0.0
        while far - near > 1e-5:
            middle = (near + far) / 2
            near, far = (near, middle) if excluded(value * math.exp(direction * middle)) else (middle, far)
        return value * math.exp(direction * far)

    high = last(1, lambda ratio: ends(ratio)[0] > 0) if value > 0 else math.inf
    low = last(-1, lambda ratio: ends(ratio)[1] < 0) if value > 0 else 0.0
    return low, high
