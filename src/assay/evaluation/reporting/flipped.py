"""The cases that are judged otherwise than before, each once with all metrics that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assay.evaluation.reporting.wording import count
from assay.evaluation.verdicts import Comparison, Flip


@dataclass(frozen=True, slots=True)
class Changed:
    """What one metric said before and says now; ``gain`` is the step towards the better side."""

    metric: str
    before: float
    after: float
    gain: float


@dataclass(frozen=True, slots=True)
class Flipped:
    """A case with the metrics that put it on the other side, the largest loss first."""

    case: str
    question: str
    trace_before: str | None
    trace_after: str | None
    changes: tuple[Changed, ...]

    @property
    def worse(self) -> bool:
        """Whether any metric says that something was lost."""
        return self.changes[0].gain < 0


def flipped(comparison: Comparison) -> tuple[Flipped, ...]:
    """Every flipped case once: losses before gains, the largest first."""
    rising = {each.metric.name: each.metric.higher_is_better for each in comparison.metrics}
    of: dict[str, list[Flip]] = {}
    for flip in comparison.flips:
        of.setdefault(flip.case, []).append(flip)
    found = [_joined(flips, rising) for flips in of.values()]
    lost = sorted((each for each in found if each.worse), key=lambda each: (each.changes[0].gain, -len(each.changes)))
    gained = sorted((each for each in found if not each.worse), key=lambda each: -each.changes[-1].gain)
    return (*lost, *gained)


def counted(found: Sequence[Flipped]) -> str:
    """How many cases flipped, and which way: ``3 cases worse, 1 better``."""
    lost = sum(each.worse for each in found)
    return f"{count(lost, 'case')} worse, {len(found) - lost:,} better"


def _joined(flips: Sequence[Flip], rising: dict[str, bool]) -> Flipped:
    changes = [
        Changed(
            each.metric,
            each.before,
            each.after,
            (each.after - each.before) * (1 if rising.get(each.metric, True) else -1),
        )
        for each in flips
    ]
    first = flips[0]
    return Flipped(
        first.case,
        first.question,
        first.trace_before,
        first.trace_after,
        tuple(sorted(changes, key=lambda change: change.gain)),
    )
