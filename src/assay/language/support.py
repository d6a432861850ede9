"""Does the evidence support a sentence of an answer? A cheap lexical verifier, no model.

Signals in the line of summary-faithfulness work: containment of the sentence in one source
sentence, weighted by inverse document frequency (the lexical core of ROUGE-precision checks); its
weakest clause, since a blend of a supported and an invented clause is the commonest fault (compare
SummaC's sentence-level minimum, Laban et al. 2022, arXiv 2111.09525); numbers found nowhere in the
evidence; a record (key: false) that says the opposite. A logistic model, fitted on people's marks
of RAGTruth (qa: AUROC .81), joins them. Three vetoes stand above it: a number that the evidence
does not have, a polarity that is not that of the sentence that supports best, and a title that
would have to carry the sentence alone.

It finds wrong sources, invented numbers and turned negations, not subtle distortion: it is no
entailment, and a model that judges entailment may be put on top.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp

from assay.language.segments import Segment, segment
from assay.language.terms import Weights, numbers, stem, terms

# Logistic coefficients on raw features; fitted on RAGTruth, with sentences against foreign sources.
_CONTAINED, _CLAUSE, _NUMBERS, _OPPOSED, _INTERCEPT = 5.25, 0.91, -0.54, -1.12, -0.36
THRESHOLD = 0.80
"""Of the sentences in RAGTruth's question answering and summaries it passes 85 % of those that people
found supported, 54 % of the others, and 1 % against a foreign source of the same task; .70 would pass
89, 68 and 2 %."""
_LONGEST = 400
_PARAPHRASE = 0.6
_MOST_HOLDING = 200  # units that a term is looked up in: one that more have tells little, and time stays linear

_NEGATION = re.compile(
    r"\b(?:not|no|never|none|without|cannot|nor|neither|false|unable)\b|n['\u2019]t\b", re.IGNORECASE
)
_CLAUSE_BREAK = re.compile(r"[,;:()\u2014\u2013]|\s(?:and|but|while|which|who|that|with|as|including|or)\s")
_RECORD = re.compile(r"\W*[\w ./-]{1,40}?\W{0,3}:\s*\W?(?:true|false|yes|no|none)\b", re.IGNORECASE)
NO_FIGURE = re.compile(
    r"\A\W*\d{1,3}[.)](?=\s)|\[\d+\]|\b(?:passages?|sources?|documents?)\s+\d+(?:(?:,|\s+and)\s+\d+)*",
    re.IGNORECASE,
)
"""A list marker, and a reference such as "(Passage 2)" or "[3]": they state no number."""
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_VALUES = frozenset(map(stem, ("true", "false", "yes", "no", "none")))


@dataclass(frozen=True, slots=True)
class Unit:
    """A sentence of the evidence, at most 400 characters: span, terms, whether it negates.

    A ``record`` is a key with a truth value, as in JSON, YAML or a specification sheet.
    """

    start: int
    end: int
    terms: frozenset[str]
    negated: bool
    record: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """Evidence made ready for many checks; offsets are into the text given to ``ground``.

    ``holding`` maps a term to the units that have it; a term of what the evidence is ``about`` is
    had by all of them, and not in it. ``records`` are the units that are records.
    """

    units: tuple[Unit, ...]
    numbers: frozenset[float]
    about: frozenset[str]
    holding: Mapping[str, tuple[int, ...]] = field(repr=False)
    records: tuple[Unit, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Support:
    """The verdict on one sentence.

    ``probability`` that it is supported; ``span`` [start, end) of the best unit of the evidence,
    None if no unit shares a term; then the features.
    """

    probability: float
    span: tuple[int, int] | None
    contained: float
    weakest_clause: float
    missing_numbers: frozenset[float]
    opposed: bool
    turned: bool
    thin: bool

    @property
    def vetoed(self) -> bool:
        """Whether the sentence cannot hold, however much of it is in the evidence."""
        return bool(self.missing_numbers) or self.turned or self.thin


def ground(evidence: str, *, about: str = "") -> Ground:
    """Segment and index the text of a passage; ``about`` is its title, which its sentences take as given."""
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
    given = frozenset(terms(about))
    held = {term: tuple(at) for term, at in holding.items() if term not in given}
    records = tuple(unit for unit in units if unit.record)
    return Ground(tuple(units), numbers(f"{about}\n{evidence}"), given, held, records)


def support(sentence: str, by: Ground, weigh: Weights, *, question: str = "") -> Support:
    """Whether ``by`` supports ``sentence``; numbers of ``question`` need no support of their own."""
    claimed = list(dict.fromkeys(terms(sentence)))
    contained, best = _best(claimed, by, weigh)
    clauses = [clause for part in _CLAUSE_BREAK.split(sentence) if len(clause := terms(part)) > 1]
    weakest = min((_best(clause, by, weigh)[0] for clause in clauses), default=contained)
    stated = numbers(NO_FIGURE.sub(" ", sentence), spelled=False)
    absent = stated - by.numbers - (numbers(question) if question else frozenset())
    negated = _NEGATION.search(sentence) is not None
    opposed = _opposed(frozenset(claimed), negated, by)
    logit = (
        _CONTAINED * contained + _CLAUSE * weakest + _NUMBERS * min(len(absent), 2) + _OPPOSED * opposed + _INTERCEPT
    )
    return Support(
        probability=1.0 / (1.0 + exp(-logit)),
        span=(best.start, best.end) if best else None,
        contained=contained,
        weakest_clause=weakest,
        missing_numbers=absent,
        opposed=opposed,
        turned=best is not None and _turned(frozenset(claimed), negated, best, by, weigh),
        thin=best is None or _thin(frozenset(claimed), best),
    )


def _pieces(sentence: Segment) -> list[tuple[int, int]]:
    return [(at, min(at + _LONGEST, sentence.end)) for at in range(sentence.start, sentence.end, _LONGEST)]


def _best(claimed: Sequence[str], by: Ground, weigh: Weights) -> tuple[float, Unit | None]:
    """The largest share of the weight of ``claimed`` that one unit holds, and that unit."""
    weights = [(term, weigh(term)) for term in claimed]
    total = sum(weight for _, weight in weights)
    found = held(weights, by.holding)
    if not total or not by.units or not (found or by.about.intersection(claimed)):
        return 0.0, None
    best = by.units[max(found, key=lambda i: (found[i], -i), default=0)]
    return sum(weight for term, weight in weights if term in best.terms or term in by.about) / total, best


def held(weights: Iterable[tuple[str, float]], holding: Mapping[str, tuple[int, ...]]) -> dict[int, float]:
    """How much of the weight of these terms each unit holds that has one of them, by the unit's place."""
    found: dict[int, float] = {}
    for term, weight in weights:
        for at in holding.get(term, ())[:_MOST_HOLDING]:
            found[at] = found.get(at, 0.0) + weight
    return found


