"""Blocks of many runs at once, for simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from assay.statistics.anytime.paths import Floats, Ints


@dataclass(frozen=True, slots=True)
class Cut:
    """Blocks cut from many runs' logs, by how many values of each arm lie before each boundary: (blocks + 1, runs).

    As many blocks as the run with the fewest has. ``order`` sorts a run's log by arm: control
    first, each in its own order.
    """

    control: Ints
    canary: Ints
    order: Ints
    controls: Ints

    def moments(self, values: Floats) -> tuple[Floats, Floats]:
        """For values as they lie in the logs, by arm: number, sum and sum of squares, (3, blocks, runs)."""
        sorted_values = np.take_along_axis(values, self.order, axis=1)
        powers = [
            np.concatenate([np.zeros((len(values), 1)), np.cumsum(v, axis=1)], axis=1)
            for v in (sorted_values, sorted_values**2)
        ]
        arms = []
        for ends in (self.control, self.controls + self.canary):
            sums = [np.diff(np.take_along_axis(power, ends.T, axis=1), axis=1).T for power in powers]
            arms.append(np.array([np.diff(ends, axis=0).astype(np.float64), *sums]))
        return arms[0], arms[1]


def cut(canary: NDArray[np.bool_], least: tuple[int, int], *, dealt: bool = False) -> Cut:
    """``Blocks`` over many logs of one length, (runs, requests), true where the canary answered.

    ``dealt`` cuts each block further, as ``betting.dealt`` does.
    """
    runs, length = canary.shape
    order = np.argsort(canary, axis=1, kind="stable")
    controls = length - canary.sum(axis=1)
    ends = [(np.zeros(runs, dtype=np.int64), np.zeros(runs, dtype=np.int64))]
    counted = np.cumsum(canary, axis=1, dtype=np.int64)
    rows = np.arange(runs)
    while True:
        a, b = ends[-1][0] + least[0], ends[-1][1] + least[1]
        if np.any(a > controls) or np.any(b > length - controls):
            break
        closing = np.maximum(order[rows, a - 1], order[rows, controls + b - 1])
        until = counted[rows, closing]
        ends.append((closing + 1 - until, until))
    cut_a, cut_b = np.array([end[0] for end in ends]), np.array([end[1] for end in ends])
    if dealt:
        cut_a, cut_b = _dealt(cut_a, cut_b)
    return Cut(cut_a, cut_b, order, controls)


def _dealt(cut_a: Ints, cut_b: Ints) -> tuple[Ints, Ints]:
    sizes = np.diff(cut_a, axis=0), np.diff(cut_b, axis=0)
    parts = np.minimum(*sizes)
    fewest = int(parts.sum(axis=0).min())
    both = []
    for ends, size in zip((cut_a, cut_b), sizes, strict=True):
        finer = np.zeros((fewest + 1, ends.shape[1]), dtype=np.int64)
        for run in range(ends.shape[1]):
            count = parts[:, run]
            at = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
            bounds = np.repeat(ends[:-1, run], count) + (at + 1) * np.repeat(size[:, run], count) // np.repeat(
                count, count
            )
            finer[1:, run] = bounds[:fewest]
        both.append(finer)
    return both[0], both[1]
