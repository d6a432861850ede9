"""The mean of a sample, its standard error and the degrees of freedom, with or without clusters."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Codes: TypeAlias = NDArray[np.intp]
Clusters: TypeAlias = Sequence[Hashable] | NDArray[Any]
_USUAL = 10


@dataclass(frozen=True, slots=True)
class Moments:
    """What an interval for a mean is made of.

    ``n`` values in ``groups`` independent groups (n of them where nothing is clustered),
    ``variance`` the squared standard error of the mean, ``df`` its degrees of freedom,
    ``skew`` the skewness of the standardised mean, ``differing`` the number of groups that
    hold a value other than the commonest, ``widest`` Σm²/n over groups of m values (1 where
    nothing is clustered), and ``score_df`` the degrees of freedom of a score interval for
    values in [0, 1], which knows part of their spread from their mean.
    """

    n: int
    groups: int
    mean: float
    variance: float
    df: float
    skew: float
    differing: int
    widest: float
    score_df: float


def floats(values: Sequence[float] | Floats, name: str = "values") -> Floats:
    """The values as an array. Raises InputError where there is none, or one is not a finite number."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise InputError(f"{name}: a mean needs at least one value")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: every value must be a finite number; count what is missing as unscored")
    return array


def codes(clusters: Clusters | None, n: int) -> Codes | None:
    """Clusters as numbers from 0, or None where every case is a cluster of its own."""
    if clusters is None:
        return None
    if len(clusters) != n:
        raise InputError(f"{len(clusters)} clusters for {n} values; give one for each value")
    if isinstance(clusters, np.ndarray) and clusters.dtype.kind in "iu":
        found: Codes = np.unique(clusters, return_inverse=True)[1]
    else:
        seen: dict[Hashable, int] = {}
        found = np.array([seen.setdefault(cluster, len(seen)) for cluster in clusters], dtype=np.intp)
    return None if int(found.max()) + 1 == n else found


def moments(values: Floats, groups: Codes | None = None) -> Moments:
    """Mean and standard error of values that are independent between groups.

    Clustered, the error is CR2 (Bell and McCaffrey 2002), Σ(rg²/(1 - ng/n))/n² with rg the sum
    of a group's residuals, and the degrees of freedom are Satterthwaite's under a model of
    equal correlation within groups that is fitted to the data (Imbens and Kolesár 2016).
    """
    n = values.size
    mean = float(values.mean())
    residuals = values - mean
    # Equal values have residuals of rounding: without this they would seem to have a spread.
    residuals[np.abs(residuals) <= 1e-12 * max(1e-100, float(np.abs(values).max()))] = 0.0
    moved = np.abs(values - np.median(values)) > 1e-12
    spread = _of_spread(values, mean)
    if groups is None:
        squares = float(residuals @ residuals)
        variance = squares / (n * (n - 1)) if n > 1 else math.inf
        score_df = 1 / max(spread, 1e-9)
        return Moments(n, n, mean, variance, n - 1.0, _skewness(residuals), int(moved.sum()), 1.0, score_df)
    sizes = np.bincount(groups).astype(np.float64)
    differing = int((np.bincount(groups, moved) > 0).sum())
    if sizes.size == 1:
        return Moments(n, 1, mean, math.inf, 0.0, 0.0, differing, float(n), 0.0)
    sums: Floats = np.asarray(np.bincount(groups, residuals), dtype=np.float64)
    weights = 1 / (1 - sizes / n)
    variance = float((sums * sums * weights).sum()) / (n * n)
    df = _satterthwaite(sizes, weights, _correlation(residuals, groups, sizes))
    widest = float(sizes @ sizes) / n
    # What clusters cost beyond independent values they cost the score interval too.
    score_df = 1 / max(spread + 1 / df - 1 / (n - 1), 1e-9)
    return Moments(n, int(sizes.size), mean, variance, df, _skewness(sums), differing, widest, score_df)


def _of_spread(values: Floats, mean: float) -> float:
    """1/df of what the variance of values in [0, 1] adds to their mean's error, that mean being known.

    The variance is μ(1 - μ) - E[x(1 - x)]: for values of 0 and 1 it is known with the mean, for
    values of a narrow normal law this is 1/n. Few values tell it badly: as many as ``_USUAL``
    are supposed to have told 1/(n - 1), Student's.
    """
    usual, n = 1 / max(1, values.size - 1), values.size
    if values.min() < 0 or values.max() > 1:
        return usual
    curved, variance = values * (1 - values), float(values.var())
    if not curved.any():
        return 0.0
    if variance < 1e-12:
        return usual
    rest = curved - float(curved.mean()) * (1 - 2 * mean) / (mean * (1 - mean)) * values
    found = min(1.0, float(rest.var()) / (2 * variance * variance * n))
    return (n * found + _USUAL * usual) / (n + _USUAL)


def _skewness(sums: Floats) -> float:
    """Of the mean of independent sums of residuals."""
    largest = float(np.abs(sums).max())
    if largest == 0:
        return 0.0
    unit = sums / largest
    return float((unit**3).sum()) / math.pow(float(unit @ unit), 1.5)


def _correlation(residuals: Floats, groups: Codes, sizes: Floats) -> float:
    """The correlation of two values of one group, by analysis of variance, not below 0."""
    n, count = residuals.size, sizes.size
    means = np.bincount(groups, residuals) / sizes
    between = float((sizes * means * means).sum()) / (count - 1)
    within = float(((residuals - means[groups]) ** 2).sum()) / max(1, n - count)
    excess = max(0.0, (between - within) / ((n - float((sizes * sizes).sum()) / n) / (count - 1)))
    return excess / (excess + within) if excess + within > 0 else 0.0


def _satterthwaite(sizes: Floats, weights: Floats, correlation: float) -> float:
    """tr(M)²/tr(M²), M the weighted covariance of the groups' sums of residuals; in O(groups)."""
    n = float(sizes.sum())
    share = sizes / n
    own = sizes * (1 - correlation) + correlation * sizes * sizes
    total = float(own.sum())
    cross = -2 * share * own + share * share * total
    a, b, c = (float((weights * x).sum()) for x in (share * share, share * own, own * own))
    trace = float((weights * (own + cross)).sum())
    squares = float((weights * weights * own * (own + 2 * cross)).sum())
    squares += 2 * a * c + 2 * b * b - 4 * total * a * b + total * total * a * a
    return max(1.0, trace * trace / squares)
