"""Cost: what the answer's model calls cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from assay.evaluation.samples import Failed, Sample
from assay.evaluation.scorers.definition import failure, identified, unscored
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored

COST = Metric("cost", kind="dollars", higher_is_better=False)


@dataclass(frozen=True, slots=True)
class Cost:
    """``cost`` in US dollars. Unscored where a price is unknown: an unknown price is not 0.

    Detail: the tokens of the answer, ``input``, ``output``, ``cached`` and ``reasoning``, and the ``model``.
    """

    @property
    def name(self) -> str:
        return "cost"

    @property
    def identity(self) -> str:
        return identified(self.name, 1)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (COST,)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        outcome = sample.outcome
        if isinstance(outcome, Failed):
            return unscored(self.metrics, failure(outcome))
        if outcome.cost is None:
            return unscored(self.metrics, f"no price is known for {outcome.model or 'the model'}")
        used = outcome.usage
        detail = {
            "model": outcome.model,
            "input": used.input,
            "output": used.output,
            "cached": used.cached,
            "reasoning": used.reasoning,
        }
        return {COST.name: Measured(Scored(outcome.cost), detail)}
