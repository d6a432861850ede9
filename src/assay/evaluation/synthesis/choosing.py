"""Choosing what to ask about: passages spread over the documents, pairs that share a name, headings that ask."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, islice

from assay.digest import digest
from assay.documents import Chunk
from assay.evaluation.synthesis.candidates import Candidate, Kind, Seed
from assay.language.segments import Unit, segment
from assay.language.terms import names, terms, words

_FEWEST_WORDS = 25
_PAIRED_AMONG = 4_000  # chunks that are searched for pairs
_SHARED_BY = 6  # documents; a name in more tells little
_SHORTEST_NAME = 4
_ALIKE = 0.6
_ASKS = re.compile(r"\?\s*$")
_LEAST_ANSWER = 5  # terms that a section under a question adds


def passages(chunks: Iterable[Chunk], kind: Kind, *, seed: int) -> Iterator[Seed]:
    """One seed for each passage of prose, in an order drawn from ``seed``; every document once before any twice."""
    return (Seed(kind, (chunk,)) for chunk in _drawn(chunks, seed) if _prose(chunk))


def pairs(chunks: Iterable[Chunk], *, seed: int) -> Iterator[Seed]:
    """Two passages of different documents that hold the same rare name, or of which one names the other's title.

    Each pair of documents comes once.
    """
    drawn = list(islice((chunk for chunk in _drawn(chunks, seed) if _prose(chunk)), _PAIRED_AMONG))
    holding: dict[str, list[Chunk]] = {}
    for chunk in drawn:
        told = {name.casefold() for name in (chunk.title, *names(chunk.text)) if len(name) >= _SHORTEST_NAME}
        for name in sorted(told):
            holding.setdefault(name, []).append(chunk)
    seen: set[tuple[str, str]] = set()
    for name in sorted(holding, key=lambda name: digest([seed, name])):
        sharing = holding[name]
        if not 2 <= len({chunk.document for chunk in sharing}) <= _SHARED_BY:
            continue
        for first, second in combinations(sharing, 2):
            between = (min(first.document, second.document), max(first.document, second.document))
            if first.document != second.document and between not in seen and not _alike(first, second):
                seen.add(between)
                yield Seed("multi-passage", (first, second), name)
                break


def headings(chunks: Iterable[Chunk], *, seed: int) -> Iterator[Candidate]:
    """The questions that authors put above their answers: headings with a question mark and text below them."""
    asked: set[tuple[str, str]] = set()
    for chunk in _drawn(chunks, seed):
        for heading, body in _sections(chunk):
            answer = set(terms(body)) - set(terms(heading))
            if _ASKS.search(heading) and (chunk.document, heading) not in asked and len(answer) >= _LEAST_ANSWER:
                asked.add((chunk.document, heading))
                yield Candidate(Seed("single-passage", (chunk,)), heading, None)


def _sections(chunk: Chunk) -> Iterator[tuple[str, str]]:
    """The headings of a chunk with what stands below each, first the one above it."""
    heading, body = (chunk.headings[-1] if chunk.headings else ""), list[str]()
    for piece in segment(chunk.text):
        if piece.unit is Unit.HEADING:
            yield heading.strip(), " ".join(body)
            heading, body = piece.of(chunk.text).strip("# \t"), []
        else:
            body.append(piece.of(chunk.text))
    yield heading.strip(), " ".join(body)


def _drawn(chunks: Iterable[Chunk], seed: int) -> list[Chunk]:
    """In an order that looks random and is the same each time: the first of every document, then the seconds."""
    of: dict[str, list[tuple[str, Chunk]]] = {}
    for chunk in chunks:
        of.setdefault(chunk.document, []).append((digest([seed, chunk.document, chunk.start]), chunk))
    ranked = [
        (rank, key, chunk)
        for found in of.values()
        for rank, (key, chunk) in enumerate(sorted(found, key=lambda pair: pair[0]))
    ]
    return [chunk for _, _, chunk in sorted(ranked, key=lambda row: row[:2])]


def _prose(chunk: Chunk) -> bool:
    """Whether there is enough in it to ask about, and not only code, headings and tables."""
    told = (piece.of(chunk.text) for piece in segment(chunk.text) if piece.unit in (Unit.PROSE, Unit.ITEM))
    return sum(len(words(piece)) for piece in told) >= _FEWEST_WORDS


def _alike(first: Chunk, second: Chunk) -> bool:
    """Whether the two tell the same, so that one of them is enough for any question about both."""
    return overlap(terms(first.text), terms(second.text)) >= _ALIKE


def overlap(first: Sequence[str], second: Sequence[str]) -> float:
    """Jaccard's index of two texts' terms; 0 where both are empty."""
    one, other = set(first), set(second)
    return len(one & other) / len(one | other) if one or other else 0.0
