from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evaluation.judges.offline.linear import coefficients
from assay.evaluation.judges.offline.relevance import (
    COEFFICIENTS,
    OfflineRelevance,
    RelevanceVerdict,
    closeness,
    features,
)
from assay.models.embedding import Matrix, Role
from assay.scores import Unscored

JUDGE = OfflineRelevance()
QUESTION = "When did the Harbour Bridge open?"
ANSWER = "The Harbour Bridge opened in March 1932."
OTHER = "Sourdough bread needs flour, water and salt."


class Fixed:
    """An embedder that gives every text of the same kind the same vector."""

    identity, dimensions, max_tokens = "fixed", 2, 100

    def __init__(self, cosine: float) -> None:
        self._cosine = cosine
        self.texts: list[str] = []

    def count(self, text: str) -> int:
        return len(text.split())

    async def embed(self, texts: Sequence[str], role: Role) -> Matrix:
        self.texts.extend(texts)
        row = (1.0, 0.0) if role == "query" else (self._cosine, float(np.sqrt(1 - self._cosine**2)))
        return np.array([row] * len(texts), dtype=np.float32)


def judged(question: str, answer: str, similarity: float | None = None) -> RelevanceVerdict:
    found = JUDGE.judge(question, answer, similarity)
    assert isinstance(found, RelevanceVerdict)
    return found


def test_an_answer_to_the_question_is_above_another() -> None:
    assert judged(QUESTION, ANSWER).probability > 0.8
    assert judged(QUESTION, OTHER).probability < 0.2


def test_similarity_counts() -> None:
    near, far = judged(QUESTION, "In March 1932.", 0.7), judged(QUESTION, "In March 1932.", 0.0)
    assert near.probability > far.probability


@pytest.mark.parametrize(
    "answer",
    ["I don't know.", "I'm sorry, but I cannot answer that.", "The passages do not mention the bridge.", "Unknown"],
)
def test_a_refusal_addresses_nothing(answer: str) -> None:
    found = judged(QUESTION, answer)
    assert found.refused
    assert found.probability < 0.1


def test_an_answer_that_only_hedges_at_the_end_is_no_refusal() -> None:
    assert not judged(QUESTION, f"{ANSWER} It took eight years. The passages do not mention the toll.").refused


@pytest.mark.parametrize(("question", "answer", "reason"), [("", ANSWER, "no question"), (QUESTION, " ?", "no answer")])
def test_nothing_to_judge_is_unscored(question: str, answer: str, reason: str) -> None:
    assert JUDGE.judge(question, answer) == Unscored(reason)


@pytest.mark.anyio
async def test_the_embedder_gives_the_similarity() -> None:
    embedder = Fixed(0.6)
    found = await JUDGE.judge_embedded(QUESTION, ANSWER, embedder)
    assert embedder.texts == [QUESTION, ANSWER]
    assert isinstance(found, RelevanceVerdict)
    assert found.probability == pytest.approx(judged(QUESTION, ANSWER, 0.6).probability, abs=1e-6)


@pytest.mark.anyio
async def test_nothing_is_embedded_for_an_empty_answer() -> None:
    embedder = Fixed(0.6)
    assert await JUDGE.judge_embedded(QUESTION, "", embedder) == Unscored("no answer")
    assert embedder.texts == []


@settings(max_examples=150, deadline=None)
@given(st.text(st.characters(codec=None), max_size=80), st.text(st.characters(codec=None), max_size=120))
def test_any_text_is_judged_or_unscored(question: str, answer: str) -> None:
    found = JUDGE.judge(question, answer)
    assert isinstance(found, Unscored) or 0 <= found.probability <= 1
    assert JUDGE.judge(question, answer) == found


def test_every_coefficient_names_a_feature_and_the_file_its_sources() -> None:
    written, found = coefficients(COEFFICIENTS)
    known = set(features(QUESTION, ANSWER))
    assert set(written["lexical"]["weights"]) <= known
    assert set(written["embedded"]["weights"]) <= known | set(closeness(0.5))
    assert "Apache-2.0" in written["fitted_on"]
    assert JUDGE.identity.endswith(found[:16])
