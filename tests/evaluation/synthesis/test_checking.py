"""What a candidate's words tell against it."""

from __future__ import annotations

import pytest

from assay.documents import Chunk
from assay.evaluation.synthesis.candidates import Candidate, Seed
from assay.evaluation.synthesis.checking import OFF_SUBJECT, POINTS_AT_PASSAGE, mistake

CARD = Chunk(
    "a:0", "a.md", 0, 0, 90, "A reader's card of the Talden library is valid for two years and costs nothing.", "Cards"
)


@pytest.mark.parametrize(
    "question",
    [
        "How old is the museum that hosts the Ostrow collection?",
        "Which fish live in the Alba?",
        "What is the capital of Peru?",
    ],
)
def test_a_question_on_something_else_is_no_unanswerable_case(question: str) -> None:
    assert mistake(Candidate(Seed("unanswerable", (CARD,)), question, None)) == OFF_SUBJECT


@pytest.mark.parametrize(
    "question",
    [
        "Who signs a reader's card of the Talden library?",
        "Is a reader's card sent by post?",
        "When was the Talden library built?",
    ],
)
def test_one_on_a_detail_left_out_is(question: str) -> None:
    assert mistake(Candidate(Seed("unanswerable", (CARD,)), question, None)) is None


@pytest.mark.parametrize("these", ["these two passages", "these passages", "both passages", "the given two texts"])
def test_a_user_sees_no_passages(these: str) -> None:
    question = f"Which of {these} speaks of a reader's card?"
    assert mistake(Candidate(Seed("single-passage", (CARD,)), question, "two years")) == POINTS_AT_PASSAGE
