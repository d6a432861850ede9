from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.retrieval.fusion import fuse, scaled, standardised

IDS = st.text("abcdefgh", min_size=1, max_size=3)
SCORES = st.floats(-1, 1, allow_nan=False)
LISTS = st.dictionaries(IDS, SCORES, min_size=1, max_size=20)


def test_agreement_of_both_lists_wins() -> None:
    dense = {"a": 0.9, "b": 0.8, "c": 0.1}
    fused = fuse(dense, {"b": 12.0, "a": 3.0}, dense_list=[0.9, 0.8, 0.1], depth=10, dense_weight=0.5)
    assert sorted(fused, key=fused.__getitem__, reverse=True) == ["b", "a", "c"]


@pytest.mark.parametrize(("weight", "first"), [(1.0, "a"), (0.0, "b")])
def test_the_weight_goes_from_one_side_to_the_other(weight: float, first: str) -> None:
    fused = fuse({"a": 0.9, "b": 0.2}, {"b": 9.0}, dense_list=[0.9, 0.2], depth=5, dense_weight=weight)
    assert max(fused, key=fused.__getitem__) == first


def test_what_is_outside_a_full_lexical_list_counts_like_its_last() -> None:
    dense = {"a": 0.5, "b": 0.5, "c": 0.5}
    full = fuse(dense, {"a": 4.0, "b": 2.0}, dense_list=[0.5], depth=2, dense_weight=0.0)
    assert full["c"] == full["b"] < full["a"]
    open_ended = fuse(dense, {"a": 4.0, "b": 2.0}, dense_list=[0.5], depth=3, dense_weight=0.0)
    assert open_ended["c"] < open_ended["b"]


@given(LISTS, LISTS, st.floats(0, 1))
def test_every_candidate_gets_a_finite_score(dense: dict[str, float], lexical: dict[str, float], weight: float) -> None:
    known = {**dict.fromkeys(lexical, 0.0), **dense}
    fused = fuse(known, lexical, dense_list=list(dense.values()), depth=20, dense_weight=weight)
    assert fused.keys() == known.keys()
    assert all(abs(score) < 1e12 for score in fused.values())


def test_standardised_by_nothing_is_zero() -> None:
    assert standardised([1.0, 2.0], by=[]).tolist() == [0.0, 0.0]


@given(LISTS, st.integers(1, 30))
def test_scaling_keeps_the_order_and_puts_the_best_document_at_one(scores: dict[str, float], baseline: int) -> None:
    documents = {chunk: chunk[0] for chunk in scores}
    found = scaled(scores, documents, baseline=baseline)
    ordered = sorted(scores, key=scores.__getitem__)
    assert all(found[a] <= found[b] for a, b in pairwise(ordered))
    best = sorted(
        {document: max(s for c, s in scores.items() if c[0] == document) for document in documents.values()}.values()
    )
    if best[-1] - best[-min(baseline, len(best))] > 1e-6:
        assert max(found.values()) == pytest.approx(1.0)


def test_the_baseline_is_counted_in_documents() -> None:
    scores = {"a1": 3.0, "a2": 2.9, "b1": 2.0, "c1": 1.0}
    found = scaled(scores, {chunk: chunk[0] for chunk in scores}, baseline=2)
    assert (found["a1"], found["b1"], found["c1"]) == (1.0, 0.0, -1.0)


def test_nothing_is_scaled_to_nothing() -> None:
    assert scaled({}, {}, baseline=20) == {}
