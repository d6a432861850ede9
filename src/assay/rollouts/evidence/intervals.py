"""How much the candidate differs, with bounds that hold however often they are looked at.

Of shares they are the differences that the guard's own kind of test does not exclude, each end at the level of one
test: a guard that is shown to be safe has its bound within what it allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from assay.rollouts.evidence.comparing import YES_OR_NO, signed
from assay.rollouts.traffic.plan import Guard
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.inversion import MarginInterval
from assay.statistics.anytime.sequences import AsymptoticSequence

_Sequence: TypeAlias = AsymptoticSequence | MarginInterval


@dataclass(slots=True)
class Intervals:
    """Bounds of a guard's difference (shares, and shares beyond a limit) or ratio (means). They cost more than the
    tests do, so blocks are taken in only when somebody wants to see them."""

    guard: Guard
    _sequence: _Sequence

    @classmethod
    def of(cls, guard: Guard, alpha: float) -> Intervals:
        """Of shares each end, of ratios both together, at the level ``1 - alpha``."""
        if guard.kind == "mean":
            return cls(guard, AsymptoticSequence(alpha))
        if guard.kind == "quantile":
            return cls(guard, MarginInterval.rates(alpha))
        made = MarginInterval.rates if guard.metric in YES_OR_NO else MarginInterval.means
        return cls(guard, made(alpha, (signed(guard, guard.allowed), signed(guard, guard.harm))))

    def take(self, blocks: list[Block]) -> None:
        """Take these blocks in, and empty the list."""
        if isinstance(self._sequence, MarginInterval):
            self._sequence.take(blocks)
        else:
            for block in blocks:
                self._sequence.add(block)
        blocks.clear()

    def ends(self) -> tuple[float | None, float | None]:
        """The lower and the upper bound; None each while there are too few values for any."""
        found = self._found()
        if found is None:
            return None, None
        # Under a drift that changed sides the bounds may have left what was observed behind.
        value, low, high = found
        return self._corrected(min(low, value), up=False), self._corrected(max(high, value), up=True)

    def _found(self) -> tuple[float, float, float] | None:
        if isinstance(self._sequence, MarginInterval):
            return self._sequence.interval()
        ratio = self._sequence.ratio()
        return None if ratio is None else (ratio.value, ratio.low, ratio.high)

    def _corrected(self, end: float, *, up: bool) -> float:
        """What people would see of a difference that the judge sees: more, by an amount known only within bounds, of
        which the one is taken that makes the interval wider."""
        power = self.guard.judge_power
        outward = (end > 0) == up
        return max(-1.0, min(1.0, end / power)) if outward and power < 1 else end
