from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.statistics.anytime.interleaving import Preference, SignTest, Slot, credit, team_draft

RANKING = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)


@given(RANKING, RANKING, st.text(max_size=5), st.integers(0, 12))
def test_a_draft_keeps_both_orders_and_splits_the_picks(
    first: list[str], second: list[str], seed: str, length: int
) -> None:
    slots = team_draft(first, second, seed=seed, length=length)
    assert slots == team_draft(first, second, seed=seed, length=length)
    items = [slot.item for slot in slots]
    assert len(set(items)) == len(items) == min(length, len({*first, *second}))
    for team, ranking in (("first", first), ("second", second)):
        picks = [slot.item for slot in slots if slot.team == team]
        assert picks == sorted(picks, key=ranking.index)
    for at, slot in enumerate(slots):
        ranking = first if slot.team == "first" else second
        assert slot.item == next(item for item in ranking if item not in items[:at])
    if len(first) == len(second) == 10:
        counts = [sum(slot.team == team for slot in slots) for team in ("first", "second")]
        assert abs(counts[0] - counts[1]) <= 1


def test_each_ranker_picks_first_about_as_often() -> None:
    begins = [team_draft("abc", "cba", seed=f"trace-{at}", length=3)[0].team for at in range(2000)]
    assert 0.46 < begins.count("first") / 2000 < 0.54


def test_equal_rankers_get_equal_credit_for_any_reader() -> None:
    """The list's order is the same whoever picked, so a reader who always opens the top cannot tell them apart."""
    won = [credit(team_draft("abcd", "abcd", seed=str(at), length=4), {"a"}) for at in range(2000)]
    assert 0.46 < won.count("first") / 2000 < 0.54
    assert "tie" not in won


def test_credit_goes_to_more_clicks() -> None:
    slots = [Slot("a", "first"), Slot("b", "second"), Slot("c", "first")]
    assert [credit(slots, clicked) for clicked in ({"a", "c"}, {"b"}, {"a", "b"}, set(), {"z"})] == [
        "first",
        "second",
        "tie",
        "tie",
        "tie",
    ]


def test_the_sign_test_is_a_fair_bet_and_ties_say_nothing() -> None:
    generator = np.random.default_rng(5)
    crossed = 0
    for _ in range(1000):
        test = SignTest()
        for heads in generator.random(300) < 0.5:
            test.add("first" if heads else "second")
        crossed += test.peak >= math.log(20)
    assert crossed / 1000 <= 0.05
    test = SignTest()
    outcomes: tuple[Preference, ...] = ("first", "tie", "first", "second", "tie")
    won: Preference = "first"
    for outcome in (*outcomes, *(won for _ in range(20))):
        test.add(outcome)
    assert (test.first, test.second, test.ties) == (22, 1, 2)
    assert test.peak >= math.log(20)


def test_an_item_ranked_twice_is_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        team_draft("aa", "b", seed="", length=2)
