"""How an expected answer stands in an answer, class by class."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.judges.offline.expected_answer import aliases, form
from assay.evaluation.judges.offline.matching import align, date_of, kind, same, spans
from assay.evaluation.judges.offline.normalising import Token, content, tokens


def keys(text: str) -> list[str]:
    return [token.key for token in content(tokens(text))]


def matched(alias: str, answer: str) -> str:
    return kind(align(tokens(alias), tokens(answer)), first=True)


def token(word: str) -> Token:
    return tokens(word)[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("twenty-five", "25"),
        ("three hundred sixty-five days", "365 days"),
        ("two hundred and five thousand", "205,000"),
        ("1.2 million", "1,200,000"),
        ("nineteen seventy-six", "1976"),
        ("Henry VIII", "Henry the Eighth"),
        ("Super Bowl XLIV", "Super Bowl 44"),
        ("the fourth season", "4th season"),
        ("twice", "two"),
        ("1979–80 season", "1979-1980 season"),
        ("09:15", "9:15 am"),
        ("9:00 am", "9 a.m."),
        ("the 1970's", "1970s"),
        ("José Peña", "jose pena"),
        ("colours organised in the theatre", "colors organized in a theater"),
        ("The United States of America", "the USA"),
        ("U.S. Electoral College", "US electoral college"),
        ("J. K. Rowling", "J.K. Rowling"),
        ("300 km/h", "300 kilometres per hour"),
        ("54 Mbit/s", "54Mbps"),
        ("Sept. 23rd", "September 23"),
        ("emperors", "emperor"),
        ("50%", "fifty percent"),
        ("actressGlenn Close", "actress Glenn Close"),
        ("It was filmed in Spain12.", "It was filmed in Spain."),
        ("It opened in 20161.", "It opened in 2016."),
        ("takes about24 hours", "takes about 24 hours"),
        ("Salt & Pepper", "salt and pepper"),
    ],
)
def test_two_spellings_are_one(one: str, other: str) -> None:
    assert keys(one) == keys(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("1976", "1967"), ("Paris", "Lyon"), ("25", "twenty-six"), ("1.2 million", "1.2 billion"), ("V", "VI")],
)
def test_different_answers_stay_different(one: str, other: str) -> None:
    assert keys(one) != keys(other)


def test_what_was_expected_is_never_taken_apart() -> None:
    assert [t.key for t in tokens("Vitamin cob12.", known=frozenset({"cob12"}))] == ["vitamin", "cob", "12"]
    assert [t.key for t in tokens("Vitamin cob12.")] == ["vitamin", "cob"]
    assert [t.key for t in tokens("There are 18500.", known=frozenset({"18500"}))][-1] == "18500"


@pytest.mark.parametrize(
    ("alias", "answer", "expected"),
    [
        ("Paris", "The capital is Paris.", "exact"),
        ("eye glasses", "It is corrected with eyeglasses or surgery.", "exact"),
        ("eight", "There are 8 planets.", "exact"),
        ("4 July 1776", "It was signed on July 4, 1776.", "numeric"),
        ("the 1970s", "It opened in 1974.", "numeric"),
        ("1632–53", "It was built from 1640 on.", "numeric"),
        ("John Ronald Smith", "John Smith", "fuzzy"),
        ("Thaddeus Luckinbill", "Thad Luckinbill", "fuzzy"),
        ("William Gates", "Bill Gates", "fuzzy"),
        ("Jesse Bennett", "It was Dr. Jesse Bennet.", "fuzzy"),
        ("red, white and blue", "blue, white and red", "fuzzy"),
        ("Paris", "The capital is Lyon.", "none"),
        ("1945", "It ended in 1918.", "none"),
        ("Paris", "The capital is not Paris but Lyon.", "none"),
        ("Paris", "Lyon rather than Paris.", "none"),
        ("Paris", "It is not only Paris but all of France.", "exact"),
        ("Paris", "It was not Paris at first; now it is Paris.", "exact"),
    ],
)
def test_the_kind_of_match(alias: str, answer: str, expected: str) -> None:
    assert matched(alias, answer) == expected


def test_an_alias_of_function_words_is_looked_for_among_function_words() -> None:
    assert matched("It", "The novel is called It.") == "exact"


def test_the_place_of_a_match() -> None:
    found = align(tokens("New York"), tokens("In Boston, Albany and New York"))
    assert found.whole == 2
    assert found.where == (2, 3)
    assert found.recall == 1.0


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("Smith", "Smith", 1.0, 1.0),
        ("Thad", "Thaddeus", 0.8, 0.95),
        ("J", "John", 0.4, 0.6),
        ("Bennett", "Bennet", 0.8, 0.9),
        ("Bob", "Robert", 0.8, 0.95),
        ("1976", "1977", 0.0, 0.0),
        ("Paris", "Lyon", 0.0, 0.0),
    ],
)
def test_how_alike_two_words_are(one: str, other: str, least: float, most: float) -> None:
    assert least <= same(token(one), token(other)) <= most
    assert same(token(one), token(other)) == same(token(other), token(one))


@pytest.mark.parametrize("text", ["4 July 1776", "July 4th, 1776", "1776, July 4", "on the 4th of July 1776"])
def test_a_date_in_any_order(text: str) -> None:
    assert date_of(content(tokens(text))) == (1776, 7, 4)


def test_a_date_in_part() -> None:
    assert date_of(tokens("in May 1940")) == (1940, 5, None)
    assert date_of(tokens("it may rain")) == (None, None, None)


def test_ranges_of_years() -> None:
    assert spans(tokens("the 1970s")) == [(1970, 1979)]
    assert spans(tokens("the 19th century")) == [(1800, 1899)]
    assert spans(tokens("from 1910 to 1939".replace(" to ", "-"))) == [(1910, 1939)]


@pytest.mark.parametrize(
    ("expected", "parts"),
    [
        ("Luke/Matthew", ("Luke", "Matthew")),
        ("July 14, 1976/1976/ 1976 ", ("July 14, 1976", "1976")),
        ("300 km/h", ("300 km/h",)),
        ("1/2", ("1/2",)),
        ("AC/DC", ("AC/DC",)),
        ("https://example.org/a", ("https://example.org/a",)),
        ("", ()),
        (" / ", ("/",)),
    ],
)
def test_aliases_of_a_text(expected: str, parts: tuple[str, ...]) -> None:
    assert aliases(expected) == parts


def test_aliases_of_a_list_are_its_items() -> None:
    assert aliases(["AB/CD", " AB/CD ", "", "x"]) == ("AB/CD", "x")


def test_a_stroke_in_a_paragraph_separates_nothing() -> None:
    text = "The read/write head moves over the disk. It never touches the surface while the disk is spinning."
    assert aliases(text) == (text,)
    assert form(text) == "long"
    assert form("Long Island of 1922") == "short"


@given(st.text(max_size=200), st.text(max_size=200))
def test_aligning_never_fails_and_shares_are_shares(alias: str, answer: str) -> None:
    wanted = tokens(alias)
    if wanted:
        found = align(wanted, tokens(answer))
        assert 0.0 <= found.recall <= 1.0
        assert all(0.0 <= how <= 1.0 for how in found.how)
        assert len(found.where) == len(found.how) == len(found.alias)


@given(st.text(max_size=200))
def test_a_text_holds_itself(text: str) -> None:
    found = tokens(text)
    if found and not any(t.denied for t in found):
        assert align(found, found).whole == 0
