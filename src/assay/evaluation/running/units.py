"""The unit of work of a run: one question to the subject, for all the places that need its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.digest import Digest
from assay.evaluation.cases import Case
from assay.evaluation.samples import Outcome
from assay.evaluation.scoring import Measured


@dataclass(frozen=True, slots=True)
class Place:
    """Where a result stands: the case's number in the dataset, and which time it is asked."""

    case: int
    repeat: int


@dataclass(slots=True, eq=False)
class Unit:
    """``content`` and ``whole`` are the answer's digests, None for a failed one; ``scores`` by scorer's number."""

    key: Digest
    case: Case
    digest: Digest
    repeat: int
    places: list[Place] = field(default_factory=list)
    outcome: Outcome | None = None
    content: Digest | None = None
    whole: Digest | None = None
    scores: dict[int, Mapping[str, Measured]] = field(default_factory=dict)

    def complete(self, scorers: int) -> bool:
        return self.outcome is not None and len(self.scores) == scorers

    def by_metric(self) -> dict[str, Measured]:
        """All scores by metric, in the order of the scorers."""
        return {name: measured for at in sorted(self.scores) for name, measured in self.scores[at].items()}