def _turned(spoken: frozenset[str], negated: bool, best: Unit, by: Ground, weigh: Weights) -> bool:
    """Whether the sentence says the contrary of the unit that supports it best.

    A sentence that negates needs a unit that does. One that does not may rest on a unit that
    negates something else, but not on one of which it repeats nearly all. Of RAGTruth's
    supported sentences this refuses about 2.5 %, mostly paraphrases of a negation ("fails to").
    """
    if negated is best.negated:
        return False
    if negated:
        return True
    own = best.terms - by.about
    total = sum(map(weigh, own))
    return total > 0 and sum(map(weigh, own & spoken)) >= _PARAPHRASE * total


def _thin(spoken: frozenset[str], best: Unit) -> bool:
    """Whether the title carries the sentence: two of its terms must stand in the unit itself, or all.

    Without this "the model is verified" rests on whatever sentence speaks of a model, under the
    heading "How a citation is verified".
    """
    return len(spoken & best.terms) < min(2, len(spoken))


def _opposed(spoken: frozenset[str], negated: bool, by: Ground) -> bool:
    """Whether a record whose key the sentence names has the other polarity, and none the same.

    The record ``"OutdoorSeating": false`` opposes "it offers outdoor seating". Only records: prose
    that shares words with the sentence and negates one of them mostly negates something else.
    """
    whole = [(unit, core) for unit in by.records if (core := unit.terms - _VALUES) and core <= spoken]
    same = [core for unit, core in whole if unit.negated is negated]
    return any(unit.negated is not negated and not any(core <= other for other in same) for unit, core in whole)
