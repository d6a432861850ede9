from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.language.segments import Unit, segment


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He met J. R. Smith vs. Mr. Bean. It cost $3.50.", ["He met J. R. Smith vs. Mr. Bean.", "It cost $3.50."]),
        (
            "Apple Inc. CEO Tim Cook spoke. Really?! He left.",
            ["Apple Inc. CEO Tim Cook spoke.", "Really?!", "He left."],
        ),
        ("这是第一句。这是第二句！「好吗？」", ["这是第一句。", "这是第二句！", "「好吗？」"]),
        ("See Fig. 3. No. 5 is good.", ["See Fig. 3.", "No. 5 is good."]),
        ("It is fitted. `assay ask` asks, e.g. `x`.", ["It is fitted.", "`assay ask` asks, e.g. `x`."]),
        ("", []),
        ("...", ["..."]),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert [piece.of(text) for piece in segment(text)] == expected


def test_structure() -> None:
    text = "# Title. One\n\nIntro. More.\n- apple here\n| x | y |\n|---|---|\n| 1. | 2 |\n\n```py\na. B\n```\n"
    assert [(p.of(text), p.unit) for p in segment(text)] == [
        ("# Title. One", Unit.HEADING),
        ("Intro.", Unit.PROSE),
        ("More.", Unit.PROSE),
        ("- apple here", Unit.ITEM),
        ("| x | y |\n|---|---|", Unit.ROW),
        ("| 1. | 2 |", Unit.ROW),
        ("```py\na. B\n```", Unit.CODE),
    ]


@given(st.text(st.sampled_from("aB .!?\n\t|#-*`~1。'\" )…e.g")) | st.text())
def test_every_character_that_is_not_space_is_in_exactly_one_span(text: str) -> None:
    last = 0
    for piece in segment(text):
        assert last <= piece.start < piece.end <= len(text)
        assert not text[last : piece.start].strip()
        assert piece.of(text) == piece.of(text).strip()
        last = piece.end
    assert not text[last:].strip()


def test_a_long_run_of_terminators_takes_no_longer_than_other_text() -> None:
    # Quadratic once: this took minutes.
    assert [(found.start, found.end) for found in segment("!" * 100_000)] == [(0, 100_000)]
