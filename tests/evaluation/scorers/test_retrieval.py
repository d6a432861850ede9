from __future__ import annotations

import pytest
from tests.evaluation.scorers.building import reason, sample, value

from assay.errors import InputError
from assay.evaluation.scorers.retrieval import Retrieval

pytestmark = pytest.mark.anyio


async def test_the_ranking_is_scored_at_k() -> None:
    found = await Retrieval(k=2).score(sample(relevant=("a", "b"), retrieved=("x", "a", "b")))
    assert set(found) == {"ndcg@2", "recall@2", "precision@2", "mrr"}
    assert value(found["recall@2"].score) == 0.5
    assert value(found["precision@2"].score) == 0.5
    assert value(found["mrr"].score) == 0.5
    assert found["mrr"].detail == {"ranks": {"a": 2, "b": 3}, "retrieved": 3}


async def test_a_document_counts_once_however_often_it_is_retrieved() -> None:
    found = await Retrieval(k=2).score(sample(relevant=("b",), retrieved=("a", "a", "b")))
    assert value(found["recall@2"].score) == 1.0


async def test_an_abstention_is_scored_for_its_search() -> None:
    found = await Retrieval().score(sample("", abstained="unsupported", relevant=("a",), retrieved=("a",)))
    assert value(found["ndcg@10"].score) == 1.0


async def test_nothing_found_is_0_and_not_unscored() -> None:
    found = await Retrieval().score(sample(relevant=("a",), retrieved=()))
    assert {value(measured.score) for measured in found.values()} == {0.0}


@pytest.mark.parametrize("relevant", [None, ()])
async def test_without_relevant_documents_there_is_no_score(relevant: tuple[str, ...] | None) -> None:
    found = await Retrieval().score(sample(relevant=relevant, retrieved=("a",)))
    assert all("relevant" in reason(measured.score) for measured in found.values())


async def test_a_trace_without_content_has_no_score() -> None:
    found = await Retrieval().score(sample(relevant=("a",)))
    assert all("retrieved" in reason(measured.score) for measured in found.values())


def test_k_is_checked_and_part_of_the_identity() -> None:
    assert Retrieval(k=5).identity != Retrieval(k=10).identity
    with pytest.raises(InputError, match="at least 1"):
        Retrieval(k=0)
