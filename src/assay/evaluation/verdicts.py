"""What a comparison says: pass, fail, or inconclusive with what would settle it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assay.evaluation.scoring import Metric
from assay.scores import Estimate


@dataclass(frozen=True, slots=True)
class Pass:
    """Not worse than allowed, with the confidence that was asked for."""

    why: str = ""


@dataclass(frozen=True, slots=True)
class Fail:
    """Worse than allowed, with the confidence that was asked for."""

    why: str


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """Neither is shown. ``needs`` more cases like these would settle it; None where no number would, or
    where more cases are not what is missing: ``why`` says."""

    why: str
    needs: int | None = None


Verdict: TypeAlias = Pass | Fail | Inconclusive


@dataclass(frozen=True, slots=True)
class Guard:
    """How much worse than the baseline a metric may be: by a ``margin`` in its own unit, or by a ``ratio``
    (1.2: a fifth more where less is better, a sixth less where more is). ``quantile`` None compares means."""

    metric: str
    margin: float | None = None
    ratio: float | None = None
    quantile: float | None = None


@dataclass(frozen=True, slots=True)
class Slice:
    """A tag's value on which a metric is worse than the baseline, the interval of the difference
    (adjusted for the number of slices) on one side of 0."""

    tag: str
    value: str
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric of two runs on the same cases. ``difference`` is subject − baseline over the cases that both
    have scored; ``p`` two-sided, ``p_adjusted`` by Holm over the metrics; ``detectable`` the smallest
    difference that these cases would show with a probability of 80 %. ``guard`` and ``verdict`` are None
    for a metric that is only reported. With a ratio guard ``ratio`` is subject / baseline.
    ``corrected`` is the difference corrected by people's labels, where there are enough."""

    metric: Metric
    subject: Estimate
    baseline: Estimate
    difference: Estimate
    p: float | None
    p_adjusted: float | None
    detectable: float | None
    ratio: Estimate | None = None
    corrected: Estimate | None = None
    guard: Guard | None = None
    verdict: Verdict | None = None
    slices: tuple[Slice, ...] = ()


@dataclass(frozen=True, slots=True)
class Flip:
    """A case that a metric judges otherwise than before. Traces are ids, None where there is none."""

    case: str
    question: str
    metric: str
    before: float
    after: float
    trace_before: str | None
    trace_after: str | None


@dataclass(frozen=True, slots=True)
class Decided:
    """A guard with its verdict; ``effect`` is the difference or the ratio that it was decided by, None where
    nothing could be compared."""

    guard: Guard
    verdict: Verdict
    effect: Estimate | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, metric by metric, and the verdict over all ``guards``. ``verdict`` is None without guards.

    A metric with several guards shows the first in its ``Compared``."""

    subject: str
    baseline: str
    cases: int
    alpha: float
    metrics: Sequence[Compared]
    verdict: Verdict | None
    flips: Sequence[Flip]
    guards: Sequence[Decided] = ()
