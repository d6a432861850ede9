"""Chunks: exact spans, in order, within the limit, nothing left out."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.documents import Chunk, Document, Mark
from assay.ingestion.chunking.chunkers import CHUNKERS
from assay.ingestion.chunking.counting import Counter
from assay.ingestion.chunking.sentences import sentences
from assay.ingestion.embedding import embedded_text
from assay.ingestion.markdown import headings
from assay.ingestion.media import CODE, MARKDOWN, PLAIN
from assay.ingestion.plain_parsing import parsed
from assay.testing.embedder import HashEmbedder

COUNT = HashEmbedder().count


def document(text: str, media_type: str = MARKDOWN, title: str | None = None) -> Document:
    found = parsed(text.encode(), media_type)
    return Document("doc", "s", found.title if title is None else title, found.text, media_type, marks=found.marks)


def cut(
    text: str | Document,
    max_tokens: int = 30,
    *,
    chunker: str = "structure",
    overlap: int = 0,
    window: int | None = None,
) -> list[Chunk]:
    found = document(text) if isinstance(text, str) else text
    return CHUNKERS[chunker](found, max_tokens=max_tokens, overlap=overlap, counter=Counter(COUNT), window=window)


def squeezed(text: str) -> str:
    return "".join(text.split())


words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
pieces = st.sampled_from(
    ["# ", "## ", "\n\n", "\n", "```\n", "| a | b |\n", "| --- | --- |\n", "- ", "1. ", ". ", "! ", " ", "。", "\t"]
)
texts = st.lists(st.one_of(words, pieces), max_size=60).map("".join).filter(lambda text: "\0" not in text)


@given(
    texts,
    st.integers(1, 40),
    st.sampled_from(sorted(CHUNKERS)),
    st.integers(0, 10),
    st.sampled_from([MARKDOWN, PLAIN, CODE]),
    st.sampled_from([None, 8, 50]),
)
def test_any_text(text: str, limit: int, chunker: str, overlap: int, media_type: str, window: int | None) -> None:
    marks = headings(text) if media_type == MARKDOWN else ()
    whole = Document("doc", "s", "Title", text, media_type, marks=marks)
    chunks = cut(whole, limit, chunker=chunker, overlap=overlap, window=window)
    assert chunks == cut(whole, limit, chunker=chunker, overlap=overlap, window=window)
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip() != ""
        # One word is the least that can be cut: a run of letters may be more than one token.
        assert COUNT(chunk.text) <= max(limit, 1)
    starts = [chunk.start for chunk in chunks]
    assert starts == sorted(set(starts))
    covered = bytearray(len(text))
    for chunk in chunks:
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    assert all(done or char.isspace() for done, char in zip(covered, text, strict=True))
    if chunker == "structure" or not overlap:
        assert all(one.end <= two.start for one, two in pairwise(chunks))


@given(texts)
def test_sentences_of_any_text(text: str) -> None:
    spans = list(sentences(text))
    assert squeezed("".join(text[start:end] for start, end in spans)) == squeezed(text)
    assert all(one[1] <= two[0] for one, two in pairwise(spans))


@pytest.mark.parametrize("chunker", sorted(CHUNKERS))
def test_a_short_passage_is_one_chunk(chunker: str) -> None:
    text = "First sentence here. Second one follows.\n\nA last paragraph."
    (chunk,) = cut(Document("p", "s", "Title", text), 50, chunker=chunker)
    assert (chunk.start, chunk.end, chunk.text) == (0, len(text), text)


def test_sections_with_their_heading_paths() -> None:
    body = "Some words that fill the section up to a size that stands alone. " * 2
    text = f"# Guide\n\n## Install\n\n{body}\n\n### Linux\n\n{body}\n\n## Use\n\n{body}\n"
    chunks = cut(text, 40)
    assert [chunk.headings for chunk in chunks] == [
        ("Guide", "Install"),
        ("Guide", "Install", "Linux"),
        ("Guide", "Use"),
    ]
    assert chunks[0].text.startswith("# Guide\n\n## Install")
    assert chunks[1].context == "Guide › Install › Linux"


def test_tiny_sections_are_joined_under_their_parent() -> None:
    text = "# Terms\n\n" + "".join(f"## Word {i}\n\nMeaning {i}.\n\n" for i in range(6))
    chunks = cut(text, 32)
    assert len(chunks) < 6
    assert all(chunk.headings[:1] == ("Terms",) for chunk in chunks)
    other = cut("# A\n\n## Small\n\nTiny.\n\n# B\n\nTiny too.\n", 60)
    assert [chunk.headings[0] for chunk in other] == ["A", "B"]


def test_code_and_tables_stay_whole_when_they_fit() -> None:
    code = "```py\ndef f(x):\n\n    # no heading\n\n    return x\n```"
    table = "| a | b |\n| --- | --- |\n" + "\n".join(f"| {i} | row |" for i in range(3))
    filler = "Filler words to push things apart. " * 3
    chunks = cut(f"# T\n\n{filler}\n\n{code}\n\n{filler}\n\n{table}\n\n{filler}", 45)
    assert any(code in chunk.text for chunk in chunks)
    assert any(table in chunk.text for chunk in chunks)


def test_a_long_table_is_cut_between_rows_and_keeps_its_head_row_as_context() -> None:
    rows = [f"| item {i} | price {i} |" for i in range(20)]
    chunks = cut("# Prices\n\n| item | price |\n| --- | --- |\n" + "\n".join(rows), 40)
    assert len(chunks) > 2
    assert all(line in rows for line in chunks[-1].text.split("\n"))
    assert chunks[-1].headings == ("Prices", "item | price")
    assert embedded_text(chunks[-1]).startswith("Prices › item | price\n| item")


def test_long_code_is_cut_between_lines() -> None:
    lines = [f"value_{i} = compute({i})" for i in range(40)]
    for text, kind in (("\n".join(lines), CODE), ("```\n" + "\n".join(lines) + "\n```", MARKDOWN)):
        chunks = cut(document(text, kind), 30)
        assert len(chunks) > 5
        assert all(line in [*lines, "```"] for chunk in chunks for line in chunk.text.split("\n"))


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    text = " ".join(f"Sentence number {i} says something." for i in range(20))
    for chunker in ("structure", "sentences"):
        assert all(chunk.text.endswith(".") for chunk in cut(text, 25, chunker=chunker))


@pytest.mark.parametrize("chunker", ["tokens", "sentences"])
def test_overlap_repeats_the_end_of_the_chunk_before(chunker: str) -> None:
    text = " ".join(f"Number {i} is said." for i in range(30))
    chunks = cut(text, 25, chunker=chunker, overlap=8)
    for one, two in pairwise(chunks):
        assert one.start < two.start < one.end < two.end
        assert 0 < COUNT(text[two.start : one.end]) <= 8


def test_pages_slides_and_sheets() -> None:
    text = "One page.\n\nNext page.\n\nLast page."
    marks = (Mark(0, "page", "i"), Mark(11, "page", "ii"), Mark(23, "page", "3"))
    assert [c.page for c in cut(Document("d", "s", "", text, marks=marks), 3)] == ["i", "ii", "3"]
    slides = tuple(Mark(mark.start, "slide", mark.label) for mark in marks)
    assert [c.text for c in cut(Document("d", "s", "", text, marks=slides), 100)] == text.split("\n\n")


def test_title_and_headings_leave_room_in_the_window() -> None:
    title = "A title of quite a few words that needs room"
    found = document("word " * 300, PLAIN, title=title)
    for chunk in cut(found, 100, window=50):
        assert COUNT(embedded_text(chunk)) <= 50


def test_what_is_embedded_does_not_say_its_heading_twice() -> None:
    (first,) = cut("# Guide\n\nText.", 50)
    assert embedded_text(first) == "# Guide\n\nText."
    later = cut("# Guide\n\n## Part\n\n" + "Long text goes on here. " * 12, 30)[-1]
    assert embedded_text(later).startswith("Guide › Part\nLong")
    assert later.text in embedded_text(later)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith paid 3.50 e.g. in May. He left.", ["Dr. Smith paid 3.50 e.g. in May.", "He left."]),
        ("Really? Yes! Done… And on.", ["Really?", "Yes!", "Done…", "And on."]),
        ('He said "Go." Then he went.', ['He said "Go."', "Then he went."]),
        ("J. R. R. Tolkien wrote. it went on", ["J. R. R. Tolkien wrote. it went on"]),
        ("これは文です。次の文です。", ["これは文です。", "次の文です。"]),
        ("- one\n- two\n\nNo end\n\nNext", ["- one", "- two", "No end", "Next"]),
        ("1. First item. 2. Second", ["1. First item.", "2. Second"]),
        ("So did I. Then more.", ["So did I.", "Then more."]),
    ],
)
def test_where_sentences_end(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == expected


def test_a_megabyte_in_good_time() -> None:
    section = "## Part {}\n\n" + "Plain words make up a sentence of the text here. " * 20 + "\n\n"
    text = "# Whole\n\n" + "".join(section.format(i) for i in range(1000))
    began = time.process_time()
    assert len(cut(text, 200)) > 1000
    assert time.process_time() - began < 4


def test_one_line_without_spaces_is_still_cut() -> None:
    text = "a" * 50_000 + "漢" * 50_000
    chunks = cut(document(text, PLAIN), 64)
    assert all(re.fullmatch("a*漢*", chunk.text) for chunk in chunks)
    assert "".join(chunk.text for chunk in chunks) == text
