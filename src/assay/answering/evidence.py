"""Which sentences of the retrieved passages answer a question, and which to say.

Per sentence: cosine of mean-pooled sentence and question vectors (Reimers and Gurevych 2019,
arXiv 1908.10084), how far that is behind the best sentence's, and whether the expected type of
answer is there (Li and Roth 2002). A logistic model, fitted on people's grounding marks of clapnq,
joins them; to choose among passages, the log-odds that a sentence's
passage answers the question at all (answerability.py) are added, relative to the best passage's.
Redundancy is cut as in maximal marginal relevance (Carbonell and Goldstein 1998). Token alignment
for abstention is ColBERT's (Khattab and Zaharia 2020, arXiv 2004.12832). Late interaction and
centrality were tried for selection: +.006 AUROC within one passage, but they favour long sentences
and lose .04 token-F1 among eight passages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import log
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from assay.answering.context import Passage
from assay.language.segments import Segment, Unit, segment
from assay.language.terms import Weights, asked, coverage, names, numbers, terms
from assay.models.token_vectors import TokenVectors

Vectors: TypeAlias = NDArray[np.float32]


class Wanted(StrEnum):
    """The kind of thing a question asks for, as far as its words tell."""

    NUMBER = "number"
    DATE = "date"
    PERSON = "person"
    PLACE = "place"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence that might be quoted: its passage's number, its span there, its words and terms."""

    passage: int
    span: Segment
    text: str
    terms: frozenset[str]


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for one statement: cosine to the question, type of answer (1, 0, -1), log-odds."""

    cosine: float
    typed: float
    logit: float


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A question's statements with their signals, and each question token's best likeness.

    `encoded` holds the statements' vectors, in their order. `alignment` is (question tokens,
    statements): the largest cosine of a token to the statement's.
    """

    question: str
    asked: tuple[str, ...]
    statements: tuple[Statement, ...]
    encoded: tuple[TokenVectors, ...]
    signals: tuple[Signals, ...]
    alignment: Vectors


# Logistic coefficients on raw features.
_COSINE, _BEHIND, _TYPED, _INTERCEPT = 1.65, 2.08, 0.26, -0.64
_STANDING = 0.8  # weight of the passage's log-odds relative to the best passage's; by token-F1
MIN_PROBABILITY = 0.30
MAX_SENTENCES = 3
_SAME = 0.92

_NUMBER = re.compile(
    r"\bhow (?:many|much|long|old|far|tall|big|large|high|deep|wide|heavy|fast|often)\b"
    r"|\bpercent|\bwhat (?:age|size|number|percentage|population|price|distance)\b",
    re.IGNORECASE,
)
_WHEN = re.compile(r"\bwhen\b|\b(?:what|which) (?:year|date|day|time|month|season|century|decade)\b", re.IGNORECASE)
_WHO = re.compile(r"\bwho(?:m|se)?\b", re.IGNORECASE)
_PLACE = re.compile(r"\bwhere\b|\b(?:what|which) (?:city|country|state|county|place|town|continent)\b", re.IGNORECASE)
_DATE = re.compile(
    r"\b(?:1\d{3}|20\d\d|January|February|March|April|May|June|July|August|September|October"
    r"|November|December|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|century|\d{1,2}:\d\d)\b"
)
_LEANS = re.compile(r"\W*(?:he|she|it|they|this|these|those|his|her|its|their|such|both)\b", re.IGNORECASE)


def wanted(question: str) -> Wanted:
    """The kind of answer `question` asks for; OPEN where its words do not say."""
    for kind, pattern in (
        (Wanted.NUMBER, _NUMBER),
        (Wanted.DATE, _WHEN),
        (Wanted.PERSON, _WHO),
        (Wanted.PLACE, _PLACE),
    ):
        if pattern.search(question):
            return kind
    return Wanted.OPEN


def statements(question: str, passages: Sequence[Passage], weigh: Weights, limit: int = 24) -> tuple[Statement, ...]:
    """The sentences of `passages` worth encoding, in reading order, at most `limit`.

    Headings are never statements. Beyond the limit those with the least coverage of the question's
    terms go first, later ranked passages before earlier ones.
    """
    found = [
        Statement(passage.number, span, span.of(passage.text), frozenset(terms(span.of(passage.text))))
        for passage in passages
        for span in segment(passage.text)
        if span.unit is not Unit.HEADING
    ]
    if len(found) <= limit:
        return tuple(found)
    about = asked(question)
    ranked = sorted(found, key=lambda c: (-coverage(about, c.terms, weigh), c.passage, c.span.start))
    return tuple(sorted(ranked[:limit], key=lambda c: (c.passage, c.span.start)))


