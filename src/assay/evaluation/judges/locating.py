"""Where a claim stands in the answer that it was taken from."""

from __future__ import annotations

import re
from collections.abc import Iterable

from assay.language.segments import segment
from assay.language.terms import terms

ENOUGH = 0.7
"""The share of a claim's terms that a sentence must hold to be taken for its place."""

_WORD = re.compile(r"[^\W_]+")
_BETWEEN = "\0"


def locate(claim: str, quote: str, text: str) -> tuple[int, int] | None:
    """The half-open span of ``text`` in which the claim is made, None where it cannot be found.

    Looked for in this order: the quote, then the claim, word by word without regard to case and
    punctuation; then the sentence that holds most of the claim's terms, at least ``ENOUGH`` of them.
    """
    for wanted in (quote, claim):
        span = _verbatim(wanted, text)
        if span is not None:
            return span
    return _nearest(claim, text)


def _verbatim(wanted: str, text: str) -> tuple[int, int] | None:
    words = [word.casefold() for word in _WORD.findall(wanted)]
    if not words:
        return None
    places = list(_WORD.finditer(text))
    # One search for a text in a text: its time does not grow with the words that repeat, as a pattern's does.
    whole = _row(place[0].casefold() for place in places)
    at = whole.find(_row(words))
    if at < 0:
        return None
    first = whole.count(_BETWEEN, 0, at)
    start, end = places[first].start(), places[first + len(words) - 1].end()
    # The full stop belongs to a sentence that was quoted whole.
    if text[end : end + 1] in (".", "!", "?", "。") and wanted.rstrip()[-1:] == text[end : end + 1]:
        end += 1
    return start, end


def _row(words: Iterable[str]) -> str:
    """Words one after the other, each between two marks that no word holds."""
    return _BETWEEN + "".join(word + _BETWEEN for word in words)


def _nearest(claim: str, text: str) -> tuple[int, int] | None:
    wanted = frozenset(terms(claim))
    if not wanted:
        return None
    best, at = 0.0, None
    for sentence in segment(text):
        share = len(wanted & frozenset(terms(sentence.of(text)))) / len(wanted)
        if share > best:
            best, at = share, (sentence.start, sentence.end)
    return at if best >= ENOUGH else None
