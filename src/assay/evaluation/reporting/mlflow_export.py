"""A result in MLflow: a run of its own, found again by its id, with what MLflow's pages show.

MLflow itself (the extra ``mlflow``) is imported only when a client is asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

from assay.errors import PluginError, StoreError
from assay.evaluation.reporting.html import html_report
from assay.evaluation.reporting.junit import junit_xml
from assay.evaluation.reporting.markdown import markdown_summary
from assay.evaluation.reporting.provenance import models
from assay.evaluation.reporting.summary import Report
from assay.evaluation.reporting.wording import verdict_reason, verdict_word
from assay.scores import Estimate

EXPERIMENT = "assay"
RUN_TAG = "assay.run"
LONGEST_TAG, LONGEST_NOTE = 4_000, 7_500
_ODD = re.compile(r"[^\w\-. /]")


class Client(Protocol):
    """What is used of ``mlflow.MlflowClient``."""

    def get_experiment_by_name(self, name: str) -> Any: ...
    def create_experiment(self, name: str) -> str: ...
    def search_runs(self, experiment_ids: Sequence[str], filter_string: str) -> Sequence[Any]: ...
    def create_run(self, experiment_id: str, start_time: int, tags: dict[str, str], run_name: str) -> Any: ...
    def get_run(self, run_id: str) -> Any: ...
    def log_param(self, run_id: str, key: str, value: Any) -> Any: ...
    def log_metric(self, run_id: str, key: str, value: float, timestamp: int, step: int) -> Any: ...
    def set_tag(self, run_id: str, key: str, value: Any) -> None: ...
    def log_text(self, run_id: str, text: str, artifact_file: str) -> None: ...
    def set_terminated(self, run_id: str, status: str, end_time: int) -> None: ...


def connect(store: str | None = None) -> Client:
    """MLflow's client for a tracking store (``sqlite:///mlflow.db``, ``http://…``); None: as MLflow is set up.

    Raises PluginError where MLflow is not installed, StoreError where the store cannot be opened.
    """
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise PluginError("the export needs MLflow, which is not installed: pip install 'assay[mlflow]'") from error
    try:
        client = cast(Client, MlflowClient(tracking_uri=store))
    except Exception as error:
        raise StoreError(f"MLflow's store {store or 'from its environment'} cannot be opened: {error}") from error
    return client


def export(report: Report, client: Client, *, artifact: str, experiment: str = EXPERIMENT) -> str:
    """Write the result, and give the id that MLflow knows it by.

    ``artifact`` is the JSON from which every number can be computed again. A run that is there already, told
    by its tag ``assay.run``, is brought up to date rather than written twice. Raises StoreError where MLflow refuses.
    """
    try:
        place = _experiment(client, experiment)
        id = _run(client, place, report)
        _write(client, id, report, artifact)
    except (PluginError, StoreError):
        raise
    except Exception as error:  # MLflow's own, its database's and its transport's errors have no common root
        raise StoreError(f"MLflow did not take the run {report.run.id}: {error}") from error
    return id


def parameters(report: Report) -> dict[str, str]:
    """What was measured: digests, models and scorers. None of it changes for one run."""
    run = report.run
    found = {
        "release": run.subject,
        "state": run.state,
        "dataset": run.dataset,
        "dataset.digest": run.dataset_digest,
        "repeats": str(run.repeats),
        "models": ", ".join(models(run)),
        **{f"scorer.{scorer.name}": scorer.identity for scorer in run.scorers},
        **{f"version.{name}": version for name, version in run.environment.items()},
    }
    return {_key(name): told[:LONGEST_TAG] for name, told in found.items() if told}


def metrics(report: Report) -> dict[str, float]:
    """Every number by name: ``faithfulness``, its ``.low``, ``.high``, ``.n``, ``.unscored``, ``.difference``."""
    found = dict(_numbers(report))
    return {_key(name): value for name, value in found.items() if math.isfinite(value)}


def tags(report: Report) -> dict[str, str]:
    """What a person looks for, and the summary that MLflow shows as the run's description."""
    run, comparison = report.run, report.comparison
    found = {RUN_TAG: run.id, "assay.label": run.label, "assay.release": run.subject[:12]}
    uncorrected = [each.metric.name for each in report.summary.metrics if each.uncorrected]
    found["assay.uncorrected"] = ", ".join(uncorrected) or "none"
    if comparison is not None:
        found["assay.verdict"] = verdict_word(comparison.verdict)
        found["assay.verdict.reason"] = verdict_reason(comparison.verdict)[:LONGEST_TAG]
        found["assay.baseline"] = comparison.baseline
    return found | {"mlflow.note.content": _note(report)}


