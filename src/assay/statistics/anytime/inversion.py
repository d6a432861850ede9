"""The differences that a test does not exclude, at any time: an interval that agrees with the test.

Each margin of a grid is a null of its own, "the difference is at least m" and "at most m", tested as the
deciding test does it (``RateTest``, ``MeanTest``) on the same blocks, all margins at once. An end of the
interval is the outermost margin on its side whose null, and every one beyond it, has been rejected: rounded
outwards to the grid. The nulls are nested, so an end passes the truth only where the truth's own null, or the
next one inwards on the grid, is rejected: with a probability of at most α for each end, at all times together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.statistics.anytime.betting import BOLD, CAREFUL, FIXED, PRIOR_VARIANCE, WEIGHTS, dealt
from assay.statistics.anytime.binary import ODDS, PRIOR, Alternative, weights
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.evidence import threshold

Array: TypeAlias = NDArray[np.float64]
Gains: TypeAlias = Callable[[Alternative, Array, Array, Array], Array]
"""A test's log gains by bet, margin and bettor, of an alternative, margins, what was before each bet, and its own."""

STEPS = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.125, 0.15, 0.2, 0.25, 0.3)
FAR = (0.4, 0.5, 0.65, 0.8)
_WAVE = 4
_AT_ONCE = 64
_EDGE = 1e-9
_POLISH = 1


def margins(own: Sequence[float] = ()) -> Array:
    """The grid, with what the deciding tests ask of their ``own``; all within (-1, 1)."""
    near = (*STEPS, *FAR)
    return np.array(sorted({0.0, *near, *(-each for each in near), *(each for each in own if -1 < each < 1)}))


@dataclass(slots=True, eq=False)
class _Log:
    """What came so far: by bet what it is on, and what all bets before it were; ``ends`` are the bets that close a
    block."""

    now: Array
    past: Array
    ends: NDArray[np.intp]

    def add(self, bets: Array, ends: NDArray[np.intp]) -> None:
        start = self.past[-1] + self.now[-1] if len(self.now) else np.zeros(bets.shape[1])
        past = np.cumsum(np.vstack((start, bets)), axis=0)[:-1]
        self.ends = np.concatenate((self.ends, ends + len(self.now)))
        self.now, self.past = np.vstack((self.now, bets)), np.vstack((self.past, past))


@dataclass(slots=True, eq=False)
class _Side:
    """One alternative, at a wave of margins at a time, from the outermost inwards: those further in matter only when
    all beyond them are rejected, and are then tested on all blocks from the first."""

    alternative: Alternative
    grid: Array
    log_weights: Array
    bar: float
    gains: Gains
    rejected: NDArray[np.bool_]
    _waves: list[NDArray[np.intp]]
    _active: NDArray[np.intp]
    _capital: Array
    _seen: int = 0

    @classmethod
    def of(cls, alternative: Alternative, grid: Array, log_weights: Array, alpha: float, gains: Gains) -> _Side:
        inwards = np.arange(len(grid)) if alternative == "above" else np.arange(len(grid))[::-1]
        waves = [inwards[at : at + _WAVE] for at in range(0, len(grid), _WAVE)]
        rejected, capital = np.zeros(len(grid), dtype=bool), np.zeros((len(waves[0]), log_weights.shape[1]))
        return cls(alternative, grid, log_weights, threshold(alpha), gains, rejected, waves[1:], waves[0], capital)

    @property
    def passed(self) -> int:
        """How many margins are rejected without a gap, from the outermost one."""
        inwards = self.rejected if self.alternative == "above" else self.rejected[::-1]
        return len(inwards) if inwards.all() else int(np.argmin(inwards))

    def follow(self, log: _Log) -> None:
        """Take the blocks that are new."""
        while self._active.size and self._seen < len(log.ends):
            until = min(len(log.ends), self._seen + _AT_ONCE)
            self._take(log, until)
            self._seen = until
            if not self._active.size and self._waves:
                self._active = self._waves.pop(0)
                self._capital = np.zeros((len(self._active), self.log_weights.shape[1]))
                self._seen = 0

    def _take(self, log: _Log, until: int) -> None:
        first = int(log.ends[self._seen - 1]) + 1 if self._seen else 0
        rows = slice(first, int(log.ends[until - 1]) + 1)
        gains = self.gains(self.alternative, self.grid[self._active], log.past[rows], log.now[rows])
        paths = np.cumsum(np.concatenate((self._capital[None], gains)), axis=0)[1:]
        terms = paths[log.ends[self._seen : until] - first] + self.log_weights[self._active]
        largest = terms.max(axis=2)
        crossed = (largest + np.log(np.exp(terms - largest[..., None]).sum(axis=2)) >= self.bar).any(axis=0)
        self.rejected[self._active[crossed]] = True
        self._capital, self._active = paths[-1][~crossed], self._active[~crossed]


