"""Errors: did asking end in an error?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.evaluation.samples import Failed, Sample
from assay.evaluation.scorers.definition import identified
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored

ERRORS = Metric("errors", higher_is_better=False, of_failures=True)


@dataclass(frozen=True, slots=True)
class Errors:
    """``errors`` is 1 for a failed answer, 0 for any other; its mean is the error rate. Never Unscored.

    Detail of a failure: its ``kind`` and ``message``.
    """

    @property
    def name(self) -> str:
        return "errors"

    @property
    def identity(self) -> str:
        return identified(self.name, 1)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (ERRORS,)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        match sample.outcome:
            case Failed(kind, message):
                return {ERRORS.name: Measured(Scored(1.0), {"kind": kind, "message": message})}
            case _:
                return {ERRORS.name: Measured(Scored(0.0))}
