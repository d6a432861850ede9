from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.answering.events import Sentence
from assay.answering.numbering import Numbering, unmarked
from assay.documents import Citation

CITED = Citation("d", "c", 0, 1, "q", "s")


def sentence(text: str, citations: int, *, supported: bool = True) -> Sentence:
    return Sentence(0, text, (CITED,) * citations, supported)


def test_citations_are_counted_over_all_sentences() -> None:
    numbering = Numbering()
    said = [sentence("One.", 1), sentence(" So:", 0), sentence(" Two.", 2), sentence("\n\n- Three.", 1)]
    assert "".join(numbering.show(s).text for s in said) == "One. [1] So: Two. [2][3]\n\n- Three. [4]"
    assert numbering.show(sentence(" Five.", 1)).first == 5


def test_a_sentence_without_support_says_so() -> None:
    assert Numbering().show(sentence(" It may.", 0, supported=False)).text == " It may. [unsupported]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```\nrun\n```", "```\nrun\n```\n[1]"),
        ("| a | b |", "| a | b [1] |"),
        ("| a | b |\n", "| a | b [1] |\n"),
        ("a || b |", "a || b | [1]"),
    ],
)
def test_a_mark_does_not_break_the_markdown_around_it(text: str, shown: str) -> None:
    assert Numbering().show(sentence(text, 1)).text == shown


@given(st.lists(st.tuples(st.sampled_from([" Yes.", " The limit is 10 MB.", "\n- An item."]), st.integers(0, 3))))
def test_an_answer_that_comes_back_is_read_without_its_marks(said: list[tuple[str, int]]) -> None:
    numbering = Numbering()
    shown = "".join(numbering.show(sentence(text, cited, supported=cited > 0)).text for text, cited in said)
    assert unmarked(shown) == "".join(text for text, _ in said)
