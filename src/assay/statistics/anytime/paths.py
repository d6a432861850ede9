"""Many runs of the tests at once, for simulation: what takes hours one by one takes seconds.

The same arithmetic as ``RateTest`` and ``MeanTest``, on arrays with one element a run. Nothing is
decided by these: they answer how long a decision would take, and how often it would be wrong.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.statistics.anytime import betting, binary
from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import RateTest

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]


def block_counts(generator: np.random.Generator, share: float, least: tuple[int, int], runs: int) -> tuple[Ints, Ints]:
    """How many values of control and canary a block holds, one block a run, where arms are drawn by ``share``."""
    control = np.full(runs, least[0], dtype=np.int64)
    canary = generator.negative_binomial(least[0], 1 - share, runs)
    short = np.flatnonzero(canary < least[1])
    if short.size:
        control[short] += generator.negative_binomial(least[1] - canary[short], share)
        canary[short] = least[1]
    return control, canary


class RatePaths:
    """``RateTest`` in many runs; ``test`` says the question and stays as it is."""

    def __init__(self, test: RateTest, runs: int) -> None:
        self.log_e: Floats = np.zeros(runs)
        self._test = test
        self._weights = np.array(binary.weights(test.alternative, test.margin, test.ratio))[:, None]
        self._capital: Floats = np.zeros((len(self._weights), runs))
        self._counts: Floats = np.zeros((4, runs))

    def add(self, control: Floats, control_n: Ints, canary: Floats, canary_n: Ints) -> Floats:
        """Take one block a run, as sums of outcomes and their number; the log evidence after it."""
        test = self._test
        bad_a, n_a, bad_b, n_b = self._counts
        rate_a = (bad_a + binary.PRIOR) / (n_a + 2 * binary.PRIOR)
        line = np.clip(test.ratio * rate_a + test.margin, 1e-9, 1 - 1e-9)
        times = np.array(binary.ODDS if test.alternative == "above" else [1 / odds for odds in binary.ODDS])[:, None]
        bets = [(bad_b + binary.PRIOR)[None] / (n_b + 2 * binary.PRIOR), times * line / (1 - line + times * line)]
        if len(self._weights) > 1 + len(binary.ODDS):
            bets.append(rate_a[None])
        rate_b: Floats = np.concatenate(bets)
        far = rate_b - (test.ratio * rate_a + test.margin)
        null_a = _nearest(rate_a, rate_b, control_n, canary_n, test)
        null_b = test.ratio * null_a + test.margin
        gain = control * np.log(rate_a / null_a) + (control_n - control) * np.log((1 - rate_a) / (1 - null_a))
        gain += canary * np.log(rate_b / null_b) + (canary_n - canary) * np.log((1 - rate_b) / (1 - null_b))
        self._capital += np.where(far > 0 if test.alternative == "above" else far < 0, gain, 0.0)
        self.log_e = _mixed(self._capital, self._weights)
        self._counts = self._counts + np.array([control, control_n, canary, canary_n])
        return self.log_e


def _nearest(rate_a: Floats, rate_b: Floats, n_a: Ints, n_b: Ints, test: RateTest) -> Floats:
    """``binary.nearest`` on arrays."""
    ratio, margin = test.ratio, test.margin
    if margin == 0 and ratio == 1:
        together: Floats = (n_a * rate_a + n_b * rate_b) / (n_a + n_b)
        return together
    low_end, high_end = binary.null_span(margin, ratio)
    other = (rate_b - margin) / ratio
    low = np.clip(np.minimum(rate_a, other), low_end + 1e-9, high_end - 1e-9)
    high = np.clip(np.maximum(rate_a, other), low_end + 1e-9, high_end - 1e-9)
    x: Floats = (low + high) / 2
    for _ in range(60):
        y = ratio * x + margin
        in_x, in_y = x * (1 - x), y * (1 - y)
        from_a, from_b = n_a * (x - rate_a), n_b * ratio * (y - rate_b)
        slope = from_a * in_y + from_b * in_x
        curve = n_a * in_y + n_b * ratio * ratio * in_x + from_a * ratio * (1 - 2 * y) + from_b * (1 - 2 * x)
        up = slope > 0
        low, high = np.where(up, low, x), np.where(up, x, high)
        new = x - slope / np.where(curve > 0, curve, 1.0)
        new = np.where((curve > 0) & (low <= new) & (new <= high), new, (low + high) / 2)
        done = bool(np.all(np.abs(new - x) <= 1e-16 + 1e-10 * np.minimum(np.minimum(x, 1 - x), np.minimum(y, 1 - y))))
        x = new
        if done:
            break
    return x


class MeanPaths:
    """``MeanTest`` in many runs, for values that are scaled to [0, 1] and clipped; ``test`` says the question.

    It is fed by the parts that ``betting.dealt`` cuts from a block.
    """

    def __init__(self, test: MeanTest, runs: int) -> None:
        self.log_e: Floats = np.zeros(runs)
        self._sign = 1 if test.alternative == "above" else -1
        self._ratio = test.ratio
        self._offset = (test.margin + (test.ratio - 1) * test.low) / (test.high - test.low)
        self._largest = -1 / test.worst()
        self._weights = np.log(np.array(betting.WEIGHTS))[:, None]
        self._capital: Floats = np.zeros((len(betting.WEIGHTS), runs))
        self._moments: Floats = np.zeros((2, 3, runs))

    def add(self, control: Floats, canary: Floats) -> Floats:
        """Take one block a run; each arm as (number, sum, sum of squares) by run. The log evidence after it.

        With an axis before that of the runs, so many blocks, all at the stakes of the first of them.
        """
        gain = self._sign * (canary[1] / canary[0] - self._ratio * control[1] / control[0] - self._offset)
        best = self._estimated(control[0], canary[0])
        for at, limit in enumerate((betting.BOLD, betting.CAREFUL)):
            self._capital[at] += _summed(np.log1p(np.minimum(best, limit * self._largest) * gain))
        for at, share in enumerate(betting.FIXED, 2):
            self._capital[at] += _summed(np.log1p(share * self._largest * gain))
        self.log_e = _mixed(self._capital, self._weights)
        self._moments = self._moments + np.array([[_summed(moment) for moment in arm] for arm in (control, canary)])
        return self.log_e

    def _estimated(self, n_a: Floats, n_b: Floats) -> Floats:
        (seen_a, total_a, squares_a), (seen_b, total_b, squares_b) = self._moments
        mean_a, mean_b = total_a / np.maximum(1, seen_a), total_b / np.maximum(1, seen_b)
        variance_a = (betting.PRIOR_VARIANCE + np.maximum(0, squares_a - total_a * mean_a)) / (seen_a + 1)
        variance_b = (betting.PRIOR_VARIANCE + np.maximum(0, squares_b - total_b * mean_b)) / (seen_b + 1)
        mean = self._sign * (mean_b - self._ratio * mean_a - self._offset) * seen_b / (seen_b + 1)
        best: Floats = np.maximum(0.0, mean / (variance_b / n_b + self._ratio**2 * variance_a / n_a + mean * mean))
        return best


def _mixed(capital: Floats, weights: Floats) -> Floats:
    mixed: Floats = np.logaddexp.reduce(capital + weights, axis=0)
    return mixed


def _summed(values: Floats) -> Floats:
    """By run, over the blocks before it where there are several."""
    return values if values.ndim == 1 else values.sum(axis=0)
