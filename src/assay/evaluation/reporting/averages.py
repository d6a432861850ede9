"""A mean over cases, with the range that its kind of value has, and a quantile."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

from assay.errors import InputError
from assay.evaluation.scoring import Kind
from assay.scores import Estimate
from assay.statistics.means import mean


def average(kind: Kind, values: Sequence[float], groups: Sequence[str], *, unscored: int = 0) -> Estimate:
    """The mean of ``values`` of one kind, clustered by ``groups``. Raises InputError without values."""
    # A scorer from elsewhere may call something a share that is none: it is still shown, as a plain quantity.
    share = kind == "share" and min(values, default=0.0) >= 0 and max(values, default=0.0) <= 1
    found = mean(values, clusters=groups, within=(0.0, 1.0) if share else None, unscored=unscored)
    # No time and no price is below 0, whatever a wide interval says.
    return replace(found, low=max(0.0, found.low)) if kind in ("milliseconds", "dollars") else found


def quantile(values: Sequence[float], level: float, groups: Sequence[str]) -> Estimate:
    """A quantile; its interval holds every x that the share of values up to x does not contradict.

    That is the test of a share inverted (Woodruff 1952, with the interval that ``mean`` gives a share), so that
    it needs no density and knows of clusters. An end is infinite where too few values lie beyond the quantile
    to tell: a maximum bounds nothing. Raises InputError without values, or for a level outside 0 to 1.
    """
    if not values or not 0 < level < 1:
        raise InputError(f"no quantile {level:g} of {len(values)} values")
    ordered = sorted(values)

    def share(x: float) -> Estimate:
        return mean([float(value <= x) for value in values], clusters=groups)

    first = bisect_left(ordered, True, key=lambda x: share(x).high >= level)
    last = bisect_left(ordered, True, key=lambda x: share(x).low > level)
    return Estimate(
        value=ordered[math.ceil(level * len(ordered)) - 1],
        low=-math.inf if share(-math.inf).high >= level else ordered[first],
        high=ordered[last] if last < len(ordered) else math.inf,
        n=len(ordered),
        unscored=0,
        method=f"p{100 * level:g}, inverting the {share(ordered[0]).method}",
    )
