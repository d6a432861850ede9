"""Shadow copies beside the answers that users saw, question by question."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from assay.rollouts.traffic.observations import Observation

COPY = "shadow"


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """Copies that were made so far, and what they cost together in US dollars, as far as prices are known."""

    answers: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A metric's value of a copy, and of the answer to the same question that its user saw."""

    unit: str
    metric: str
    candidate: float
    live: float


@dataclass(slots=True)
class _Sides:
    """What is known of one question."""

    copy: dict[str, float] = field(default_factory=dict)
    live: dict[str, float] = field(default_factory=dict)
    paired: set[str] = field(default_factory=set)
    copied: bool = False
    counts: bool = True


@dataclass(slots=True)
class ShadowPairs:
    """Joins the observations of copies and of live answers by the live trace; either may come first, and each in
    several parts. The first value of a metric is the one that holds."""

    metrics: Sequence[str]
    answers: int = 0
    cost: float = 0.0
    _questions: dict[str, _Sides] = field(default_factory=dict)

    @property
    def count(self) -> ShadowCount:
        return ShadowCount(self.answers, self.cost)

    def add(self, observation: Observation) -> Iterator[Pair]:
        """Take an observation of the shadow phase; the pairs that it completes."""
        copy = observation.arm == COPY
        trace = observation.of if copy else observation.trace
        if trace is None:  # a copy of nothing that is known still was made, and paid for
            self.answers += 1
            self.cost += observation.values.get("cost", 0.0)
            return
        sides = self._questions.setdefault(trace, _Sides())
        if copy:
            self._counted(sides, observation)
        known: dict[str, float] = sides.copy if copy else sides.live
        for metric in self.metrics:
            value = observation.values.get(metric)
            if value is not None and metric not in known:
                known[metric] = value
        sides.counts = sides.counts and observation.counts
        if sides.counts and sides.copied:
            yield from self._completed(observation.unit, sides)

    def _counted(self, sides: _Sides, observation: Observation) -> None:
        if not sides.copied:
            sides.copied = True
            self.answers += 1
        if "cost" not in sides.copy:
            cost = observation.values.get("cost", 0.0)
            self.cost += cost
            if "cost" in observation.values:
                sides.copy["cost"] = cost

    def _completed(self, unit: str, sides: _Sides) -> Iterator[Pair]:
        for metric in self.metrics:
            if metric in sides.copy and metric in sides.live and metric not in sides.paired:
                sides.paired.add(metric)
                yield Pair(unit, metric, sides.copy[metric], sides.live[metric])


def learnable(observation: Observation) -> Mapping[str, float]:
    """What a live answer of the shadow phase tells about live alone."""
    return observation.values if observation.arm == "live" and observation.counts else {}
