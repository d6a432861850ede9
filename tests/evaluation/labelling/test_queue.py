"""What a rater is shown, in which order, and what he is spared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assay.evaluation.labelling.drawing import random_order
from assay.evaluation.labelling.queue import Plan, queue

if TYPE_CHECKING:
    from tests.evaluation.labelling.conftest import MakeWorld, World

M = "faithfulness"


def shown(w: World, rater: str = "anna", plan: Plan | None = None) -> list[str]:
    return [each.case.digest for each in queue(w.population, M, w.labels, w.draws, rater, plan or Plan())]


def test_whoever_stops_goes_on_where_he_was(world: MakeWorld) -> None:
    w = world(30)
    order = random_order(w.truth, M, 0)
    assert shown(w) == order
    w.label(order[:7])
    assert shown(w) == order[7:]


def test_what_was_skipped_comes_first(world: MakeWorld) -> None:
    w = world(30)
    order = random_order(w.truth, M, 0)
    w.label([order[0], order[2]])
    assert shown(w)[:2] == [order[1], order[3]]


def test_others_are_shown_a_share_of_what_is_labelled_and_all_the_same_share(world: MakeWorld) -> None:
    w = world(200)
    order = random_order(w.truth, M, 0)
    w.label(order[:100])
    again = set(shown(w, "ben", Plan(second=0.3))) & set(order[:100])
    assert 15 < len(again) < 45
    assert again == set(shown(w, "cleo", Plan(second=0.3))) & set(order[:100])
    assert set(shown(w, "ben", Plan(second=0))) == set(order[100:])
    assert set(shown(w, "ben", Plan(second=1))) == set(order)
    assert not set(shown(w, "anna", Plan(second=1))) & set(order[:100])


def test_a_new_answer_to_a_drawn_case_is_shown_before_new_cases(world: MakeWorld) -> None:
    before, after = world(30), world(30, answer="another")
    order = random_order(before.truth, M, 3)
    before.label(order[:6], "random:3")
    after.labels = before.labels
    found = queue(after.population, M, after.labels, [], "anna", Plan())
    assert {each.case.digest for each in found[:6]} == set(order[:6])
    assert {each.draw for each in found[:6]} == {"random:3"}
    assert found[6].draw == "random:0"


def test_an_unscored_case_is_not_shown_and_a_repeat_stands_for_its_case(world: MakeWorld) -> None:
    w = world(30, unscored=4, repeats=3)
    found = queue(w.population, M, [], [], "anna", Plan())
    assert len(found) == 26
    assert {each.result.repeat for each in found} == {0, 1, 2}