def _numbers(report: Report) -> Iterator[tuple[str, float]]:
    summary, comparison = report.summary, report.comparison
    for each in summary.metrics:
        yield from _estimate(each.metric.name, each.best)
        yield f"{each.metric.name}.unscored", float(sum(each.unscored.values()))
    for compared in comparison.metrics if comparison is not None else ():
        yield from _estimate(f"{compared.metric.name}.difference", compared.difference)
        if compared.p_adjusted is not None:
            yield f"{compared.metric.name}.difference.p", compared.p_adjusted
    for name, found in (("latency_p50", summary.latency_p50), ("latency_p95", summary.latency_p95)):
        yield from _estimate(f"answers.{name}", found)
    yield from _estimate("answers.cost", summary.cost)
    if summary.total_cost is not None:
        yield "answers.cost.total", summary.total_cost
    for name, number in (("answered", summary.answered), ("abstained", summary.abstained), ("failed", summary.failed)):
        yield f"answers.{name}", float(number)
    yield "cases", float(summary.cases)


def _estimate(name: str, found: Estimate | None) -> Iterator[tuple[str, float]]:
    if found is not None:
        yield name, found.value
        yield f"{name}.low", found.low
        yield f"{name}.high", found.high
        yield f"{name}.n", float(found.n)


def _experiment(client: Client, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        return client.create_experiment(name)
    if found.lifecycle_stage != "active":
        raise StoreError(f"MLflow's experiment {name!r} is deleted: restore it, or name another")
    return str(found.experiment_id)


def _run(client: Client, experiment: str, report: Report) -> str:
    """The run with this id, or a new one."""
    run = report.run
    id = run.id.replace("'", "")
    found = client.search_runs([experiment], filter_string=f"tags.`{RUN_TAG}` = '{id}'")
    if found:
        return str(found[0].info.run_id)
    name = f"{run.label} on {run.dataset}"[:250]
    started = round(run.started * 1000)
    made = client.create_run(experiment, start_time=started, tags={RUN_TAG: id}, run_name=name)
    return str(made.info.run_id)


def _write(client: Client, id: str, report: Report, artifact: str) -> None:
    run = report.run
    known = client.get_run(id).data
    for name, told in parameters(report).items():
        if name not in known.params:  # MLflow lets nobody change one
            client.log_param(id, name, told)
    started = round(run.started * 1000)
    for name, number in metrics(report).items():
        if known.metrics.get(name) != number:
            client.log_metric(id, name, number, timestamp=started, step=0)
    for name, told in tags(report).items():
        client.set_tag(id, name, told)
    for file, text in _files(report, artifact).items():
        client.log_text(id, text, file)
    client.set_terminated(id, status="FINISHED", end_time=started + round(run.work.seconds * 1000))


def _files(report: Report, artifact: str) -> Mapping[str, str]:
    return {
        "assay.json": artifact,
        "report.html": html_report(report),
        "summary.md": markdown_summary(report),
        "junit.xml": junit_xml(report),
    }


def _note(report: Report) -> str:
    """The summary without what it folds away: MLflow limits a tag's length."""
    whole = re.sub(r"<details>.*?</details>\n*", "", markdown_summary(report), flags=re.DOTALL)
    return whole if len(whole) <= LONGEST_NOTE else whole[:LONGEST_NOTE].rpartition("\n")[0]


def _key(name: str) -> str:
    """A name as MLflow allows it."""
    return _ODD.sub("_", name)[:250]
