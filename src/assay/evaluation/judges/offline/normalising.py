"""Text brought to one spelling, so that two ways of writing one answer meet.

Accents, case, punctuation, articles, possessives, plurals and inflection (Snowball stems), British and
American spelling, number words and Roman numerals, ordinals, thousands separators, scales ("1.2
million"), dotted initials, clock times, abbreviated ranges ("1979-80"), month names and units are all
brought to one form. So are the traces that web assistants leave in text: footnote digits glued to a word or a
year ("States12", "20161."), and words glued together where a link ended ("actressGlenn").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from assay.evaluation.judges.offline.number_words import number, written
from assay.evaluation.judges.offline.spelling import FUNCTION, key, plain
from assay.language.terms import STOPWORDS

_SIGNS = {
    "%": " percent ",
    "$": " dollar ",
    "\u00a3": " pound ",
    "\u20ac": " euro ",
    "\u00b0": " degree ",
    "&": " and ",
}
_SIGN = re.compile("[%$\u00a3\u20ac\u00b0&]")
_REFERENCE = re.compile(r"\[\d{1,2}\]|\[\^?\d{1,2}\^?\]")
_GLUED_NOTE = re.compile(r"(?<![A-Za-z])([A-Za-z]{3,})(\d{1,2})(?![\w-])(?=[.,;:!?)\s]|$)")
_GLUED_YEAR = re.compile(r"(?<![\d.,])(1[0-9]\d\d|20[0-4]\d)\d{1,2}(?=\.(?:\s|$)|$)")
_GLUED_THOUSANDS = re.compile(r"(?<=,\d{3})\d{1,2}(?=[.\s]|$)")
_GLUED_WORD = re.compile(r"(?<=[a-z]{2})(?=[A-Z][A-Za-z])|(?<=[A-Za-z]{2})(?=\d{4}(?!\d))")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_INITIALS = re.compile(r"\b([A-Za-z])\.\s?(?=[A-Za-z]\b\.?)")
_POSSESSIVE = re.compile(r"'s\b|(?<=s)'(?=\s|$)")
_RANGE = re.compile(r"\b(1\d|20)(\d\d)\s?[-/]\s?(\d\d)(?!\d|[-/])")
_DECADE = re.compile(r"\b(\d{2,4})'s\b")
_CLOCK = re.compile(r"\b0?(\d{1,2})[:.](\d\d)(?=\s?(?:[ap]\.?\s?m\b))|\b0?(\d{1,2}):(\d\d)\b", re.IGNORECASE)
_HALF_DAY = re.compile(r"(?<=\d)\s?([ap])\.?\s?m\b\.?", re.IGNORECASE)
_WORD = re.compile(r"\d+:\d\d|\d+s\b|\d+(?:st|nd|rd|th)\b|\d+(?:\.\d+)?|[^\W\d_]+")
_PHRASES = (
    (re.compile(r"\bunited states(?: of america)?\b|\bu\.\s?s\.(?:\s?a\.)?", re.IGNORECASE), " us "),
    (re.compile(r"\b(?:united kingdom|great britain)\b|\bu\.\s?k\.", re.IGNORECASE), " britain "),
    (re.compile(r"\b(?:km/h(?:r|our)?|kmp?h|kph)\b", re.IGNORECASE), " kilometer per hour "),
    (re.compile(r"\bmph\b", re.IGNORECASE), " mile per hour "),
    (re.compile(r"(?<=\d)\s?([mgk])b(?:it)?(?:ps|/s)\b", re.IGNORECASE), r" \1bit per second "),
    (re.compile(r"\b(A|B|AB|O)\+(?!\w)"), r" \1 positive "),
    (re.compile(r"\bsquare (?=kilomet|met|mile|feet|foot)", re.IGNORECASE), " sq "),
)
_NEGATING = frozenset(("not", "isnt", "wasnt", "arent", "werent", "never", "neither", "nor", "unlike"))
_NEGATING_PAIRS = frozenset((("rather", "than"), ("instead", "of"), ("contrari", "to")))
_PASSED = frozenset(
    ("a", "an", "the", "in", "on", "at", "by", "of", "to", "from", "for", "be", "been", "actually", "really")
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word in its one spelling.

    ``value`` of a number, ``proper`` where it was capitalised, ``function`` for a word without content of its
    own, ``sentence`` the number of its sentence, ``denied`` where it is said straight after a negation ("not in
    Paris") or in passing ("..., although Paris is larger").
    """

    key: str
    value: float | None
    proper: bool
    function: bool
    sentence: int
    denied: bool = False


