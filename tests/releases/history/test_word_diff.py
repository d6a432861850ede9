"""Word by word: both texts come back, and people can read what changed."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.releases.history.word_diff import Piece, counts, marked, shortened, word_diff

_WORDS = st.lists(
    st.sampled_from(["the", "a", " ", "  ", "\n", ",", ".", "{{question}}", "brief", "é", "[-", "+}", "don't", "\t"]),
    max_size=40,
).map("".join)
_TEXTS = st.one_of(_WORDS, st.text(max_size=60))


@given(_TEXTS, _TEXTS)
def test_the_pieces_give_both_texts_back(old: str, new: str) -> None:
    pieces = word_diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "inserted") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "deleted") == new
    assert all(piece.text for piece in pieces)
    assert all(piece.kind == "same" for piece in pieces) is (old == new)


@given(_TEXTS, _TEXTS)
def test_so_they_do_where_texts_are_cut_at_what_both_say_once(old: str, new: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("assay.releases.history.word_diff._PAIRS", 0)
        pieces = word_diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "inserted") == old
    assert "".join(piece.text for piece in pieces if piece.kind != "deleted") == new
    assert not any(one.kind == other.kind for one, other in pairwise(pieces))


def test_a_long_text_with_few_changes_is_told_by_these() -> None:
    words = [f"w{n} the of , ." for n in range(2000)]
    changed = [f"new{n}" if n % 100 == 50 else word for n, word in enumerate(words)]
    inserted, deleted = counts(word_diff(" ".join(words), " ".join(changed)))
    assert (inserted, deleted) == (20, 60)


@given(_TEXTS, _TEXTS)
def test_the_other_way_round_gives_both_texts_back_too_and_as_many_words_if_nothing_is_kept(old: str, new: str) -> None:
    assert word_diff(old, old) == ((Piece("same", old),) if old else ())
    inserted, deleted = counts(word_diff("", new))
    assert (counts(word_diff(new, "")), deleted) == ((0, inserted), 0)


@given(_TEXTS, _TEXTS, st.integers(0, 5))
def test_what_is_elided_is_only_what_both_have(old: str, new: str, around: int) -> None:
    whole, short = word_diff(old, new), shortened(word_diff(old, new), around=around)
    assert [p for p in short if p.kind in ("deleted", "inserted")] == [
        p for p in whole if p.kind in ("deleted", "inserted")
    ]
    assert "".join(p.text for p in short if p.kind != "inserted") == old
    assert "".join(p.text for p in short if p.kind != "deleted") == new


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Be brief.", "Be very brief.", "Be{+ very+} brief."),
        ("Say only this.", "Say just this.", "Say [-only-]{+just+} this."),
        ("Do not guess.", "Never make up.", "[-Do not guess-]{+Never make up+}."),
        ("Ask {{question}}", "Ask {{context}}", "Ask [-{{question}}-]{+{{context}}+}"),
        ("a\nb", "a\n\nb", "a[-⏎-]{+⏎⏎+}b"),
        ("same", "same", "same"),
        ("", "new", "{+new+}"),
    ],
)
def test_how_a_change_reads(old: str, new: str, told: str) -> None:
    assert marked(word_diff(old, new)) == told


def test_long_unchanged_stretches_are_left_out_on_both_sides_of_a_change() -> None:
    before, after = " ".join(f"w{n}" for n in range(60)), " ".join(f"v{n}" for n in range(60))
    pieces = word_diff(f"{before} old {after}", f"{before} new {after}")
    assert marked(shortened(pieces, around=2)) == " … w58 w59 [-old-]{+new+} v0 v1 … "
    assert counts(pieces) == (1, 1)


def test_a_long_prompt_that_was_rewritten_takes_no_time() -> None:
    old, new = ("one two, three. " * 1500), ("three one. two " * 1500)
    pieces = word_diff(old, new)
    assert "".join(piece.text for piece in pieces if piece.kind != "inserted") == old
