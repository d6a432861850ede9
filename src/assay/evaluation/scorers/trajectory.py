"""Trajectory: did the agent go the way it should have gone?

Three readings of one reference path, as in the trajectory metrics of Google's agent evaluation: the same
calls in the same order and nothing else (exact), all of them in order with others between (in order), all
of them in any order with others beside (any order). Each implies the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from assay.evaluation.samples import Sample
from assay.evaluation.scorers.calls import calls_of, subsequence
from assay.evaluation.scorers.definition import identified, unscored
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored

EXACT = Metric("trajectory_exact")
IN_ORDER = Metric("trajectory_in_order")
ANY_ORDER = Metric("trajectory_any_order")
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Trajectory:
    """``trajectory_exact``, ``trajectory_in_order`` and ``trajectory_any_order``, each 1 or 0.

    Unscored where the case names no calls, or the agent's are not known. Detail: ``reached``, how many
    of the ``expected`` calls were made in order before the first that is missing, and the path ``made``.
    """

    @property
    def name(self) -> str:
        return "trajectory"

    @property
    def identity(self) -> str:
        return identified(self.name, _VERSION)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (EXACT, IN_ORDER, ANY_ORDER)

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        calls = calls_of(sample)
        if isinstance(calls, str):
            return unscored(self.metrics, calls)
        reached = subsequence(calls.expected, calls.made)
        whole = reached == len(calls.expected)
        wanted = Counter(call.key for call in calls.expected)
        made = Counter(call.key for call in calls.made)
        # A call that cannot be read equals nothing, not even another such.
        beside = wanted[None] == 0 and wanted <= made
        detail = {
            "reached": reached,
            "expected": len(calls.expected),
            "made": [call.as_dict() for call in calls.made],
        }
        found = ((EXACT, whole and len(calls.made) == len(calls.expected)), (IN_ORDER, whole), (ANY_ORDER, beside))
        return {metric.name: Measured(Scored(float(held)), detail) for metric, held in found}
