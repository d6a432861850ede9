"""What the tests of judges share."""

from __future__ import annotations

from assay.scores import Score, Scored


def value(score: Score) -> float:
    """The value of a score that must have one."""
    assert isinstance(score, Scored), score
    return score.value