@dataclass(slots=True, eq=False)
class MarginInterval:
    """Blocks of values in [0, 1] in, and an interval for mean of canary minus mean of control out."""

    grid: Array
    _bets: Callable[[Block], list[tuple[float, ...]]]
    _log: _Log
    _above: _Side
    _below: _Side
    _total: float = 0.0

    @classmethod
    def rates(cls, alpha: float, own: Sequence[float] = ()) -> MarginInterval:
        """What ``RateTest`` does not exclude, of outcomes that are 0 or 1. Each end holds with probability
        ``1 - alpha``; ``own`` are margins to have on the grid."""
        grid = margins(own)
        log = _Log(np.empty((0, 4)), np.empty((0, 4)), np.empty(0, dtype=np.intp))
        above = _Side.of("above", grid, _log_weights("above", grid), alpha, _rate_gains)
        below = _Side.of("below", grid, _log_weights("below", grid), alpha, _rate_gains)
        return cls(grid, _counts, log, above, below)

    @classmethod
    def means(cls, alpha: float, own: Sequence[float] = ()) -> MarginInterval:
        """What ``MeanTest`` does not exclude, of values in [0, 1]."""
        grid = margins(own)
        log = _Log(np.empty((0, 6)), np.empty((0, 6)), np.empty(0, dtype=np.intp))
        alike = np.tile(np.log(WEIGHTS), (len(grid), 1))
        above = _Side.of("above", grid, alike, alpha, _mean_gains)
        return cls(grid, _moments, log, above, _Side.of("below", grid, alike, alpha, _mean_gains))

    def take(self, blocks: Sequence[Block]) -> None:
        """Take blocks of values, in the order of the log."""
        if not blocks:
            return
        bets = [self._bets(block) for block in blocks]
        self._log.add(np.array([row for rows in bets for row in rows]), np.cumsum([len(rows) for rows in bets]) - 1)
        for block in blocks:
            self._total += sum(block.canary) / len(block.canary) - sum(block.control) / len(block.control)
        self._above.follow(self._log)
        self._below.follow(self._log)

    def interval(self) -> tuple[float, float, float] | None:
        """The mean difference of the blocks, and the ends; None before the first block. Under a drift that changed
        sides, where no difference is left that held all the time, from the one end to the other."""
        if not len(self._log.ends):
            return None
        from_below, from_above = self._above.passed, self._below.passed
        low = float(self.grid[from_below - 1]) if from_below else -1.0
        high = float(self.grid[-from_above]) if from_above else 1.0
        return self._total / len(self._log.ends), min(low, high), max(low, high)


def _counts(block: Block) -> list[tuple[float, ...]]:
    return [(sum(block.control), len(block.control), sum(block.canary), len(block.canary))]


def _moments(block: Block) -> list[tuple[float, ...]]:
    return [(*_sums(part.control), *_sums(part.canary)) for part in dealt(block)]


def _log_weights(alternative: Alternative, grid: Array) -> Array:
    """By margin and bettor; the last one, the equal canary, does not bet where it is no alternative."""
    found = np.full((len(grid), len(ODDS) + 2), -np.inf)
    for row, margin in zip(found, grid, strict=True):
        own = weights(alternative, float(margin), 1.0)
        row[: len(own)] = own
    return found


