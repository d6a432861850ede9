"""Several configurations compared at fixed shares, at any time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.blocks import Blocks
from assay.statistics.anytime.combining import closed
from assay.statistics.anytime.evidence import log_mean_exp, threshold
from assay.statistics.anytime.sequences import BettingSequence

Outcome: TypeAlias = Literal["higher", "lower"]


@dataclass(slots=True, eq=False)
class Comparison:
    """One arm against the first one, in both directions."""

    above: RateTest | MeanTest
    below: RateTest | MeanTest
    interval: BettingSequence
    blocks: Blocks = field(default_factory=Blocks)

    def log_e(self) -> float:
        """Evidence that the means differ: the mean of that for either direction."""
        return log_mean_exp((self.above.log_e, self.below.log_e), (math.log(0.5), math.log(0.5)))


@dataclass(slots=True, eq=False)
class Experiment:
    """``arms`` at fixed shares, each against the first; values in [low, high], or outcomes 0 and 1 where ``binary``.

    Add each unit's value once, in the order of the log. Deciding by ``decided`` is wrong about any
    arm with probability at most α, whenever one looks and whatever the number of arms.
    """

    arms: tuple[str, ...]
    low: float = 0.0
    high: float = 1.0
    alpha: float = 0.05
    binary: bool = field(default=False, kw_only=True)
    decided: dict[str, Outcome] = field(default_factory=dict)
    _others: dict[str, Comparison] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if len(self.arms) < 2 or len(set(self.arms)) < len(self.arms):
            raise InputError(f"the arms {self.arms} are not two or more different ones")
        threshold(self.alpha)
        for arm in self.arms[1:]:
            interval = BettingSequence(self.low, self.high, self.alpha / (len(self.arms) - 1))
            above: RateTest | MeanTest
            below: RateTest | MeanTest
            if self.binary:
                above, below = RateTest("above"), RateTest("below")
            else:
                above, below = MeanTest("above", self.low, self.high), MeanTest("below", self.low, self.high)
            self._others[arm] = Comparison(above, below, interval)

    def add(self, arm: str, value: float) -> None:
        """Take one unit's value. Raises InputError for an arm that is not in the experiment."""
        if arm not in self.arms:
            raise InputError(f"the arm {arm!r} is not in this experiment; there are {', '.join(self.arms)}")
        closing = False
        for other in self._others if arm == self.arms[0] else (arm,):
            comparison = self._others[other]
            block = comparison.blocks.add("control" if arm == self.arms[0] else "canary", value)
            if block is not None:
                closing = True
                for fed in (comparison.above, comparison.below, comparison.interval):
                    fed.add(block)
        if closing:
            self._decide()

    def evidence(self) -> dict[str, float]:
        """For each arm but the first, log evidence that it differs from the first, adjusted for their number."""
        return closed({arm: comparison.log_e() for arm, comparison in self._others.items()})

    def estimates(self) -> dict[str, Estimate]:
        """Differences to the first arm; all the intervals hold together, at all times, at 1 - α."""
        shown = {arm: comparison.interval.estimate() for arm, comparison in self._others.items()}
        return {arm: estimate for arm, estimate in shown.items() if estimate is not None}

    def _decide(self) -> None:
        for arm, log_e in self.evidence().items():
            if arm not in self.decided and log_e >= threshold(self.alpha):
                comparison = self._others[arm]
                self.decided[arm] = "higher" if comparison.above.log_e > comparison.below.log_e else "lower"
