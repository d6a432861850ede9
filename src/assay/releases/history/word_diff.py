"""What became of a text, word by word.

Texts are cut into words, single signs, runs of white space and ``{{variables}}``; the longest common runs are kept
(Ratcliff and Obershelp's pattern matching, as in the standard library), and none of them begins with white space,
since that would tear words apart for the sake of a blank. Nothing is lost: the pieces give both texts back.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal

_TOKEN = re.compile(r"\{\{\s*[\w.-]+\s*\}\}|\w+(?:['’]\w+)*|\s+|[^\w\s]")
_WORD = re.compile(r"\w+(?:['’]\w+)*")
_WHOLE = re.compile(r"\{\{\s*[\w.-]+\s*\}\}|\w+(?:['’]\w+)*")
_PAIRS = 150_000
_LINK = 3
"""Characters between two changes that are told with them, if no word is among them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that both have, or only the old one (``deleted``), or only the new one (``inserted``).

    ``elided`` stands only in what ``shortened`` gives: a part that both have and that is not shown.
    """

    kind: Literal["same", "deleted", "inserted", "elided"]
    text: str


def word_diff(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces of both texts in order, a deletion before the insertion in its place; none is empty."""
    return tuple(_pieces(_linked(_runs(_TOKEN.findall(old), _TOKEN.findall(new)))))


def _runs(before: Sequence[str], after: Sequence[str]) -> list[tuple[str, str, bool]]:
    """The runs of tokens that both have, or that take each other's place."""
    # Matching tries every pair of equal tokens, again and again. Where there are too many, the texts are first cut
    # where both say something once; what is left of a text of few words is matched without the commonest.
    if _pairs(before, after) <= _PAIRS:
        return _matched(before, after, autojunk=False)
    found: list[tuple[str, str, bool]] = []
    for (a, c), (b, d) in pairwise([(0, 0), *_anchors(before, after), (len(before), len(after))]):
        if a < b or c < d:
            part, other = before[a:b], after[c:d]
            found.extend(_matched(part, other, autojunk=_pairs(part, other) > _PAIRS))
    return found


def _matched(before: Sequence[str], after: Sequence[str], *, autojunk: bool) -> list[tuple[str, str, bool]]:
    matcher = SequenceMatcher(str.isspace, before, after, autojunk=autojunk)
    return [("".join(before[a:b]), "".join(after[c:d]), how == "equal") for how, a, b, c, d in matcher.get_opcodes()]


def _pairs(before: Sequence[str], after: Sequence[str]) -> int:
    met = Counter(before)
    return sum(met[token] for token in after if not token.isspace())


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Where three tokens in a row stand once in either text, in the same order in both: patience diff (B. Cohen)."""
    places = _once(before), _once(after)
    shared = sorted((at, places[1][gram]) for gram, at in places[0].items() if gram in places[1])
    # The longest growing run of places in the second text, by patience sorting.
    tops: list[int] = []
    piles: list[int] = []
    below: list[int | None] = []
    for number, (_, at) in enumerate(shared):
        pile = bisect_left(tops, at)
        below.append(piles[pile - 1] if pile else None)
        tops[pile:], piles[pile:] = [at, *tops[pile + 1 :]], [number, *piles[pile + 1 :]]
    found: list[tuple[int, int]] = []
    here = piles[-1] if piles else None
    while here is not None:
        found.append(shared[here])
        here = below[here]
    return found[::-1]


def _once(tokens: Sequence[str]) -> dict[tuple[str, ...], int]:
    words = [(at, token) for at, token in enumerate(tokens) if not token.isspace()]
    grams = [(words[n][0], tuple(token for _, token in words[n : n + 3])) for n in range(len(words) - 2)]
    met = Counter(gram for _, gram in grams)
    return {gram: at for at, gram in grams if met[gram] == 1}


def counts(pieces: Sequence[Piece]) -> tuple[int, int]:
    """How many words were inserted and how many deleted."""
    inserted, deleted = (
        sum(len(_WORD.findall(piece.text)) for piece in pieces if piece.kind == kind)
        for kind in ("inserted", "deleted")
    )
    return inserted, deleted


def shortened(pieces: Sequence[Piece], *, around: int = 12) -> tuple[Piece, ...]:
    """The pieces with at most ``around`` unchanged words on each side of a change; the rest is ``elided``."""
    found: list[Piece] = []
    for number, piece in enumerate(pieces):
        if piece.kind != "same":
            found.append(piece)
            continue
        first = around if number > 0 else 0
        last = around if number < len(pieces) - 1 else 0
        found.extend(_shortened(piece.text, first, last))
    return tuple(found)


def marked(pieces: Sequence[Piece]) -> str:
    """As plain text: ``[-deleted-]{+inserted+}``, … for what is elided."""
    return "".join(mark(piece) for piece in pieces)


def mark(piece: Piece) -> str:
    """One piece as plain text; white space that is all of a change is made visible."""
    match piece.kind:
        case "deleted":
            return f"[-{_visible(piece.text)}-]"
        case "inserted":
            return f"{{+{_visible(piece.text)}+}}"
        case "elided":
            return " … "
        case _:
            return piece.text


def _linked(runs: Sequence[tuple[str, str, bool]]) -> list[tuple[str, str, bool]]:
    """The runs, those of one kind joined, and what is between two changes and holds no word told as a part of them."""
    found: list[tuple[str, str, bool]] = []
    for number, (old, new, same) in enumerate(runs):
        link = same and 0 < number < len(runs) - 1 and len(old) <= _LINK and not any(map(str.isalnum, old))
        if found and (found[-1][2] == same or (link and not found[-1][2])):
            found[-1] = (found[-1][0] + old, found[-1][1] + new, found[-1][2])
        else:
            found.append((old, new, same))
    return found


def _pieces(runs: Sequence[tuple[str, str, bool]]) -> Iterator[Piece]:
    for old, new, same in runs:
        if same:
            yield Piece("same", old)
            continue
        if old:
            yield Piece("deleted", old)
        if new:
            yield Piece("inserted", new)


def _shortened(text: str, first: int, last: int) -> Iterator[Piece]:
    words = list(_WHOLE.finditer(text))
    if len(words) <= first + last + 2:
        yield Piece("same", text)
        return
    head = text[: words[first - 1].end()] if first else ""
    tail = text[words[-last].start() :] if last else ""
    if head:
        yield Piece("same", head)
    yield Piece("elided", text[len(head) : len(text) - len(tail)])
    if tail:
        yield Piece("same", tail)


def _visible(text: str) -> str:
    return text.replace("\n", "⏎").replace(" ", "␣").replace("\t", "⇥") if text.isspace() else text
