"""The port of a scorer: a sample in, a score or the reason why there is none out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from assay.evaluation.samples import Failed, Sample
from assay.scores import Score, Scored, Unscored

_ROUNDING = 1e-9
Kind: TypeAlias = Literal["share", "milliseconds", "dollars", "count"]
"""What a value means: a share from 0 to 1, or a quantity with a unit."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number that a scorer gives. ``judged`` marks what a model estimates and people could correct,
    ``of_failures`` what can be said of an answer that failed too."""

    name: str
    kind: Kind = "share"
    higher_is_better: bool = True
    judged: bool = False
    of_failures: bool = False


@dataclass(frozen=True, slots=True)
class Spent:
    """What scoring cost: model calls made, tokens, US dollars (None where a price is unknown);
    ``reused`` verdicts were known already."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = 0.0
    reused: int = 0

    def __add__(self, other: Spent) -> Spent:
        known = self.cost is not None and other.cost is not None
        return Spent(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            (self.cost or 0.0) + (other.cost or 0.0) if known else None,
            self.reused + other.reused,
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """A score with what explains it; ``detail`` is JSON-like and named in the scorer's docstring.

    ``lasting`` False says that another try may well give another value, as after a model's failure: such a
    score counts in its run and is not kept for the next.
    """

    score: Score
    detail: Mapping[str, Any] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)
    lasting: bool = True


class Scorer(Protocol):
    """Scores samples by one definition.

    ``name`` is what a file calls it; ``identity`` changes with everything that can change a score
    (version of the definition, judge, prompts, coefficients), since scores are kept under it.
    ``score`` gives one Measured for each of ``metrics``, by name. It may raise: ``measure`` makes a
    value of that.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def metrics(self) -> tuple[Metric, ...]: ...

    async def score(self, sample: Sample) -> Mapping[str, Measured]: ...


async def measure(scorer: Scorer, sample: Sample, *, through: tuple[type[Exception], ...] = ()) -> dict[str, Measured]:
    """A Measured for every metric of the scorer, whatever happens inside it but cancellation.

    A failed answer and a crash of the scorer are Unscored, and so is a metric that the scorer leaves out
    or whose value cannot be (not finite, a share outside 0 to 1, a quantity below 0); of these none is
    lasting. Exceptions ``through`` are raised instead, for a caller that knows what to do about them.
    """
    if isinstance(sample.outcome, Failed) and not any(metric.of_failures for metric in scorer.metrics):
        return _none(scorer, f"the answer failed: {sample.outcome.kind}")
    try:
        found = await scorer.score(sample)
    except through:
        raise
    except Exception as error:
        return _none(scorer, f"the scorer raised {type(error).__name__}: {error}", getattr(error, "spent", None))
    return {metric.name: _checked(metric, found.get(metric.name)) for metric in scorer.metrics}


def _none(scorer: Scorer, reason: str, spent: object = None) -> dict[str, Measured]:
    """No value for any metric; what the failure cost all the same is the first one's."""
    found = {metric.name: Measured(Unscored(reason), lasting=False) for metric in scorer.metrics}
    if isinstance(spent, Spent) and scorer.metrics:
        first = scorer.metrics[0].name
        found[first] = Measured(Unscored(reason), spent=spent, lasting=False)
    return found


def _checked(metric: Metric, found: Measured | None) -> Measured:
    if found is None:
        return Measured(Unscored("the scorer gave no value"), lasting=False)
    score = found.score
    if isinstance(score, Scored) and not _possible(metric, score.value):
        most = "1" if metric.kind == "share" else "infinity"
        reason = f"the scorer gave {score.value:g}; {metric.name} ({metric.kind}) lies between 0 and {most}"
        return Measured(Unscored(reason), found.detail, found.spent, lasting=False)
    return found


def _possible(metric: Metric, value: float) -> bool:
    if metric.kind == "share":
        return -_ROUNDING <= value <= 1 + _ROUNDING
    return 0 <= value < math.inf
