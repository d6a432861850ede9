"""Which metrics can be scored of answers to users, where nobody knows the right answer; and who gives them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from assay.evaluation.scorers.opening import NAMES
from assay.releases.manifest import Manifest
from assay.rollouts.traffic.plan import Guard

GIVEN_BY: Mapping[str, str] = {
    "faithfulness": "faithfulness",
    "relevance": "relevance",
    "citation_recall": "citations",
    "citation_precision": "citations",
    "citation_resolves": "citations",
    "context_precision": "context",
}
"""Metrics of Assay's scorers that need no reference, with the scorer that gives each."""

NEEDS: Mapping[str, str] = {
    "correctness": "an expected answer",
    "context_recall": "an expected answer",
    "recall": "the relevant documents",
    "mrr": "the relevant documents",
    "ndcg": "the relevant documents",
    "precision": "the relevant documents",
    "final_state": "an expected final state",
    "tool_call": "expected tool calls",
    "tool_name": "expected tool calls",
    "trajectory": "an expected trajectory",
}
"""The beginnings of names of metrics that nothing can be said of on live answers, and what they would need."""

RUBRICS: Mapping[str, str] = {"context_precision": "context_relevance"}
"""Metrics that only some judges give without a reference, with the rubric that the judge must know."""


def scorer_names(guards: Iterable[Guard], manifest: Manifest) -> tuple[str, ...]:
    """The scorers that give the metrics of judged guards, as ``open_scorers`` takes them: Assay's by their metric;
    for any other metric all plug-ins that [evaluation] names."""
    metrics = [guard.metric for guard in guards if guard.judged]
    return scorers_giving(metrics, manifest)


def scorers_giving(metrics: Iterable[str], manifest: Manifest) -> tuple[str, ...]:
    """The same by names of metrics."""
    found: dict[str, None] = {}
    for metric in metrics:
        if metric in GIVEN_BY:
            found[GIVEN_BY[metric]] = None
        elif lacking(metric) is None:
            found.update(dict.fromkeys(name for name in manifest.evaluation.scorers if name not in NAMES))
    return tuple(found)


def lacking(metric: str) -> str | None:
    """What a metric would need that live answers do not have; None where nothing is known against it."""
    return next(
        (needs for name, needs in NEEDS.items() if metric == name or metric.startswith((f"{name}_", f"{name}@"))), None
    )
