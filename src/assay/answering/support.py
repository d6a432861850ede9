"""Does the evidence support a sentence of an answer? A cheap lexical verifier, no model.

Signals in the line of summary-faithfulness work: containment of the sentence in one source
sentence, weighted by inverse document frequency (the lexical core of ROUGE-precision checks); its
weakest clause, since a blend of a supported and an invented clause is the commonest fault (compare
SummaC's sentence-level minimum, Laban et al. 2022, arXiv 2111.09525); numbers found nowhere in the
evidence; a short source statement contained in the sentence with the opposite polarity. A logistic
model, fitted on people's marks of RAGTruth (tools/fit_support.py), joins them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp

from assay.answering.segments import Segment, segment
from assay.answering.terms import Weights, numbers, stem, terms

_CONTAINED, _CLAUSE, _NUMBERS, _OPPOSED, _POLARITY, _ABOUT, _INTERCEPT = 1, 1, -1, -1, -1, 0, 0
THRESHOLD = 0.5
_LONGEST = 400

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|without|cannot|nor|neither|false|unable)\b|n['\u2019]t\b", re.IGNORECASE
)
_CLAUSE_BREAK = re.compile(
    r"[,;:()\u2014\u2013]|\s(?:and|but|while|which|who|that|with|as|including|or)\s"
)
_ABOUT_EVIDENCE = re.compile(
    r"\b(?:passages?|context|provided|information|article|text|documents?)\b.*"
    r"\b(?:not|no|unclear|unable)\b|\bunable to\b",
    re.IGNORECASE | re.DOTALL,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_NEGATORS = frozenset(map(stem, "false none without cannot unable never neither".split()))


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence of the evidence, at most 400 characters: span, terms, whether it negates."""

    start: int
    end: int
    terms: frozenset[str]
    negated: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """Evidence made ready for many checks; offsets are into the text given to `ground`."""

    units: tuple[Unit, ...]
    numbers: frozenset[float]
    holding: dict[str, tuple[int, ...]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Support:
    """The verdict on one sentence.

    `probability` that it is supported; the best unit's span [start, end) of the evidence, or None
    if no unit shares a term; the features; and the terms found nowhere in the evidence.
    """

    probability: float
    span: tuple[int, int] | None
    contained: float
    weakest_clause: float
    missing_numbers: frozenset[float]
    opposed: bool
    polarity_differs: bool
    about_evidence: bool
    missing: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether the probability reaches the shipped threshold."""
        return self.probability >= THRESHOLD


def ground(evidence: str) -> Ground:
    """Segment and index the text of a cited span, a chunk, or several joined."""
    units: list[Unit] = []
    holding: dict[str, list[int]] = {}
    for sentence in segment(evidence):
        for start, end in _pieces(sentence):
            words = _CAMEL.sub(" ", evidence[start:end])
            unit = Unit(start, end, frozenset(terms(words)), _NEGATION.search(words) is not None)
            for term in unit.terms:
                holding.setdefault(term, []).append(len(units))
            units.append(unit)
    return Ground(tuple(units), numbers(evidence), {t: tuple(at) for t, at in holding.items()})


def support(sentence: str, by: Ground, weigh: Weights, *, question: str = "") -> Support:
    """Whether `by` supports `sentence`; numbers of `question` need no support of their own."""
    claimed = list(dict.fromkeys(terms(sentence)))
    contained, best = _best(claimed, by, weigh)
    clauses = [
        clause
        for part in _CLAUSE_BREAK.split(sentence)
        if len(clause := terms(part)) > 1
    ]
    weakest = min((_best(clause, by, weigh)[0] for clause in clauses), default=contained)
    absent = numbers(sentence) - by.numbers - (numbers(question) if question else frozenset())
    negated = _NEGATION.search(sentence) is not None
    opposed = _opposed(frozenset(claimed), negated, by)
    differs = best is not None and best.negated is not negated
    about = _ABOUT_EVIDENCE.search(sentence) is not None
    logit = (
        _CONTAINED * contained
        + _CLAUSE * weakest
        + _NUMBERS * min(len(absent), 2)
        + _OPPOSED * opposed
        + _POLARITY * differs
        + _ABOUT * about
        + _INTERCEPT
    )
    return Support(
        probability=1.0 / (1.0 + exp(-logit)),
        span=(best.start, best.end) if best else None,
        contained=contained,
        weakest_clause=weakest,
        missing_numbers=absent,
        opposed=opposed,
        polarity_differs=differs,
        about_evidence=about,
        missing=tuple(t for t in claimed if t not in by.holding),
    )


def _pieces(sentence: Segment) -> list[tuple[int, int]]:
    return [
        (at, min(at + _LONGEST, sentence.end))
        for at in range(sentence.start, sentence.end, _LONGEST)
    ]


def _best(claimed: Sequence[str], by: Ground, weigh: Weights) -> tuple[float, Unit | None]:
    """The largest share of the weight of `claimed` that one unit holds, and that unit."""
    held: dict[int, float] = {}
    total = 0.0
    for term in claimed:
        weight = weigh(term)
        total += weight
        for at in by.holding.get(term, ()):
            held[at] = held.get(at, 0.0) + weight
    if not held or not total:
        return (0.0 if claimed else 1.0), None
    at = max(held, key=lambda i: (held[i], -i))
    return held[at] / total, by.units[at]


def _opposed(spoken: frozenset[str], negated: bool, by: Ground) -> bool:
    """Whether a unit said wholly by the sentence has the other polarity, and none has the same.

    A unit is said wholly if all its terms but the negators are among the sentence's: the record
    `"OutdoorSeating": false` against "it offers outdoor seating".
    """
    touched = {at for term in spoken for at in by.holding.get(term, ())}
    whole = [
        (unit, core)
        for unit in (by.units[at] for at in touched)
        if len(core := unit.terms - _NEGATORS) > 1 and core <= spoken
    ]
    same = [core for unit, core in whole if unit.negated is negated]
    return any(
        unit.negated is not negated and not any(core <= other for other in same)
        for unit, core in whole
    )
