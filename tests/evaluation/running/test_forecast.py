"""A dry run says what a run then does, and what its words are based on."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from assay.evaluation.cases import Case, Dataset
from assay.evaluation.running.experiment import run, subject
from assay.evaluation.running.forecast import Range, Typical, forecast, total
from assay.evaluation.samples import Answered, Outcome, Sample, Subject
from assay.evaluation.scoring import Measured, Metric, Spent
from assay.models.chat import Usage
from assay.scores import Scored
from assay.stores.database import Database
from assay.stores.evaluations import EvaluationStore

ANYIO = pytest.mark.anyio


@dataclass
class Judged:
    name: str = "faithfulness"
    identity: str = "faithfulness@1"
    metrics: tuple[Metric, ...] = (Metric("faithfulness"),)
    calls: int = 0

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        self.calls += 1
        return {"faithfulness": Measured(Scored(1.0), spent=Spent(2, 300, 20, 0.004))}


def cases(count: int) -> Dataset:
    return Dataset("d", tuple(Case(f"c{i}", f"question {i}") for i in range(count)))


def answering(identity: str, *, priced: bool = True) -> Subject:
    async def ask(case: Case) -> Outcome:
        return Answered(case.question, cost=0.01 if priced else None, usage=Usage(1000, 50))

    return subject(identity, ask)


@pytest.fixture
def store(tmp_path: Path) -> EvaluationStore:
    return EvaluationStore(Database.at(tmp_path / "state.db"))


@ANYIO
async def test_it_says_what_the_run_then_does(store: EvaluationStore) -> None:
    judged = Judged()
    await run(answering("r1"), cases(40), [judged], store=store)
    found = await forecast(answering("r1"), cases(100), [judged], store=store)
    assert judged.calls == 40
    assert (found.answers.known, found.answers.missing) == (40, 60)
    assert (found.scores[0].known, found.scores[0].missing) == (40, 60)
    assert "40 known answers of the same subject" in found.answers.based_on
    done = await run(answering("r1"), cases(100), [judged], store=store)
    spent = done.work.answering + done.work.scoring
    assert (found.calls, found.input_tokens) == (Range(180, 180, 180), Range(78_000, 78_000, 78_000))
    assert spent.calls == 180
    assert found.dollars is not None
    assert found.dollars.expected == pytest.approx(spent.cost)
    assert found.minutes is not None
    assert 0 < found.minutes.expected <= found.minutes.high
    again = await forecast(answering("r1"), cases(100), [judged], store=store)
    assert again.dollars == again.minutes == again.calls == Range(0, 0, 0)


@ANYIO
async def test_another_subject_is_expected_to_be_like_those_before(store: EvaluationStore) -> None:
    await run(answering("r1"), cases(10), [Judged()], store=store)
    found = await forecast(answering("r2"), cases(10), [Judged()], store=store)
    assert "10 answers of other subjects" in found.answers.based_on
    assert (found.answers.missing, found.scores[0].missing) == (10, 10)
    assert found.answers.dollars is not None
    assert found.answers.dollars.expected == pytest.approx(0.1)


@ANYIO
async def test_of_what_nothing_is_known_nothing_is_said(store: EvaluationStore) -> None:
    found = await forecast(answering("r1"), cases(10), [Judged()], store=store, repeats=2)
    assert found.answers.calls == Range(20, 20, 20)
    assert found.dollars is found.minutes is found.calls is None
    assert (found.answers.based_on, found.scores[0].based_on) == ("nothing known", "nothing known")
    typical = Typical(Range(500, 1000, 6000), Range(20, 100, 400), Range(0.001, 0.002, 0.01))
    guessed = await forecast(answering("r1"), cases(10), [], store=store, typical=typical)
    assert guessed.answers.based_on == "the sizes of prompts"
    assert guessed.input_tokens == Range(5000, 10_000, 60_000)
    assert guessed.minutes is None


@ANYIO
async def test_a_price_that_is_unknown_stays_so(store: EvaluationStore) -> None:
    await run(answering("r1", priced=False), cases(5), [], store=store)
    found = await forecast(answering("r1"), cases(10), [], store=store)
    assert found.dollars is None
    assert found.input_tokens == Range(5000, 5000, 5000)


@pytest.mark.parametrize("known", [5, 40])
def test_the_range_holds_the_total_as_often_as_it_says(known: int) -> None:
    chance, held, times = random.Random(3), 0, 3000
    for _ in range(times):
        seen = [chance.gauss(10, 3) for _ in range(known)]
        found = total(seen, 30)
        held += found.low <= sum(chance.gauss(10, 3) for _ in range(30)) <= found.high
    assert 0.93 <= held / times <= 0.97


def test_few_values_give_wide_bounds() -> None:
    assert total([1.0, 3.0], 10) == Range(5.0, 20.0, 60.0)
    with pytest.raises(ValueError, match="no values"):
        total([], 1)
