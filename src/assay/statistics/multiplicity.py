"""Several questions asked of the same cases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.errors import InputError


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values in the order given (Holm 1979).

    Rejecting those at most α keeps the chance of any false rejection at most α, however the
    questions depend on each other. Raises InputError for what is not a probability.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise InputError("a p-value lies outside 0 to 1")
    order = np.argsort(p_values, kind="stable")
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[int(at)]))
        adjusted[int(at)] = largest
    return adjusted


def simultaneous(confidence: float, count: int) -> float:
    """The level for each of ``count`` intervals that hold all at once at ``confidence`` (Bonferroni).

    Holm has no intervals of use that match it: those for what it does not reject are these.
    """
    if count < 1:
        raise InputError("at least one interval is needed")
    return 1 - (1 - confidence) / count
