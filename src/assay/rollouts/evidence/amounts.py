"""The evidence of a guard on shares and means: the values themselves are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assay.rollouts.evidence.comparing import (
    YES_OR_NO,
    Comparison,
    Pairs,
    harm_test,
    pair_test,
    safe_test,
    shares_of,
    shown,
)
from assay.rollouts.evidence.intervals import Intervals
from assay.rollouts.traffic.events import Finding
from assay.rollouts.traffic.plan import Guard
from assay.statistics.anytime.evidence import SequentialTest


@dataclass(slots=True)
class AmountEvidence:
    """What is known about one guard whose values are compared as they are. ``clipped`` counts those that were
    beyond the guard's bound, and counted as it."""

    guard: Guard
    clipped: int
    _harm: SequentialTest
    _safe: SequentialTest
    _pairs: Pairs
    _votes: Comparison
    _intervals: Intervals

    @classmethod
    def of(cls, guard: Guard, stages: Sequence[float], alpha: float) -> AmountEvidence:
        harm, safe = harm_test(guard), safe_test(guard)
        return cls(
            guard,
            0,
            harm,
            safe,
            Pairs(pair_test(guard)),
            Comparison(shares_of(guard, stages), (harm, safe)),
            Intervals.of(guard, alpha),
        )

    @property
    def harm(self) -> float:
        """The log e-value, now, against "no worse than harm allows", from users' answers."""
        return self._harm.log_e

    @property
    def copies_harm(self) -> float:
        """The same from shadow copies."""
        return self._pairs.test.log_e

    @property
    def safe(self) -> float:
        """The largest log e-value so far against "worse than is allowed"."""
        return self._safe.peak

    def vote(self, stage: int, value: float, *, candidate: bool) -> bool:
        """Take a unit's value; True, since it is its unit's vote."""
        self._votes.add(stage, self._bounded(value), candidate=candidate)
        return True

    def pair(self, candidate: float, live: float) -> bool:
        """Take what a copy gave beside what the user's answer did; True, since it is its unit's vote."""
        self._pairs.add(self._bounded(candidate), self._bounded(live))
        return True

    def learn(self, live: float) -> bool:  # noqa: ARG002
        """A live value that votes nowhere: nothing is to be learnt from it here."""
        return False

    def finding(self, harm: float) -> Finding:
        """What it comes to, ``harm`` being the evidence of votes and copies together."""
        guard = self.guard
        self._intervals.take(self._votes.closed)
        low, high = self._intervals.ends()
        candidate, live, n, m = shown(self._votes, self._pairs)
        candidate, live = _corrected(guard, candidate), _corrected(guard, live)
        return Finding(guard.name, harm, self.safe, n, m, candidate, live, low, high)

    def _bounded(self, value: float) -> float:
        inside = min(max(value, 0.0), self.guard.bound)
        self.clipped += inside != value
        if self.guard.metric in YES_OR_NO:  # a test of outcomes takes nothing between
            return float(inside >= 0.5)
        return 0.0 if inside == 0 else inside  # of -0.0 and 0.0 one


def _corrected(guard: Guard, rate: float | None) -> float | None:
    """What people would say of the answers, where they labelled some of what the judge said."""
    good, bad = guard.judged_good, guard.judged_bad
    if rate is None or good is None or bad is None or math.isclose(good, bad):
        return rate
    return min(1.0, max(0.0, (rate - bad) / (good - bad)))
