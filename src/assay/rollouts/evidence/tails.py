"""The evidence of a guard on a quantile: how often each arm goes beyond a limit that was frozen before.

The limit is live's own quantile: as history has it, or from the first live answers of the rollout. A
limit may be changed on the strength of the past at any time without harm to what is compared after,
so history's is given up where live's first answers contradict it: it may have been taken from slower
machines or other hours, and where live hardly ever goes beyond the limit nothing could be shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from assay.errors import InputError
from assay.rollouts.evidence.comparing import Comparison, Pairs, harm_test, pair_test, safe_test, shown
from assay.rollouts.evidence.intervals import Intervals
from assay.rollouts.traffic.events import Finding
from assay.rollouts.traffic.plan import Guard
from assay.statistics.anytime.blocks import Arm
from assay.statistics.anytime.evidence import SequentialTest
from assay.statistics.anytime.exceedance import Exceedance, quantile_limit

FIRST = 200
"""Live answers that freeze a limit at the 95th percentile, or a lower one; so many beyond it as these have freeze
one further out."""
_BEYOND = 10
_ALIKE = 2.0
_LEAST = 1e-6


def needed(quantile: float) -> int:
    """How many answers tell a quantile well enough to freeze it."""
    return max(FIRST, math.ceil(_BEYOND / (1 - quantile) - 1e-9))


@dataclass(slots=True)
class TailEvidence:
    """What is known about one quantile guard. ``limit`` is None until it is frozen: until then the candidate's
    votes wait, and live's answers freeze it and do not vote, so that the limit depends on nothing compared."""

    guard: Guard
    limit: float | None
    _harm: SequentialTest
    _safe: SequentialTest
    _pairs: Pairs
    _harmed: Comparison
    _spared: Comparison
    _intervals: Intervals
    _size: int
    _first: list[float] = field(default_factory=list)
    _waiting: list[tuple[int, float]] = field(default_factory=list)
    _cuts: tuple[Exceedance, Exceedance] | None = None
    clipped: int = 0

    @classmethod
    def of(cls, guard: Guard, shares: Sequence[float], alpha: float) -> TailEvidence:
        """Raises InputError for a guard without a quantile."""
        if guard.quantile is None:
            raise InputError(f"guard {guard.name} compares a quantile and does not say which")
        harm, safe = harm_test(guard), safe_test(guard)
        alike = guard.harm == guard.allowed  # then one comparison feeds both tests
        spared = Comparison(shares, (harm, safe) if alike else (safe,))
        harmed = spared if alike else Comparison(shares, (harm,))
        interval = Intervals.of(guard, alpha)
        made = cls(guard, None, harm, safe, Pairs(pair_test(guard)), harmed, spared, interval, needed(guard.quantile))
        if guard.frozen is not None:
            made._freeze(guard.frozen)
        return made

    @property
    def harm(self) -> float:
        """The log e-value, now, against "no slower than harm allows", from users' answers."""
        return self._harm.log_e

    @property
    def copies_harm(self) -> float:
        """The same from shadow copies."""
        return self._pairs.test.log_e

    @property
    def safe(self) -> float:
        """The largest log e-value so far against "slower than is allowed"."""
        return self._safe.peak

    def vote(self, stage: int, value: float, *, candidate: bool) -> bool:
        """Take a unit's value; False where it went into the limit, so that its unit can still vote."""
        if not candidate and self.learn(value):
            return False
        if self._cuts is None:
            self._waiting.append((stage, value))
        else:
            self._compare(self._cuts, stage, value, candidate=candidate)
        return True

    def pair(self, candidate: float, live: float) -> bool:
        """Take what a copy gave beside what the user's answer did; False without a limit to hold them against."""
        if self._cuts is None:
            return False
        cut = self._cuts[0]
        self._pairs.add(cut.outcome("canary", candidate), cut.outcome("control", live))
        return True

    def learn(self, live: float) -> bool:
        """Take a live value for the limit; whether it went into the one that holds now."""
        if len(self._first) >= self._size:
            return False
        self._first.append(live)
        if len(self._first) < self._size:
            return self._cuts is None
        quantile = self.guard.quantile or 0.0
        if self.limit is not None and _fits(self._first, self.limit, quantile):
            return False
        self._freeze(quantile_limit(self._first, quantile))
        return True

    def finding(self, harm: float) -> Finding:
        """What it comes to, ``harm`` being the evidence of votes and copies together: the shares beyond the limits."""
        self._intervals.take(self._spared.closed)
        low, high = self._intervals.ends()
        candidate, live, n, m = shown(self._spared, self._pairs)
        return Finding(self.guard.name, harm, self.safe, n, m, candidate, live, low, high)

    def _freeze(self, limit: float) -> None:
        """Hold what comes from now on against ``limit``; what an earlier one said of open blocks is left out."""
        self.limit = max(limit, _LEAST)
        self._cuts = Exceedance(self.limit, self.guard.harm), Exceedance(self.limit, self.guard.allowed)
        self._harmed.restart()
        self._spared.restart()
        waiting, self._waiting = self._waiting, []
        for stage, value in waiting:
            self._compare(self._cuts, stage, value, candidate=True)

    def _compare(self, cuts: tuple[Exceedance, Exceedance], stage: int, value: float, *, candidate: bool) -> None:
        arm: Arm = "canary" if candidate else "control"
        self._spared.add(stage, cuts[1].outcome(arm, value), candidate=candidate)
        if self._harmed is not self._spared:
            self._harmed.add(stage, cuts[0].outcome(arm, value), candidate=candidate)


def _fits(values: Sequence[float], limit: float, quantile: float) -> bool:
    """Whether about as many values lie beyond the limit as should."""
    beyond, expected = sum(value > limit for value in values) / len(values), 1 - quantile
    return expected / _ALIKE <= beyond <= expected * _ALIKE
