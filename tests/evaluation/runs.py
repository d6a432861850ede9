"""Runs with given values, for tests of what compares them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from assay.digest import digest
from assay.evaluation.cases import Case
from assay.evaluation.records import Result, Run, ScorerUsed
from assay.evaluation.samples import Answered
from assay.evaluation.scoring import Measured, Metric
from assay.evaluation.verdicts import Compared
from assay.scores import Scored, Unscored

METRICS = (
    Metric("faithfulness", judged=True),
    Metric("latency", "milliseconds", higher_is_better=False),
    Metric("cost", "dollars", higher_is_better=False),
    Metric("errors", higher_is_better=False),
)
Values = Mapping[str, Sequence[float | None]]


def run(values: Values, *, label: str = "a", tags: Sequence[Mapping[str, str]] | None = None, repeats: int = 1) -> Run:
    """A run whose case i has the i-th value of every metric; None is unscored."""
    count = len(next(iter(values.values())))
    results = []
    for number in range(count):
        case = Case(f"c{number}", f"question {number}?", tags=tags[number] if tags else {})
        for repeat in range(repeats):
            scores = {
                name: Measured(Unscored("no claims") if of[number] is None else Scored(float(of[number] or 0)))
                for name, of in values.items()
            }
            results.append(Result(case, repeat, Answered(f"answer {label}", trace=f"{label}{number}"), scores))
    used = tuple(ScorerUsed(m.name, "1", (m,)) for m in METRICS if m.name in values)
    return Run("r", label, label, "", "d", digest([]), used, repeats, tuple(results), 0.0)


def metric(found: Sequence[Compared], name: str) -> Compared:
    return next(each for each in found if each.metric.name == name)


def noisy(n: int, mean: float, seed: int) -> list[float]:
    drawn = random.Random(seed)
    return [min(1.0, max(0.0, drawn.gauss(mean, 0.15))) for _ in range(n)]
