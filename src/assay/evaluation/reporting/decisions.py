"""Which guards a comparison decided, and how each is told."""

from __future__ import annotations

from assay.evaluation.reporting.wording import guard_words, settled_by, verdict_reason
from assay.evaluation.scoring import Metric
from assay.evaluation.verdicts import Comparison, Decided


def decisions(comparison: Comparison) -> tuple[Decided, ...]:
    """Every guard with its verdict, of metrics that could not be compared too."""
    if comparison.guards:
        return tuple(comparison.guards)
    return tuple(
        Decided(each.guard, each.verdict, each.difference)
        for each in comparison.metrics
        if each.guard is not None and each.verdict is not None
    )


def of_metric(comparison: Comparison, name: str) -> tuple[Decided, ...]:
    """The guards of one metric."""
    return tuple(each for each in decisions(comparison) if each.guard.metric == name)


def of_no_metric(comparison: Comparison) -> tuple[Decided, ...]:
    """The guards of metrics that the comparison does not hold."""
    held = {each.metric.name for each in comparison.metrics}
    return tuple(each for each in decisions(comparison) if each.guard.metric not in held)


def demand(comparison: Comparison, decided: Decided) -> str:
    """What the guard demands, as a clause."""
    found = (each.metric for each in comparison.metrics if each.metric.name == decided.guard.metric)
    return guard_words(decided.guard, next(found, Metric(decided.guard.metric)))


def told(comparison: Comparison, decided: Decided) -> str:
    """Why the verdict is what it is; the demand where the verdict gives no reason."""
    return verdict_reason(decided.verdict) or demand(comparison, decided)


def brief(comparison: Comparison, decided: Decided) -> str:
    """The demand and what would settle it, for a place where the numbers stand already."""
    if decided.effect is None:
        return told(comparison, decided)
    settle = settled_by(decided.verdict)
    return "; ".join(part for part in (demand(comparison, decided), settle) if part)
