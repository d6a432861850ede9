"""The mean of scores, one for each case, with its interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.bounds import score_bounds, skewed_bounds
from assay.statistics.moments import Clusters, Floats, Moments, codes, floats, moments
from assay.statistics.proportions import proportion


def mean(
    values: Sequence[float] | Floats,
    *,
    clusters: Clusters | None = None,
    within: tuple[float, float] | None = (0.0, 1.0),
    confidence: float = 0.95,
    unscored: int = 0,
) -> Estimate:
    """The mean of ``values`` with the interval that suits them; ``method`` says which.

    ``clusters`` names for each value what it shares with others (the document it came from):
    values are independent between clusters only. ``within`` gives the least and the largest value
    that can occur, None where there is none (seconds, money). Values that are 0 or 1 get
    Wilson's interval, others within a range its generalisation, clustered ones that with the
    effective number of cases, values without a range Student's, widened for skewness.

    Values that are all equal still have an interval where there is a range (the rule of
    three); without one it has no width, and a single value or cluster has an infinite one.
    Raises InputError without values, or for one that is not finite or outside the range.
    """
    array = floats(values)
    groups = codes(clusters, array.size)
    if within is None:
        return _unbounded(moments(array, groups), confidence, unscored)
    low, high = within
    if not low < high:
        raise InputError(f"the range {low:g} to {high:g} is empty")
    if array.min() < low - 1e-9 or array.max() > high + 1e-9:
        raise InputError(f"a value lies outside {low:g} to {high:g}; name the right range, or None")
    unit = np.clip((array - low) / (high - low), 0.0, 1.0)
    if groups is None and bool(((unit == 0) | (unit == 1)).all()):
        found = proportion(int(unit.sum()), unit.size, confidence=confidence)
        ends, method = (found.low, found.high), found.method
    else:
        of = moments(unit, groups)
        ends, method = score_bounds(of, confidence), _named("Wilson score interval, estimated variance", of)
        if of.variance == 0:
            method = "rule of three: all values equal"
    first, last = (low + end * (high - low) for end in ends)
    return Estimate(float(array.mean()), first, last, array.size, unscored, at_level(method, confidence))


def _unbounded(of: Moments, confidence: float, unscored: int) -> Estimate:
    low, high = skewed_bounds(of, confidence)
    method = _named("Student's t, widened for skewness", of)
    if of.groups == 1:
        method = "one value: no interval" if of.n == 1 else "one cluster: no interval"
    elif of.variance == 0:
        method = "all values equal: no spread to estimate"
    return Estimate(of.mean, low, high, of.n, unscored, at_level(method, confidence))


def _named(method: str, of: Moments) -> str:
    return method if of.groups == of.n else f"{method}, {of.groups} clusters (CR2)"


def at_level(method: str, confidence: float) -> str:
    """The method's name, with the level where it is not 95 %."""
    return method if confidence == 0.95 else f"{method}, {100 * confidence:g} %"
