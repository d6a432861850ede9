"""Chunks of a fixed number of tokens, with overlap: the plainest chunker, for comparison."""

from __future__ import annotations

from bisect import bisect_right

from assay.documents import Chunk, Document
from assay.ingestion.chunking.counting import Counter
from assay.ingestion.chunking.spans import Span, chunks, path_at


def by_tokens(
    document: Document, *, max_tokens: int, overlap: int, counter: Counter, window: int | None = None
) -> list[Chunk]:
    """Windows of at most ``max_tokens`` tokens, cut between words; each repeats the last ``overlap``
    tokens of the one before."""
    counted = counter.counted(document.text)
    limit = min(max_tokens, window or max_tokens)
    overlap = min(overlap, limit // 2)
    paths = path_at(document)
    starts = [start for start, _ in paths]
    spans: list[Span] = []
    start, length = counted.next_word(0), len(document.text)
    while start is not None:
        end = counted.fit(start, length, limit)
        place = bisect_right(starts, start)
        path = paths[place - 1][1] if place else ()
        spans += [Span(*part, path) for part in counter.fitting(document.text, counted, start, end, limit)]
        following = counted.next_word(end)
        if following is None:
            break
        back = counted.back(start, end, overlap) if overlap else end
        start = back if back < end else following
    return chunks(document, spans)
