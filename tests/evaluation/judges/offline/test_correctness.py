"""The offline judge of correctness, by hand-written examples of every class and by properties."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.evaluation.judges.offline.claim_overlap import Overlap, statements
from assay.evaluation.judges.offline.correctness import COEFFICIENTS, CorrectnessVerdict, OfflineCorrectness
from assay.evaluation.judges.offline.short_features import features, read
from assay.scores import Unscored

JUDGE = OfflineCorrectness()
CAPITAL = "what is the capital of France"
WAR = "when did the war end"
STEPS = (
    "Click the Add Test Case button, fill in values for each variable in your prompt, and repeat the process for "
    "further cases."
)
HOW = "How do I create test cases?"


def judged(question: str | None, expected: str | Sequence[str], answer: str) -> CorrectnessVerdict:
    verdict = JUDGE.judge(question, expected, answer)
    assert isinstance(verdict, CorrectnessVerdict)
    return verdict


@pytest.mark.parametrize(
    ("question", "expected", "answer"),
    [
        (CAPITAL, "Paris", "Paris"),
        (CAPITAL, "Paris", "The capital of France is Paris."),
        (CAPITAL, "Paris", "PARIS!"),
        ("who wrote hamlet", "William Shakespeare", "Hamlet was written by Shakespeare."),
        ("who played the part", "John Ronald Smith", "The part was played by John Smith."),
        ("who played the part", "Jesse Bennett", "The part was played by Jesse Bennet."),
        ("who wrote the novel", "J. K. Rowling", "It was written by Joanne Rowling."),
        ("who directed the film", "José Álvarez", "jose alvarez"),
        (WAR, "8 May 1945", "It ended on May 8, 1945."),
        ("when did it open", "the 1970s", "It opened in 1974."),
        ("how many planets are there", "eight", "There are 8 planets in the solar system."),
        ("how many people live there", "1,200,000", "About 1.2 million people live there."),
        ("how fast is the train", "300 km/h", "It runs at 300 kilometres per hour."),
        ("which king was it", "Henry VIII", "It was King Henry the Eighth."),
        ("what colour is it", "grey", "It is gray."),
        ("name the three colours", "red, white and blue", "The colours are blue, white and red."),
        ("where is the lake", "Bavaria/Germany", "The lake is in Germany."),
        ("where is the lake", ["Bavaria", "Germany"], "The lake is in Bavaria."),
        (None, "Canberra", "It is Canberra."),
        (None, "+", "+"),
        (None, "It", "It"),
        (None, "unknown", "Unknown"),
    ],
)
def test_right_answers(question: str | None, expected: str | Sequence[str], answer: str) -> None:
    verdict = judged(question, expected, answer)
    assert verdict.correct
    assert verdict.form == "short"
    assert (verdict.tp, verdict.fp, verdict.fn) == (1, 0, 0)


@pytest.mark.parametrize(
    ("question", "expected", "answer"),
    [
        (CAPITAL, "Paris", "The capital of France is Lyon."),
        (CAPITAL, "Paris", "The capital of France is not Paris but Lyon."),
        (CAPITAL, "Paris", "The capital of France is Lyon, although Paris is larger."),
        (CAPITAL, "Paris", "Lyon, not to be confused with Paris."),
        (CAPITAL, "Paris", "I don't know."),
        (CAPITAL, "Paris", "I cannot answer this. The passages do not mention the capital of France."),
        (CAPITAL, "Paris", ""),
        (CAPITAL, "Paris", "..."),
        (WAR, "1945", "The war ended in 1918."),
        (WAR, "8 May 1945", "It ended in 1946."),
        ("how many planets are there", "8", "There are nine planets."),
        ("who wrote hamlet", "William Shakespeare", "Hamlet was written by Christopher Marlowe."),
        ("name the three colours", "red, white and blue", "The colours are green, yellow and black."),
        (None, "+", "x"),
    ],
)
def test_wrong_answers(question: str | None, expected: str, answer: str) -> None:
    verdict = judged(question, expected, answer)
    assert not verdict.correct
    assert (verdict.tp, verdict.fn) == (0, 1)


def test_a_refusal_is_a_missing_claim_and_no_false_one() -> None:
    refusal, wrong = judged(CAPITAL, "Paris", "I don't know."), judged(CAPITAL, "Paris", "It is Lyon.")
    assert (refusal.probability, refusal.fp, refusal.fn) == (0.0, 0, 1)
    assert (wrong.fp, wrong.fn) == (1, 1)


def test_the_matched_alias_and_the_kind_of_match() -> None:
    first = judged(None, "Bavaria/Germany", "It is in Bavaria.")
    second = judged(None, "Bavaria/Germany", "It is in Germany.")
    nothing = judged(None, "Bavaria/Germany", "It is in Spain.")
    assert (first.match, first.alias) == ("exact", "Bavaria")
    assert (second.match, second.alias) == ("alias", "Germany")
    assert (nothing.match, nothing.alias) == ("none", None)
    assert judged(WAR, "8 May 1945", "May 8, 1945").match == "numeric"


@pytest.mark.parametrize("expected", ["", "  ", [], ["", " "]])
def test_nothing_expected_is_unscored(expected: str | list[str]) -> None:
    assert JUDGE.judge(CAPITAL, expected, "Paris") == Unscored("no answer was expected")


def test_a_long_expected_answer_is_judged_claim_by_claim() -> None:
    right = judged(HOW, STEPS, "Press the Add Test Case button and fill in a value for each variable.")
    wrong = judged(HOW, STEPS, "Test cases are created automatically from the training set every 24 hours.")
    half = judged(HOW, STEPS, "Click the Add Test Case button. The laboratory in Geneva closes on Sundays.")
    assert right.form == "long"
    assert right.correct
    assert (wrong.probability, wrong.tp) == (0.0, 0)
    assert half.tp >= 1
    assert half.fp >= 1
    assert wrong.probability < half.probability < 1.0


def test_a_number_that_was_not_expected_makes_a_claim_false() -> None:
    expected = "The standard plan keeps every recorded trace for thirty days and then deletes it without notice."
    same = "The standard plan keeps every recorded trace for 30 days and then deletes it without notice."
    assert judged(None, expected.replace("thirty", "30"), same).probability == 1.0
    assert judged(None, expected.replace("thirty", "30"), same.replace("30", "90")).probability < 1.0


def test_a_long_answer_that_refuses_has_no_claim_in_common() -> None:
    verdict = judged(HOW, STEPS, "I don't know.")
    assert verdict.probability == 0.0
    assert verdict.fp == 0
    assert verdict.fn == len(statements(STEPS))


def test_the_claims_give_the_score() -> None:
    verdict = judged(HOW, STEPS, "Click the Add Test Case button. The laboratory in Geneva closes on Sundays.")
    assert verdict.probability == Overlap(verdict.tp, verdict.fp, verdict.fn).f1


def test_another_entailment_takes_the_place_of_the_lexical_one() -> None:
    asked: list[str] = []

    def never(text: str, claims: Sequence[str]) -> list[bool]:
        asked.extend(claims)
        return [False] * len(claims)

    other = OfflineCorrectness(never, "never:1")
    verdict = other.judge(HOW, STEPS, STEPS)
    assert isinstance(verdict, CorrectnessVerdict)
    assert verdict.probability == 0.0
    assert asked
    assert other.identity != JUDGE.identity
    with pytest.raises(ValueError, match="entails_identity"):
        OfflineCorrectness(never)


def test_the_coefficients_are_those_of_the_features() -> None:
    file = resources.files("assay.evaluation.judges.offline") / COEFFICIENTS
    held = json.loads(file.read_text(encoding="utf-8"))
    assert set(held["weights"]) == set(features(read("q", ["Paris"], "It is Paris.")))
    assert "Apache-2.0" in held["provenance"]["licence"]


def test_identity_is_stable() -> None:
    assert JUDGE.identity == OfflineCorrectness().identity
    assert JUDGE.identity.startswith("offline-correctness:2:")


def test_a_very_long_answer_takes_no_time_to_speak_of() -> None:
    answer = "New York is larger than Boston and nobody in New York minds " * 1500
    started = time.process_time()
    assert judged("which city", "New York City", answer).form == "short"
    assert time.process_time() - started < 5


WORDS = st.lists(st.sampled_from("paris lyon vienna oak ash 1945 8 may king blue".split()), min_size=1, max_size=5)  # noqa: SIM905


@settings(max_examples=150)
@given(st.none() | st.text(max_size=60), st.text(max_size=120), st.text(max_size=300))
def test_never_raises_and_stays_in_range(question: str | None, expected: str, answer: str) -> None:
    verdict = JUDGE.judge(question, expected, answer)
    assert verdict == JUDGE.judge(question, expected, answer)
    if isinstance(verdict, CorrectnessVerdict):
        assert 0.0 <= verdict.probability <= 1.0
        assert verdict.correct is (verdict.probability >= 0.5)


@settings(max_examples=150)
@given(st.none() | st.text(max_size=60), st.text(min_size=1, max_size=60))
def test_a_short_expected_answer_is_right(question: str | None, expected: str) -> None:
    verdict = JUDGE.judge(question, [expected], expected)
    if isinstance(verdict, CorrectnessVerdict) and verdict.form == "short":
        assert verdict.correct


@given(WORDS, st.sampled_from((str.upper, str.title, str.lower)), st.sampled_from(("", ".", "!", '"')))
def test_case_and_punctuation_do_not_matter(words: list[str], change: object, mark: str) -> None:
    assert callable(change)
    assert judged(CAPITAL, [" ".join(words)], change(" ".join(words)) + mark).correct


@settings(max_examples=30)
@given(st.lists(st.sampled_from("The cat sleeps all day.|Rain fell on Paris in May.|Nobody saw it.".split("|")),  # noqa: SIM905
                min_size=2, max_size=4))  # fmt: skip
def test_a_long_expected_answer_entails_itself(sentences: list[str]) -> None:
    text = " ".join(sentences)
    assert judged(None, text, text).correct
