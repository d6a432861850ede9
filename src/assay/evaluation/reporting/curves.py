"""What confidence is worth: error against coverage, and confidence against quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from assay.evaluation.records import Result, Run
from assay.evaluation.reporting.averages import average
from assay.evaluation.samples import Answered
from assay.scores import Estimate, Scored
from assay.statistics.calibration import Bin, calibration_error, reliability

STEPS = 20
RIGHT = 0.5
"""From this quality on an answer counts as right where only right and wrong are told apart."""
FEWEST = 10
"""A point of a curve or a bin from fewer answers would show nothing but chance."""


@dataclass(frozen=True, slots=True)
class CoveragePoint:
    """At a threshold on confidence: the share of cases answered, and the mean of 1 − quality among these."""

    threshold: float
    coverage: float
    error: Estimate


@dataclass(frozen=True, slots=True)
class Calibration:
    """Bins of confidence against the share of right answers, and the expected calibration error of all of them."""

    bins: tuple[Bin, ...]
    error: Estimate


@dataclass(frozen=True, slots=True)
class _Known:
    confidence: float
    quality: float
    group: str


def coverage_curve(run: Run, quality: str, steps: int = STEPS) -> tuple[CoveragePoint, ...]:
    """The risk–coverage curve (El-Yaniv and Wiener 2010), from the most confident answers to all of them.

    Abstentions count as not covered, an answer to a case that has none as wrong. Failures and answers without a
    score or a confidence are left out.
    Empty where fewer than ``FEWEST`` answers have both.
    """
    known = _known(run, quality)
    abstained = sum(isinstance(r.outcome, Answered) and r.outcome.abstained is not None for r in run)
    known.sort(key=lambda each: -each.confidence)
    ends = [end for end in _ends(known) if end >= FEWEST]
    return tuple(
        CoveragePoint(
            threshold=known[end - 1].confidence,
            coverage=end / (len(known) + abstained),
            error=average("share", [1 - each.quality for each in known[:end]], [each.group for each in known[:end]]),
        )
        for end in _thinned(ends, steps)
    )


def error_area(run: Run, quality: str) -> float | None:
    """The error averaged over coverage, from the most confident answer to all of them; None without answers.

    The area under the risk–coverage curve (AURC; Geifman, Uziel and El-Yaniv 2018, arXiv 1805.08206) over the
    answers that were given. Answers of one confidence enter together, so that their order changes nothing.
    """
    known = sorted(_known(run, quality), key=lambda each: -each.confidence)
    if not known:
        return None
    total = lost = 0.0
    for start, end in pairwise((0, *_ends(known))):
        lost += sum(1 - each.quality for each in known[start:end])
        total += (end - start) * lost / end
    return total / len(known)


def calibration(run: Run, quality: str) -> Calibration | None:
    """How far confidence is the probability of a right answer, one whose quality is at least ``RIGHT``.

    None where fewer than ``FEWEST`` answers have both; bins with fewer are left out of the drawing, not of the error.
    """
    known = _known(run, quality)
    if len(known) < FEWEST:
        return None
    confidences, right = [each.confidence for each in known], [each.quality >= RIGHT for each in known]
    return Calibration(
        tuple(each for each in reliability(confidences, right) if each.observed.n >= FEWEST),
        calibration_error(confidences, right, clusters=[each.group for each in known]),
    )


def _ends(known: Sequence[_Known]) -> list[int]:
    """Answers of one confidence are given together or not at all: a step ends where confidence changes."""
    return [i + 1 for i, each in enumerate(known) if i + 1 == len(known) or known[i + 1].confidence < each.confidence]


def _known(run: Run, quality: str) -> list[_Known]:
    """Answers whose confidence and quality are both known."""
    return [each for result in run if (each := _both(result, quality)) is not None]


def _both(result: Result, quality: str) -> _Known | None:
    outcome, score = result.outcome, result.score(quality)
    if not isinstance(outcome, Answered) or outcome.abstained is not None or outcome.confidence is None:
        return None
    if not 0 <= outcome.confidence <= 1:
        return None
    if isinstance(score, Scored):
        return _Known(outcome.confidence, score.value, result.case.group)
    # No right answer exists to compare it with, and it was given all the same.
    return _Known(outcome.confidence, 0.0, result.case.group) if result.case.answerable is False else None


def _thinned(ends: Sequence[int], steps: int) -> list[int]:
    """At most ``steps`` of them, evenly spread, first and last among them."""
    if len(ends) <= steps:
        return list(ends)
    return sorted({ends[round(i * (len(ends) - 1) / (steps - 1))] for i in range(steps)})
