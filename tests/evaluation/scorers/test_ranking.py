from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.scorers.ranking import average_precision, ndcg, precision, recall, reciprocal_rank

IDS = st.sampled_from("abcdefgh")
RANKED = st.lists(IDS, unique=True)
RELEVANT = st.sets(IDS, min_size=1)
K = st.integers(1, 12)


def test_values_worked_out_by_hand() -> None:
    ranked, relevant = ["x", "a", "y", "b"], {"a", "b", "c"}
    # Gains at ranks 2 and 4 over the ideal ranks 1, 2 and 3.
    assert ndcg(ranked, relevant, 10) == pytest.approx((0.63093 + 0.43068) / (1 + 0.63093 + 0.5), abs=1e-4)
    assert recall(ranked, relevant, 2) == pytest.approx(1 / 3)
    assert precision(ranked, relevant, 10) == pytest.approx(2 / 10)
    assert reciprocal_rank(ranked, relevant) == 0.5
    assert average_precision([False, True, True]) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert average_precision([False, False]) == 0.0


@given(RANKED, RELEVANT, K)
def test_all_lie_between_0_and_1(ranked: list[str], relevant: set[str], k: int) -> None:
    for value in (ndcg(ranked, relevant, k), recall(ranked, relevant, k), precision(ranked, relevant, k)):
        assert 0 <= value <= 1
    assert 0 <= reciprocal_rank(ranked, relevant) <= 1


@given(RANKED, RELEVANT, K)
def test_recall_and_precision_know_no_order_within_k(ranked: list[str], relevant: set[str], k: int) -> None:
    shuffled = [*sorted(ranked[:k]), *ranked[k:]]
    assert recall(ranked, relevant, k) == recall(shuffled, relevant, k)
    assert precision(ranked, relevant, k) == precision(shuffled, relevant, k)


@given(RANKED, RELEVANT, K, st.data())
def test_moving_a_relevant_document_up_lowers_nothing(
    ranked: list[str], relevant: set[str], k: int, data: st.DataObject
) -> None:
    places = [at for at in range(1, len(ranked)) if ranked[at] in relevant and ranked[at - 1] not in relevant]
    if not places:
        return
    at = data.draw(st.sampled_from(places))
    better = [*ranked]
    better[at - 1], better[at] = better[at], better[at - 1]
    assert ndcg(better, relevant, k) >= ndcg(ranked, relevant, k) - 1e-12
    assert recall(better, relevant, k) >= recall(ranked, relevant, k)
    assert reciprocal_rank(better, relevant) >= reciprocal_rank(ranked, relevant)


@given(RANKED, RELEVANT)
def test_the_best_order_has_an_ndcg_of_1(ranked: list[str], relevant: set[str]) -> None:
    best = [*sorted(relevant), *(id for id in ranked if id not in relevant)]
    assert ndcg(best, relevant, 20) == 1.0


@given(st.lists(st.booleans(), max_size=12))
def test_average_precision_is_1_exactly_when_the_useful_come_first(relevance: list[bool]) -> None:
    value = average_precision(relevance)
    assert 0 <= value <= 1
    assert (value == 1.0) is (any(relevance) and relevance == sorted(relevance, reverse=True))
