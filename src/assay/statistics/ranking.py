"""How well a score ranks: the area under the ROC curve."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.bounds import normal_quantile
from assay.statistics.moments import Floats


def auroc(
    positives: Sequence[float] | Floats, negatives: Sequence[float] | Floats, *, confidence: float = 0.95
) -> Estimate:
    """The probability that a positive scores above a negative, ties counting half.

    The interval is DeLong's (DeLong, DeLong and Clarke-Pearson 1988) on the logit scale. Where
    the two separate wholly his variance is 0; the bound is then Clopper and Pearson's for the
    smaller group, all of which was ranked right. Raises InputError if either side is empty.
    """
    if len(positives) == 0 or len(negatives) == 0:
        raise InputError("AUROC needs at least one positive and one negative")
    above, below = placements(positives, negatives), 1 - placements(negatives, positives)
    value, n = float(above.mean()), len(above) + len(below)
    variance = _variance(above) / len(above) + _variance(below) / len(below)
    tail = (1 - confidence) / 2
    if not 0 < value < 1 or variance == 0:
        slack = 1 - tail ** (1 / min(len(above), len(below)))
        return Estimate(value, max(0.0, value - slack), min(1.0, value + slack), n, 0, "Clopper-Pearson bound")
    logit = math.log(value / (1 - value))
    half = normal_quantile(1 - tail) * math.sqrt(variance) / (value * (1 - value))
    return Estimate(value, float(expit(logit - half)), float(expit(logit + half)), n, 0, "DeLong, logit scale")


def placements(of: Sequence[float] | Floats, among: Sequence[float] | Floats) -> Floats:
    """For each value the share of ``among`` that is below it, ties counting half."""
    ordered = np.sort(np.asarray(among, dtype=np.float64))
    values = np.asarray(of, dtype=np.float64)
    found = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    return np.asarray(found / (2 * ordered.size), dtype=np.float64)


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1)) if values.size > 1 else 0.0
