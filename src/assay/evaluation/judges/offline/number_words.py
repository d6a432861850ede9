"""Numbers as they are said: digits, number words, ordinals, Roman numerals, scales and years in words."""

from __future__ import annotations

import re
from collections.abc import Sequence


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_ROMAN = re.compile(r"(?=[XVI]{2})X{0,3}(?:IX|IV|V?I{0,3})\Z|XL(?:IX|IV|V?I{0,3})\Z|L(?:IX|IV|V?I{1,3})\Z")
_ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50}

_TO_NINETEEN = _listed(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen"""
)
_TENS = _listed("twenty thirty forty fifty sixty seventy eighty ninety")
_ORDINALS = _listed(
    """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"""
)
_SMALL = {
    **{word: value for value, word in enumerate(_TO_NINETEEN)},
    **{word: 10 * (tens + 2) for tens, word in enumerate(_TENS)},
}
_ORDINAL = {
    **{word: place + 1 for place, word in enumerate(_ORDINALS)},
    **{"thirtieth": 30, "fortieth": 40, "fiftieth": 50, "once": 1, "twice": 2, "thrice": 3},
}
_SCALE = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 10**9, "trillion": 10**12, "dozen": 12}
_MOST = 1e15


def written(value: float) -> str:
    """A number's one spelling: "1976", "1.5"."""
    return str(int(value)) if value.is_integer() else repr(value)


def number(words: Sequence[str], at: int) -> tuple[float | None, int]:
    """The number that starts at word `at`, and the index after it; None and the next
    index if there is none."""
    word = words[at]
    if word[0].isdigit():
        bare = re.sub(r"(?:st|nd|rd|th)\Z", "", word)
        if not re.fullmatch(r"\d+(?:\.\d+)?", bare) or len(bare) > 15:
            return None, at + 1
        return _scaled(float(bare), words, at + 1)
    if _ROMAN.match(word) and len(word) > 1:
        digits = [_ROMAN_DIGITS[c] for c in word]
        return float(sum(-d if d < n else d for d, n in zip(digits, [*digits[1:], 0], strict=True))), at + 1
    lowered = word.lower()
    if lowered in _ORDINAL:
        return float(_ORDINAL[lowered]), at + 1
    if lowered not in _SMALL:
        return None, at + 1
    value, at = _tens(words, at)
    return _scaled(float(value), words, at)


def _tens(words: Sequence[str], at: int) -> tuple[int, int]:
    """A number below a hundred, or a year said in two halves ("nineteen seventy-six"), and the index after it."""
    value, at = _SMALL[words[at].lower()], at + 1
    smaller = _below(words, at)
    if value >= 20 and 0 < smaller < 10:
        return value + smaller, at + 1
    if 10 <= value <= 20 and smaller >= 10:
        last = _below(words, at + 1)
        joined = smaller >= 20 and 0 < last < 10
        return value * 100 + smaller + (last if joined else 0), at + 1 + joined
    return value, at


def _below(words: Sequence[str], at: int) -> int:
    """The value below a hundred that the word at ``at`` says, 0 if it says none."""
    word = words[at].lower() if at < len(words) else ""
    return _SMALL.get(word, _ORDINAL.get(word, 0))


def _scaled(value: float, words: Sequence[str], at: int) -> tuple[float, int]:
    total = value
    while at < len(words) and total < _MOST and (scale := _SCALE.get(words[at].lower())):
        total, at = total * scale, at + 1
        step = 2 if at + 1 < len(words) and words[at].lower() == "and" else 1
        rest = _SMALL.get(words[at + step - 1].lower()) if at + step - 1 < len(words) else None
        if rest and scale < 1_000_000 and not words[at - 1].isdigit():
            total, at = total + rest, at + step
            unit = _SMALL.get(words[at].lower(), 0) if at < len(words) else 0
            if rest >= 20 and 0 < unit < 10:
                total, at = total + unit, at + 1
    return total, at
