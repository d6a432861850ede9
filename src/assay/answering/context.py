"""The evidence that a writer is given: passages, within a budget of tokens.

Chunks that say the same are told once, chunks that touch are joined again into one span
of their document, and what did not fit is recorded, so that a miss can be traced to the
budget later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from assay.answering.duplicates import Fingerprint, contains, fingerprint, nearly_equal
from assay.documents import Chunk
from assay.language.segments import segment
from assay.retrieval.found import Candidate

Count: TypeAlias = Callable[[str], int]
"""Tokens of a text."""

Cause: TypeAlias = Literal["duplicate", "contained", "near-duplicate", "budget", "cut"]


@dataclass(frozen=True, slots=True)
class Part:
    """The span of one chunk in a passage."""

    chunk: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A span of a document, shown to the writer under ``number``.

    ``text`` is exactly ``document.text[start:end]``; ``parts`` are the chunks it was made
    from, in order of their start. Numbers count from 1 in order of ``score``, best first.
    """

    number: int
    document: str
    start: int
    end: int
    text: str
    title: str
    headings: tuple[str, ...]
    page: str | None
    score: float
    parts: tuple[Part, ...]

    @property
    def chunks(self) -> tuple[str, ...]:
        return tuple(part.chunk for part in self.parts)

    @property
    def label(self) -> str:
        """Title and headings, on one line."""
        path = [self.title, *(heading for heading in self.headings if heading != self.title)]
        return " › ".join(" ".join(part.split()) for part in path if part.strip())

    def chunk_at(self, start: int) -> str:
        """The id of the first chunk that holds the document's character ``start``."""
        return next((part.chunk for part in self.parts if part.start <= start < part.end), self.parts[-1].chunk)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A hit that the writer does not see, or not whole (``cut``), and why."""

    chunk: str
    document: str
    cause: Cause
    detail: str


@dataclass(frozen=True, slots=True)
class Context:
    """Passages in order of their number, hits that were dropped, and the tokens of the passages."""

    passages: tuple[Passage, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    tokens: int = 0

    @property
    def placed(self) -> tuple[Passage, ...]:
        """The passages in the order in which a model reads them best: the best first and last.

        Models use the middle of a long context least (Liu et al. 2023, arXiv 2307.03172).
        """
        return (*self.passages[::2], *reversed(self.passages[1::2]))

    def passage(self, number: int) -> Passage | None:
        """The passage of that number, None if there is none."""
        return self.passages[number - 1] if 1 <= number <= len(self.passages) else None


def assemble(hits: Sequence[Candidate], *, budget: int, count: Count) -> Context:
    """The context that ``hits``, best first, give within ``budget`` tokens as counted by ``count``.

    A hit that does not fit is passed over for smaller ones behind it. If not even the
    best fits, its first sentences are taken, as many as do.
    """
    distinct, dropped = _distinct(hits)
    kept, over = _within(distinct, budget, count)
    passages = tuple(
        replace(passage, number=number)
        for number, passage in enumerate(sorted(_joined(kept), key=lambda passage: -passage.score), start=1)
    )
    return Context(passages, (*dropped, *over), sum(_tokens(passage, count) for passage in passages))


def _distinct(hits: Sequence[Candidate]) -> tuple[list[Passage], list[Dropped]]:
    """One passage for each hit, without those whose text a better or a longer one tells."""
    kept: list[tuple[Passage, Fingerprint]] = []
    dropped: list[Dropped] = []
    for hit in hits:
        new, print_ = _passage(hit), fingerprint(hit.chunk.text)
        if cause := _repeats(new, print_, kept):
            dropped.append(cause)
            continue
        inside = [(old, mark) for old, mark in kept if contains(print_, mark) and not _overlap(old, new)]
        for old, _ in inside:
            dropped.append(_drop(old, "contained", f"its text is part of chunk {hit.chunk.id}"))
            new = replace(new, score=max(new.score, old.score))
        at = kept.index(inside[0]) if inside else len(kept)
        kept = [pair for pair in kept if pair not in inside]
        kept.insert(at, (new, print_))
    return [passage for passage, _ in kept], dropped


def _repeats(new: Passage, mark: Fingerprint, kept: Iterable[tuple[Passage, Fingerprint]]) -> Dropped | None:
    for old, other in kept:
        if _overlap(old, new):
            # Spans of one document that overlap are joined, not compared.
            if old.start <= new.start and new.end <= old.end:
                return _drop(new, "contained", f"its span is part of chunk {old.parts[0].chunk}")
            continue
        if mark.words == other.words:
            return _drop(new, "duplicate", f"the same text as chunk {old.parts[0].chunk}")
        if contains(other, mark):
            return _drop(new, "contained", f"its text is part of chunk {old.parts[0].chunk}")
        if nearly_equal(mark, other):
            return _drop(new, "near-duplicate", f"nearly the same text as chunk {old.parts[0].chunk}")
    return None


def _within(passages: Iterable[Passage], budget: int, count: Count) -> tuple[list[Passage], list[Dropped]]:
    kept: list[Passage] = []
    dropped: list[Dropped] = []
    left = budget
    for passage in passages:
        needed = _tokens(passage, count)
        if needed <= left:
            kept.append(passage)
            left -= needed
            continue
        short = None if kept else _cut(passage, left, count)
        if short is None:
            dropped.append(_drop(passage, "budget", f"needs {needed} tokens where {left} of {budget} were left"))
            continue
        kept.append(short)
        left -= _tokens(short, count)
        dropped.append(
            _drop(passage, "cut", f"its first {len(short.text)} of {len(passage.text)} characters fit {budget} tokens")
        )
    return kept, dropped


def _cut(passage: Passage, budget: int, count: Count) -> Passage | None:
    """The longest beginning of ``passage`` in whole sentences within ``budget``; None if not one fits."""
    ends = [piece.end for piece in segment(passage.text)]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        if _tokens(_beginning(passage, ends[middle - 1]), count) <= budget:
            low = middle
        else:
            high = middle - 1
    return _beginning(passage, ends[low - 1]) if low else None


def _beginning(passage: Passage, length: int) -> Passage:
    end = passage.start + length
    parts = tuple(replace(part, end=min(part.end, end)) for part in passage.parts if part.start < end)
    return replace(passage, end=end, text=passage.text[:length], parts=parts)


def _joined(passages: Iterable[Passage]) -> list[Passage]:
    """Passages of one document that touch or overlap, made one span again."""
    joined: list[Passage] = []
    for passage in sorted(passages, key=lambda passage: (passage.document, passage.start, passage.end)):
        last = joined[-1] if joined else None
        if last and last.document == passage.document and _agree(last, passage):
            joined[-1] = _join(last, passage)
        else:
            joined.append(passage)
    return joined


def _agree(first: Passage, second: Passage) -> bool:
    """Whether the spans touch, and tell the same where they overlap.

    They differ if the document was ingested anew between the reads of the two.
    """
    if second.start > first.end:
        return False
    shared = min(first.end, second.end) - second.start
    return first.text[second.start - first.start :][:shared] == second.text[:shared]


def _join(first: Passage, second: Passage) -> Passage:
    parts = tuple(sorted((*first.parts, *second.parts), key=lambda part: (part.start, part.end)))
    score = max(first.score, second.score)
    if second.end <= first.end:
        return replace(first, score=score, parts=parts)
    text = first.text + second.text[first.end - second.start :]
    return replace(first, end=second.end, text=text, score=score, parts=parts)


def _overlap(first: Passage, second: Passage) -> bool:
    return first.document == second.document and first.start < second.end and second.start < first.end


def _passage(hit: Candidate) -> Passage:
    chunk: Chunk = hit.chunk
    return Passage(
        number=0,
        document=chunk.document,
        start=chunk.start,
        end=chunk.end,
        text=chunk.text,
        title=chunk.title,
        headings=chunk.headings,
        page=chunk.page,
        score=hit.score,
        parts=(Part(chunk.id, chunk.start, chunk.end),),
    )


def _drop(passage: Passage, cause: Cause, detail: str) -> Dropped:
    return Dropped(passage.parts[0].chunk, passage.document, cause, detail)


def _tokens(passage: Passage, count: Count) -> int:
    return count(f"[00] {passage.label}\n{passage.text}\n")
