"""A latency quantile as an outcome that either happened or did not.

A quantile far in the tail has no useful sequential test of its own. Instead a limit L is frozen
at the baseline's quantile before the comparison starts, and each answer says whether it was
slower: a control answer than L, a canary answer than ``ratio`` · L. The two rates are compared by
``RateTest``.

What exactly is tested: P(canary > ratio · L) against P(control > L), both at the same time.
If L were the control's p95 exactly, the two are equal where the canary's p95 is ``ratio`` times
the control's. L is estimated, so it is the control's quantile at 1 - P(control > L) rather than at
95 %: the comparison is then of both arms at that quantile, which is the same question asked
slightly lower or higher in the tail. An error in L, and a service that becomes slower for both
arms, therefore cost no validity: a canary whose times are distributed as ``ratio`` times the
control's is exactly on the line for every L.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from assay.errors import InputError
from assay.statistics.anytime.blocks import Arm


@dataclass(frozen=True, slots=True)
class Exceedance:
    """Latencies to outcomes: 1 where an answer took longer than ``limit``, in the canary than ``ratio`` · ``limit``."""

    limit: float
    ratio: float = 1.0

    def __post_init__(self) -> None:
        if not (self.limit > 0 and math.isfinite(self.limit) and self.ratio > 0 and math.isfinite(self.ratio)):
            raise InputError(f"a limit of {self.limit:g} times {self.ratio:g} is not a time above 0")

    def outcome(self, arm: Arm, latency: float) -> float:
        """1.0 where the answer was too slow, else 0.0."""
        return float(latency > (self.limit if arm == "control" else self.ratio * self.limit))


@dataclass(slots=True)
class WarmUp:
    """Collects the control's first ``size`` latencies, which then say L; they are not compared themselves."""

    size: int
    quantile: float = 0.95
    _values: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError("a warm-up needs at least one value")

    def add(self, value: float) -> float | None:
        """Take one latency; L when it was the last that was missing, None before and after."""
        if len(self._values) >= self.size:
            return None
        self._values.append(value)
        return quantile_limit(self._values, self.quantile) if len(self._values) == self.size else None


def quantile_limit(values: Sequence[float], quantile: float = 0.95) -> float:
    """The smallest value that at least ``quantile`` of the values do not exceed.

    Raises InputError without values, for one that is not a finite number, or a quantile outside
    (0, 1).
    """
    if not 0 < quantile < 1:
        raise InputError(f"a quantile of {quantile:g} does not lie between 0 and 1")
    if len(values) == 0 or not all(math.isfinite(value) for value in values):
        raise InputError("a limit needs latencies, each a finite number")
    ordered = sorted(values)
    return ordered[math.ceil(quantile * len(ordered)) - 1]
