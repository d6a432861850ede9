from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.evaluation.judges.claims import claims

ANSWER = """Sure! Here is what the passages say:

## Opening
1. The bridge opened in 1932.
2. It carries eight lanes.

I hope this helps!"""


def test_only_what_states_something_is_a_claim() -> None:
    stating = [claim.text for claim in claims(ANSWER) if claim.states]
    assert stating == ["1. The bridge opened in 1932.", "2. It carries eight lanes."]


@pytest.mark.parametrize(
    "said",
    [
        "I don't know.",
        "Unable to answer based on given passages.",
        "The passages do not mention the toll.",
        "Based on the provided passages, here is a summary:",
        "Would you like to know more?",
        "Let me know if you need anything else.",
        "**Answer:**",
        "...",
        "3.",
    ],
)
def test_what_speaks_of_the_answer_itself_is_no_claim(said: str) -> None:
    assert not any(claim.states for claim in claims(said))


@pytest.mark.parametrize(
    "said",
    [
        "The bridge opened in 1932.",
        "Based on the passages, the toll is collected from southbound vehicles.",
        "The shop is not open on Sundays.",
        "Yes.",
        "Sure, the bridge opened in 1932 and it carries eight lanes of traffic which were added over a long time as "
        "the city grew and its people bought more cars than had been thought of when the first plans were drawn.",
    ],
)
def test_a_statement_is_a_claim(said: str) -> None:
    assert [claim.text for claim in claims(said) if claim.states] == [said]


@given(st.text(max_size=300))
def test_spans_are_exact_ordered_and_apart(text: str) -> None:
    end = 0
    for claim in claims(text):
        assert end <= claim.start < claim.end <= len(text)
        assert claim.text == text[claim.start : claim.end]
        end = claim.end