def weigh_evidence(
    question: str, encoded_question: TokenVectors, found: Sequence[Statement], encoded: Sequence[TokenVectors]
) -> Evidence:
    """Signals for each statement; `encoded` holds the statements' own encodings, in their order.

    Raises ValueError if the two sequences differ in length.
    """
    if len(found) != len(encoded):
        raise ValueError(f"{len(found)} statements, {len(encoded)} encodings")
    about = asked(question)
    if not found:
        return Evidence(question, about, (), (), (), np.zeros((len(encoded_question.vectors), 0), np.float32))
    vectors = np.stack([e.pooled for e in encoded])
    cosines = vectors @ encoded_question.pooled
    alignment = _align(encoded_question.vectors, encoded)
    best = float(cosines.max())
    kind = wanted(question)
    signals: list[Signals] = []
    for statement, value in zip(found, cosines, strict=True):
        cosine, typed = float(value), _typed(kind, question, statement.text)
        logit = _COSINE * cosine + _BEHIND * (cosine - best) + _TYPED * typed + _INTERCEPT
        signals.append(Signals(cosine, typed, logit))
    return Evidence(question, about, tuple(found), tuple(encoded), tuple(signals), alignment)


def choose(
    evidence: Evidence,
    standing: Sequence[float],
    *,
    at_least: float = MIN_PROBABILITY,
    at_most: int = MAX_SENTENCES,
) -> tuple[Statement, ...]:
    """The sentences to say, in reading order: the best one, then others while they are probable.

    `standing` is each passage's log-odds of answering, in order of number. A
    sentence nearly the same as a chosen one (cosine above .92) is passed over. One that opens with
    a pronoun brings the sentence before it, beyond `at_most` if need be.
    """
    if not evidence.statements:
        return ()
    top = max(standing[c.passage - 1] for c in evidence.statements)
    logits = [
        signal.logit + _STANDING * (standing[statement.passage - 1] - top)
        for statement, signal in zip(evidence.statements, evidence.signals, strict=True)
    ]
    floor = log(at_least / (1.0 - at_least))
    kept: list[int] = []
    for i in sorted(range(len(logits)), key=lambda i: -logits[i]):
        if len(kept) == at_most or (kept and logits[i] < floor):
            break
        if all(float(evidence.encoded[i].pooled @ evidence.encoded[j].pooled) <= _SAME for j in kept):
            kept.append(i)
    said = set(kept)
    for i in kept:
        here, before = evidence.statements[i], evidence.statements[i - 1] if i else None
        if before and _adjacent(before, here) and _LEANS.match(here.text):
            said.add(i - 1)
    return tuple(evidence.statements[i] for i in sorted(said))


def _adjacent(before: Statement, here: Statement) -> bool:
    """Whether nothing but white space stands between two statements of one passage."""
    return before.passage == here.passage and here.span.start - before.span.end <= 2


def _align(question: Vectors, encoded: Sequence[TokenVectors]) -> Vectors:
    """The (question tokens, sentences) matrix of largest token cosines; 0 for an empty sentence."""
    aligned = np.zeros((len(question), len(encoded)), np.float32)
    filled = [i for i, e in enumerate(encoded) if len(e.vectors)]
    if filled and len(question):
        starts = np.cumsum([0] + [len(encoded[i].vectors) for i in filled[:-1]])
        likeness = question @ np.concatenate([encoded[i].vectors for i in filled]).T
        aligned[:, filled] = np.maximum.reduceat(likeness, starts, axis=1)
    return aligned


def _typed(kind: Wanted, question: str, sentence: str) -> float:
    """1 if the sentence holds what is wanted beyond the question's own, -1 if not, 0 if unknown."""
    match kind:
        case Wanted.OPEN:
            return 0.0
        case Wanted.NUMBER:
            held = bool(numbers(sentence) - numbers(question))
        case Wanted.DATE:
            held = _DATE.search(sentence) is not None
        case Wanted.PERSON | Wanted.PLACE:
            asked_for = question.lower()
            held = any(name.lower() not in asked_for for name in names(sentence))
    return 1.0 if held else -1.0
