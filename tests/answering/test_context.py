from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.answering.context import assemble
from assay.documents import Chunk
from assay.retrieval.found import Candidate

TEXT = (
    "Uploads are limited to 10 MB. Larger files are refused. Ask support for more.\n\n"
    "Keys expire after a year. Rotate them before. A warning is mailed a week ahead.\n"
)


def cut(start: int, end: int, document: str = "doc") -> Chunk:
    return Chunk(f"{document}:{start}-{end}", document, start, start, end, TEXT[start:end], "Limits")


def words(text: str) -> int:
    return len(text.split())


def test_numbers_follow_rank_and_placement_puts_the_best_first_and_last(make: SimpleNamespace) -> None:
    chunks = [make.chunk(f"alpha{i} beta{i} gamma{i}", document=f"d{i}") for i in range(5)]
    context = assemble(make.hits(*chunks), budget=1_000, count=words)
    assert [p.number for p in context.passages] == [1, 2, 3, 4, 5]
    assert [p.document for p in context.passages] == ["d0", "d1", "d2", "d3", "d4"]
    assert [p.number for p in context.placed] == [1, 3, 5, 4, 2]
    assert context.passage(2) is context.passages[1]
    assert context.passage(0) is None
    assert context.passage(6) is None


def test_touching_and_overlapping_chunks_become_one_exact_span(make: SimpleNamespace) -> None:
    context = assemble(make.hits(cut(60, 130), cut(0, 60), cut(100, 161)), budget=1_000, count=words)
    (passage,) = context.passages
    assert (passage.start, passage.end, passage.text) == (0, 161, TEXT[0:161])
    assert passage.score == 1.0
    assert passage.chunk_at(0) == "doc:0-60"
    assert passage.chunk_at(60) == "doc:60-130"
    assert passage.chunk_at(140) == "doc:100-161"


def test_chunks_with_a_gap_stay_apart_since_the_gap_is_unknown(make: SimpleNamespace) -> None:
    context = assemble(make.hits(cut(0, 77), cut(79, 130)), budget=1_000, count=words)
    assert len(context.passages) == 2


def test_chunks_that_disagree_where_they_overlap_are_not_joined(make: SimpleNamespace) -> None:
    old = Chunk("old", "doc", 0, 0, 20, "The limit is 10 MB. ", "")
    new = Chunk("new", "doc", 1, 10, 30, "changed entirely now", "")
    context = assemble(make.hits(old, new), budget=1_000, count=words)
    assert {p.text for p in context.passages} == {old.text, new.text}


def test_repeated_texts_are_told_once(make: SimpleNamespace) -> None:
    long = "Uploads are limited to ten megabytes for every user of the free plan, whoever they are, always."
    same = make.chunk(long.replace(" ", "\n", 3), document="copy")
    part = make.chunk("limited to ten megabytes", document="part")
    context = assemble(make.hits(make.chunk(long), same, part), budget=1_000, count=words)
    assert [p.document for p in context.passages] == ["doc"]
    assert {(d.document, d.cause) for d in context.dropped} == {("copy", "duplicate"), ("part", "contained")}


def test_a_longer_passage_takes_the_place_of_one_that_it_contains(make: SimpleNamespace) -> None:
    short = make.chunk("The fee is five euros", document="short")
    other = make.chunk("Something else entirely", document="other")
    long = make.chunk("As of May: the fee is five euros a month", document="long")
    context = assemble(make.hits(short, other, long), budget=1_000, count=words)
    assert [p.document for p in context.passages] == ["long", "other"]
    assert context.passages[0].score == 1.0


LONG = " ".join(f"word{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(80))


@pytest.mark.parametrize(("one", "other"), [("stores 100 files", "stores 250 files"), ("does keep", "does not keep")])
def test_editions_that_differ_in_a_number_or_a_negation_are_both_kept(
    make: SimpleNamespace, one: str, other: str
) -> None:
    found = make.hits(make.chunk(f"{LONG} {one}", document="a"), make.chunk(f"{LONG} {other}", document="b"))
    assert len(assemble(found, budget=1_000, count=words).passages) == 2


def test_near_duplicates_are_told_once(make: SimpleNamespace) -> None:
    found = make.hits(make.chunk(f"{LONG} enjoy", document="a"), make.chunk(f"{LONG} have fun", document="b"))
    context = assemble(found, budget=1_000, count=words)
    assert [(d.document, d.cause) for d in context.dropped] == [("b", "near-duplicate")]


def test_what_does_not_fit_is_recorded_and_smaller_ones_may_follow(make: SimpleNamespace) -> None:
    small, large, last = "one two three", " ".join(f"w{i}" for i in range(50)), "four five six"
    context = assemble(
        make.hits(*(make.chunk(t, document=t[:3]) for t in (small, large, last))), budget=12, count=words
    )
    assert [p.text for p in context.passages] == [small, last]
    (drop,) = context.dropped
    assert (drop.cause, drop.document) == ("budget", "w0 ")
    assert "51 tokens where 8 of 12" in drop.detail
    assert context.tokens <= 12


def test_if_not_even_the_best_fits_its_first_sentences_do(make: SimpleNamespace) -> None:
    context = assemble(make.hits(cut(0, 161)), budget=12, count=words)
    (passage,) = context.passages
    assert passage.text == "Uploads are limited to 10 MB. Larger files are refused."
    assert (passage.start, passage.end) == (0, len(passage.text))
    assert passage.parts[-1].end == passage.end
    assert [d.cause for d in context.dropped] == ["cut"]
    assert assemble(make.hits(cut(0, 161)), budget=3, count=words).passages == ()


@given(
    st.lists(
        st.tuples(st.integers(0, len(TEXT) - 2), st.integers(1, 90), st.sampled_from("ab")), min_size=1, max_size=8
    ),
    st.integers(0, 120),
)
def test_every_passage_is_a_span_of_its_document_within_the_budget(
    spans: list[tuple[int, int, str]], budget: int
) -> None:
    chunks = [cut(start, min(start + length, len(TEXT)), document) for start, length, document in spans]
    found = [Candidate(c, 1.0 / (i + 1)) for i, c in enumerate(chunks)]
    context = assemble(found, budget=budget, count=words)
    assert context.tokens <= budget
    for passage in context.passages:
        assert passage.text == TEXT[passage.start : passage.end]
        assert all(passage.start <= part.start and part.end <= passage.end for part in passage.parts)
    scores = [p.score for p in context.passages]
    assert scores == sorted(scores, reverse=True)
    seen = {c for p in context.passages for c in p.chunks} | {d.chunk for d in context.dropped}
    assert seen == {c.id for c in chunks}
