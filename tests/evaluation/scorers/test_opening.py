from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from assay import plugins
from assay.errors import InputError, PluginError
from assay.evaluation.judging import Judge
from assay.evaluation.scorers.errors import Errors
from assay.evaluation.scorers.opening import NAMES, asks_judge, open_scorers, scorer_names
from assay.evaluation.scoring import Metric
from assay.testing.judge import ScriptedJudge

JUDGE = ScriptedJudge(lambda item: 1.0)


def test_every_name_opens_the_scorer_of_that_name() -> None:
    scorers = open_scorers(NAMES, judge=JUDGE)
    assert [scorer.name for scorer in scorers] == list(NAMES)
    assert len({scorer.identity for scorer in scorers}) == len(NAMES)


def test_a_name_twice_is_one_scorer() -> None:
    assert len(open_scorers(["cost", "latency", "cost"])) == 2


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'faithfulness'"):
        open_scorers(["faithfullness"], judge=JUDGE)
    with pytest.raises(InputError, match="known: retrieval"):
        open_scorers(["zzz"])


@pytest.mark.parametrize("name", ["faithfulness", "relevance"])
def test_a_judged_scorer_needs_its_judge(name: str) -> None:
    with pytest.raises(InputError, match="needs a judge"):
        open_scorers([name])


def test_only_judged_scorers_ask() -> None:
    assert [name for name in NAMES if asks_judge(name)] == [
        "faithfulness",
        "relevance",
        "context",
        "correctness",
        "citations",
    ]


@dataclass(frozen=True)
class Plugged(Errors):
    judge: Judge | None = None

    @property
    def name(self) -> str:
        return "plugged"

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (Metric("plugged"),)


def clashing(judge: Judge | None) -> Errors:
    return Errors()


def broken(judge: Judge | None) -> object:
    return object()


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*, group: str, name: str | None = None) -> list[EntryPoint]:
        here = [EntryPoint(each, f"{__name__}:{each}", "assay.scorer") for each in ("plugged", "clashing", "broken")]
        return [point for point in here if group == point.group and name in (None, point.name)]

    def load(self: EntryPoint) -> Any:
        return {"plugged": Plugged, "clashing": clashing, "broken": broken}[self.name]

    monkeypatch.setattr(plugins, "entry_points", found)
    monkeypatch.setattr(EntryPoint, "load", load)


@pytest.mark.usefixtures("plugged")
def test_plugins_are_scorers_too_and_get_the_judge() -> None:
    scorer = open_scorers(["cost", "plugged"], judge=JUDGE)[1]
    assert scorer.name == "plugged"
    assert isinstance(scorer, Plugged)
    assert scorer.judge is JUDGE
    assert scorer_names()[-1] == "plugged"
    assert asks_judge("plugged")


@pytest.mark.usefixtures("plugged")
def test_two_scorers_of_one_metric_and_objects_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="both give 'errors'"):
        open_scorers(["errors", "clashing"])
    with pytest.raises(PluginError, match="lacks name, identity"):
        open_scorers(["broken"])
