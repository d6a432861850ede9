"""One spelling for a word: accents, British and American forms, units, titles, peoples and months."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from assay.language.terms import STOPWORDS, stem


def _listed(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_FOLDED = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u02bc": "'", "`": "'", "\u00b4": "'", "\u201c": '"', "\u201d": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-",
        "\u00d8": "O", "\u00f8": "o", "\u0141": "L", "\u0142": "l", "\u00c6": "Ae", "\u00e6": "ae",
        "\u0152": "Oe", "\u0153": "oe", "\u00df": "ss", "\u0110": "D", "\u0111": "d", "\u0131": "i",
        "\u02bb": "'", "\u2044": "/",
    }
)  # fmt: skip
MONTHS = {
    name: number + 1
    for number, name in enumerate(
        _listed("january february march april may june july august september october november december")
    )
}
_SAME = {
    **{name[:3]: name for name in MONTHS},
    "sept": "september", "km": "kilometer", "kms": "kilometer", "cm": "centimeter",
    "mm": "millimeter", "kg": "kilogram", "ft": "foot", "feet": "foot", "lb": "pound", "lbs": "pound", "mi": "mile",
    "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "yr": "year", "yrs": "year", "sec": "second",
    "secs": "second", "st": "saint", "mt": "mount", "dr": "doctor", "mr": "mister", "vs": "versus", "tv": "television",
    "usa": "us", "america": "us", "american": "us", "americans": "us", "uk": "britain", "british": "britain",
    "men": "man", "women": "woman", "children": "child", "people": "person", "bc": "bce", "ad": "ce", "movie": "film",
    "percentage": "percent", "england": "english", "greece": "greek", "france": "french", "spain": "spanish",
    "germany": "german", "netherlands": "dutch", "holland": "dutch", "turkey": "turkish", "scotland": "scottish",
    "scots": "scottish", "wales": "welsh", "ireland": "irish", "sweden": "swedish", "denmark": "danish",
    "poland": "polish", "portugal": "portuguese", "switzerland": "swiss", "china": "chinese", "japan": "japanese",
    "grey": "gray", "jr": "junior", "sr": "senior", "fc": "club", "okay": "ok",
}  # fmt: skip
_SPELLINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=[a-z]{3})our(?=$|s$|ed$|ing$|ful$|ite$|able$)"), "or"),
    (re.compile(r"(?<=[a-z]{3})is(?=e$|es$|ed$|ing$|ation$|ations$)"), "iz"),
    (re.compile(r"(?<=[a-z]{2}[bct])re(?=$|s$)"), "er"),
    (re.compile(r"(?<=[a-z]{2})ogue(?=$|s$)"), "og"),
    (re.compile(r"(?<=[a-z]{3})ll(?=ed$|ing$|er$|ers$)"), "l"),
)
FUNCTION = STOPWORDS - frozenset(_listed("us won don will no not own may down up off out over under above below"))
"""Words without content of their own in a short answer; "us" is a country here, "won" a currency."""


def plain(text: str) -> str:
    """`text` without accents and in plain quotes and dashes."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_FOLDED))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_FOLDED)


@lru_cache(maxsize=65_536)
def key(word: str) -> str:
    """The one spelling of a word that is no number."""
    lowered = word.lower()
    lowered = _SAME.get(lowered, lowered)
    if lowered in FUNCTION or len(lowered) <= 3 or lowered in MONTHS:
        return lowered
    for pattern, to in _SPELLINGS:
        lowered = pattern.sub(to, lowered)
    return stem(lowered)
