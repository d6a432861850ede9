"""Texts of any shape take time in proportion to their length: none makes a judge stand still."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from assay.evaluation.judges.offline.correctness import OfflineCorrectness
from assay.evaluation.judges.offline.expected_answer import aliases, form
from assay.evaluation.judges.offline.faithfulness import OfflineFaithfulness

LENGTH = 50_000
SHAPES = {
    "one word": "a",
    "underscores": "_",
    "blanks": "1 " + " " * LENGTH,
    "short sentences": "Cat dog. ",
    "sentences": "The cat sat on the mat in Paris in 1999. ",
    "hours": "Monday 9:00 am to 5 pm. ",
    "times in one sentence": "12:30 ",
    "clauses": "alpha beta gamma and ",
    "no blanks": "http://a.b/",
}


def faithful(text: str) -> None:
    OfflineFaithfulness.shipped().judge("What is the cat?", [text], text)


def correct(text: str) -> None:
    OfflineCorrectness().judge("What is the cat?", text + " Nothing more was said here.", text)


@pytest.mark.parametrize("judge", [faithful, correct])
@pytest.mark.parametrize("shape", SHAPES)
def test_time_is_in_proportion_to_length(shape: str, judge: Callable[[str], None]) -> None:
    text = (SHAPES[shape] * (LENGTH // len(SHAPES[shape]) + 1))[:LENGTH]
    began = time.process_time()
    judge(text)
    # Where time grows with the square, the repeated sentence and the text without blanks take over 20 seconds.
    assert time.process_time() - began < 5


def test_a_slip_is_not_looked_for_in_endless_words() -> None:
    word = "abcde" * 20_000
    began = time.process_time()
    OfflineCorrectness().judge("What?", [word[:390]], f"{word}x")
    assert time.process_time() - began < 1


def test_an_address_and_strokes_within_blanks_are_still_told_apart() -> None:
    assert aliases("Lyon   /  Paris") == ("Lyon", "Paris")
    assert aliases("see https://a.b/c / Paris") == ("see https://a.b/c", "Paris")


def test_a_long_text_without_blanks_is_a_long_answer() -> None:
    assert form("東京" * 300) == "long"
    assert form("東京都庁") == "short"
