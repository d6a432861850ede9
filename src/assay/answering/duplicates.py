"""Whether two texts tell the same: equal, one inside the other, or nearly equal."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WORD = re.compile(r"\w+")
_SHINGLE = 3
_ALIKE = 0.9
_NEGATIONS = frozenset(
    {"not", "no", "never", "none", "neither", "nor", "without", "cannot", "t", "only", "except", "unless"}
)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A text's words in lower case, as one string set apart by blanks, and its runs of three words."""

    words: str
    shingles: frozenset[str]


def fingerprint(text: str) -> Fingerprint:
    """What is compared of a text: words only, so that white space and markup make no difference."""
    words = _WORD.findall(text.lower())
    runs = (" ".join(words[i : i + _SHINGLE]) for i in range(max(1, len(words) - _SHINGLE + 1)))
    return Fingerprint(f" {' '.join(words)} ", frozenset(runs))


def contains(whole: Fingerprint, part: Fingerprint) -> bool:
    """Whether every word of ``part`` stands in ``whole``, in the same order and side by side."""
    return part.words in whole.words


def nearly_equal(first: Fingerprint, second: Fingerprint) -> bool:
    """Whether two texts share nine tenths of their shingles (Broder 1997, resemblance) and the same facts.

    Two editions of a text that differ in a number or a negation contradict each other:
    they resemble, yet must both be seen.
    """
    both = len(first.shingles & second.shingles)
    if both < _ALIKE * len(first.shingles | second.shingles):
        return False
    return _facts(first) == _facts(second)


def _facts(of: Fingerprint) -> list[str]:
    """The numbers and negations, in order."""
    return [word for word in of.words.split() if word in _NEGATIONS or any(map(str.isdigit, word))]
