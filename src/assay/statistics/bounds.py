"""From moments to the two ends of an interval."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit

from assay.statistics.moments import Moments

_PRIOR = 0.45


def normal_quantile(level: float) -> float:
    return NormalDist().inv_cdf(level)


def t_quantile(df: float, level: float) -> float:
    return float(stdtrit(df, level))


def unseen(groups: float, confidence: float) -> float:
    """The share of groups that may differ although none of these did (the rule of three, exactly)."""
    return float(1 - (1 - confidence) ** (1 / groups))


def t_bounds(of: Moments, confidence: float) -> tuple[float, float]:
    """Student's interval."""
    if not math.isfinite(of.variance):
        return -math.inf, math.inf
    half = t_quantile(of.df, (1 + confidence) / 2) * math.sqrt(of.variance)
    return of.mean - half, of.mean + half


def skewed_bounds(of: Moments, confidence: float) -> tuple[float, float]:
    """Student's interval with the skewness taken out by a monotone cubic (Hall 1992, JRSS B 54).

    With κ the skewness of the standardised mean, T + κT²/3 + κ²T³/27 + κ/6 has a symmetric law
    to second order; its inverse is closed. It does a studentised bootstrap's work without drawing.
    Each end is the farther of that and Student's: the skewness is estimated too, and where a
    heavy symmetric tail looks skewed by chance, the correction alone is too bold.
    """
    if not math.isfinite(of.variance) or abs(of.skew) < 1e-6:
        return t_bounds(of, confidence)
    quantile, error = t_quantile(of.df, (1 + confidence) / 2), math.sqrt(of.variance)

    def back(value: float) -> float:
        return 3 / of.skew * (float(np.cbrt(1 + of.skew * (value - of.skew / 6))) - 1)

    low, high = t_bounds(of, confidence)
    return min(low, of.mean - error * back(quantile)), max(high, of.mean - error * back(-quantile))


def score_bounds(of: Moments, confidence: float, *, prior: float = _PRIOR) -> tuple[float, float]:
    """Wilson's interval for the mean of any values in [0, 1], clustered or not.

    The variance at a mean μ is taken as φμ(1 - μ), φ estimated: for binary values that is
    Wilson's interval, for clustered ones Wilson's at the effective number of cases (Korn and
    Graubard 1998) with Student's quantile, at the degrees of freedom that φ alone is worth:
    without clusters and with values of 0 and 1 it is 1, and nothing is estimated. It leans to
    the middle where the mean is near an end, which a t-interval does not, and so covers skewed
    and zero-inflated scores. Where few values differ from the rest, φ is drawn towards 1, its
    largest value without clusters, as if ``prior`` more of them had the largest spread.
    """
    spread = of.mean * (1 - of.mean)
    if not math.isfinite(of.variance):
        return 0.0, 1.0
    if spread <= 0 or of.variance <= 0:
        share = unseen(of.groups, confidence)
        return of.mean * (1 - share), of.mean + share * (1 - of.mean)
    quantile = t_quantile(of.score_df, (1 + confidence) / 2)
    return wilson(of.mean, quantile * quantile * _drawn(of, prior) / spread)


def _drawn(of: Moments, prior: float) -> float:
    at_most = of.mean * (1 - of.mean) / of.n
    if at_most <= of.variance:
        return of.variance
    seen, weight = max(1, of.differing), prior * (1 - of.differing / of.groups)
    return (of.variance * seen + weight * at_most) / (seen + weight)


def wilson(mean: float, spread: float) -> tuple[float, float]:
    """All μ with (mean - μ)² ≤ spread·μ(1 - μ)."""
    centre = (mean + spread / 2) / (1 + spread)
    half = math.sqrt(spread * mean * (1 - mean) + spread * spread / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
