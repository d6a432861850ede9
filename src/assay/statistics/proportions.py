"""Shares of a count, with intervals."""

from __future__ import annotations

import math

from scipy.special import betaincinv

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.bounds import normal_quantile, wilson


def proportion(k: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """k of n with Wilson's score interval (Wilson 1927).

    It covers at its level on average over shares, not at each of them: k is a whole number.
    Raises InputError unless 0 ≤ k ≤ n and n > 0.
    """
    _check(k, n)
    quantile = normal_quantile((1 + confidence) / 2)
    low, high = wilson(k / n, quantile * quantile / n)
    return Estimate(k / n, low, high, n, 0, "Wilson score interval")


def clopper_pearson(k: int, n: int, *, confidence: float = 0.95) -> Estimate:
    """k of n with Clopper and Pearson's interval (1934): never below its level, often above."""
    _check(k, n)
    tail = (1 - confidence) / 2
    low = float(betaincinv(k, n - k + 1, tail)) if k else 0.0
    return Estimate(k / n, low, binomial_upper(k, n, tail), n, 0, "Clopper-Pearson interval")


def binomial_upper(k: int, n: int, delta: float) -> float:
    """The largest rate that k in n do not contradict at confidence ``1 - delta``.

    Clopper and Pearson's one-sided bound.
    """
    if n == 0 or k >= n:
        return 1.0
    return float(betaincinv(k + 1, n - k, 1 - delta))


def _check(k: float, n: int) -> None:
    if n <= 0 or not 0 <= k <= n or not math.isfinite(k):
        raise InputError(f"{k} of {n} is not a share")
