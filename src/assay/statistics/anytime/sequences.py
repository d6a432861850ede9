"""Intervals that hold at all times at once, to be shown while a comparison runs.

An interval for a fixed number of values, looked at again and again, will miss the truth at some
time. A confidence sequence covers it at every time together with probability 1 - α.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.evidence import threshold

GRID = 1001
LEAST_BLOCKS = 50
"""Below this many an asymptotic interval would promise what it does not keep."""
TUNED_FOR = 1000
"""The number of values at which an asymptotic interval is tightest."""
_SAFE = 0.5


@dataclass(slots=True, eq=False)
class BettingSequence:
    """Mean of canary minus mean of control, for values in [low, high]; exact, whatever their distribution.

    Method: hedged betting (Waudby-Smith and Ramdas 2024, arXiv 2010.09686, theorem 3) on the
    blocks' differences of means, over a grid of 1,001 possible differences and rounded outwards.
    Values outside the bounds are clipped and counted. The difference is that between mean blocks,
    so what moves both arms does not enter.
    """

    low: float
    high: float
    alpha: float = 0.05
    clipped: int = 0
    n: int = 0
    _blocks: int = 0
    _total: float = 0.0
    _squares: float = 0.0
    _grid: NDArray[np.float64] = field(default_factory=lambda: np.linspace(-1, 1, GRID), repr=False)
    _above: NDArray[np.float64] = field(default_factory=lambda: np.zeros(GRID), repr=False)
    _below: NDArray[np.float64] = field(default_factory=lambda: np.zeros(GRID), repr=False)

    def __post_init__(self) -> None:
        threshold(self.alpha)
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(f"[{self.low:g}, {self.high:g}] does not bound anything")

    def add(self, block: Block) -> None:
        """Take one block of values."""
        gain = self._mean(block.canary) - self._mean(block.control)
        stake = self._stake()
        with np.errstate(divide="ignore"):
            up = np.minimum(stake, _SAFE / (self._grid + 1))
            down = np.minimum(stake, _SAFE / (1 - self._grid))
        self._above += np.log1p(up * (gain - self._grid))
        self._below += np.log1p(down * (self._grid - gain))
        self._blocks += 1
        self.n += len(block.control) + len(block.canary)
        self._total += gain
        self._squares += gain * gain

    def estimate(self, unscored: int = 0) -> Estimate | None:
        """The difference of the means with its interval; None before the first block. ``n`` values of both arms."""
        if not self._blocks:
            return None
        needed = math.log(2 / self.alpha)
        # The capital that bets upwards falls with the null, the other one rises: what is left is an interval.
        left = np.flatnonzero((self._above < needed) & (self._below < needed))
        width = self.high - self.low
        low, high = (float(self._grid[at]) * width for at in (max(0, left[0] - 1), min(GRID - 1, left[-1] + 1)))
        return Estimate(self._total / self._blocks * width, low, high, self.n, unscored, named("betting", self.alpha))

    def _mean(self, values: tuple[float, ...]) -> float:
        self.clipped += sum(not self.low <= value <= self.high for value in values)
        inside = math.fsum(min(self.high, max(self.low, value)) for value in values) / len(values)
        return (inside - self.low) / (self.high - self.low)

    def _stake(self) -> float:
        """Predictable plug-in: from past blocks, falling so that the interval shrinks at about 1/√t."""
        seen = self._blocks
        mean = self._total / (seen + 1)
        variance = (0.25 + max(0.0, self._squares - 2 * mean * self._total + seen * mean * mean)) / (seen + 1)
        return math.sqrt(2 * math.log(2 / self.alpha) / (variance * (seen + 1) * math.log(seen + 2)))


@dataclass(slots=True)
class AsymptoticSequence:
    """Difference and ratio of the arms' means, for values of any size such as costs and times.

    Method: asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv
    2103.06476) of the blocks' means, weighted by what a block tells; for the ratio, of canary - r ·
    control over all r (Fieller's way). It holds as the number of blocks grows, so there is none
    before 50. With lognormal costs of a spread of .6, 1 and 1.3 on the log scale the interval for
    the difference missed the truth at any time up to 500 blocks in 2.2, 4.8 and 7.5 % of 2,000
    runs, that for the ratio in 1.4, 2.8 and 4 %, where 5 % are allowed: show it, and decide by
    ``MeanTest``, whose error does not depend on the tail.
    """

    alpha: float = 0.05
    n: int = 0
    _blocks: int = 0
    _weight: float = 0.0
    _weight2: float = 0.0
    _sums: list[float] = field(default_factory=lambda: [0.0] * 7, repr=False)

    def __post_init__(self) -> None:
        threshold(self.alpha)

    def add(self, block: Block) -> None:
        """Take one block of values."""
        n_a, n_b = len(block.control), len(block.canary)
        a, b = math.fsum(block.control) / n_a, math.fsum(block.canary) / n_b
        weight = n_a * n_b / (n_a + n_b)
        square = weight * weight
        self._blocks += 1
        self.n += n_a + n_b
        self._weight += weight
        self._weight2 += square
        terms = (weight * a, weight * b, square * a, square * b, square * a * a, square * a * b, square * b * b)
        self._sums = [total + term for total, term in zip(self._sums, terms, strict=True)]

    def difference(self, unscored: int = 0) -> Estimate | None:
        """Mean of canary minus mean of control; None before 50 blocks."""
        if self._blocks < LEAST_BLOCKS:
            return None
        a, b, aa, ab, bb = self._moments()
        half = math.sqrt(max(0.0, aa - 2 * ab + bb) * self._factor()) / self._weight
        return Estimate(b - a, b - a - half, b - a + half, self.n, unscored, named("asymptotic", self.alpha))

    def ratio(self, unscored: int = 0) -> Estimate | None:
        """Mean of canary over mean of control; None before 50 blocks, or while the control's could be 0."""
        if self._blocks < LEAST_BLOCKS:
            return None
        a, b, aa, ab, bb = self._moments()
        factor = self._factor() / self._weight**2
        # (b - r·a)² ≤ factor · (bb - 2r·ab + r²·aa), a parabola in r that opens upwards where a is clear of 0.
        square, linear, constant = a * a - factor * aa, a * b - factor * ab, b * b - factor * bb
        if not (a > 0 and square > 0):
            return None
        root = math.sqrt(max(0.0, linear * linear - square * constant))
        low, high = (linear - root) / square, (linear + root) / square
        return Estimate(b / a, low, high, self.n, unscored, named("asymptotic", self.alpha))

    def _moments(self) -> tuple[float, float, float, float, float]:
        """Weighted means of control and canary, and the squared-weight sums of their residuals' products."""
        sum_a, sum_b, a2, b2, aa, ab, bb = self._sums
        a, b = sum_a / self._weight, sum_b / self._weight
        return (
            a,
            b,
            max(0.0, aa - 2 * a * a2 + a * a * self._weight2),
            ab - a * b2 - b * a2 + a * b * self._weight2,
            max(0.0, bb - 2 * b * b2 + b * b * self._weight2),
        )

    def _factor(self) -> float:
        return inflation(self._blocks, self.alpha)


def inflation(n: int, alpha: float) -> float:
    """How many times a sum's variance the square of its deviation may be, at all times at once.

    Robbins' normal mixture, tightest at ``TUNED_FOR`` values (2103.06476, theorem 2.2).
    """
    level = -2 * math.log(alpha)
    rho2 = (level + math.log(level + 1)) / TUNED_FOR
    scaled = n * rho2 + 1
    return scaled / (n * rho2) * math.log(scaled / alpha**2)


def named(method: str, alpha: float) -> str:
    """How an interval valid at any time is called in an Estimate."""
    return f"{method} confidence sequence, {100 * (1 - alpha):.4g} % at all times"
