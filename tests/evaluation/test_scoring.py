"""What becomes of the values that a scorer gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from tests.evaluation.scorers.building import sample

from assay.evaluation.samples import Sample
from assay.evaluation.scorers.cost import Cost
from assay.evaluation.scoring import Measured, Metric, measure
from assay.scores import Scored, Unscored


@dataclass(frozen=True)
class _Says:
    metric: Metric
    value: float
    name: str = "says"
    identity: str = "1"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (self.metric,)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        return {self.metric.name: Measured(Scored(self.value))}


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("share", 1.2),
        ("share", -0.1),
        ("dollars", -0.1),
        ("milliseconds", -1.0),
        ("count", -2.0),
        ("dollars", float("inf")),
        ("share", float("nan")),
    ],
)
async def test_a_value_that_cannot_be_is_no_score_and_says_why(kind: str, value: float) -> None:
    metric = Metric("odd", kind)  # type: ignore[arg-type]
    found = (await measure(_Says(metric, value), sample("An answer.")))["odd"]
    assert isinstance(found.score, Unscored)
    assert f"the scorer gave {value:g}; odd ({kind}) lies between 0 and" in found.score.reason
    assert not found.lasting


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "value"), [("share", 1 + 1e-12), ("dollars", 0.0), ("count", 7.0)])
async def test_a_value_that_can_be_is_kept(kind: str, value: float) -> None:
    metric = Metric("odd", kind)  # type: ignore[arg-type]
    found = (await measure(_Says(metric, value), sample("An answer.")))["odd"]
    assert found.score == Scored(value)


@pytest.mark.anyio
async def test_a_negative_cost_is_unscored() -> None:
    found = await measure(Cost(), sample("An answer.", cost=-0.01))
    assert isinstance(found["cost"].score, Unscored)
