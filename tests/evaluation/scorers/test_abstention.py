from __future__ import annotations

import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.scorers.building import reason, sample, value

from assay.evaluation.records import Result
from assay.evaluation.samples import Answered, Failed, Sample
from assay.evaluation.scorers.abstaining import abstention
from assay.evaluation.scorers.abstention import Abstention, abstention_rates, coverage_curve
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


def test_a_curve_worked_out_by_hand() -> None:
    curve = coverage_curve(
        [
            result(sample(answerable=True, confidence=0.9), 1.0),
            result(sample(answerable=True, confidence=0.7), 0.2),
            result(sample(answerable=False, confidence=0.7)),
            result(sample(answerable=True, abstained="x", confidence=0.1)),
            result(sample(answerable=True), 1.0),
        ]
    )
    assert [(p.threshold, p.coverage, p.error, p.answered) for p in curve.points] == [
        (0.9, 0.25, 0.0, 1),
        (0.7, 0.75, pytest.approx(2 / 3), 3),
    ]
    assert (curve.n, curve.unscored) == (4, 1)
    assert value(curve.area) == pytest.approx((0 + 2 / 3 + 2 / 3) / 3)


TOLD = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=1, max_size=20)


@given(TOLD)
def test_coverage_grows_and_ends_in_the_error_of_all(told: Sequence[tuple[float, bool]]) -> None:
    curve = coverage_curve([result(sample(answerable=True, confidence=c), float(right)) for c, right in told])
    coverages = [point.coverage for point in curve.points]
    assert coverages == sorted(coverages)
    assert coverages[-1] == 1.0
    assert curve.points[-1].error == pytest.approx(sum(not right for _, right in told) / len(told))
    assert 0 <= value(curve.area) <= 1
    assert coverage_curve([]).points == ()


@given(TOLD)
def test_the_order_of_results_makes_no_difference(told: list[tuple[float, bool]]) -> None:
    results = [result(sample(answerable=True, confidence=c), float(right)) for c, right in told]
    assert coverage_curve(results) == coverage_curve(results[::-1])
