"""Honest means of arms whose shares follow what was seen.

Under adaptive shares an arm's plain average is biased: an arm that was unlucky early gets few
users more, and stays unlucky. Weighting each value by one over the share it was drawn under
(inverse probability), around what was expected of it, removes that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.anytime.sequences import LEAST_BLOCKS, inflation, named


@dataclass(slots=True)
class WeightedArms:
    """Means of ``arms`` and their differences, from values drawn under logged shares.

    Method: augmented inverse probability weighting with the arms' past means as expectation, and
    the asymptotic confidence sequence of its scores (arXiv 2103.06476, theorem 2.5 for variances
    that change; adaptive shares as in 2210.10768). Add each unit once.
    """

    arms: tuple[str, ...]
    n: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    totals: dict[str, float] = field(default_factory=dict)
    _scores: list[float] = field(default_factory=list, repr=False)
    _products: list[list[float]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if len(self.arms) < 2 or len(set(self.arms)) < len(self.arms):
            raise InputError(f"the arms {self.arms} are not two or more different ones")
        self.counts = dict.fromkeys(self.arms, 0)
        self.totals = dict.fromkeys(self.arms, 0.0)
        self._scores = [0.0] * len(self.arms)
        self._products = [[0.0] * len(self.arms) for _ in self.arms]

    def add(self, arm: str, value: float, shares: Mapping[str, float]) -> None:
        """Take one unit's value, and the shares under which the unit was assigned.

        Raises InputError for an arm that is unknown or had no share, or a value that is not finite.
        """
        if arm not in self.counts or not 0 < shares.get(arm, 0.0) <= 1:
            raise InputError(f"a value of the arm {arm!r}, which had no share")
        if not math.isfinite(value):
            raise InputError(f"a value of {value} in the arm {arm!r}; leave out what has no value")
        scores = [self._expected(name) for name in self.arms]
        scores[self.arms.index(arm)] += (value - self._expected(arm)) / shares[arm]
        for row, score in enumerate(scores):
            self._scores[row] += score
            for column, other in enumerate(scores):
                self._products[row][column] += score * other
        self.n += 1
        self.counts[arm] += 1
        self.totals[arm] += value

    def mean(self, arm: str, *, alpha: float = 0.05) -> Estimate | None:
        """The mean that ``arm`` would have had with all users; None before 50 values."""
        at = self.arms.index(arm)
        return self._estimate(self._scores[at], self._products[at][at], alpha)

    def difference(self, arm: str, reference: str, *, alpha: float = 0.05) -> Estimate | None:
        """Mean of ``arm`` minus mean of ``reference``; None before 50 values."""
        i, j = self.arms.index(arm), self.arms.index(reference)
        products = self._products[i][i] - 2 * self._products[i][j] + self._products[j][j]
        return self._estimate(self._scores[i] - self._scores[j], products, alpha)

    def _estimate(self, total: float, squares: float, alpha: float) -> Estimate | None:
        if self.n < LEAST_BLOCKS:
            return None
        value = total / self.n
        half = math.sqrt(max(0.0, squares - total * value) * inflation(self.n, alpha)) / self.n
        return Estimate(value, value - half, value + half, self.n, 0, named("inverse-probability", alpha))

    def _expected(self, arm: str) -> float:
        """The arm's mean so far; that of all while it has none."""
        if self.counts[arm]:
            return self.totals[arm] / self.counts[arm]
        return math.fsum(self.totals.values()) / self.n if self.n else 0.0
