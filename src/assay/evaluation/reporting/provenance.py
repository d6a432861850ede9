"""Where a result comes from: what was measured, by what, with what versions, at what expense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from assay.evaluation.records import Run, Work
from assay.evaluation.reporting.markup import Child, Markup, element
from assay.evaluation.reporting.summary import Report
from assay.evaluation.reporting.wording import count, value, when
from assay.evaluation.scoring import Spent


def facts(run: Run) -> dict[str, str]:
    """Names and digests that identify a run, as every face shows them."""
    return {
        "run": run.id,
        "release": run.subject,
        "state": run.state,
        "dataset": f"{run.dataset} {run.dataset_digest}",
        "repeats": str(run.repeats),
        "started": when(run.started),
        "models": ", ".join(models(run)) or "unknown",
    }


def models(run: Run) -> list[str]:
    """The models that gave the answers, sorted."""
    found = {getattr(result.outcome, "model", "") for result in run}
    return sorted(name for name in found if name)


def work_words(work: Work) -> dict[str, str]:
    """What was done now and what was found done, in words."""
    return {
        "answers": f"{work.answers:,} made, {work.answers_reused:,} reused",
        "answering": _spent(work.answering),
        "scores": f"{work.scores:,} made, {work.scores_reused:,} reused",
        "scoring": _spent(work.scoring),
        "took": f"{work.seconds:,.1f} s",
    }


def provenance(report: Report) -> Markup:
    """The page's last section."""
    run, baseline = report.run, report.baseline
    scorers = {scorer.name: scorer.identity for scorer in run.scorers}
    return element(
        "div",
        _part("This run", facts(run)),
        _part("Baseline", facts(baseline)) if baseline is not None else None,
        _part("Work done", work_words(run.work)),
        _part("Scorers", scorers),
        _part("Versions", run.environment),
        _part("Intervals", dict(_methods(report))),
        class_="parts",
    )


def _methods(report: Report) -> Sequence[tuple[str, str]]:
    return [(each.metric.name, each.estimate.method) for each in report.summary.metrics if each.estimate is not None]


def _part(title: str, pairs: Mapping[str, str]) -> Markup | None:
    if not pairs:
        return None
    rows: list[Child] = [[element("dt", name), element("dd", element("code", told))] for name, told in pairs.items()]
    return element("section", element("h3", title), element("dl", rows))


def _spent(spent: Spent) -> str:
    cost = "cost unknown" if spent.cost is None else value("dollars", spent.cost)
    tokens = f"{spent.input_tokens:,} tokens in, {spent.output_tokens:,} out"
    reused = f"; {count(spent.reused, 'verdict')} reused" if spent.reused else ""
    return f"{count(spent.calls, 'call')}, {tokens}, {cost}{reused}"
