"""The unit of work of a run: one question to one subject, for all the places that need its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from assay.digest import Digest, digest_text
from assay.evaluation.cases import Case, Dataset
from assay.evaluation.running.keys import answer_key
from assay.evaluation.running.progress import Meter
from assay.evaluation.samples import Outcome, Subject
from assay.evaluation.scoring import Measured


@dataclass(frozen=True, slots=True)
class Place:
    """Where a result stands: the case's number in the dataset, and which time it is asked."""

    case: int
    repeat: int


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A subject with the count of what is done for it; ``kept_as`` is the digest of its identity."""

    subject: Subject
    meter: Meter
    kept_as: Digest


@dataclass(slots=True, eq=False)
class Unit:
    """``content`` and ``whole`` are the answer's digests, None for a failed one; ``scores`` by scorer's number.
    One that is asked ``anew`` is asked whatever is known, and its answer takes the place of that."""

    key: Digest
    case: Case
    digest: Digest
    repeat: int
    side: Side
    places: list[Place] = field(default_factory=list)
    anew: bool = False
    outcome: Outcome | None = None
    content: Digest | None = None
    whole: Digest | None = None
    scores: dict[int, Mapping[str, Measured]] = field(default_factory=dict)

    def complete(self, scorers: int) -> bool:
        return self.outcome is not None and len(self.scores) == scorers

    def by_metric(self) -> dict[str, Measured]:
        """All scores by metric, in the order of the scorers."""
        return {name: measured for at in sorted(self.scores) for name, measured in self.scores[at].items()}


def units_of(side: Side, dataset: Dataset, repeats: int) -> list[Unit]:
    """What is to be asked, in the order of cases, then repeats; what is the same once."""
    identity, state = side.subject.identity, side.subject.state
    found: dict[tuple[str, str], Unit] = {}
    for at, case in enumerate(dataset.cases):
        asked, digest = case.asked, case.digest
        for repeat in range(repeats):
            key = answer_key(identity, state, asked, repeat)
            unit = found.get((key, digest))
            if unit is None:
                unit = found[key, digest] = Unit(key, case, digest, repeat, side)
            unit.places.append(Place(at, repeat))
    return list(found.values())


def side_of(subject: Subject, meter: Meter) -> Side:
    return Side(subject, meter, digest_text(subject.identity))


def in_turns(sides: Sequence[Sequence[Unit]]) -> list[tuple[Unit, ...]]:
    """The units of all sides case by case; who is asked first changes from case to case, lest it be for the
    good of one that a provider, or a cache, has just seen the question."""
    rows = list(zip(*sides, strict=True))
    return [row if number % 2 == 0 else row[::-1] for number, row in enumerate(rows)]
