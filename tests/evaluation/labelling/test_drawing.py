"""Which cases are drawn, how far the draws have come, and with which chances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.evaluation.labelling.drawing import drawn, propose, random_order

if TYPE_CHECKING:
    from tests.evaluation.labelling.conftest import MakeWorld

M = "faithfulness"


def test_the_random_order_depends_on_the_seed_alone_and_keeps_when_cases_come_and_go(world: MakeWorld) -> None:
    cases = [unit.digest for unit in world(40).population]
    order = random_order(cases, M, 0)
    assert order != cases
    assert random_order(reversed(cases), M, 0) == order
    assert [case for case in order if case in cases[:20]] == random_order(cases[:20], M, 0)
    assert random_order(cases, M, 1) != order


def test_a_random_draw_has_reached_everything_up_to_the_last_label(world: MakeWorld) -> None:
    w = world(40)
    order = random_order((unit.digest for unit in w.population), M, 0)
    w.label([order[0], order[9]])
    found = drawn(w.population, w.labels, [])
    assert found.equal
    assert list(found.reached) == order[:10]
    assert set(found.chances.values()) == {10 / 40}


def test_labels_of_another_answer_to_a_case_count_as_drawn(world: MakeWorld) -> None:
    before, after = world(40), world(40, answer="another")
    order = random_order((unit.digest for unit in before.population), M, 0)
    before.label(order[:12])
    assert set(drawn(after.population, before.labels, []).reached) == set(order[:12])


def test_a_proposed_draw_counts_as_far_as_it_went(world: MakeWorld) -> None:
    w = world(60)
    draw = propose(w.population, M, {}, drawn(w.population, [], []), 20, round=0, at=1.0)
    assert len(set(draw.order)) == 20
    assert sum(draw.chances.values()) == pytest.approx(20)
    w.draws.append(draw)
    w.label(draw.order[:5], draw.id, draw.chances)
    found = drawn(w.population, w.labels, w.draws)
    assert not found.equal
    assert {case: found.reached[case] for case in draw.order[:5]} == {
        case: (draw.id, draw.chances[case]) for case in draw.order[:5]
    }
    assert len(found.reached) == 5
    assert found.chances == pytest.approx({case: chance * 5 / 20 for case, chance in draw.chances.items()})


def test_two_draws_add_up_and_the_second_takes_nobody_twice(world: MakeWorld) -> None:
    w = world(60)
    w.label(random_order(w.truth, M, 0)[:12])
    so_far = drawn(w.population, w.labels, [])
    draw = propose(w.population, M, {c: w.truth[c] for c in so_far.reached}, so_far, 10, round=0, at=1.0)
    assert not set(draw.order) & set(so_far.reached)
    w.draws.append(draw)
    w.label(draw.order, draw.id, draw.chances)
    found = drawn(w.population, w.labels, w.draws)
    for case, chance in draw.chances.items():
        assert found.chances[case] == pytest.approx(1 - (1 - 12 / 60) * (1 - chance))


def test_labels_from_elsewhere_are_random_unless_they_have_a_probability(world: MakeWorld) -> None:
    w = world(20)
    cases = list(w.truth)
    w.label(cases[:5], None)
    assert drawn(w.population, w.labels, []).chances[cases[10]] == pytest.approx(0.25)
    w.labels.clear()
    w.label(cases[:5], "a draw that nobody knows", dict.fromkeys(cases, 0.5))
    found = drawn(w.population, w.labels, [])
    assert not found.equal
    assert found.chances[cases[0]] == pytest.approx(0.5)


def test_the_same_state_proposes_the_same(world: MakeWorld) -> None:
    w = world(50)
    so_far = drawn(w.population, [], [])
    first, second = (propose(w.population, M, {}, so_far, 8, round=0, at=1.0) for _ in range(2))
    assert first.order == second.order
    assert propose(w.population, M, {}, so_far, 8, round=1, at=1.0).order != first.order
