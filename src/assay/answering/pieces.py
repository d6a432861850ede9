"""Cutting a draft into sentences while it arrives.

A sentence is held back until the word after it, and any markers between them, are there:
only then is it certain where it ends. A block of code is held until it is closed, a row of
a table until its line ends. Where the draft is cut depends on its text alone, never on how
the model's stream was split: decisions are taken at fixed places of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assay.answering.markers import Masked, mask, unclosed
from assay.language.segments import Segment, Unit, segment

_ENDING = re.compile(r"[.!?…\n。！？｡।॥؟۔።։]")
_SPACELESS = frozenset("。！？｡।॥؟۔።։")
_FENCES = ("```", "~~~")
# A draft without a full stop is cut here, so that holding back stays bounded.
LONGEST = 2_000
LONGEST_CODE = 8_000
_STRIDE = 256


@dataclass(frozen=True, slots=True)
class Piece:
    """A complete sentence or unit as the writer wrote it, markers included.

    ``lead`` is the white space before it; ``lead + text`` of all pieces is the draft, but
    for white space at its end.
    """

    lead: str
    text: str
    unit: Unit


class Splitter:
    """Takes deltas, gives pieces. One splitter for one draft."""

    def __init__(self) -> None:
        self._lead: list[str] = []
        self._held = ""  # begins with no white space
        self._at = 0  # characters of what is held that have been looked at
        self._decided = 0  # where the last decision was taken

    def feed(self, delta: str) -> Iterator[Piece]:
        """The pieces that are complete now."""
        self._hold(self._held + delta)
        while self._at < len(self._held):
            self._at += 1
            if self._due():
                self._decided = self._at
                while (cut := _first(self._held[: self._at])) is not None:
                    yield self._take(*cut)

    def close(self) -> Iterator[Piece]:
        """What is left, at the end of the draft."""
        while self._held:
            masked = mask(self._held)
            found = segment(masked.text)
            end = _end(self._held, found, masked) if len(found) > 1 else len(self._held)
            yield self._take(end, found[0].unit if found else Unit.PROSE)

    def _due(self) -> bool:
        """Whether a decision is due: after a word, or after a full stop that needs no blank.

        In what is long already it is due more seldom, so that the work stays linear.
        """
        waited = self._at - self._decided
        if waited < (self._at - _STRIDE) // 16:
            return False
        last, before = self._held[self._at - 1], self._held[self._at - 2 : self._at - 1]
        if last == "\n":
            return before != "\n"
        if last.isspace():
            return not before.isspace() and not self._held.startswith(_FENCES)
        return last in _SPACELESS or waited >= _STRIDE

    def _take(self, end: int, unit: Unit) -> Piece:
        lead, text = "".join(self._lead), self._held[:end].rstrip()
        self._lead = []
        self._at, self._decided = max(0, self._at - len(text)), max(0, self._decided - len(text))
        self._hold(self._held[len(text) :])
        return Piece(lead, text, unit)

    def _hold(self, text: str) -> None:
        """Keep ``text``, but white space before it as the lead of the next piece."""
        self._held = text.lstrip() if not self._at or text[:1].isspace() else text
        space = len(text) - len(self._held)
        if space:
            self._lead.append(text[:space])
            self._at, self._decided = max(0, self._at - space), max(0, self._decided - space)


def _first(text: str) -> tuple[int, Unit] | None:
    """Where the first piece of ``text`` ends, None while that is not certain."""
    uncertain = unclosed(text) or (not text.endswith("\n") and _in_row(text)) or not _ENDING.search(text)
    if uncertain and len(text) < LONGEST:
        return None
    masked = mask(text)
    found = segment(masked.text)
    if len(found) > 1:
        return _end(text, found, masked), found[0].unit
    unit = found[0].unit if found else Unit.PROSE
    longest = LONGEST_CODE if unit is Unit.CODE else LONGEST
    return (len(text), unit) if len(text) >= longest else None


def _end(text: str, found: tuple[Segment, ...], masked: Masked) -> int:
    """Where the first of two segments ends in the raw text, the markers behind it included.

    Markers that open a new line belong to what follows them.
    """
    end = masked.raw(found[0].end - 1) + 1
    following = masked.raw(found[1].start)
    newline = text.find("\n", end, following)
    return following if newline < 0 else newline


def _in_row(text: str) -> bool:
    return text[text.rfind("\n") + 1 :].lstrip().startswith("|")
