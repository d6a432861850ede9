"""Chunks that follow a document's structure.

A section is what stands under one heading. Within it paragraphs are joined up to the limit;
tables and code stay whole when they fit and are cut between rows and lines when they do not.
A section too small to stand alone is joined with its neighbour under the same parent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from assay.documents import Chunk, Document
from assay.ingestion.chunking.blocks import Block, blocks, table_header
from assay.ingestion.chunking.counting import Counted, Counter
from assay.ingestion.chunking.sentences import packed, sentences
from assay.ingestion.chunking.spans import PATH_PARTS, Span, chunks, path_at, trimmed
from assay.ingestion.markdown import lines
from assay.ingestion.media import CODE, PLAIN

_TINY = 4
"""A section with less than this part of the limit does not stand alone."""


@dataclass(frozen=True, slots=True)
class _Section:
    start: int
    end: int
    headings: tuple[str, ...]
    bare: bool
    """Nothing but its heading."""
    place: int
    """Which slide or sheet it is on."""


def by_structure(
    document: Document, *, max_tokens: int, overlap: int = 0, counter: Counter, window: int | None = None
) -> list[Chunk]:
    """Chunks by sections and blocks; none is longer than ``max_tokens``.

    ``window`` is the embedder's: a chunk leaves room in it for its title and headings, down
    to half the window. ``overlap`` has no meaning here: structure tells where to cut.
    """
    del overlap
    counted = counter.counted(document.text)
    cutter = _Cutter(document, counted, counter, max_tokens, window)
    spans: list[Span] = []
    for group in _groups(list(_sections(document)), cutter):
        spans.extend(cutter.cut(group))
    return chunks(document, spans)


def _sections(document: Document) -> Iterator[_Section]:
    """Sections in order; slides and sheets begin sections too."""
    text = document.text
    paths = dict(path_at(document))
    places = {mark.start for mark in document.marks if mark.kind in ("slide", "sheet")}
    begins = sorted({0, *places, *paths})
    place = 0
    path: tuple[str, ...] = ()
    for start, end in zip(begins, [*begins[1:], len(text)], strict=True):
        headed = start in paths
        place += start in places
        path = paths.get(start, path)
        first, last = trimmed(text, start, end)
        if first < last:
            body = text[first:last].partition("\n")[2].strip("=- \t\r\n")
            yield _Section(first, last, path, bare=headed and not body, place=place)


def _groups(sections: list[_Section], cutter: _Cutter) -> Iterator[_Section]:
    """Sections, tiny ones joined with their neighbours."""
    group: _Section | None = None
    for section in sections:
        if group is None:
            group = section
        elif (joined := _joined(group, section, cutter)) is not None:
            group = joined
        else:
            yield group
            group = section
    if group is not None:
        yield group


def _joined(first: _Section, second: _Section, cutter: _Cutter) -> _Section | None:
    """Both as one section, when one is tiny, they are related, and they fit together."""
    shared = 0
    while shared < min(len(first.headings), len(second.headings)) and (
        first.headings[shared] == second.headings[shared]
    ):
        shared += 1
    below = shared == len(first.headings)
    siblings = shared == len(second.headings) - 1 and (shared > 0 or len(first.headings) == 1)
    if first.place != second.place or not (below or siblings):
        return None
    headings = second.headings if first.bare and below else first.headings[:shared]
    limit = cutter.limit(headings)
    sizes = [cutter.counted.tokens(part.start, part.end) for part in (first, second)]
    if not first.bare and min(sizes) * _TINY > limit:
        return None
    if cutter.counted.tokens(first.start, second.end) > limit:
        # A bare heading goes with the text below it, however long that is.
        if not (first.bare and below):
            return None
        return _Section(first.start, second.end, headings, bare=False, place=first.place)
    bare = first.bare and second.bare and below
    return _Section(first.start, second.end, headings, bare=bare, place=first.place)


@dataclass(frozen=True, slots=True)
class _Cutter:
    document: Document
    counted: Counted
    counter: Counter
    max_tokens: int
    window: int | None

    def limit(self, headings: tuple[str, ...]) -> int:
        """Tokens that a chunk under these headings may have."""
        if self.window is None:
            return self.max_tokens
        context = " › ".join([self.document.title, *headings[-PATH_PARTS:]])
        room = self.window - self.counter.counted(context).before[-1]
        return max(1, min(self.max_tokens, max(room, self.window // 2)))

    def cut(self, section: _Section) -> Iterator[Span]:
        """The section's chunks."""
        limit = self.limit(section.headings)
        text, counted = self.document.text, self.counted
        if counted.tokens(section.start, section.end) <= limit:
            yield from self._checked(section.start, section.end, limit, section.headings)
            return
        begun = end = -1
        markdown = self.document.media_type not in (PLAIN, CODE)
        for block in blocks(text, section.start, section.end, markdown=markdown):
            if begun >= 0 and counted.tokens(begun, block.end) <= limit:
                end = block.end
                continue
            if begun >= 0:
                yield from self._checked(begun, end, limit, section.headings)
            begun, end = block.start, block.end
            if counted.tokens(begun, end) > limit:
                *whole, (begun, end) = self._pieces(block, limit)
                for number, (start, stop) in enumerate(whole):
                    yield from self._checked(start, stop, limit, self._headings(section, block, number))
                if block.kind != "paragraph":
                    yield from self._checked(begun, end, limit, self._headings(section, block, len(whole)))
                    begun = -1
        if begun >= 0:
            yield from self._checked(begun, end, limit, section.headings)

    def _pieces(self, block: Block, limit: int) -> list[tuple[int, int]]:
        """A block that is too long: tables and code between lines, text between sentences."""
        text = self.document.text
        if block.kind == "paragraph" and self.document.media_type != CODE:
            parts = list(sentences(text, block.start, block.end))
        else:
            parts = [
                (block.start + at, block.start + at + len(line))
                for at, line in lines(text[block.start : block.end])
                if line.strip()
            ]
        return list(packed(parts, self.counted, limit)) or [(block.start, block.end)]

    def _headings(self, section: _Section, block: Block, number: int) -> tuple[str, ...]:
        """Rows that are cut off from their table keep its head row as their innermost heading."""
        header = table_header(self.document.text, block) if block.kind == "table" and number else ""
        return (*section.headings, header) if header else section.headings

    def _checked(self, start: int, end: int, limit: int, headings: tuple[str, ...]) -> Iterator[Span]:
        for first, last in self.counter.fitting(self.document.text, self.counted, start, end, limit):
            yield Span(first, last, headings)
