"""Two means of bounded values compared at any time, by betting: cost, judged quality, feedback."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from assay.errors import InputError
from assay.statistics.anytime.binary import Alternative
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.evidence import log_mean_exp

BOLD, CAREFUL = 0.9, 0.5
"""The largest bets of the two estimating bettors, as shares of the bet that could lose everything."""
FIXED = (0.01, 0.03, 0.1, 0.3, 0.8)
"""The bets of those that do not estimate."""
WEIGHTS = (0.5, 0.3, *(0.2 / len(FIXED),) * len(FIXED))
PRIOR_VARIANCE = 0.05
"""Of a value on [0, 1], worth one value: keeps the first bets finite."""


@dataclass(slots=True)
class Moments:
    """Count, sum and sum of squares of one arm's values."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, values: tuple[float, ...]) -> None:
        self.n += len(values)
        self.total += math.fsum(values)
        self.squares += math.fsum(value * value for value in values)

    def variance(self) -> float:
        """Drawn towards the prior by one value's worth."""
        spread = self.squares - self.total * self.total / self.n if self.n else 0.0
        return (PRIOR_VARIANCE + max(0.0, spread)) / (self.n + 1)


@dataclass(slots=True)
class MeanTest:
    """Evidence that the canary's mean lies above (or below) ``ratio`` · control's mean + ``margin``.

    ``low`` and ``high`` bound what a value can be, and are given before the first one: 0 and 1 for
    a score, 0 and the largest cost of an answer. A value beyond them is taken as the bound and
    counted in ``clipped``; the test is then about the mean of the values so clipped. The null need
    only hold at each moment, and may drift with both arms.

    Method: betting (Waudby-Smith and Ramdas 2024, arXiv 2010.09686). Each block gives D = mean of
    canary - ratio · mean of control - margin (its negative for "below"), at most 0 on average under
    the null and bounded, so a capital that stakes the share λ chosen from past blocks, Π(1 + λD), is
    an e-process. Capitals of several bettors are mixed: two that estimate λ by aGRAPA, from both
    arms' variances and the block's sizes, one of them careful; and five that always stake the same.
    aGRAPA alone finds differences first, but one run in seven of it loses so much on early,
    wrong estimates that it takes three times as long; online Newton steps took 1.4 to 2 times as
    long throughout.
    """

    alternative: Alternative
    low: float
    high: float
    margin: float = 0.0
    ratio: float = 1.0
    log_e: float = 0.0
    peak: float = 0.0
    clipped: int = 0
    _control: Moments = field(default_factory=Moments, repr=False)
    _canary: Moments = field(default_factory=Moments, repr=False)
    _capital: list[float] = field(default_factory=lambda: [0.0] * len(WEIGHTS), repr=False)

    def __post_init__(self) -> None:
        if self.alternative not in ("above", "below"):
            raise InputError(f"{self.alternative!r} is neither above nor below")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(
                f"[{self.low:g}, {self.high:g}] does not bound anything; give a finite low below a finite high"
            )
        if not (self.ratio > 0 and math.isfinite(self.ratio) and math.isfinite(self.margin)):
            raise InputError(f"a ratio of {self.ratio:g} and a margin of {self.margin:g} ask nothing")
        if not self.worst() < 0:
            raise InputError(
                "values within these bounds can never meet the null; the question is decided without a test"
            )

    def add(self, block: Block) -> None:
        """Take one block of values."""
        for part in dealt(Block(self._scaled(block.control), self._scaled(block.canary))):
            self._bet(part.control, part.canary)
        self.log_e = log_mean_exp(self._capital, [math.log(weight) for weight in WEIGHTS])
        self.peak = max(self.peak, self.log_e)

    def _bet(self, control: tuple[float, ...], canary: tuple[float, ...]) -> None:
        n_a, n_b = len(control), len(canary)
        gain = self._sign() * (math.fsum(canary) / n_b - self.ratio * math.fsum(control) / n_a - self._offset())
        for at, stake in enumerate(self._stakes(n_a, n_b)):
            self._capital[at] += math.log1p(stake * gain)
        self._control.add(control)
        self._canary.add(canary)

    def worst(self) -> float:
        """The least that a block's D can be, for values scaled to [0, 1]; below 0."""
        return -self.ratio - self._offset() if self.alternative == "above" else self._offset() - 1

    def _stakes(self, n_a: int, n_b: int) -> list[float]:
        largest = -1 / self.worst()
        best = self._estimated(n_a, n_b)
        return [min(best, BOLD * largest), min(best, CAREFUL * largest), *(share * largest for share in FIXED)]

    def _estimated(self, n_a: int, n_b: int) -> float:
        """aGRAPA: E[D] / (Var[D] + E[D]²) as past blocks have it; 0 where they do not speak for the alternative."""
        if not self._canary.n:
            return 0.0
        means = self._canary.total / self._canary.n - self.ratio * self._control.total / self._control.n
        # Shrunk by one value's worth, so that the first value of a rare kind is not bet on as if it were the rule.
        mean = self._sign() * (means - self._offset()) * self._canary.n / (self._canary.n + 1)
        spread = self._canary.variance() / n_b + self.ratio**2 * self._control.variance() / n_a
        return max(0.0, mean / (spread + mean * mean))

    def _scaled(self, values: tuple[float, ...]) -> tuple[float, ...]:
        self.clipped += sum(not self.low <= value <= self.high for value in values)
        width = self.high - self.low
        return tuple((min(self.high, max(self.low, value)) - self.low) / width for value in values)

    def _offset(self) -> float:
        """The margin once values are scaled to [0, 1]."""
        return (self.margin + (self.ratio - 1) * self.low) / (self.high - self.low)

    def _sign(self) -> int:
        return 1 if self.alternative == "above" else -1


def dealt(block: Block) -> list[Block]:
    """The block cut into as many as its rarer arm has values, the other arm's dealt among them.

    A stake is limited by the worst that one D can be, however many values D is the mean of, so
    small blocks win more.
    """
    parts = min(len(block.control), len(block.canary))
    return [Block(_part(block.control, at, parts), _part(block.canary, at, parts)) for at in range(parts)]


def _part(values: tuple[float, ...], at: int, parts: int) -> tuple[float, ...]:
    return values[at * len(values) // parts : (at + 1) * len(values) // parts]
