from __future__ import annotations

import time

import pytest
from tests.evaluation.scorers.building import reason, sample, value

from assay.evaluation.records import Result
from assay.evaluation.samples import Answered, Failed, Sample
from assay.evaluation.scorers.abstaining import abstention
from assay.evaluation.scorers.abstention import Abstention, abstention_rates
from assay.evaluation.scoring import Measured
from assay.scores import Scored


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answerable", "abstained", "right"),
    [(True, None, 1), (True, "not_in_corpus", 0), (False, None, 0), (False, "not_in_corpus", 1)],
)
async def test_right_is_to_answer_what_can_be_answered(answerable: bool, abstained: str | None, right: int) -> None:
    found = (await Abstention().score(sample(answerable=answerable, abstained=abstained)))["abstention"]
    assert value(found.score) == right
    assert found.detail == {"answerable": answerable, "abstained": abstained}


@pytest.mark.anyio
async def test_saying_so_is_abstaining_too() -> None:
    only = sample("I'm sorry, but I cannot answer this question. Is there anything else?", answerable=False)
    assert value((await Abstention().score(only))["abstention"].score) == 1.0
    hedged = sample("I don't know the exact price. A hotel may cost 140 euros.", answerable=False)
    assert value((await Abstention().score(hedged))["abstention"].score) == 0.0


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "abstains"),
    [
        ("I don't know, but you may ask the travel desk.", True),
        ("I cannot answer this; however, I can help with other questions.", True),
        ("The passages do not say this, although they mention hotels.", True),
        ("I do not have access to current data, but as of my last update it was Edgar Lungu.", False),
        ("I cannot say for certain, but I believe that it is 140 euros.", False),
        ("The passages do not contain the price. It is 140 euros.", False),
        ("No.", False),
        ("The API cannot answer requests above 10 MB.", False),
    ],
)
async def test_who_refuses_and_answers_all_the_same_has_answered(text: str, abstains: bool) -> None:
    found = (await Abstention().score(sample(text, answerable=False)))["abstention"]
    assert value(found.score) == float(abstains)


@pytest.mark.anyio
async def test_a_known_answer_makes_a_case_answerable_and_nothing_makes_it_unknown() -> None:
    assert value((await Abstention().score(sample(expected=("x",))))["abstention"].score) == 1.0
    assert "nobody knows" in reason((await Abstention().score(sample()))["abstention"].score)


def result(asked: Sample, correctness: float | None = None) -> Result:
    scores = {} if correctness is None else {"correctness": Measured(Scored(correctness))}
    return Result(asked.case, 0, asked.outcome, scores)


def test_a_refusal_with_a_long_gap_takes_no_time() -> None:
    began = time.process_time()
    assert abstention(Answered("I cannot find" + " " * 50_000 + "it.")) is not None
    assert abstention(Answered("I have no live data," + " " * 50_000 + "but it was Edgar Lungu in 2020.")) is None
    assert time.process_time() - began < 2


def test_rates_over_a_run() -> None:
    rates = abstention_rates(
        [
            result(sample(answerable=False, abstained="x")),
            result(sample(answerable=False, abstained="x")),
            result(sample(answerable=True, abstained="x")),
            result(sample(answerable=False)),
            result(sample(answerable=True)),
            result(sample()),
            Result(sample(answerable=True).case, 0, Failed("X", "y"), {}),
        ]
    )
    assert (rates.rightly, rates.wrongly, rates.missed, rates.answered) == (2, 1, 1, 1)
    assert value(rates.precision) == pytest.approx(2 / 3)
    assert value(rates.recall) == pytest.approx(2 / 3)
    assert value(rates.coverage) == 0.5


def test_rates_of_nothing_are_unscored() -> None:
    rates = abstention_rates([])
    assert all(reason(rate) for rate in (rates.precision, rates.recall, rates.coverage))
