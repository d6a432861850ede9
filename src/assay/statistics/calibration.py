"""Whether a probability means what it says: reliability bins and the expected calibration error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.bootstrap import weights
from assay.statistics.means import at_level
from assay.statistics.moments import Clusters, Codes, Floats, codes, floats
from assay.statistics.proportions import proportion


@dataclass(frozen=True, slots=True)
class Bin:
    """Cases whose probability lies in (low, high]: its mean, and the share that came true."""

    low: float
    high: float
    predicted: float
    observed: Estimate


def reliability(
    probabilities: Sequence[float] | Floats, outcomes: Sequence[bool] | Floats, *, bins: int = 10
) -> tuple[Bin, ...]:
    """Bins of equal width; empty ones are left out. Raises InputError for what is no probability."""
    p, y = _checked(probabilities, outcomes)
    at = _places(p, bins)
    found = []
    for i in np.unique(at):
        inside = at == i
        share = proportion(int(y[inside].sum()), int(inside.sum()))
        found.append(Bin(i / bins, (i + 1) / bins, float(p[inside].mean()), share))
    return tuple(found)


def calibration_error(
    probabilities: Sequence[float] | Floats,
    outcomes: Sequence[bool] | Floats,
    *,
    clusters: Clusters | None = None,
    bins: int = 10,
    confidence: float = 0.95,
) -> Estimate:
    """The expected calibration error, Σ (nb/n)·|share - mean probability| over bins of equal width.

    Even a perfect forecaster has one above 0, from chance within bins; ``value`` keeps that, as
    the measure is defined. The interval is one for the error without chance: a bootstrap adds
    the same chance a second time, so its lower end comes down by twice the mean excess. The
    excess is less where every gap is wide, so the upper end comes down once only; the interval
    errs on the wide side. Clusters are drawn whole.
    """
    p, y = _checked(probabilities, outcomes)
    at = _places(p, bins)
    value = float(_error(np.ones((1, p.size)), p - y, at, bins)[0])
    groups: Codes | None = codes(clusters, p.size)
    drawn = _error(weights(p.size, groups=groups), p - y, at, bins)
    excess = float(drawn.mean()) - value
    tail = (1 - confidence) / 2
    low, high = (float(end) for end in np.quantile(drawn, [tail, 1 - tail]))
    low, high = max(0.0, low - 2 * max(0.0, excess)), high - max(0.0, excess)
    low, high = min(value, low), max(value, high)
    method = at_level(f"expected calibration error, {bins} bins, bootstrap corrected for its excess", confidence)
    return Estimate(value, low, high, p.size, 0, method)


def _error(drawn: Floats, gaps: Floats, at: Codes, bins: int) -> Floats:
    member = np.zeros((gaps.size, bins))
    member[np.arange(gaps.size), at] = gaps
    return np.asarray(np.abs(drawn @ member).sum(1) / drawn.sum(1), dtype=np.float64)


def _places(p: Floats, bins: int) -> Codes:
    return np.asarray(np.clip(np.ceil(p * bins) - 1, 0, bins - 1), dtype=np.intp)


def _checked(probabilities: Sequence[float] | Floats, outcomes: Sequence[bool] | Floats) -> tuple[Floats, Floats]:
    p, y = floats(probabilities, "probabilities"), floats(np.asarray(outcomes, dtype=np.float64), "outcomes")
    if p.size != y.size:
        raise InputError(f"{p.size} probabilities for {y.size} outcomes; give both for each case")
    if p.min() < 0 or p.max() > 1 or not np.isin(y, (0.0, 1.0)).all():
        raise InputError("a probability lies outside 0 to 1, or an outcome is neither true nor false")
    return p, y
