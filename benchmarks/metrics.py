"""Paired comparison of two systems on the same questions; measures of ranking are in evaluation.scorers.ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.scores import Estimate

T = TypeVar("T")


def distinct(documents: Sequence[str]) -> list[str]:
    """Documents in order of their first chunk."""
    return list(dict.fromkeys(documents))


def bootstrap(values: Sequence[float], *, seed: int = 0, draws: int = 5000) -> Estimate:
    """Mean with a percentile-bootstrap interval over the questions."""
    data = np.asarray(values, dtype=np.float64)
    means = _resampled_means(data, seed, draws)
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(data.mean()), float(low), float(high), len(data), 0, "bootstrap over questions, 95 %")


def paired(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> tuple[Estimate, float]:
    """Mean difference first − second with its interval, and the two-sided sign-flip permutation p."""
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    generator = np.random.default_rng(seed)
    flips = generator.choice([-1.0, 1.0], size=(10_000, len(difference)))
    null = np.abs((flips * difference).mean(axis=1))
    p = float((np.sum(null >= abs(difference.mean()) - 1e-12) + 1) / (len(null) + 1))
    return bootstrap(difference.tolist(), seed=seed), p


def holm(values: Sequence[float]) -> list[float]:
    """p-values adjusted for having made this many comparisons (Holm 1979), in the order given."""
    adjusted = [0.0] * len(values)
    largest = 0.0
    for position, at in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        largest = max(largest, min(1.0, (len(values) - position) * values[at]))
        adjusted[at] = largest
    return adjusted


def evenly(items: Sequence[T], limit: int | None) -> list[T]:
    """At most ``limit`` items, spread over the whole sequence; all when None."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[int(i * len(items) / limit)] for i in range(limit)]


def _resampled_means(data: NDArray[np.float64], seed: int, draws: int) -> NDArray[np.float64]:
    picks = np.random.default_rng(seed).integers(0, len(data), size=(draws, len(data)))
    return np.asarray(data[picks].mean(axis=1))
