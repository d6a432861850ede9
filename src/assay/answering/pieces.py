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
from assay.answering.segments import Segment, Unit, segment

_ENDING = re.compile(r"[.!?…\n。！？｡।॥؟۔።։]")
_SPACELESS = frozenset("。！？｡।॥؟۔።։")
_FENCE = re.compile(r"\s*(?:```|~~~)")
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
        self._held = ""
        self._at = 0  # characters of what is held that have been decided on
        self._tick = 0

    def feed(self, delta: str) -> Iterator[Piece]:
        """The pieces that are complete now."""
        self._held += delta
        while self._at < len(self._held):
            self._at += 1
            if self._decidable():
                self._tick = self._at
                yield from self._complete()

    def close(self) -> Iterator[Piece]:
        """What is left, at the end of the draft."""
        while self._held.strip():
            masked = mask(self._held)
            found = segment(masked.text)
            end = _end(self._held, found, masked) if len(found) > 1 else len(self._held)
            yield self._take(end, found[0].unit if found else Unit.PROSE)

    def _decidable(self) -> bool:
        """Whether a decision is due: after a word, after a full stop that needs no blank, or every so often."""
        last = self._held[self._at - 1]
        if last.isspace():
            code = _FENCE.match(self._held, 0, self._at) is not None
            before = self._held[self._at - 2 : self._at - 1]
            return before != "\n" if last == "\n" else not (code or before.isspace())
        return last in _SPACELESS or self._at - self._tick >= _STRIDE

    def _complete(self) -> Iterator[Piece]:
        while (cut := self._first(self._held[: self._at])) is not None:
            end, unit = cut
            yield self._take(end, unit)

    def _take(self, end: int, unit: Unit) -> Piece:
        whole, self._held = self._held[:end], self._held[end:]
        self._at, self._tick = max(0, self._at - end), max(0, self._tick - end)
        text = whole.lstrip()
        lead = whole[: len(whole) - len(text)]
        bare = text.rstrip()
        self._held = text[len(bare) :] + self._held
        self._at += len(text) - len(bare)
        return Piece(lead, bare, unit)

    def _first(self, text: str) -> tuple[int, Unit] | None:
        """Where the first piece of ``text`` ends, None while that is not certain."""
        if not _ENDING.search(text) and len(text) < LONGEST:
            return None
        if unclosed(text) or (not text.endswith("\n") and _in_row(text)):
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
