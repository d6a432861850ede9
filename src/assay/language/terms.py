"""Words, stems, numbers, names and their weights: what the lexical tests compare.

A term is a lower-cased Snowball stem (tantivy's English analyser, a dependency of the index), so
"predicted" meets "predicts". Scripts without spaces fall back to single characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import log
from typing import Protocol

import tantivy

_WORD = re.compile(
    r"\d+(?:[.,:]\d+)*|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+?(?=[\u3040-\u30ff\u3400-\u9fff])|[^\W_]+"
)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])|(?<![\w.])\d[\d,]*(?:\.\d+)?(?=\w)")
_SCALE = re.compile(r"\s*-?\s*(thousand|million|billion|trillion)\b", re.IGNORECASE)
_NAME = re.compile(
    r"(?<![\w'\u2019])[A-Z][\w&]*"
    r"(?:[ \-\u2019']+(?:(?:of|the|de|van|von|da|di|la|le|al|and)\s+)?[A-Z][\w&]*)*"
)

_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_ORDERED = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_SPELLED = {w: str(n) for n, w in enumerate(_ORDERED)}


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


STOPWORDS = _listed("""a about above after again against all also am an and any are as at be because been before
    being below between both but by can could did do does doing done down during each either else
    ever few for from further get gets got had has have having he her here hers herself him himself
    his how i if in into is it its itself just let like many may me might more most much must my
    myself no nor not now of off often on once only or other our ours out over own per rather s
    same shall she should since so some such t than that the their theirs them themselves then
    there these they this those though through thus to too under until up upon us very via was we
    were what when where whether which while who whom whose why will with within without would yes
    yet you your yours yourself ll re ve d m don didn doesn isn wasn aren couldn won""")
# Words that say what kind of answer is wanted, not what it is about.
ASKING = _listed("""list describe explain define definition mean meaning name tell give show find example
    examples summary please difference reason reasons way ways type types kind kinds called
    happen happens happened come comes use used make made""")

_stemmer = (
    tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw())
    .filter(tantivy.Filter.lowercase())
    .filter(tantivy.Filter.stemmer("english"))
    .build()
)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The term of a word: lower case, Snowball English stem; numbers lose thousands commas."""
    if word[0].isdigit():
        return word.replace(",", "")
    lowered = word.lower()
    analysed = _stemmer.analyze(lowered)
    return analysed[0] if analysed else lowered


def words(text: str) -> list[str]:
    """The words of `text` in order, as written."""
    return _WORD.findall(text)


def terms(text: str) -> list[str]:
    """The terms of `text` in order, function words left out."""
    return [stem(w) for w in _WORD.findall(text) if w.lower() not in STOPWORDS]


def asked(question: str) -> tuple[str, ...]:
    """The distinct terms a question is about: neither function words nor words of asking.

    Falls back to the words of asking when there is nothing else.
    """
    told = dict.fromkeys(
        stem(w) for w in _WORD.findall(question) if w.lower() not in STOPWORDS and w.lower() not in ASKING
    )
    return tuple(told) or tuple(dict.fromkeys(terms(question)))


def numbers(text: str, *, spelled: bool = True) -> frozenset[float]:
    """The values of the numerals in `text`: "1,200", "1.2 million", "3rd" and, if `spelled`, "five"."""
    found: set[float] = set()
    for match in _NUMBER.finditer(text):
        value = float(match[0].replace(",", ""))
        scale = _SCALE.match(text, match.end())
        found.add(value * _SCALES[scale[1].lower()] if scale else value)
    if spelled:
        found.update(float(_SPELLED[w]) for w in map(str.lower, _WORD.findall(text)) if w in _SPELLED)
    return frozenset(found)


def names(text: str) -> tuple[str, ...]:
    """Capitalised phrases of `text` that are not merely the first word of a sentence."""
    found: dict[str, None] = {}
    for match in _NAME.finditer(text):
        phrase = match[0]
        before = text[: match.start()].rstrip(" \"'`\u201c\u2018([*_")
        first = not before or before[-1] in ".!?:;\n\u2026-\u2022"
        if first:
            head, _, rest = phrase.partition(" ")
            phrase = rest if head.lower() in STOPWORDS else phrase
            if " " not in phrase and phrase is match[0] and not phrase.isupper():
                continue
        if phrase and phrase[0].isupper() and phrase.lower() not in STOPWORDS:
            found[phrase] = None
    return tuple(found)


class Weights(Protocol):
    """How much a term tells: its inverse document frequency."""

    def __call__(self, term: str, /) -> float:
        """The weight of `term`, at least 0; an unseen term weighs most."""
        ...


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Inverse document frequency from counts, as BM25 has it: log(1 + (N - n + .5)/(n + .5))."""

    documents: int
    containing: Mapping[str, int] = field(repr=False)

    def __call__(self, term: str, /) -> float:
        """The weight of `term` among `documents` documents."""
        n = min(self.containing.get(term, 0), self.documents)
        return log(1 + (self.documents - n + 0.5) / (n + 0.5))


def count(documents: Iterable[str]) -> Frequencies:
    """Count in how many of `documents` each term occurs."""
    containing: dict[str, int] = {}
    total = 0
    for document in documents:
        total += 1
        for term in set(terms(document)):
            containing[term] = containing.get(term, 0) + 1
    return Frequencies(total, containing)


def coverage(wanted: Iterable[str], present: frozenset[str] | set[str], weigh: Weights) -> float:
    """The share of the weight of `wanted` that `present` holds, in [0, 1]; 1 if nothing is wanted."""
    total = held = 0.0
    for term in wanted:
        weight = weigh(term)
        total += weight
        held += weight * (term in present)
    return held / total if total else 1.0
