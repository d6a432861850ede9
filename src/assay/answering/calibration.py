"""Fitting the threshold below which nothing is answered, and showing what each would cost.

Pure functions over cases that were scored beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from assay.errors import InputError
from assay.scores import Estimate
from assay.statistics.proportions import binomial_upper, proportion
from assay.statistics.ranking import auroc

STEPS = 101


@dataclass(frozen=True, slots=True)
class ScoredCase:
    """``score`` is the probability that was given to a question; ``answerable`` the truth.

    ``correct`` says whether the answer, had it been given, is right; None where nobody knows,
    and then an answer to an answerable question counts as right.
    """

    score: float
    answerable: bool
    correct: bool | None = None

    @property
    def right(self) -> bool:
        """Whether answering is right."""
        return self.answerable and self.correct is not False


@dataclass(frozen=True, slots=True)
class Point:
    """What a threshold does: the share of questions answered, and of these the share answered wrongly.

    ``error`` is None where nothing is answered.
    """

    threshold: float
    coverage: Estimate
    error: Estimate | None


@dataclass(frozen=True, slots=True)
class Utility:
    """Each right answer is worth 1, each wrong one costs ``wrong_cost``, abstaining is worth 0."""

    wrong_cost: float = 1.0


@dataclass(frozen=True, slots=True)
class ErrorTarget:
    """At most this share of the answers given is wrong, with probability ``1 - delta``."""

    error: float
    delta: float = 0.05


Aim: TypeAlias = Utility | ErrorTarget


@dataclass(frozen=True, slots=True)
class Calibration:
    """The threshold that was chosen and how, the curve over all thresholds, and the ranking's quality.

    ``met`` is False where no threshold reaches an ErrorTarget; ``threshold`` is then above
    every score: nothing would be answered.
    """

    threshold: float
    rule: str
    met: bool
    chosen: Point
    curve: tuple[Point, ...]
    auroc: Estimate


def calibrate(cases: Sequence[ScoredCase], *, aim: Aim | None = None) -> Calibration:
    """Choose a threshold for ``aim`` (by default Utility()) and draw the curve.

    Raises InputError without both answerable and unanswerable cases, and for a score that is
    not a probability.
    """
    _check(cases)
    aim = aim or Utility()
    threshold = _best(cases, aim) if isinstance(aim, Utility) else _largest_coverage(cases, aim)
    rule = (
        f"largest utility, a wrong answer costing {aim.wrong_cost:g} right ones"
        if isinstance(aim, Utility)
        else f"most answers with an error of at most {aim.error:g} at confidence {1 - aim.delta:g}"
    )
    met = threshold is not None
    at = threshold if threshold is not None else math.nextafter(max(case.score for case in cases), math.inf)
    curve = tuple(point(cases, step / (STEPS - 1)) for step in range(STEPS))
    ranking = auroc([c.score for c in cases if c.answerable], [c.score for c in cases if not c.answerable])
    return Calibration(at, rule, met, point(cases, at), curve, ranking)


def point(cases: Sequence[ScoredCase], threshold: float) -> Point:
    """Coverage and error at a threshold, with Wilson's intervals."""
    answered = [case for case in cases if case.score >= threshold]
    wrong = sum(not case.right for case in answered)
    error = proportion(wrong, len(answered)) if answered else None
    return Point(threshold, proportion(len(answered), len(cases)), error)


def _best(cases: Sequence[ScoredCase], aim: Utility) -> float:
    """The threshold of largest utility; between two scores it lies half-way."""
    ordered = sorted(cases, key=lambda case: -case.score)
    best, threshold, worth = 0.0, math.nextafter(ordered[0].score, math.inf), 0.0
    for i, case in enumerate(ordered):
        worth += 1.0 if case.right else -aim.wrong_cost
        after = ordered[i + 1].score if i + 1 < len(ordered) else None
        if after == case.score:
            continue
        if worth > best:
            best, threshold = worth, (case.score + after) / 2 if after is not None else case.score
    return threshold


def _largest_coverage(cases: Sequence[ScoredCase], aim: ErrorTarget) -> float | None:
    """The smallest threshold whose error is bounded by the target, None if there is none.

    Selection with guaranteed risk (Geifman and El-Yaniv 2017, arXiv 1705.08500): a binary
    search over the sorted scores, its steps sharing delta.
    """
    ordered = sorted((case.score for case in cases), reverse=True)
    share = aim.delta / max(1, math.ceil(math.log2(len(ordered))) + 1)
    low, high, found = 1, len(ordered), None
    while low <= high:
        middle = (low + high) // 2
        threshold = ordered[middle - 1]
        answered = [case for case in cases if case.score >= threshold]
        wrong = sum(not case.right for case in answered)
        if binomial_upper(wrong, len(answered), share) <= aim.error:
            found, low = threshold, middle + 1
        else:
            high = middle - 1
    return found


def _check(cases: Sequence[ScoredCase]) -> None:
    answerable = sum(case.answerable for case in cases)
    if not 0 < answerable < len(cases):
        raise InputError(
            f"calibration needs answerable and unanswerable cases; of {len(cases)} here {answerable} are answerable"
        )
    for case in cases:
        if not 0 <= case.score <= 1:
            raise InputError(f"{case.score} is not a probability")
