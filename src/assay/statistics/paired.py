"""Two systems on the same cases: how far apart, how surely, and what these cases could have shown."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, ndtr, stdtr

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.bounds import normal_quantile
from assay.statistics.contrast import EQUAL, Contrast, contrast, standard_error
from assay.statistics.means import at_level
from assay.statistics.moments import Clusters, Floats, floats

_FEW = 30
_FLIPS = 9_999
_EXACT = 12
_MOST = 10**6
_SCEPTICAL = 0.8


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidate less baseline. ``p_value`` is two-sided, of no difference, by ``test``.

    ``detectable`` is the smallest true difference that these cases would have shown at 5 %
    with probability 80 %; ``higher``, ``lower`` and ``equal`` count cases.
    """

    difference: Estimate
    p_value: float
    test: str
    detectable: float
    higher: int
    lower: int
    equal: int


def compare(
    candidate: Sequence[float] | Floats,
    baseline: Sequence[float] | Floats,
    *,
    clusters: Clusters | None = None,
    span: float | None = 1.0,
    confidence: float = 0.95,
    unscored: int = 0,
) -> Comparison:
    """Compare two systems' scores, given in the same order of cases.

    ``span`` is the largest difference possible (1 for scores in [0, 1], None for money or
    seconds); ``unscored`` counts the cases left out because a side has no score. Raises
    InputError where the two differ in length.
    """
    of = contrast(paired_differences(candidate, baseline), clusters=clusters, span=span)
    p_value, test = no_difference(of)
    d = of.differences
    higher, lower = int((d > 1e-12).sum()), int((d < -1e-12).sum())
    difference = estimate(of, confidence=confidence, unscored=unscored)
    return Comparison(difference, p_value, test, detectable(of), higher, lower, d.size - higher - lower)


def paired_differences(candidate: Sequence[float] | Floats, baseline: Sequence[float] | Floats) -> Floats:
    """Candidate less baseline, case by case."""
    first, second = floats(candidate, "candidate"), floats(baseline, "baseline")
    if first.size != second.size:
        raise InputError(f"{first.size} scores of the candidate, {second.size} of the baseline; pair them by case")
    return np.asarray(first - second, dtype=np.float64)


def estimate(of: Contrast, *, confidence: float = 0.95, unscored: int = 0) -> Estimate:
    """The mean difference with its interval."""
    low, high = of.bounds(confidence)
    value = float(of.differences.mean())
    return Estimate(value, low, high, of.differences.size, unscored, at_level(of.method, confidence))


def no_difference(of: Contrast) -> tuple[float, str]:
    """The two-sided p-value of no difference, and the test's name.

    McNemar's for differences of -1, 0 and 1 without clusters, exact below 25 discordant
    pairs; below 30 clusters the sign of each cluster's sum is flipped (all ways up to 12
    clusters that differ, else 9,999 drawn with a fixed seed); Student's t otherwise.
    """
    d = of.differences
    if of.groups is None and bool(np.isin(d, (-1.0, 0.0, 1.0)).all()):
        return mcnemar(int((d > 0).sum()), int((d < 0).sum()))
    if not np.any(d):
        return 1.0, "no case differs"
    if of.of.groups < _FEW:
        sums = d if of.groups is None else np.bincount(of.groups, d)
        return _flipped(sums[sums != 0]), "sign flips"
    error = math.sqrt(of.of.variance)
    if error == 0:
        return _flipped(d), "sign flips"
    return float(2 * stdtr(of.of.df, -abs(of.of.mean) / error)), "paired t"


def mcnemar(higher: int, lower: int) -> tuple[float, str]:
    """McNemar's test from the two counts of discordant pairs: exact below 25 of them (no mid-p)."""
    total = higher + lower
    if total < 25:
        p_value = min(1.0, 2 * float(bdtr(min(higher, lower), total, 0.5))) if total else 1.0
        return p_value, "McNemar, exact"
    return float(2 * ndtr(-abs(higher - lower) / math.sqrt(total))), "McNemar"


def detectable(of: Contrast, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest true mean difference found at two-sided ``alpha`` with probability ``power``."""
    error = max(standard_error(of, alpha=alpha / 2, upper=upper) for upper in (False, True))
    return (normal_quantile(1 - alpha / 2) + normal_quantile(power)) * error


def needed(of: Contrast, *, null: float = 0.0, alpha: float = 0.05, power: float = 0.8) -> int | None:
    """How many MORE cases like these would settle on which side of ``null`` the mean lies.

    Settled means that a one-sided bound at ``alpha`` excludes ``null``, either way, once the new
    cases have joined these. The true mean is not known to be the observed one, so the chance
    of that is predictive (Spiegelhalter, Abrams and Myles 2004, 6.5), with a sceptical prior:
    normal around ``null``, its spread twice the standard error, about what these cases could
    just have shown. Observed means overstate, and the prior takes a fifth off. The least number
    that brings the chance to ``power`` is taken. Where the observed mean lies at ``null`` that
    is about 50 times as many.

    Differences that are all equal tell no spread: then it is how many settle it if they go on
    being equal. None if the spread is unknown (one case or one cluster), or a million would not do.
    """
    if of.of.variance == 0 and of.signs is None:
        return _if_equal(of, null, alpha)
    n = of.differences.size
    distance = float(of.differences.mean()) - null
    error = standard_error(of, alpha=alpha, upper=distance < 0)
    if not math.isfinite(error):
        return None
    if error == 0:
        return 1
    t, z = abs(distance) / error, normal_quantile(1 - alpha)

    def settled(more: int) -> bool:
        total = n + more
        middle = t * (n + _SCEPTICAL * more) / total
        spread = more / total * math.sqrt(_SCEPTICAL + n / more)
        bar = z * math.sqrt(n / total)
        return float(ndtr((middle - bar) / spread) + ndtr((-middle - bar) / spread)) >= power

    high = 1
    while not settled(high):
        if high >= _MOST:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high


def _if_equal(of: Contrast, null: float, alpha: float) -> int | None:
    """By the rule of three, with as many cases in a group as there are now."""
    mean, groups = float(of.differences.mean()), of.of.groups
    if of.bare:
        return EQUAL - groups
    if of.span is None or mean == null:
        return None
    share = abs(mean - null) / (of.span + (mean if mean > null else -mean))
    total = math.log(alpha) / math.log1p(-share) if share < 1 else 1.0
    more = math.ceil((math.floor(total) + 1 - groups) * of.differences.size / groups)
    return max(1, more) if more <= _MOST else None


def _flipped(sums: Floats) -> float:
    if sums.size == 0:
        return 1.0
    observed = abs(float(sums.sum())) - 1e-9
    if sums.size <= _EXACT:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=sums.size)))
        return float((np.abs(signs @ sums) >= observed).mean())
    signs = np.random.default_rng(0).integers(0, 2, (_FLIPS, sums.size)) * 2.0 - 1.0
    return float((1 + (np.abs(signs @ sums) >= observed).sum()) / (_FLIPS + 1))
