"""Resampling cases, all resamples at once, from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.special import ndtr, ndtri

from assay.statistics.moments import Codes, Floats

Statistic: TypeAlias = Callable[[Floats], Floats]
DRAWS = 2_000


def weights(n: int, *, groups: Codes | None = None, draws: int = DRAWS, seed: int = 0) -> Floats:
    """How often each of n cases is drawn: draws × n; whole groups are drawn where there are any."""
    count = n if groups is None else int(groups.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=draws)
    return np.asarray(drawn if groups is None else drawn[:, groups], dtype=np.float64)


def resampled(rows: Floats, statistic: Statistic, *, groups: Codes | None = None, draws: int = DRAWS) -> Floats:
    """A statistic of the column sums of ``rows`` (cases × columns), for each resample.

    ``statistic`` takes sums (resamples × columns) and returns one value for each; resamples
    for which it is not defined (NaN) are left out.
    """
    found = statistic(weights(len(rows), groups=groups, draws=draws) @ rows)
    return np.asarray(found[np.isfinite(found)], dtype=np.float64)


def bca(
    rows: Floats, statistic: Statistic, *, groups: Codes | None = None, confidence: float = 0.95, draws: int = DRAWS
) -> tuple[float, float]:
    """The BCa interval (Efron 1987) of a statistic of column sums; the jackknife leaves a group out.

    NaN at both ends where the statistic is defined for no resample.
    """
    observed = float(statistic(rows.sum(0, keepdims=True))[0])
    found = resampled(rows, statistic, groups=groups, draws=draws)
    if found.size == 0:
        return float("nan"), float("nan")
    parts = rows if groups is None else _summed(rows, groups)
    left = statistic(parts.sum(0, keepdims=True) - parts)
    left = left[np.isfinite(left)]
    away = left.mean() - left if left.size else np.zeros(1)
    scale = float((away**2).sum()) ** 1.5
    skew = float((away**3).sum()) / (6 * scale) if scale > 0 else 0.0
    below = float((found < observed - 1e-12).mean() + (np.abs(found - observed) <= 1e-12).mean() / 2)
    shift = float(ndtri(min(max(below, 0.5 / found.size), 1 - 0.5 / found.size)))
    tails = shift + ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    levels = ndtr(shift + tails / np.maximum(1e-9, 1 - skew * tails))
    low, high = np.quantile(found, levels)
    return float(low), float(high)


def _summed(rows: Floats, groups: Codes) -> Floats:
    out = np.zeros((int(groups.max()) + 1, rows.shape[1]))
    np.add.at(out, groups, rows)
    return out