def _rate_gains(alternative: Alternative, open: Array, past: Array, now: Array) -> Array:
    """``RateTest``'s, a block being a bet: of bad outcomes and sizes, of control and canary."""
    rates = (past[:, 0::2] + PRIOR) / (past[:, 1::2] + 2 * PRIOR)
    rate_a, estimate = rates[:, 0, None, None], rates[:, 1, None, None]
    margin = open[None, :, None]
    line = rate_a + margin
    inside = np.clip(line, _EDGE, 1 - _EDGE)
    times = np.array(ODDS if alternative == "above" else [1 / odds for odds in ODDS])
    shape = (len(rates), len(open), 1)
    bets = np.concatenate(
        (
            np.broadcast_to(estimate, shape),
            times * inside / (1 - inside + times * inside),
            np.broadcast_to(rate_a, shape),
        ),
        axis=2,
    )
    bets_on = bets > line if alternative == "above" else bets < line
    a, n_a, b, n_b = (now[:, at, None, None] for at in range(4))
    null_a = _nearest(rate_a, bets, n_a, n_b, margin)
    null_b = null_a + margin
    gains = (
        a * np.log(rate_a / null_a)
        + (n_a - a) * np.log((1 - rate_a) / (1 - null_a))
        + b * np.log(bets / null_b)
        + (n_b - b) * np.log((1 - bets) / (1 - null_b))
    )
    return np.where(bets_on, gains, 0.0)


def _nearest(rate_a: Array, rate_b: Array, n_a: Array, n_b: Array, margin: Array) -> Array:
    """``binary.nearest`` for many at once: the root of the same cubic in closed form (Miettinen and Nurminen 1985),
    polished by Newton's steps inside the bracket."""
    low = np.minimum(rate_a, rate_b - margin)
    high = np.maximum(rate_a, rate_b - margin)
    first, last = np.maximum(0.0, -margin) + _EDGE, np.minimum(1.0, 1 - margin) - _EDGE
    low, high = np.clip(low, first, last), np.clip(high, first, last)
    n, c_a, c_b = n_a + n_b, n_a * rate_a, n_b * rate_b
    square = ((n_b + 2 * n_a) * margin - n - c_a - c_b) / (3 * n)
    linear = ((n_a * margin - n - 2 * c_a) * margin + c_a + c_b) / (3 * n)
    constant = c_a * margin * (1 - margin) / n
    v = square**3 - 1.5 * linear * square + constant / 2
    u = np.copysign(np.sqrt(np.maximum(square * square - linear, 1e-300)), v)
    x = 2 * u * np.cos((np.pi + np.arccos(np.clip(v / u**3, -1, 1))) / 3) - square
    x = np.clip(x, low, high)
    for _ in range(_POLISH):
        y = x + margin
        slope = n_a * (x - rate_a) * y * (1 - y) + n_b * (y - rate_b) * x * (1 - x)
        curve = (
            n_a * y * (1 - y) + n_a * (x - rate_a) * (1 - 2 * y) + n_b * x * (1 - x) + n_b * (y - rate_b) * (1 - 2 * x)
        )
        x = np.clip(np.where(curve > 0, x - slope / np.where(curve > 0, curve, 1.0), x), low, high)
    return np.asarray(x)


def _mean_gains(alternative: Alternative, open: Array, past: Array, now: Array) -> Array:
    """``MeanTest``'s: of counts, sums and sums of squares, of control and canary."""
    sign = 1.0 if alternative == "above" else -1.0
    worst = -1 - open if alternative == "above" else open - 1
    largest = (-1 / worst)[None, :]
    n_a, n_b = now[:, 0, None], now[:, 3, None]
    gain = sign * (now[:, 4, None] / n_b - now[:, 1, None] / n_a - open)
    seen_a, seen_b = np.maximum(past[:, 0, None], 1), np.maximum(past[:, 3, None], 1)
    means = past[:, 4, None] / seen_b - past[:, 1, None] / seen_a
    mean = sign * (means - open) * seen_b / (seen_b + 1)
    spread = _variance(past[:, 3:]) / n_b + _variance(past[:, :3]) / n_a
    best = np.where(past[:, 3, None] > 0, np.maximum(0.0, mean / (spread + mean * mean)), 0.0)
    stakes = [np.minimum(best, BOLD * largest), np.minimum(best, CAREFUL * largest)]
    stakes += [np.broadcast_to(share * largest, best.shape) for share in FIXED]
    return np.log1p(np.stack(stakes, axis=2) * gain[..., None])


def _variance(moments: Array) -> Array:
    n, total, squares = (moments[:, at, None] for at in range(3))
    return (PRIOR_VARIANCE + np.maximum(0.0, squares - total * total / np.maximum(n, 1))) / (n + 1)


def _sums(values: tuple[float, ...]) -> tuple[float, float, float]:
    return float(len(values)), sum(values), sum(value * value for value in values)
