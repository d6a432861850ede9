"""Which span of which passage supports a claim: nothing, unless the bar is reached."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from assay.answering.context import Passage
from assay.answering.reading import Reading
from assay.language.segments import Unit, segment
from assay.language.support import THRESHOLD, Ground, ground, support
from assay.language.terms import terms


@dataclass(frozen=True, slots=True)
class Supported:
    """A span of a document that supports a claim; ``quote`` is the document's text there."""

    passage: int
    document: str
    chunk: str
    start: int
    end: int
    quote: str
    score: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """``by`` is empty for a claim that does not hold; ``score`` is the best support found, 0 to 1."""

    by: tuple[Supported, ...]
    score: float


class Verifier:
    """Checks claims against the passages of one answer. ``threshold`` is the bar, for every claim the same."""

    def __init__(self, reading: Reading, *, threshold: float = THRESHOLD) -> None:
        self._reading, self._threshold = reading, threshold
        self._passages = {passage.number: passage for passage in reading.context.passages}
        self._grounds: dict[int, Ground] = {}
        self._sentences: dict[int, dict[str, tuple[int, int]]] = {}

    def verify(self, claim: str, unit: Unit, named: Iterable[int]) -> Verdict:
        """The spans that support ``claim``, from the ``named`` passages or else from the best other.

        Code is supported only where it stands word for word.
        """
        named = [number for number in named if number in self._passages]
        found = [self._check(claim, unit, number) for number in named]
        held = tuple(s for s in found if s and s.score >= self._threshold)
        if not held:
            others = [self._check(claim, unit, number) for number in self._passages if number not in named]
            found += others
            best = max((s for s in others if s), key=lambda s: (s.score, -s.passage), default=None)
            held = (best,) if best and best.score >= self._threshold else ()
        return Verdict(held, max((s.score for s in found if s), default=0.0))

    @property
    def question(self) -> str:
        """What was asked."""
        return self._reading.question

    def known_terms(self) -> Collection[str]:
        """The terms of the question and of all passages."""
        texts = (f"{p.label}\n{p.text}" for p in self._passages.values())
        return frozenset(terms("\n".join([self._reading.question, *texts])))

    def title(self, number: int) -> str | None:
        """A passage's title, None for a number that does not exist."""
        passage = self._passages.get(number)
        return (passage.title or passage.document) if passage else None

    def _check(self, claim: str, unit: Unit, number: int) -> Supported | None:
        passage = self._passages[number]
        if unit is Unit.CODE:
            span = _standing(claim, passage.text)
            return _supported(passage, *span, 1.0) if span else None
        if span := self._verbatim(claim, passage):
            return _supported(passage, *span, 1.0)
        if not terms(claim):
            return None
        if number not in self._grounds:
            self._grounds[number] = ground(passage.text, about=passage.label)
        found = support(claim, self._grounds[number], self._reading.weigh, question=self._reading.question)
        if found.span is None:
            return None
        return _supported(passage, *found.span, 0.0 if found.vetoed else found.probability)

    def _verbatim(self, claim: str, passage: Passage) -> tuple[int, int] | None:
        """The whole sentence of the passage that the claim repeats; a part of one may mean something else."""
        if passage.number not in self._sentences:
            self._sentences[passage.number] = {
                _flat(piece.of(passage.text)): (piece.start, piece.end) for piece in segment(passage.text)
            }
        return self._sentences[passage.number].get(_flat(claim))


def _supported(passage: Passage, start: int, end: int, score: float) -> Supported:
    quote, start, end = passage.text[start:end], passage.start + start, passage.start + end
    return Supported(passage.number, passage.document, passage.chunk_at(start), start, end, quote, score)


def _standing(code: str, text: str) -> tuple[int, int] | None:
    """Where the lines of a block of code stand in ``text``, white space aside."""
    wanted = [" ".join(line.split()) for line in code.splitlines() if not line.strip().startswith(("```", "~~~"))]
    wanted = [line for line in wanted if line]
    lines: list[tuple[str, int, int]] = []
    at = 0
    for line in text.splitlines(keepends=True):
        if line.strip():
            start = at + len(line) - len(line.lstrip())
            lines.append((" ".join(line.split()), start, start + len(line.strip())))
        at += len(line)
    for i in range(len(lines) - len(wanted) + 1):
        if wanted and all(lines[i + j][0] == line for j, line in enumerate(wanted)):
            return lines[i][1], lines[i + len(wanted) - 1][2]
    return None


def _flat(text: str) -> str:
    """The sentence without white space at large, list marker and emphasis."""
    words = text.split()
    if words and words[0] in {"-", "*", "+", "•"}:
        words = words[1:]
    return " ".join(words).strip("*_ ")
