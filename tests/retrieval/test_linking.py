from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.retrieval.linking import WEIGHT, Anchor, coverage, gains, inverse_frequency, specificity
from assay.retrieval.titles import Titles, bare, words

CORPUS = [
    ("d1", "Blood Street"),
    ("d2", "Leo Nomis (pilot)"),
    ("d3", "Leo"),
    ("d4", "Møller's Café"),
    ("d5", "Leo Nomis (actor)"),
    ("d6", ""),
]


def test_the_longest_title_wins_and_case_counts() -> None:
    titles = Titles(CORPUS)
    found = titles.named_in("In Blood Street, Leo Nomis flew; blood street was empty. Leo left.")
    assert found == [("Blood", "Street"), ("Leo", "Nomis"), ("Leo",)]
    assert titles.documents(("Leo", "Nomis")) == ["d2", "d5"]


def test_accents_possessives_and_qualifiers_do_not_hide_a_title() -> None:
    titles = Titles(CORPUS)
    assert titles.named_in("at Moller Cafe’s door") == [("Moller", "Cafe")]
    assert bare("Leo Nomis (pilot)") == "Leo Nomis"
    assert words("Håkan's  tréma–dash") == ("Hakan", "trema", "dash")


@given(st.text(max_size=300))
def test_any_text_can_be_looked_through(text: str) -> None:
    titles = Titles([*CORPUS, ("d7", text)])
    assert all(titles.documents(form) for form in titles.named_in(text))


def test_a_link_is_worth_more_the_better_and_the_more_asked_for_its_source_is() -> None:
    titles = Titles(CORPUS)
    name = (("Blood", "Street"),)

    def link(score: float, covered: float, rarity: float = 1.0) -> float:
        return gains([Anchor("x", score, covered, name)], titles, lambda _: rarity)["d1"]

    assert link(1, 1) == pytest.approx(WEIGHT)
    assert link(1, 1) > link(0.5, 1) > link(0.5, 0) > 0
    assert link(1, 1, rarity=0.5) == pytest.approx(WEIGHT / 2)
    assert link(-3, 1) == 0


def test_homonyms_share_and_a_document_does_not_link_to_itself() -> None:
    titles = Titles(CORPUS)
    found = gains([Anchor("d2", 1, 1, (("Leo", "Nomis"), ("Leo",)))], titles, lambda _: 1.0)
    assert found == {"d5": pytest.approx(WEIGHT / 2), "d3": pytest.approx(WEIGHT)}


def test_coverage_is_weighted_by_rarity() -> None:
    idf = {"the": 0.1, "godfather": 3.9}
    assert coverage(("The", "Godfather"), frozenset({"godfather"}), idf) == pytest.approx(3.9 / 4.0)
    assert coverage((), frozenset({"a"}), {}) == 0


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_specificity_and_idf_stay_in_bounds(frequency: int, population: int) -> None:
    assert 0 <= specificity(frequency, population) <= 1
    if frequency <= population:
        assert inverse_frequency(frequency, population) >= 0
