"""A judge's report: figures that can be told by hand, biases that are there, and what labelling on would bring."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.judging import Item, Judge, Verdict
from assay.evaluation.labelling.agreement import agreement
from assay.evaluation.labelling.correction import Labelled, correct
from assay.evaluation.labelling.drawing import drawn, propose, random_order
from assay.evaluation.labelling.planning import next_cases
from assay.evaluation.labelling.probing import Then, TwoAnswers, probe
from assay.evaluation.labelling.report import AgainstPeople, against_people, judge_report
from assay.evaluation.running.limiter import Limiter
from assay.evaluation.samples import Answered, Passage, Sample
from assay.evaluation.scorers.faithfulness import Faithfulness
from assay.evaluation.scoring import Spent
from assay.scores import Estimate, Scored, Unscored

if TYPE_CHECKING:
    from tests.evaluation.labelling.conftest import MakeWorld

M = "faithfulness"


def pair(people: float, judge: float, probability: float | None = None) -> Labelled:
    return Labelled("c", people, judge, judge, probability, "g")


def value(found: Estimate | Unscored) -> float:
    assert isinstance(found, Estimate), found
    return found.value


def test_the_figures_against_people() -> None:
    labelled = [pair(1, 0.9)] * 40 + [pair(1, 0.2)] * 10 + [pair(0, 0.8)] * 20 + [pair(0, 0.1)] * 30
    found = against_people(labelled, 500)
    assert isinstance(found, AgainstPeople)
    assert value(found.accuracy) == pytest.approx(0.7)
    assert value(found.sensitivity) == pytest.approx(0.8)
    assert value(found.specificity) == pytest.approx(0.6)
    assert value(found.kappa) == pytest.approx(0.4)
    assert value(found.error) == pytest.approx((40 * 0.1 + 10 * 0.8 + 20 * 0.8 + 30 * 0.1 - 0) / 100, abs=0.2)
    cells = found.confusion
    assert (cells.true_positive, cells.false_negative, cells.false_positive, cells.true_negative) == (40, 10, 20, 30)
    assert against_people([], 5) == Unscored("there are no labels of these answers")


def test_accuracy_is_weighed_back_where_labels_were_proposed() -> None:
    # Doubtful cases, of which the judge gets half, were drawn four times as often as safe ones.
    labelled = [pair(1, 0.9, 0.2)] * 20 + [pair(1, 0.6, 0.8)] * 40 + [pair(0, 0.6, 0.8)] * 40
    found = against_people(labelled, 200)
    assert isinstance(found, AgainstPeople)
    assert found.weighted
    assert value(found.accuracy) == pytest.approx(0.75)


def test_the_report_of_a_run(world: MakeWorld) -> None:
    w = world(150)
    w.label(random_order(w.truth, M, 0)[:60])
    w.label(random_order(w.truth, M, 0)[:20], rater="ben")
    found = judge_report(w.joined, M, agreement(M, w.labels))
    assert isinstance(found.people, AgainstPeople)
    assert (found.people.cases, found.cases, found.cannot_tell) == (60, 150, 0)
    assert found.corrected == correct(w.joined, M)
    assert found.bare is not None
    assert found.bare.n == 150
    assert value(found.agreement.alpha) == pytest.approx(1)
    assert isinstance(found.length, Unscored)  # all answers are equally long
    with pytest.raises(InputError, match="no metric 'f1'; judged in it: faithfulness"):
        judge_report(w.run, "f1", agreement("f1", []))


def test_a_judge_that_likes_long_answers_is_found_out(world: MakeWorld) -> None:
    w = world(120)
    results = []
    for i, result in enumerate(w.run.results):
        words = 5 + 7 * (i % 12)
        score = Scored(min(1.0, 0.2 + words / 120))
        results.append(
            replace(
                result,
                outcome=Answered("word " * words + str(i)),
                scores={M: replace(result.scores[M], score=score)},
            )
        )
    w.run = replace(w.run, results=tuple(results))
    w.label(random_order(w.truth, M, 0)[:40])
    found = judge_report(w.joined, M, agreement(M, w.labels)).length
    assert isinstance(found, Estimate)
    assert found.low > 0.05
    assert "label held" in found.method


def test_the_expected_width_is_what_comes(world: MakeWorld) -> None:
    w = world(400)
    w.label(random_order(w.truth, M, 0)[:60])
    so_far, now = drawn(w.population, w.labels, []), correct(w.joined, M)
    known = {case: w.truth[case] for case in so_far.reached}
    draw = propose(w.population, M, known, so_far, 120, round=0, at=1.0)
    told = next_cases(w.population, known, so_far, draw, now)
    assert told.width is not None
    assert told.expected is not None
    assert len(told.cases) == 120
    w.draws.append(draw)
    w.label(draw.order, draw.id, draw.chances)
    after = correct(w.joined, M)
    assert isinstance(after, Estimate)
    assert told.expected == pytest.approx(after.high - after.low, rel=0.25)
    assert told.expected < 0.8 * told.width


def test_nothing_is_expected_before_there_are_labels(world: MakeWorld) -> None:
    w = world(50)
    so_far = drawn(w.population, [], [])
    draw = propose(w.population, M, {}, so_far, 5, round=0, at=1.0)
    told = next_cases(w.population, {}, so_far, draw, Unscored("no label so far"))
    assert (told.width, told.expected, len(told.cases)) == (None, None, 5)


class Fickle:
    """Prefers whatever stands first, gives every repeat another score, and has become stricter by 0.2."""

    identity = "fickle"
    rubrics = frozenset({"faithfulness", "pairwise"})

    def __init__(self, shift: float = 0.0) -> None:
        self.shift = shift
        self.asked: list[Item] = []

    async def judge(self, item: Item) -> Verdict:
        self.asked.append(item)
        if item.rubric == "pairwise":
            return Verdict(Scored(1.0), spent=Spent(calls=1))
        return Verdict(Scored(0.5 + 0.1 * item.repeat + self.shift), spent=Spent(calls=1))


def sample(number: int) -> Sample:
    return Sample(Case(f"c{number}", f"q{number}?"), Answered(f"a{number}", passages=(Passage("d", 0, 1, "t"),)))


@pytest.mark.anyio
async def test_probing_finds_order_chance_and_drift() -> None:
    judge, fresh = Fickle(), Fickle(-0.2)

    def scorer(of: Judge) -> Faithfulness:
        return Faithfulness(of)

    found = await probe(
        judge,
        fresh,
        scorer,
        M,
        samples=[sample(i) for i in range(5)],
        pairs=[TwoAnswers("q?", "one", "two")] * 4,
        then=[Then(sample(i), 0.5, f"g{i}") for i in range(6)],
        repeats=3,
        limiter=Limiter(4),
    )
    assert value(found.flips) == 1
    assert value(found.repeats) == pytest.approx(0.01)
    assert value(found.drift) == pytest.approx(-0.2)
    assert found.spent.calls == 4 * 2 + 5 * 3 + 6
    assert {item.repeat for item in judge.asked if item.rubric == "faithfulness"} == {0, 1, 2}


@pytest.mark.anyio
async def test_what_cannot_be_asked_says_why() -> None:
    judge = Fickle()
    judge.rubrics = frozenset({"faithfulness"})
    found = await probe(judge, judge, Faithfulness, M, samples=[], pairs=[], then=[], repeats=3, limiter=Limiter(1))
    assert found.flips == Unscored("the judge does not compare answers")
    assert isinstance(found.repeats, Unscored)
    assert isinstance(found.drift, Unscored)
