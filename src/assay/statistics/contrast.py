"""Differences between two systems on the same cases: their mean, its bounds, its tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from assay.errors import InputError
from assay.statistics.bounds import normal_quantile, score_bounds, skewed_bounds, unseen
from assay.statistics.moments import Clusters, Codes, Floats, Moments, codes, floats, moments
from assay.statistics.proportions import clopper_pearson

EQUAL = 5
"""Differences without a range that are all equal have no spread to go by: fewer groups of them show nothing."""
_SPARSE = 0.5
_ALIKE = 0.1
"""The correlation in a document supposed for a kind of change that no case shows; binary events of one in ten
have about this where what is behind them correlates by .3."""
_PRIOR = 0.2
"""Less than for a mean alone: of two parts that are joined, one too short is made up for by the other."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """Differences, ready to be asked at any level.

    ``span`` is the largest size a difference can have (1 for scores in [0, 1]), None where
    there is none. ``gains`` and ``losses`` are there where most differences are 0. ``signs``
    holds how many differ upwards and downwards where the sign test is to be exact.
    """

    differences: Floats
    groups: Codes | None
    span: float | None
    of: Moments
    gains: Moments | None
    losses: Moments | None
    signs: tuple[int, int] | None = None

    @property
    def bare(self) -> bool:
        """Whether the differences are all equal, have no range, and are too few to be evidence."""
        return self.span is None and self.of.variance == 0 and self.of.groups < EQUAL

    @property
    def method(self) -> str:
        if self.signs is not None:
            return "sign test, exact"
        if self.bare:
            return f"all differences equal, fewer than {EQUAL}: no interval"
        if self.of.variance == 0:
            return "rule of three: all differences equal" if self.span else "all differences equal: no spread"
        name = "paired t, widened for skewness" if self.gains is None else "gains and losses by Wilson score, MOVER"
        return name if self.groups is None else f"{name}, {self.of.groups} clusters (CR2)"

    def bounds(self, confidence: float = 0.95, *, one_end: bool = False) -> tuple[float, float]:
        """Both ends of the interval for the mean difference.

        ``one_end``: only one of them will be used, so each must hold with half of what is left of ``confidence``.
        A kind of change that no case shows can be missed at one end alone: an interval of both may give it all.
        """
        unshown = (1 + confidence) / 2 if one_end else confidence
        if self.signs is not None:
            return _signed(self.signs, self.of.groups, confidence)
        if self.gains is not None and self.losses is not None and self.span is not None:
            low, high = _mover(self.of, self.gains, self.losses, confidence, unshown)
            return max(-1.0, low) * self.span, min(1.0, high) * self.span
        if self.span is None:
            return (-math.inf, math.inf) if self.bare else skewed_bounds(self.of, confidence)
        low, high = skewed_bounds(self.of, confidence)
        if self.of.variance == 0:
            share = unseen(self.of.groups, unshown)
            low, high = (self.of.mean + share * (end - self.of.mean) for end in (-self.span, self.span))
        return max(-self.span, low), min(self.span, high)

    def below(self, null: float) -> float:
        """The one-sided p-value of a mean of at least ``null``: small where the mean is lower."""
        return self._tail(null, upper=True)

    def above(self, null: float) -> float:
        """The one-sided p-value of a mean of at most ``null``: small where the mean is higher."""
        return self._tail(null, upper=False)

    def _tail(self, null: float, *, upper: bool) -> float:
        """The least α whose one-sided bound excludes ``null``; by bisection, 1 down to 1e-9."""
        side = 1 if upper else 0
        low, high = math.log(1e-9), math.log(0.499)

        def excluded(alpha: float) -> bool:
            end = self.bounds(1 - 2 * alpha, one_end=True)[side]
            return end < null if upper else end > null

        if not excluded(math.exp(high)):
            return 1.0
        while high - low > 1e-4:
            middle = (low + high) / 2
            low, high = (low, middle) if excluded(math.exp(middle)) else (middle, high)
        return math.exp(high)


def contrast(
    differences: Sequence[float] | Floats, *, clusters: Clusters | None = None, span: float | None = 1.0
) -> Contrast:
    """Differences, one for each case, with what their intervals need.

    Where differences are bounded and at least half of them are 0 (binary scores, small
    changes), gains and losses get an interval each, joined by MOVER (Newcombe 1998, Zou and
    Donner 2008): a t-interval misses there because the rare values set its width. Raises
    InputError for a difference beyond ``span``.
    """
    array = floats(differences, "differences")
    groups = codes(clusters, array.size)
    if span is not None and (span <= 0 or float(np.abs(array).max()) > span * (1 + 1e-9)):
        raise InputError(f"a difference is larger than {span:g}, the largest there can be; name the right span")
    if span is None or float((np.abs(array) < 1e-12).mean()) < _SPARSE:
        return Contrast(array, groups, span, moments(array, groups), None, None)
    unit = np.clip(array / span, -1.0, 1.0)
    gains, losses = moments(np.maximum(unit, 0.0), groups), moments(np.maximum(-unit, 0.0), groups)
    return Contrast(array, groups, span, moments(unit, groups), gains, losses)


def exact_signs(of: Contrast, fewest: int = 25) -> Contrast:
    """The same differences, judged by their signs alone while fewer than ``fewest`` groups differ.

    The test of 0 is then exact if either sign is equally likely there (McNemar; a cluster's
    sign is its sum's); other means than 0 must not be asked of it.
    """
    sums = of.differences if of.groups is None else np.bincount(of.groups, of.differences)
    signs = int((sums > 1e-12).sum()), int((sums < -1e-12).sum())
    return replace(of, signs=signs) if sum(signs) < fewest else of


def _signed(signs: tuple[int, int], groups: int, confidence: float) -> tuple[float, float]:
    total = sum(signs)
    if total == 0:
        share = unseen(groups, confidence)
        return -share, share
    found = clopper_pearson(signs[0], total, confidence=confidence)
    return (2 * found.low - 1) * total / groups, (2 * found.high - 1) * total / groups


def _mover(of: Moments, gains: Moments, losses: Moments, confidence: float, unshown: float) -> tuple[float, float]:
    """An interval for a difference from one for each part, with the parts' correlation."""
    if not math.isfinite(of.variance):
        return -1.0, 1.0
    gain_low, gain_high = _part(gains, losses, confidence, unshown)
    loss_low, loss_high = _part(losses, gains, confidence, unshown)
    product = math.sqrt(gains.variance * losses.variance)
    together = (gains.variance + losses.variance - of.variance) / (2 * product) if product > 0 else 0.0
    together = max(-1.0, min(1.0, together))
    down, up = gains.mean - gain_low, loss_high - losses.mean
    low = of.mean - math.sqrt(max(0.0, down * down + up * up - 2 * together * down * up))
    up, down = gain_high - gains.mean, losses.mean - loss_low
    return low, of.mean + math.sqrt(max(0.0, up * up + down * down - 2 * together * up * down))


def _part(of: Moments, other: Moments, confidence: float, unshown: float) -> tuple[float, float]:
    """The interval of the gains or of the losses alone.

    Where only the other kind was seen, documents are taken to agree on it as little as rare
    events do, not wholly: their number alone would count 30 cases for 15.
    """
    if of.variance > 0:
        # Not fewer degrees of freedom than n - 1 would be too bold at one end: a gate asks one end.
        return score_bounds(replace(of, score_df=min(of.score_df, of.n - 1.0)), confidence, prior=_PRIOR)
    if other.variance <= 0:
        share = unseen(of.groups, unshown)
        return of.mean * (1 - share), of.mean + share * (1 - of.mean)
    return 0.0, unseen(of.n / (1 + _ALIKE * (of.widest - 1)), unshown)


def standard_error(of: Contrast, *, alpha: float, upper: bool) -> float:
    """The error that makes the one-sided bound at ``alpha`` a normal one; in the differences' unit."""
    end = of.bounds(1 - 2 * alpha, one_end=True)[1 if upper else 0]
    mean = float(of.differences.mean())
    return abs(end - mean) / normal_quantile(1 - alpha)
