"""Two short answers that say the same without any judgement: the same words, or the same number of the same thing.

Only whole answers are compared. An answer that merely holds the expected words may deny them, and is for a judge.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from assay.language.terms import numbers, terms

Form: TypeAlias = Literal["exact", "alias", "numeric"]

_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_OTHER = re.compile(r"[^\w\s]|_")
_WITHIN = re.compile(r"(?<=\d)[.,:](?=\d)")
_QUANTITY = re.compile(r"\d[\d.,:]*\s*-?\s*(?:thousand|million|billion|trillion)?", re.IGNORECASE)
_SUFFIXED = re.compile(r"(?<=\w)(\++|#)")
_SIGNS = {"$": " dollars ", "€": " euros ", "£": " pounds ", "%": " percent ", "°": " degrees "}
_MINUS = re.compile(r"(?:^|\s)[-\u2212]\s?[$€£]?\d")
_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Match:
    """``expected`` is the answer that was met: the first of those given (exact), another (alias), or one of which
    only number and unit agree (numeric)."""

    form: Form
    expected: str


def match(expected: Sequence[str], answer: str) -> Match | None:
    """The first expected answer that ``answer`` is, None if it is none of them as a whole."""
    said = normal(answer)
    if not said:
        return None
    for at, wanted in enumerate(expected):
        if normal(wanted) == said:
            return Match("alias" if at else "exact", wanted)
    return next((Match("numeric", wanted) for wanted in expected if same_quantity(wanted, answer)), None)


def normal(text: str) -> str:
    """Case, punctuation, articles and white space aside, as SQuAD compares answers (Rajpurkar et al. 2016).

    A point, comma or colon between digits stays: 1.5 is not 15. So do a minus before a number and what
    makes C++ and C# of C.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    signed = _MINUS.sub(" minus \\g<0>", folded)
    kept = _WITHIN.sub(lambda found: {".": "point", ",": "comma", ":": "colon"}[found[0]], signed)
    kept = _SUFFIXED.sub(lambda found: " sharp " if found[1] == "#" else " plus" * len(found[1]) + " ", kept)
    for sign, word in _SIGNS.items():
        kept = kept.replace(sign, word)
    return " ".join(_ARTICLE.sub(" ", _OTHER.sub(" ", kept)).split())


def same_quantity(wanted: str, said: str) -> bool:
    """Whether both are one number, of equal value, of the same unit; either may leave the unit out."""
    first, second = _quantity(wanted), _quantity(said)
    if first is None or second is None or first[0] != second[0]:
        return False
    return first[1] == second[1] or not first[1] or not second[1]


def _quantity(text: str) -> tuple[float, frozenset[str]] | None:
    """The one number of a short text and the words beside it; None for any other text."""
    if len(text) > _LONGEST or _MINUS.search(text):
        return None
    held = numbers(text)
    written = _QUANTITY.findall(text)
    if len(held) != 1 or len(written) > 1 or re.search(r"\d[:/]\d|\d-\d", text):
        return None
    rest = _QUANTITY.sub(" ", text)
    for sign, word in _SIGNS.items():
        rest = rest.replace(sign, word)
    spelled = frozenset(term for term in terms(rest) if not numbers(term))
    return next(iter(held)), spelled
