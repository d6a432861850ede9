"""Made-up traffic on which the tests are tried: bursts and waves that hit both arms, skewed costs, slow tails.

For simulation only. Arrays are (runs, requests); a canary answered where ``canary`` is true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.blocks import shape
from assay.statistics.anytime.cuts import cut
from assay.statistics.anytime.exceedance import Exceedance, quantile_limit
from assay.statistics.anytime.paths import Floats, Ints, MeanPaths, RatePaths

Bools: TypeAlias = NDArray[np.bool_]
Values: TypeAlias = Callable[[np.random.Generator, Floats, Bools], Floats]

BURST = 50
WAVE = 700
CAP = 12.0
_CHUNK = 4_000_000


def waves(generator: np.random.Generator, runs: int, requests: int, *, calm: bool = False) -> Floats:
    """What both arms feel at each request: bursts of some 50 requests upon a slow wave, variance 1; 0 when ``calm``."""
    if calm:
        return np.zeros((runs, requests))
    at = np.arange(requests)
    starts = generator.random((runs, requests)) < 1 / BURST
    last = np.maximum.accumulate(np.where(starts, at, 0), axis=1)
    burst = np.take_along_axis(generator.normal(size=(runs, requests)), last, axis=1)
    wave = np.sin(2 * np.pi * (at / WAVE + generator.random((runs, 1))))
    together: Floats = 0.8 * burst + 0.6 * np.sqrt(2) * wave
    return together


def errors(control: float, canary_rate: float, *, swing: float = 0.6) -> Values:
    """1 where the answer failed, at these rates on a calm day; a burst multiplies the odds of both."""

    def values(generator: np.random.Generator, felt: Floats, canary: Bools) -> Floats:
        odds = control / (1 - control) * np.exp(swing * felt)
        # The difference stays as it is at every moment, so that a null about it does too.
        rate = np.minimum(1.0, odds / (1 + odds) + np.where(canary, canary_rate - control, 0.0))
        return (generator.random(canary.shape) < rate).astype(np.float64)

    return values


def slow(times: float, *, ratio: float = 1.0, quantile: float = 0.95, history: int = 200) -> Values:
    """1 where an answer was slower than the limit of ``history`` earlier ones; the canary takes ``times`` as long."""

    def values(generator: np.random.Generator, felt: Floats, canary: Bools) -> Floats:
        seconds = np.exp(0.6 * generator.normal(size=canary.shape) + 0.3 * felt) * np.where(canary, times, 1.0)
        before = np.exp(0.6 * generator.normal(size=(len(canary), history)))
        limits = [Exceedance(quantile_limit(run.tolist(), quantile), ratio) for run in before]
        limit, allowed = (
            np.array(column)[:, None]
            for column in zip(*((one.limit, one.limit * one.ratio) for one in limits), strict=True)
        )
        return (seconds > np.where(canary, allowed, limit)).astype(np.float64)

    return values


def costs(times: float) -> Values:
    """Most answers cheap, one in ten some eight times as dear; the canary's ``times`` that, none above the cap."""

    def values(generator: np.random.Generator, felt: Floats, canary: Bools) -> Floats:
        cheap = generator.gamma(2.0, 0.2, canary.shape)
        dear = np.exp(1.0 + 0.7 * generator.normal(size=canary.shape))
        cost = np.where(generator.random(canary.shape) < 0.1, dear, cheap) * np.exp(0.2 * felt)
        together: Floats = np.minimum(cost, CAP / max(1.0, times)) * np.where(canary, times, 1.0)
        return together

    return values


def quality(worse: float) -> Values:
    """A judge's score: graded, or for one question in three right or wrong; lower by ``worse`` in the canary."""

    def values(generator: np.random.Generator, felt: Floats, canary: Bools) -> Floats:
        mean = 0.7 + 0.15 * ndtr(felt) - np.where(canary, worse, 0.0)
        graded = generator.beta(6 * mean, 6 * (1 - mean))
        right = generator.random(canary.shape) < mean
        together: Floats = np.where(generator.random(canary.shape) < 1 / 3, right, graded)
        return together

    return values


