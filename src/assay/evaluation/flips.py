"""Cases that a metric judges otherwise than before."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.pairs import Pair
from assay.evaluation.records import Result
from assay.evaluation.samples import Answered
from assay.evaluation.scoring import Metric
from assay.evaluation.verdicts import Flip

_STEP = 0.25


def flips(metric: Metric, pairs: Sequence[Pair]) -> list[Flip]:
    """Cases that stand on the other side of one half than before, by a clear step; the worst first."""
    sign = 1 if metric.higher_is_better else -1
    found = [
        pair
        for pair in pairs
        if (pair.subject >= 0.5) != (pair.baseline >= 0.5) and abs(pair.subject - pair.baseline) >= _STEP
    ]
    found.sort(key=lambda pair: (sign * (pair.subject - pair.baseline), pair.case.id))
    return [
        Flip(
            pair.case.id,
            pair.case.question,
            metric.name,
            pair.baseline,
            pair.subject,
            _trace(pair.results[1]),
            _trace(pair.results[0]),
        )
        for pair in found
    ]


def _trace(result: Result) -> str | None:
    return result.outcome.trace if isinstance(result.outcome, Answered) else None
