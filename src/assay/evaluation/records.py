"""What an evaluation leaves behind: a result for each case and repeat, and the run that holds them.

Everything in a report is computed from a run; nothing else is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from assay.digest import Digest
from assay.evaluation.cases import Case
from assay.evaluation.samples import Outcome
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.scores import Score, Unscored


@dataclass(frozen=True, slots=True)
class Result:
    """One case asked once, with a Measured for each metric by name."""

    case: Case
    repeat: int
    outcome: Outcome
    scores: Mapping[str, Measured]

    def score(self, metric: str) -> Score:
        found = self.scores.get(metric)
        return found.score if found is not None else Unscored("was not asked for")


@dataclass(frozen=True, slots=True)
class ScorerUsed:
    """A scorer by name with the identity that its scores are kept under, and its metrics."""

    name: str
    identity: str
    metrics: tuple[Metric, ...]


@dataclass(frozen=True, slots=True)
class Work:
    """What a run did now, beside what it found done: answers and scores made and reused, and what both cost."""

    answers: int = 0
    answers_reused: int = 0
    scores: int = 0
    scores_reused: int = 0
    answering: Spent = field(default_factory=Spent)
    scoring: Spent = field(default_factory=Spent)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class PersonLabel:
    """What people said of one result's metric: a value from 0 to 1 by rater, None for "cannot tell".

    Without any ratings the case was drawn, and nobody has labelled this answer to it. ``probability`` is the
    case's chance of being drawn, None where every case had the same one.
    """

    metric: str
    case: str
    repeat: int
    ratings: Mapping[str, float | None] = field(default_factory=dict)
    probability: float | None = None

    @property
    def value(self) -> float | None:
        """The mean over the raters who could tell; None where nobody could."""
        known = [value for value in self.ratings.values() if value is not None]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class Checked:
    """A verdict of one of the run's scorers on another run's answer, that a person checked: what both said."""

    metric: str
    judged: float
    value: float


@dataclass(frozen=True, slots=True)
class Run:
    """One subject on one dataset. ``results`` are in the order of cases, then repeats.

    ``label`` is the subject's name for people (``live``, ``git:main``, a digest's beginning),
    ``started`` seconds since the epoch, ``environment`` versions and revisions by name. ``labels`` and
    ``checked`` are what people said of these answers, and of others that the same scorers judged.
    """

    id: str
    label: str
    subject: str
    state: str
    dataset: str
    dataset_digest: Digest
    scorers: tuple[ScorerUsed, ...]
    repeats: int
    results: tuple[Result, ...]
    started: float
    work: Work = field(default_factory=Work)
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: tuple[PersonLabel, ...] = ()
    checked: tuple[Checked, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return tuple(metric for scorer in self.scorers for metric in scorer.metrics)

    def by_case(self) -> Mapping[str, tuple[Result, ...]]:
        """The results of each case by its id, repeats in order."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            found.setdefault(result.case.id, []).append(result)
        return {id: tuple(results) for id, results in found.items()}

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)