@dataclass(frozen=True, slots=True)
class Trial:
    """When a test decided, in each of many runs: canary values and requests until then, infinite where it did not."""

    canary: Floats
    requests: Floats

    @property
    def rate(self) -> float:
        """The share of runs in which it decided at all."""
        return float(np.isfinite(self.canary).mean())


def tried(
    test: RateTest | MeanTest,
    values: Values,
    *,
    share: float,
    requests: int,
    needed: float,
    runs: int = 2000,
    calm: bool = False,
    seed: int = 7,
) -> Trial:
    """Run ``test`` on traffic, looked at after every request; ``needed`` is the log evidence that decides."""
    generator = np.random.default_rng(seed)
    trials = []
    left = runs
    while left:
        size = min(left, max(1, _CHUNK // requests))
        left -= size
        canary = generator.random((size, requests)) < share
        drawn = values(generator, waves(generator, size, requests, calm=calm), canary)
        trials.append(crossing(test, canary, drawn, shape(share), needed))
    return Trial(*(np.concatenate([getattr(trial, name) for trial in trials]) for name in ("canary", "requests")))


def crossing(test: RateTest | MeanTest, canary: Bools, values: Floats, least: tuple[int, int], needed: float) -> Trial:
    """When ``test`` reached ``needed`` on these logs, in blocks of at least ``least`` values."""
    blocks = cut(canary, least, dealt=isinstance(test, MeanTest))
    found = np.full(len(canary), -1)
    for at, log_e in enumerate(evidence(test, blocks.moments(scaled(test, values)), len(canary))):
        found[(log_e >= needed) & (found < 0)] = at + 1
    rows = np.arange(len(canary))
    seen_a, seen_b = blocks.control[found, rows], blocks.canary[found, rows]
    never = found < 0
    return Trial(np.where(never, np.inf, seen_b), np.where(never, np.inf, seen_a + seen_b))


def evidence(test: RateTest | MeanTest, moments: tuple[Floats, Floats], runs: int) -> list[Floats]:
    """The log evidence after each block."""
    a, b = moments
    if isinstance(test, RateTest):
        rates = RatePaths(test, runs)
        counts = a[0].astype(np.int64), b[0].astype(np.int64)
        return [rates.add(a[1, at], counts[0][at], b[1, at], counts[1][at]) for at in range(a.shape[1])]
    means = MeanPaths(test, runs)
    return [means.add(a[:, at], b[:, at]) for at in range(a.shape[1])]


def scaled(test: RateTest | MeanTest, values: Floats) -> Floats:
    """Values as the test's paths take them."""
    if isinstance(test, RateTest):
        return values
    together: Floats = (np.clip(values, test.low, test.high) - test.low) / (test.high - test.low)
    return together


def visits(generator: np.random.Generator, runs: int, requests: int, users: int) -> Ints:
    """Who asks at each request: users who appear over time, and come back, some of them often."""
    asked = np.empty((runs, requests), dtype=np.int64)
    for run in range(runs):
        appears = np.sort(generator.random(users)) * 0.9 * requests
        activity = np.cumsum(np.exp(1.2 * generator.normal(size=users)))
        known = np.maximum(1, np.searchsorted(appears, np.arange(requests)))
        asked[run] = np.searchsorted(activity, generator.random(requests) * activity[known - 1])
    return asked


def votes(keys: Ints, *logs: NDArray[Any]) -> list[NDArray[Any]]:
    """Each log with only the first entry of every key, as long as the run with the fewest allows."""
    first = np.zeros(keys.shape, dtype=np.bool_)
    for run, row in enumerate(keys):
        first[run, np.unique(row, return_index=True)[1]] = True
    kept = np.argsort(~first, axis=1, kind="stable")[:, : first.sum(axis=1).min()]
    return [np.take_along_axis(log, kept, axis=1) for log in logs]
