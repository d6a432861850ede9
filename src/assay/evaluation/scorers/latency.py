"""Latency: how long the answer took, and how long until its first words were shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.evaluation.samples import Failed, Sample
from assay.evaluation.scorers.definition import failure, identified, unscored
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored, Unscored

LATENCY = Metric("latency", kind="milliseconds", higher_is_better=False)
FIRST_TOKEN = Metric("first_token_latency", kind="milliseconds", higher_is_better=False)


@dataclass(frozen=True, slots=True)
class Latency:
    """``latency`` and ``first_token_latency`` in milliseconds, as the subject measured them.

    Abstentions count: somebody waited for them. A failed answer is Unscored, since the time to an error
    is no time to an answer; so is a time that was not measured.
    """

    @property
    def name(self) -> str:
        return "latency"

    @property
    def identity(self) -> str:
        return identified(self.name, 1)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (LATENCY, FIRST_TOKEN)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        if isinstance(sample.outcome, Failed):
            return unscored(self.metrics, failure(sample.outcome))
        return {
            LATENCY.name: _of(sample.outcome.milliseconds),
            FIRST_TOKEN.name: _of(sample.outcome.first_token_milliseconds),
        }


def _of(milliseconds: float | None) -> Measured:
    if milliseconds is None:
        return Measured(Unscored("the time was not measured"))
    if milliseconds < 0:
        return Measured(Unscored("the clock went backwards"))
    return Measured(Scored(milliseconds))
