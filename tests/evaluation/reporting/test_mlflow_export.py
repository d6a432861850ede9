"""The export to MLflow: against a fake of its client, and against MLflow itself where it is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.errors import PluginError, StoreError
from assay.evaluation.reporting.mlflow_export import RUN_TAG, connect, export, metrics, parameters, tags
from assay.evaluation.reporting.summary import Report


@dataclass
class Store:
    """MLflow's client in memory: parameters cannot be changed, metrics have a history."""

    experiments: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)
    history: list[tuple[str, str, float]] = field(default_factory=list)
    files: dict[tuple[str, str], str] = field(default_factory=dict)

    def get_experiment_by_name(self, name: str) -> Any:
        return self.experiments.get(name)

    def create_experiment(self, name: str) -> str:
        self.experiments[name] = SimpleNamespace(experiment_id="7", lifecycle_stage="active")
        return "7"

    def search_runs(self, experiment_ids: Sequence[str], filter_string: str) -> Sequence[Any]:
        wanted = filter_string.partition(f"tags.`{RUN_TAG}` = '")[2].removesuffix("'")
        return [run for run in self.runs.values() if run.data.tags.get(RUN_TAG) == wanted]

    def create_run(self, experiment_id: str, start_time: int, tags: dict[str, str], run_name: str) -> Any:
        id = f"r{len(self.runs)}"
        data = SimpleNamespace(tags=dict(tags), params={}, metrics={})
        self.runs[id] = SimpleNamespace(info=SimpleNamespace(run_id=id, run_name=run_name, status="RUNNING"), data=data)
        return self.runs[id]

    def get_run(self, run_id: str) -> Any:
        return self.runs[run_id]

    def log_param(self, run_id: str, key: str, value: Any) -> None:
        assert self.runs[run_id].data.params.setdefault(key, value) == value

    def log_metric(self, run_id: str, key: str, value: float, timestamp: int, step: int) -> None:
        self.runs[run_id].data.metrics[key] = value
        self.history.append((run_id, key, value))

    def set_tag(self, run_id: str, key: str, value: Any) -> None:
        self.runs[run_id].data.tags[key] = value

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        self.files[run_id, artifact_file] = text

    def set_terminated(self, run_id: str, status: str, end_time: int) -> None:
        self.runs[run_id].info.status = status


def test_a_run_is_written_with_everything_that_the_pages_show(compared_report: Report) -> None:
    store = Store()
    id = export(compared_report, store, artifact='{"format": 1}')
    run = store.runs[id]
    assert run.info.status == "FINISHED"
    assert run.data.params["release"] == compared_report.run.subject
    assert run.data.params["models"] == "gpt-5-mini-2026-03"
    assert run.data.metrics["faithfulness"] == 0.861
    assert run.data.metrics["faithfulness.low"] == 0.827
    assert run.data.tags["assay.verdict"] == "inconclusive"
    assert run.data.tags["assay.uncorrected"] == "correctness"
    assert run.data.tags["mlflow.note.content"].startswith("## ⚠️ Inconclusive")
    assert {name for _, name in store.files} == {"assay.json", "report.html", "summary.md", "junit.xml"}
    assert store.files[id, "assay.json"] == '{"format": 1}'


def test_writing_again_updates_and_adds_nothing(compared_report: Report) -> None:
    store = Store()
    first = export(compared_report, store, artifact="{}")
    before = list(store.history)
    assert export(compared_report, store, artifact='{"again": true}') == first
    assert len(store.runs) == 1
    assert store.history == before
    assert store.files[first, "assay.json"] == '{"again": true}'


def test_other_runs_are_other_runs(make_report: Callable[..., Report]) -> None:
    store = Store()
    ids = {export(make_report(n, alone=True), store, artifact="{}") for n in (3, 4)}
    assert len(ids) == 2


def test_a_deleted_experiment_is_said_and_not_written_to(compared_report: Report) -> None:
    store = Store(experiments={"assay": SimpleNamespace(experiment_id="7", lifecycle_stage="deleted")})
    with pytest.raises(StoreError, match="is deleted: restore it"):
        export(compared_report, store, artifact="{}")
    assert not store.runs


def test_what_mlflow_raises_is_an_error_of_the_store(compared_report: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()

    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("refused")

    monkeypatch.setattr(store, "log_text", refuse)
    with pytest.raises(StoreError, match=r"did not take the run .*refused"):
        export(compared_report, store, artifact="{}")


def test_names_and_values_are_what_mlflow_allows(compared_report: Report) -> None:
    assert all(number == number and abs(number) != float("inf") for number in metrics(compared_report).values())
    assert all(len(told) <= 5_000 for told in parameters(compared_report).values())
    assert all(len(told) <= 8_000 for told in tags(compared_report).values())


def test_without_mlflow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(PluginError, match=r"assay\[mlflow\]"):
        connect()


def test_mlflow_itself_gives_back_what_was_written(
    compared_report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    pytest.importorskip("alembic", reason="a SQLite store needs the full mlflow")
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    id = export(compared_report, connect(store), artifact='{"format": 1}')
    assert export(compared_report, connect(store), artifact='{"format": 1}') == id
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("assay")
    assert experiment is not None
    [run] = client.search_runs([experiment.experiment_id])
    assert run.data.metrics == pytest.approx(metrics(compared_report))
    assert run.data.params == parameters(compared_report)
    assert run.data.tags["assay.verdict"] == "inconclusive"
    assert [file.path for file in client.list_artifacts(id)] == ["assay.json", "junit.xml", "report.html", "summary.md"]
    assert len(client.get_metric_history(id, "faithfulness")) == 1
