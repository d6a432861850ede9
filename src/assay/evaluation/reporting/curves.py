"""What confidence is worth: error against coverage, and confidence against quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.evaluation.records import Result, Run
from assay.evaluation.reporting.averages import average
from assay.evaluation.samples import Answered
from assay.scores import Estimate, Scored

STEPS = 20
BINS = 10
FEWEST = 10
"""A point of a curve or a bin from fewer answers would show nothing but chance."""


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """At a threshold on confidence: the share of cases answered, and the mean of 1 − quality among these."""

    threshold: float
    coverage: float
    error: Estimate


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers with a confidence in ``[low, high)``: their mean confidence and their quality."""

    low: float
    high: float
    confidence: float
    quality: Estimate


@dataclass(frozen=True, slots=True)
class _Known:
    confidence: float
    quality: float
    group: str


def coverage_curve(run: Run, quality: str, steps: int = STEPS) -> tuple[CoveragePoint, ...]:
    """The risk–coverage curve (El-Yaniv and Wiener 2010), from the most confident answers to all of them.

    Abstentions count as not covered. Failures and answers without a score or a confidence are left out.
    Empty where fewer than ``FEWEST`` answers have both.
    """
    known = _known(run, quality)
    abstained = sum(isinstance(r.outcome, Answered) and r.outcome.abstained is not None for r in run)
    known.sort(key=lambda each: -each.confidence)
    # Answers of one confidence are answered together or not at all: a step ends where confidence changes.
    ends = [i + 1 for i, each in enumerate(known) if i + 1 == len(known) or known[i + 1].confidence < each.confidence]
    ends = [end for end in ends if end >= FEWEST]
    return tuple(
        CoveragePoint(
            threshold=known[end - 1].confidence,
            coverage=end / (len(known) + abstained),
            error=average("share", [1 - each.quality for each in known[:end]], [each.group for each in known[:end]]),
        )
        for end in _thinned(ends, steps)
    )


def reliability(run: Run, quality: str, bins: int = BINS) -> tuple[Bin, ...]:
    """Quality by equal-width bins of confidence, those with at least ``FEWEST`` answers."""
    known = _known(run, quality)
    held: list[list[_Known]] = [[] for _ in range(bins)]
    for each in known:
        held[min(bins - 1, int(each.confidence * bins))].append(each)
    return tuple(
        Bin(
            low=index / bins,
            high=(index + 1) / bins,
            confidence=sum(each.confidence for each in inside) / len(inside),
            quality=average("share", [each.quality for each in inside], [each.group for each in inside]),
        )
        for index, inside in enumerate(held)
        if len(inside) >= FEWEST
    )


def calibration_error(bins: Sequence[Bin]) -> float | None:
    """Expected calibration error (Naeini et al. 2015) over these bins, weighted by their answers."""
    total = sum(each.quality.n for each in bins)
    return sum(each.quality.n * abs(each.confidence - each.quality.value) for each in bins) / total if total else None


def _known(run: Run, quality: str) -> list[_Known]:
    """Answers whose confidence and quality are both known."""
    return [each for result in run if (each := _both(result, quality)) is not None]


def _both(result: Result, quality: str) -> _Known | None:
    outcome, score = result.outcome, result.score(quality)
    if not isinstance(outcome, Answered) or outcome.abstained is not None or outcome.confidence is None:
        return None
    if not isinstance(score, Scored) or not 0 <= outcome.confidence <= 1:
        return None
    return _Known(outcome.confidence, score.value, result.case.group)


def _thinned(ends: Sequence[int], steps: int) -> list[int]:
    """At most ``steps`` of them, evenly spread, first and last among them."""
    if len(ends) <= steps:
        return list(ends)
    return sorted({ends[round(i * (len(ends) - 1) / (steps - 1))] for i in range(steps)})
