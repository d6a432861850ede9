"""Sentences: where they end, by rules for languages that end them with marks; and chunks made of them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from assay.documents import Chunk, Document
from assay.ingestion.chunking.counting import Counted, Counter
from assay.ingestion.chunking.spans import Span, chunks, path_at, trimmed

_END = re.compile(
    r"""[.!?…]+["'”’»)\]*_]*(?=\s)   # a mark, what closes after it, then white space
      | [。！？]+[」』”’）]*           # marks that need no space after them
      | \n\s*\n                       # an empty line
      | \n(?=\s*(?:[-*+•]|\d+[.)])\s) # the next item of a list""",
    re.VERBOSE,
)
_ABBREVIATIONS = frozenset(
    """mr mrs ms dr prof sr jr st vs etc cf al eg ie e.g i.e fig figs eq eqs sec no nos vol pp p ch ed eds inc ltd
    co corp dept est approx jan feb mar apr jun jul aug sep sept oct nov dec u.s u.k u.n a.m p.m b.c a.d gen col
    lt sgt capt rev hon gov sen rep bzw ca z.b d.h usw nr str""".split()  # noqa: SIM905 - one a line is too long
)
_LAST_WORD = re.compile(r"([^\W\d_]+(?:\.[^\W\d_]+)*)\.$")
_OPENING = "\"'“‘«([*_"


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Half-open spans of the sentences within ``text[start:end]``, trimmed, in order.

    Every character that is not white space is in one of them.
    """
    end = len(text) if end is None else end
    begun = start
    for found in _END.finditer(text, start, end):
        if found[0][0] in ".!?…" and not _ends(text, begun, found, end):
            continue
        first, last = trimmed(text, begun, found.end())
        if first < last:
            yield first, last
        begun = found.end()
    first, last = trimmed(text, begun, end)
    if first < last:
        yield first, last


def _ends(text: str, begun: int, found: re.Match[str], end: int) -> bool:
    """Whether a mark really ends a sentence: not after an abbreviation, an initial or before a small letter."""
    after = found.end()
    while after < end and (text[after].isspace() or text[after] in _OPENING):
        after += 1
    if after < end and text[after].islower():
        return False
    if found[0][0] != "." or found[0].startswith(".."):
        return True
    word = _LAST_WORD.search(text, max(begun, found.start() - 20), found.start() + 1)
    if word is None:
        # "1." at the start of a line numbers an item.
        return not text[begun : found.start()].strip().isdigit()
    name = word[1]
    return name.lower() not in _ABBREVIATIONS and not (len(name) == 1 and name.isupper() and name != "I")


def packed(pieces: list[tuple[int, int]], counted: Counted, limit: int, overlap: int = 0) -> Iterator[tuple[int, int]]:
    """Neighbouring pieces joined into spans of at most ``limit`` tokens; a longer piece is cut at words.

    ``overlap`` is the number of tokens, in whole pieces, that a span repeats from the one before.
    """
    begin = 0
    while begin < len(pieces):
        start, end = pieces[begin]
        after = begin + 1
        if counted.tokens(start, end) > limit:
            while counted.tokens(start, end) > limit:
                cut = counted.fit(start, end, limit)
                yield start, cut
                following = counted.next_word(cut)
                start = end if following is None else max(cut, min(end, following))
            if start < end:
                pieces[begin] = (start, end)
                continue
            begin = after
            continue
        while after < len(pieces) and counted.tokens(start, pieces[after][1]) <= limit:
            end = pieces[after][1]
            after += 1
        yield start, end
        begin = after
        while overlap and begin < len(pieces) and begin - 1 > 0 and pieces[begin - 1][0] > start:
            if counted.tokens(pieces[begin - 1][0], end) > overlap:
                break
            begin -= 1


def by_sentences(
    document: Document, *, max_tokens: int, overlap: int, counter: Counter, window: int | None = None
) -> list[Chunk]:
    """Whole sentences up to ``max_tokens``; neighbours repeat up to ``overlap`` tokens of sentences."""
    counted = counter.counted(document.text)
    limit = min(max_tokens, window or max_tokens)
    pieces = list(sentences(document.text))
    paths = path_at(document)
    starts = [start for start, _ in paths]
    spans: list[Span] = []
    for start, end in packed(pieces, counted, limit, min(overlap, limit // 2)):
        place = bisect_right(starts, start)
        path = paths[place - 1][1] if place else ()
        spans += [Span(*part, path) for part in counter.fitting(document.text, counted, start, end, limit)]
    return chunks(document, spans)
