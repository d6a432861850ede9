from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.answering.markers import mask, read
from assay.answering.pieces import LONGEST, LONGEST_CODE, Piece, Splitter
from assay.language.segments import Unit

DRAFT = st.text(st.sampled_from("aB1 .!?\n\t|#-*`~[](),。【】'\"é:"), max_size=120) | st.lists(
    st.sampled_from(
        ["Dr. Smith", " won.", " [1]", "[1, 2]", " It", " ended", ".\n", "- ", "\n\n", "```", "`x[1]`", "| a | b |\n"]
    ),
    max_size=30,
).map("".join)


def split(deltas: list[str]) -> list[Piece]:
    splitter = Splitter()
    return [*(piece for delta in deltas for piece in splitter.feed(delta)), *splitter.close()]


def texts(draft: str) -> list[str]:
    return [piece.text for piece in split([draft])]


def test_markers_stay_with_the_sentence_before_them() -> None:
    assert texts("One is so [1]. Two is so.[2] Three is [1, 2]. [3] Four ends") == [
        "One is so [1].",
        "Two is so.[2]",
        "Three is [1, 2]. [3]",
        "Four ends",
    ]


def test_a_marker_that_opens_a_line_belongs_to_it() -> None:
    assert texts("First thing holds.\n[2] Second thing holds.") == ["First thing holds.", "[2] Second thing holds."]


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    assert texts("Dr. Smith paid 3.5 euros to Mr. Bean. He left.") == [
        "Dr. Smith paid 3.5 euros to Mr. Bean.",
        "He left.",
    ]


def test_code_and_lists_are_units() -> None:
    pieces = split(["Run this:\n\n```sh\na. B\n\nc[1]\n```\n\n- one thing [1]\n- another thing\n\nDone."])
    assert [(p.text, p.unit) for p in pieces] == [
        ("Run this:", Unit.PROSE),
        ("```sh\na. B\n\nc[1]\n```", Unit.CODE),
        ("- one thing [1]", Unit.ITEM),
        ("- another thing", Unit.ITEM),
        ("Done.", Unit.PROSE),
    ]


def test_a_row_of_a_table_is_not_cut() -> None:
    assert texts("| Name. First | Limit |\n|---|---|\n| a. B | 3 |\n") == [
        "| Name. First | Limit |\n|---|---|",
        "| a. B | 3 |",
    ]


def test_a_sentence_comes_with_the_word_after_it() -> None:
    splitter = Splitter()
    assert list(splitter.feed("All is well.")) == []
    assert list(splitter.feed(" [1]")) == []
    assert list(splitter.feed(" Nothing")) == []
    assert [piece.text for piece in splitter.feed(" else")] == ["All is well. [1]"]


def test_a_draft_without_full_stops_is_not_held_for_ever() -> None:
    splitter = Splitter()
    shown = [piece for _ in range(3 * LONGEST // 5) for piece in splitter.feed("word ")]
    assert len(shown) == 3 - 1 or len(shown) == 3


@given(DRAFT, st.lists(st.integers(0, 120), max_size=12))
def test_pieces_do_not_depend_on_how_the_stream_was_split(draft: str, cuts: list[int]) -> None:
    at = sorted({0, len(draft), *(cut for cut in cuts if cut < len(draft))})
    deltas = [draft[a:b] for a, b in pairwise(at)]
    assert split(deltas) == split([draft]) == split(list(draft))


@given(DRAFT)
def test_nothing_of_a_draft_is_lost(draft: str) -> None:
    assert "".join(piece.lead + piece.text for piece in split([draft])).rstrip() == draft.rstrip()


def title(number: int) -> str | None:
    return {1: "Uploads", 2: "Keys"}.get(number)


def test_markers_are_read_and_taken_out() -> None:
    marked = read("Files up to 10 MB [1], keys [2-3] and more 【2†source】 ([1]; [9]).", title)
    assert marked.shown == marked.claim == "Files up to 10 MB, keys and more."
    assert marked.numbers == (1, 2, 3, 9)
    assert read("Both hold [Passage 1] [^2].", title).numbers == (1, 2)


def test_a_marker_in_a_noun_s_place_becomes_a_title() -> None:
    assert read("According to [1], all is well.", title).shown == "According to “Uploads”, all is well."
    assert read("[2] says so.", title).shown == "“Keys” says so."
    assert read("As stated in [7], no.", title).shown == "As stated in the documents, no."
    assert read("- [1] Uploads are limited.", title).shown == "- Uploads are limited."


def test_what_only_looks_like_a_marker_stays() -> None:
    for text in ("It began (1) in 1990 [1990].", "Use `a[1]` here.", "f(1) = 2", "See [the page]."):
        assert read(text, title).shown == text
        assert read(text, title).numbers == ()


@given(DRAFT)
def test_masking_maps_back_to_the_raw_text(draft: str) -> None:
    masked = mask(draft)
    assert len(masked.text) == len(masked.offsets)
    assert list(masked.offsets) == sorted(masked.offsets)
    for char, offset in zip(masked.text, masked.offsets, strict=True):
        assert draft[offset] == char or char == " "


@pytest.mark.parametrize("flood", ["\n", " \n", "[", "`", "| a ", ". ", "- a\n", "。", "```\nx\n", "a"])
def test_a_model_that_repeats_itself_for_ever_is_cut(flood: str) -> None:
    draft = flood * (12_000 // len(flood))
    pieces = split([draft])
    assert max((len(piece.text) for piece in pieces), default=0) <= LONGEST_CODE * 17 // 16 + len(flood)
    assert "".join(piece.lead + piece.text for piece in pieces).rstrip() == draft.rstrip()
