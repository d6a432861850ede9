from __future__ import annotations

import pytest

from assay.language.support import THRESHOLD, ground, support
from assay.language.terms import asked, count, coverage, names, numbers, terms

EVIDENCE = (
    "Uploads are limited to 10 MB for every user. Larger files are refused with an error. "
    "The warranty does not cover damage by water. Refunds are paid within 30 days of the purchase. "
    '{"OutdoorSeating": false}'
)
WEIGH = count([EVIDENCE, "Keys expire after a year.", "Support answers by mail."])


def holds(sentence: str, *, about: str = "") -> bool:
    found = support(sentence, ground(EVIDENCE, about=about), WEIGH)
    return found.probability >= THRESHOLD and not found.vetoed


@pytest.mark.parametrize(
    "sentence",
    [
        "Uploads are limited to 10 MB for every user.",
        "Every user is limited to uploads of 10 MB.",
        "Damage by water is not covered by the warranty.",
        "You are paid refunds within 30 days of purchase.",
    ],
)
def test_what_the_evidence_says_is_supported(sentence: str) -> None:
    assert holds(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Uploads are limited to 25 MB for every user.",
        "Uploads are not limited to 10 MB for every user.",
        "The warranty does cover damage by water.",
        "Refunds are never paid within 30 days of the purchase.",
        "Keys expire after a year.",
        "The moon is made of cheese.",
        "Yes.",
        "",
    ],
)
def test_what_it_does_not_say_is_not(sentence: str) -> None:
    assert not holds(sentence)


def test_the_span_is_the_sentence_that_supports() -> None:
    found = support("Larger files are refused.", ground(EVIDENCE), WEIGH)
    assert found.span is not None
    assert EVIDENCE[slice(*found.span)] == "Larger files are refused with an error."


def test_a_record_that_says_the_opposite_weighs_against() -> None:
    by = ground(EVIDENCE)
    assert support("It offers outdoor seating.", by, WEIGH).opposed
    assert not support("It does not offer outdoor seating.", by, WEIGH).opposed


def test_the_title_is_given() -> None:
    by, titled = ground("It stands 330 metres tall."), ground("It stands 330 metres tall.", about="Eiffel Tower")
    claim = "The Eiffel Tower stands 330 metres tall."
    assert support(claim, titled, WEIGH).contained == 1.0
    assert support(claim, by, WEIGH).contained < 1.0


def test_a_title_alone_carries_no_sentence() -> None:
    by = ground("The markers that a model writes are never shown.", about="How a citation is verified")
    weigh = count(["The markers that a model writes are never shown."])
    assert support("The model is verified by the model.", by, weigh).vetoed
    assert not support("The markers of a model are never shown.", by, weigh).vetoed


def test_numbers_of_the_question_need_no_support() -> None:
    by = ground("Uploads are limited for every user.")
    assert support("In 2024 uploads are limited.", by, WEIGH).missing_numbers == {2024.0}
    assert not support("In 2024 uploads are limited.", by, WEIGH, question="And in 2024?").missing_numbers


def test_terms() -> None:
    assert terms("The predicted values") == terms("predicts value")
    assert asked("Please explain what the upload limit is") == ("upload", "limit")
    assert numbers("1,200 and five, 1.5 million") == {1200.0, 5.0, 1_500_000.0}
    assert "Tim Cook" in names("Then Tim Cook spoke.")
    assert coverage(["upload", "moon"], {"upload"}, lambda term: 1.0) == 0.5
    assert coverage([], set(), WEIGH) == 1.0
    assert WEIGH("unseen") > WEIGH("upload") > 0