def tokens(text: str, *, known: frozenset[str] = frozenset(), sentence: int = 0, passing: bool = False) -> list[Token]:
    """The words of `text`, each in its one spelling.

    ``sentence`` is its number, ``passing`` whether all of it is said in passing. ``known`` are words (lower
    case) that are never taken apart, however they look: those of the expected answer when the answer is read.
    """
    text = _unglue(plain(text), known)
    for pattern, to in _PHRASES:
        text = pattern.sub(to, text)
    text = _SIGN.sub(lambda m: _SIGNS[m[0]], _THOUSANDS.sub("", text))
    text = _HALF_DAY.sub(r" \1m ", _CLOCK.sub(_clock, text))
    text = _INITIALS.sub(r"\1", _POSSESSIVE.sub("", _DECADE.sub(r"\1s", text))).replace("'", "")
    text = _RANGE.sub(_range, text)
    found = list(_numbered(_WORD.findall(text)))
    denied = _denied([one for one, _, _ in found])
    return [
        Token(one, value, proper, one in FUNCTION, sentence, passing or at in denied)
        for at, (one, value, proper) in enumerate(found)
    ]


def content(found: list[Token]) -> list[Token]:
    """The tokens that are not function words, or all where nothing else is there."""
    return [token for token in found if not token.function] or found


def _denied(keys: list[str]) -> set[int]:
    """The places straight after a negation, articles and prepositions passed over; "not only X" denies nothing."""
    found: set[int] = set()
    for at, word in enumerate(keys):
        pair = (word, keys[at + 1] if at + 1 < len(keys) else "")
        if word in _NEGATING or pair in _NEGATING_PAIRS:
            after = at + 1 + (pair in _NEGATING_PAIRS)
            while after < len(keys) and keys[after] in _PASSED:
                after += 1
            found.add(after)
    return found


def _unglue(text: str, known: frozenset[str]) -> str:
    def year(match: re.Match[str]) -> str:
        return match[0] if match[0] in known else match[1]

    text = _GLUED_THOUSANDS.sub("", _GLUED_YEAR.sub(year, _REFERENCE.sub(" ", text)))

    def note(match: re.Match[str]) -> str:
        if match[0].lower() in known:
            return match[0]
        # "takes about24 hours" keeps its number, "Zeebo1." loses its footnote.
        return f"{match[1]} {match[2]}" if match[1].lower() in STOPWORDS else f"{match[1]} "

    text = _GLUED_NOTE.sub(note, text)
    if not _GLUED_WORD.search(text):
        return text
    return " ".join(
        word if word.strip('.,;:!?()"').lower() in known else _GLUED_WORD.sub(" ", word) for word in text.split(" ")
    )


def _clock(match: re.Match[str]) -> str:
    hour, minute = match[1] or match[3], match[2] or match[4]
    # "9:00 am" is "9 am"; a bare "9:00" stays a time.
    return hour if minute == "00" and match[1] else f"{int(hour)}:{minute}"


def _range(match: re.Match[str]) -> str:
    first, last = int(match[2]), int(match[3])
    return f"{match[1]}{match[2]} {match[1]}{match[3]}" if last > first else match[0]


def _numbered(words: Sequence[str]) -> Iterator[tuple[str, float | None, bool]]:
    """Key, value and capital of each word, with runs of number words made into one number."""
    at = 0
    while at < len(words):
        value, after = number(words, at)
        word = words[at]
        if value is not None:
            yield written(value), value, False
        elif word[0].isdigit():  # a decade or a clock time
            yield word.lstrip("0") or "0", None, False
        else:
            yield key(word), None, word[0].isupper()
        at = after
