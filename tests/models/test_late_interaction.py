"""MaxSim and the reranker on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.documents import Chunk
from assay.models.embedding import Matrix
from assay.models.late_interaction import LateInteraction, maxsim, words
from assay.models.minilm import MiniLM
from assay.models.token_vectors import TokenVectors

pytestmark = pytest.mark.anyio


def unit(rows: int, seed: int) -> Matrix:
    found = np.random.default_rng(seed).standard_normal((rows, 16))
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def chunk(text: str, title: str = "") -> Chunk:
    return Chunk(text, "d", 0, 0, len(text), text, title)


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 999))
def test_maxsim_is_the_mean_of_the_nearest(m: int, n: int, seed: int) -> None:
    question, text = unit(m, seed), unit(n, seed + 1)
    by_hand = sum(max(float(q @ t) for t in text) for q in question) / m
    assert maxsim(question, text) == pytest.approx(by_hand, abs=1e-5)
    assert maxsim(question, text, np.full(m, 3, np.float32)) == pytest.approx(by_hand, abs=1e-5)
    assert maxsim(question, question) == pytest.approx(1, abs=1e-5)
    assert maxsim(question, np.vstack([text, question])) >= maxsim(question, text) - 1e-6


def test_weights_choose_what_counts() -> None:
    question, text = unit(2, 0), unit(1, 1)
    only_second = maxsim(question, text, np.array([0, 2], np.float32))
    assert only_second == pytest.approx(float(question[1] @ text[0]), abs=1e-6)
    assert maxsim(question, text, np.zeros(2, np.float32)) == 0


def test_nothing_is_worth_nothing() -> None:
    none = np.zeros((0, 16), np.float32)
    assert maxsim(none, unit(2, 0)) == maxsim(unit(2, 0), none) == 0


def test_pieces_find_their_words() -> None:
    text = "un-tokenizable Grüße!"
    offsets = ((0, 2), (2, 3), (3, 8), (8, 14), (15, 20), (20, 21))
    found = TokenVectors(text, ("",) * 6, offsets, np.zeros((6, 16), np.float32), np.zeros(16, np.float32))
    assert words(found) == ["un", "-", "tokenizable", "tokenizable", "Grüße", "!"]


async def test_it_ranks_what_answers_first() -> None:
    reranker = LateInteraction(MiniLM())
    chunks = [
        chunk("The warranty covers two years."),
        chunk("Our office is in Vienna."),
        chunk("A refund is paid back within fourteen days."),
    ]
    scores = await reranker.scores("When is my refund paid?", chunks)
    assert int(np.argmax(scores)) == 2
    assert all(score <= 1.00001 for score in scores)
    assert await reranker.scores("When?", []) == []


async def test_titles_count_and_weights_are_asked_for_words() -> None:
    asked: list[Sequence[str]] = []

    def weigh(found: Sequence[str]) -> list[float]:
        asked.append(found)
        return [1.0 if word == "zebra" else 0.0 for word in found]

    reranker = LateInteraction(MiniLM(), weigh=weigh)
    texts = [chunk("It eats grass.", "The zebra"), chunk("It eats grass.", "The lion")]
    with_title, without = await reranker.scores("What eats a zebra?", texts)
    assert with_title > without
    assert list(asked[0]) == ["What", "eats", "a", "zebra", "?"]
    assert reranker.identity != LateInteraction(MiniLM()).identity
