from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.judges.locating import locate

ANSWER = "Trains are booked in second class. A hotel may cost up to 140 euros a night, breakfast included."


def found(claim: str, quote: str = "") -> str | None:
    span = locate(claim, quote, ANSWER)
    return None if span is None else ANSWER[span[0] : span[1]]


@pytest.mark.parametrize(
    ("claim", "quote", "expected"),
    [
        ("Hotels cost 140 euros.", "up to 140 euros a night", "up to 140 euros a night"),
        ("Trains are booked in second class.", "", "Trains are booked in second class."),
        ("x", "TRAINS are  booked in *second* class", "Trains are booked in second class"),
        ("A hotel costs up to 140 euros a night.", "", ANSWER[35:]),
        ("A hotel costs up to 140 euros a night.", "no such words", ANSWER[35:]),
        ("Passwords have 14 characters.", "", None),
        ("...", "!", None),
    ],
)
def test_where_a_claim_stands(claim: str, quote: str, expected: str | None) -> None:
    assert found(claim, quote) == expected


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=80))
def test_a_span_lies_in_the_text(claim: str, quote: str, text: str) -> None:
    span = locate(claim, quote, text)
    assert span is None or 0 <= span[0] < span[1] <= len(text)


def test_words_that_repeat_are_found_in_time_that_grows_with_the_text() -> None:
    started = time.process_time()
    assert locate("x", "a " * 2_000 + "b", "a " * 40_000) is None
    assert locate("x", "a " * 60_000, "a " * 2_000) is None
    assert time.process_time() - started < 0.5
