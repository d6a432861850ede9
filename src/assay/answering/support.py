"""Does the evidence support a sentence of an answer? A cheap lexical verifier, no model.

Signals in the line of summary-faithfulness work: containment of the sentence in one source
sentence, weighted by inverse document frequency (the lexical core of ROUGE-precision checks); its
weakest clause, since a blend of a supported and an invented clause is the commonest fault (compare
SummaC's sentence-level minimum, Laban et al. 2022, arXiv 2111.09525); numbers found nowhere in the
evidence; a record (key: false) that says the opposite. A logistic
model, fitted on people's marks of RAGTruth, joins them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp

from assay.answering.segments import Segment, segment
from assay.answering.terms import Weights, numbers, stem, terms

# Logistic coefficients on raw features; fitted on RAGTruth.
_CONTAINED, _CLAUSE, _NUMBERS, _OPPOSED, _ABOUT, _INTERCEPT = 5.25, 0.91, -0.54, -1.12, 1.45, -0.36
THRESHOLD = 0.70
_LONGEST = 400

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|without|cannot|nor|neither|false|unable)\b|n['\u2019]t\b", re.IGNORECASE
)
_CLAUSE_BREAK = re.compile(r"[,;:()\u2014\u2013]|\s(?:and|but|while|which|who|that|with|as|including|or)\s")
_ABOUT_EVIDENCE = re.compile(
    r"\b(?:passages?|context|provided|information|article|text|documents?)\b.*"
    r"\b(?:not|no|unclear|unable)\b|\bunable to\b",
    re.IGNORECASE | re.DOTALL,
)
_RECORD = re.compile(r"\W*[\w ./-]{1,40}?\W{0,3}:\s*\W?(?:true|false|yes|no|none)\b", re.IGNORECASE)
# A list marker, and a reference such as "(Passage 2)" or "[3]", state no number.
_NOT_A_CLAIM = re.compile(
    r"\A\W*\d{1,3}[.)](?=\s)|\[\d+\]|\b(?:passages?|sources?|documents?)\s+\d+(?:(?:,|\s+and)\s+\d+)*",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_VALUES = frozenset(map(stem, ("true", "false", "yes", "no", "none")))


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence of the evidence, at most 400 characters: span, terms, whether it negates.

    A `record` is a key with a truth value, as in JSON, YAML or a specification sheet.
    """

    start: int
    end: int
    terms: frozenset[str]
    negated: bool
    record: bool


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
    about_evidence: bool
    missing: tuple[str, ...]

    @property
    def supported(self) -> bool:
        """Whether the probability reaches the shipped threshold and no stated number is missing."""
        return self.probability >= THRESHOLD and not self.missing_numbers


def ground(evidence: str) -> Ground:
    """Segment and index the text of a cited span, a chunk, or several joined."""
    units: list[Unit] = []
    holding: dict[str, list[int]] = {}
    for sentence in segment(evidence):
        for start, end in _pieces(sentence):
            words = _CAMEL.sub(" ", evidence[start:end])
            unit = Unit(
                start,
                end,
                frozenset(terms(words)),
                negated=_NEGATION.search(words) is not None,
                record=_RECORD.match(words) is not None,
            )
            for term in unit.terms:
                holding.setdefault(term, []).append(len(units))
            units.append(unit)
    return Ground(tuple(units), numbers(evidence), {t: tuple(at) for t, at in holding.items()})


def support(sentence: str, by: Ground, weigh: Weights, *, question: str = "") -> Support:
    """Whether `by` supports `sentence`; numbers of `question` need no support of their own."""
    claimed = list(dict.fromkeys(terms(sentence)))
    contained, best = _best(claimed, by, weigh)
    clauses = [clause for part in _CLAUSE_BREAK.split(sentence) if len(clause := terms(part)) > 1]
    weakest = min((_best(clause, by, weigh)[0] for clause in clauses), default=contained)
    stated = numbers(_NOT_A_CLAIM.sub(" ", sentence), spelled=False)
    absent = stated - by.numbers - (numbers(question) if question else frozenset())
    negated = _NEGATION.search(sentence) is not None
    opposed = _opposed(frozenset(claimed), negated, by)
    about = _ABOUT_EVIDENCE.search(sentence) is not None
    logit = (
        _CONTAINED * contained
        + _CLAUSE * weakest
        + _NUMBERS * min(len(absent), 2)
        + _OPPOSED * opposed
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
        about_evidence=about,
        missing=tuple(t for t in claimed if t not in by.holding),
    )


def _pieces(sentence: Segment) -> list[tuple[int, int]]:
    return [(at, min(at + _LONGEST, sentence.end)) for at in range(sentence.start, sentence.end, _LONGEST)]


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
    """Whether a record whose key the sentence names has the other polarity, and none the same.

    The record `"OutdoorSeating": false` opposes "it offers outdoor seating". Only records: prose
    that shares words with the sentence and negates one of them mostly negates something else.
    """
    touched = {at for term in spoken for at in by.holding.get(term, ())}
    whole = [
        (unit, core)
        for unit in (by.units[at] for at in touched if by.units[at].record)
        if (core := unit.terms - _VALUES) and core <= spoken
    ]
    same = [core for unit, core in whole if unit.negated is negated]
    return any(unit.negated is not negated and not any(core <= other for other in same) for unit, core in whole)
