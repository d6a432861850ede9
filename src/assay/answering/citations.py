"""Checking a draft while it streams: each sentence with the spans that support it, or not at all.

**Hold-back.** A sentence is shown when the word after it has come, for only then is it
certain where it ends and which markers are its own; code when its block is closed; words
that only lead on (``framing``) when a supported sentence follows them.

**Markers** are read and not shown: what is cited travels as spans, and whoever displays a
sentence numbers them. A marker that does not hold is never kept. The sentence is looked up in
the other passages, at the same bar; where none supports it, it is withheld, or shown as
unsupported if the application says ``mark``. Also then nothing is shown before the first
sentence that is supported: an answer without one is no answer. What was said is not said again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, TypeAlias

from assay.answering.events import Sentence
from assay.answering.framing import frames
from assay.answering.markers import Marked, read
from assay.answering.pieces import Piece, Splitter
from assay.answering.spans import Check, Outcome
from assay.answering.verification import Supported, Verdict, Verifier
from assay.documents import Citation
from assay.language.refusals import refuses
from assay.language.segments import Unit

Unsupported: TypeAlias = Literal["withhold", "mark"]

# A full stop, with what may close behind it, or the end of a row or of a block of code.
_ENDED = re.compile(r"(?:[.!?…。！？][\"'”’»)\[\]*_`\d, ]*|\||```|~~~)\s*\Z")


class Checker:
    """Takes the deltas of one draft, gives the sentences that may be shown."""

    def __init__(self, verifier: Verifier, *, unsupported: Unsupported = "withhold") -> None:
        self._verifier, self._mark = verifier, unsupported == "mark"
        self._splitter = Splitter()
        self._known = verifier.known_terms()
        self._checks: list[Check] = []
        self._waiting: list[tuple[int, Sentence]] = []
        self._lead = ""
        self._shown = 0
        # A small model may go on with the prompt: the question, asked again, is no part of an answer.
        self._said = {_flat(verifier.question), _flat(f"Question: {verifier.question}")}
        self._draft: list[str] = []

    @property
    def checks(self) -> tuple[Check, ...]:
        """What became of each sentence so far."""
        return tuple(self._checks)

    @property
    def draft(self) -> str:
        """All that the writer wrote."""
        return "".join(self._draft)

    @property
    def shown(self) -> int:
        """Sentences that were given out."""
        return self._shown

    @property
    def refused(self) -> bool:
        """Whether the writer itself said that it has no answer."""
        return any(check.outcome == "refusal" for check in self._checks)

    def feed(self, delta: str) -> Iterator[Sentence]:
        """The sentences that may be shown now."""
        self._draft.append(delta)
        for piece in self._splitter.feed(delta):
            yield from self._piece(piece)

    def close(self, *, cut: bool = False) -> Iterator[Sentence]:
        """The rest, at the end of the draft; framing that nothing followed is not shown.

        ``cut`` says that the model was stopped at its limit: half a sentence may say what the whole would not.
        """
        rest = list(self._splitter.close())
        for number, piece in enumerate(rest, 1):
            if cut and number == len(rest) and not _ENDED.search(piece.text):
                self._note(Marked(piece.text, piece.text, ()), "cut", shown=False)
            else:
                yield from self._piece(piece)
        self._waiting.clear()

    def _piece(self, piece: Piece) -> Iterator[Sentence]:
        self._lead = max(self._lead, piece.lead, key=lambda lead: (lead.count("\n"), len(lead)))
        marked = (
            Marked(piece.text, piece.text, ()) if piece.unit is Unit.CODE else read(piece.text, self._verifier.title)
        )
        if not any(map(str.isalnum, marked.claim)):
            return
        if refuses(marked.claim):
            self._note(marked, "refusal", shown=False)
        elif frames(marked.claim, piece.unit, self._known):
            self._wait(marked, "framing", supported=True)
        elif piece.unit in (Unit.PROSE, Unit.ITEM) and self._repeats(marked.claim):
            self._note(marked, "repeated", shown=False)
        else:
            yield from self._claim(marked, piece.unit)

    def _repeats(self, claim: str) -> bool:
        """Whether the draft has said this before, as small models do that run in a circle."""
        flat = _flat(claim)
        repeated = flat in self._said
        self._said.add(flat)
        return repeated

    def _claim(self, marked: Marked, unit: Unit) -> Iterator[Sentence]:
        verdict = self._verifier.verify(marked.claim, unit, marked.numbers)
        if verdict.by:
            yield from self._release()
            citations = tuple(_citation(support, marked.shown) for support in _distinct(verdict.by))
            self._note(marked, "supported", verdict, shown=True)
            yield self._sentence(marked.shown, citations, supported=True)
        elif self._mark:
            self._wait(marked, "unsupported", verdict, supported=False)
            if self._shown:
                yield from self._release()
        else:
            self._note(marked, "unsupported", verdict, shown=False)

    def _wait(self, marked: Marked, outcome: Outcome, verdict: Verdict | None = None, *, supported: bool) -> None:
        """Hold a sentence that may be shown only before, or after, one that is supported."""
        self._note(marked, outcome, verdict, shown=False)
        self._waiting.append((len(self._checks) - 1, Sentence(0, self._lead + marked.shown, (), supported)))
        self._lead = ""

    def _release(self) -> Iterator[Sentence]:
        lead, self._lead = self._lead, ""
        for at, sentence in self._waiting:
            self._checks[at] = replace(self._checks[at], shown=True)
            self._lead = sentence.text[: len(sentence.text) - len(sentence.text.lstrip())]
            yield self._sentence(sentence.text.lstrip(), (), supported=sentence.supported)
        self._waiting.clear()
        self._lead = lead

    def _sentence(self, text: str, citations: tuple[Citation, ...], *, supported: bool) -> Sentence:
        lead = (self._lead or " ") if self._shown else ""
        self._lead = ""
        self._shown += 1
        return Sentence(self._shown - 1, lead + text, citations, supported)

    def _note(self, marked: Marked, outcome: Outcome, verdict: Verdict | None = None, *, shown: bool) -> None:
        cited = tuple(support.passage for support in verdict.by) if verdict else ()
        score = verdict.score if verdict else None
        self._checks.append(Check(marked.claim, outcome, shown, marked.numbers, cited, score))


def _flat(claim: str) -> str:
    return " ".join(claim.split()).strip("*_ .").casefold()


def _citation(support: Supported, sentence: str) -> Citation:
    return Citation(support.document, support.chunk, support.start, support.end, support.quote, sentence)


def _distinct(supports: tuple[Supported, ...]) -> list[Supported]:
    """Without spans that are cited already."""
    return list({(s.document, s.start, s.end): s for s in supports}.values())
