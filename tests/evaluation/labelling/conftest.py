"""A world in which the truth is known: a run with a biased judge, and people who label it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from assay.digest import Digest, digest
from assay.evaluation.cases import Case
from assay.evaluation.labelling.joining import labelled
from assay.evaluation.labelling.population import Unit, units
from assay.evaluation.records import Result, Run, ScorerUsed
from assay.evaluation.samples import Answered, Passage
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Scored, Unscored
from assay.stores.labelled import Draw, Label

METRIC = "faithfulness"
SCORER = ScorerUsed("faithfulness", "faithfulness:1:fake", (Metric(METRIC, judged=True),))


@dataclass
class World:
    """A run, what is true of each case by its digest, and the labels that people gave so far."""

    run: Run
    truth: Mapping[Digest, float]
    labels: list[Label] = field(default_factory=list)
    draws: list[Draw] = field(default_factory=list)

    @property
    def population(self) -> tuple[Unit, ...]:
        return units(self.run, METRIC)

    @property
    def joined(self) -> Run:
        return labelled(self.run, self.labels, {METRIC: self.draws})

    def label(
        self,
        cases: Iterable[Digest],
        draw: str | None = "random:0",
        chances: Mapping[Digest, float] | None = None,
        rater: str = "anna",
        value: Callable[[Digest], float | None] | None = None,
    ) -> None:
        """Have a rater tell the truth, or ``value``, of these cases' answers."""
        items = {unit.digest: (unit.items[0], unit.judged) for unit in self.population}
        for case in cases:
            item, judged = items[case]
            said = value(case) if value is not None else self.truth[case]
            number = len(self.labels)
            chance = None if chances is None else chances[case]
            self.labels.append(
                Label(str(number), METRIC, item, case, rater, said, number, draw, chance, judged, SCORER.identity)
            )


MakeWorld = Callable[..., World]


def make_world(
    n: int,
    seed: int = 0,
    *,
    rate: float = 0.7,
    clustered: bool = False,
    binary: bool = False,
    answer: str = "answer",
    unscored: int = 0,
    repeats: int = 1,
) -> World:
    """``n`` cases of which ``rate`` are true; the judge's score leans towards yes. Cluster by cluster of three where
    ``clustered``; the first ``unscored`` have no score."""
    dice = random.Random(seed)
    truth: dict[Digest, float] = {}
    results = []
    for i in range(n):
        case = Case(f"c{i}", f"question {i}?", cluster=str(i // 3) if clustered else None)
        p = random.Random(f"{seed}-{i // 3}").betavariate(rate * 4, 4 - rate * 4) if clustered else rate
        true = float(dice.random() < p)
        truth[case.digest] = true
        for repeat in range(repeats):
            judged = dice.betavariate(4, 1.5) if true else dice.betavariate(2.5, 2)
            score = Unscored("no claims") if i < unscored else Scored(float(judged > 0.5) if binary else judged)
            said = Answered(f"{answer} {i} {repeat}", passages=(Passage("d", 0, 4, "text", "Title"),))
            results.append(Result(case, repeat, said, {METRIC: Measured(score)}))
    return World(Run("r" * 16, "this", "s", "", "set", digest([]), (SCORER,), repeats, tuple(results), 0.0), truth)


@pytest.fixture
def world() -> MakeWorld:
    return make_world
