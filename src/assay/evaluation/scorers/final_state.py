"""Final state: did the agent leave the world as it should be?

Deep equality of two JSON-like values, as tau-bench compares databases (Yao et al. 2024, arXiv 2406.12045),
with the paths at which they differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.evaluation.samples import Failed, Sample
from assay.evaluation.scorers.definition import failure, identified, unscored
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored

FINAL_STATE = Metric("final_state")
_VERSION = 1
_SHOWN = 50


@dataclass(frozen=True, slots=True)
class FinalState:
    """``final_state`` is 1 where the state left behind equals the expected one, else 0.

    Numbers are equal by value (1 and 1.0), truth values only to themselves; lists in order. Unscored where
    the case names no state, or the agent's is not known. Detail: ``differences``, at most 50 of
    {``path``, ``kind``: missing | unexpected | changed, ``expected``, ``actual``}, and their ``count``.
    """

    @property
    def name(self) -> str:
        return "final_state"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (FINAL_STATE,)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        outcome = sample.outcome
        if isinstance(outcome, Failed):
            return unscored(self.metrics, failure(outcome))
        if sample.case.state is None:
            return unscored(self.metrics, "the case names no final state")
        if outcome.state is None:
            return unscored(self.metrics, "the final state is not known")
        found = list(differences(sample.case.state, outcome.state))
        detail = {"count": len(found), "differences": found[:_SHOWN]}
        return {FINAL_STATE.name: Measured(Scored(float(not found)), detail)}


def differences(expected: Any, actual: Any, path: str = "$") -> Iterator[dict[str, Any]]:
    """The places at which two JSON-like values differ, outermost first: paths as ``$.orders[2].status``."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key in sorted({*expected, *actual}, key=str):
            place = f"{path}.{key}"
            if key not in actual:
                yield {"path": place, "kind": "missing", "expected": expected[key]}
            elif key not in expected:
                yield {"path": place, "kind": "unexpected", "actual": actual[key]}
            else:
                yield from differences(expected[key], actual[key], place)
    elif _listed(expected) and _listed(actual):
        for at in range(max(len(expected), len(actual))):
            place = f"{path}[{at}]"
            if at >= len(actual):
                yield {"path": place, "kind": "missing", "expected": expected[at]}
            elif at >= len(expected):
                yield {"path": place, "kind": "unexpected", "actual": actual[at]}
            else:
                yield from differences(expected[at], actual[at], place)
    elif isinstance(expected, bool) is not isinstance(actual, bool) or expected != actual:
        yield {"path": path, "kind": "changed", "expected": expected, "actual": actual}


def _listed(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
