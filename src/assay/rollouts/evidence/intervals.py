"""How much the candidate differs, with bounds that hold however often they are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from assay.rollouts.traffic.plan import Guard
from assay.scores import Estimate
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.sequences import AsymptoticSequence, BettingSequence

_Sequence: TypeAlias = AsymptoticSequence | BettingSequence


@dataclass(slots=True)
class Intervals:
    """Bounds of a guard's difference (shares, and shares beyond a limit) or ratio (means). They cost more than the
    tests do, so blocks are taken in only when somebody wants to see them."""

    guard: Guard
    _sequence: _Sequence

    @classmethod
    def of(cls, guard: Guard, alpha: float) -> Intervals:
        """Bounds at the level ``1 - alpha``."""
        return cls(guard, AsymptoticSequence(alpha) if guard.kind == "mean" else BettingSequence(0.0, 1.0, alpha))

    def take(self, blocks: list[Block]) -> None:
        """Take these blocks in, and empty the list."""
        for block in blocks:
            self._sequence.add(block)
        blocks.clear()

    def ends(self) -> tuple[float | None, float | None]:
        """The lower and the upper bound; None each while there are too few values for any."""
        found = self._estimate()
        if found is None:
            return None, None
        # Under a drift that changed sides the bounds may have left what was observed behind.
        low, high = min(found.low, found.value), max(found.high, found.value)
        return self._corrected(low, up=False), self._corrected(high, up=True)

    def _estimate(self) -> Estimate | None:
        if isinstance(self._sequence, AsymptoticSequence):
            return self._sequence.ratio()
        try:
            return self._sequence.estimate()
        except IndexError:  # no difference is left that every stretch of the traffic allows: a way back must not wait
            return None

    def _corrected(self, end: float, *, up: bool) -> float:
        """What people would see of a difference that the judge sees: more, by an amount known only within bounds, of
        which the one is taken that makes the interval wider."""
        power = self.guard.judge_power
        outward = (end > 0) == up
        return max(-1.0, min(1.0, end / power)) if outward and power < 1 else end
