"""What labels are about: the cases of a run that a judge has scored, and the answers to them."""

from __future__ import annotations

from dataclasses import dataclass

from assay.digest import Digest, digest
from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.records import Result, Run, ScorerUsed
from assay.evaluation.samples import Answered
from assay.evaluation.scoring import Metric
from assay.scores import Scored


@dataclass(frozen=True, slots=True)
class Unit:
    """A case with its scored answers, one for each repeat, and the key of each one's labels. ``judged`` is the
    mean of their scores: what a report averages."""

    case: Case
    digest: Digest
    results: tuple[Result, ...]
    items: tuple[Digest, ...]
    judged: float


def units(run: Run, metric: str) -> tuple[Unit, ...]:
    """The cases for which ``metric`` has a score, in the run's order. Raises InputError for an unknown metric."""
    metric_of(run, metric)
    found = []
    for results in run.by_case().values():
        scored = tuple(result for result in results if isinstance(result.score(metric), Scored))
        if scored:
            mean = sum(judged(result, metric) for result in scored) / len(scored)
            items = tuple(item_of(metric, result) for result in scored)
            found.append(Unit(scored[0].case, scored[0].case.digest, scored, items, mean))
    return tuple(found)


def judged(result: Result, metric: str) -> float:
    """The value of a result that has one. Raises InputError for another."""
    score = result.score(metric)
    if not isinstance(score, Scored):
        raise InputError(f"{metric} has no score: {score.reason}")
    return score.value


def item_of(metric: str, result: Result) -> Digest:
    """What a label is kept under: changes with the metric, with what is asked, and with what was said."""
    outcome = result.outcome
    content = outcome.content if isinstance(outcome, Answered) else ""
    return digest(["label", metric, result.case.digest, content])


def metric_of(run: Run, name: str) -> Metric:
    """The metric of this name. Raises InputError, with those that a judge gives, where the run has none."""
    found = next((metric for metric in run.metrics if metric.name == name), None)
    if found is None:
        raise InputError(f"the run has no metric {name!r}; judged in it: {', '.join(judged_metrics(run)) or 'none'}")
    if found.kind != "share":
        raise InputError(f"{name} is measured, not judged; judged in this run: {', '.join(judged_metrics(run))}")
    return found


def judged_metrics(run: Run) -> list[str]:
    """The names of the metrics that a model estimates."""
    return [metric.name for metric in run.metrics if metric.judged and metric.kind == "share"]


def scorer_of(run: Run, metric: str) -> ScorerUsed:
    """The scorer that gave a metric. Raises InputError where none did."""
    metric_of(run, metric)
    return next(used for used in run.scorers if any(each.name == metric for each in used.metrics))
