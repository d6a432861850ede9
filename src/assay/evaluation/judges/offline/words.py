"""The words of a claim that tell something, and their grouping by clause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from assay.evaluation.judges.claims import Claim
from assay.evaluation.judges.offline.evidence import WORD, Evidence, bare, content, negates
from assay.language.terms import stem

_CLAUSE = re.compile(
    r"[,;:()\u2014\u2013\n]|\s(?:and|but|while|which|who|that|with|as|including|or|because|so|when|where|if)\s",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A content word, numeral or negation at [start, end) of the answer; ``known`` if the evidence has its stem."""

    start: int
    end: int
    lower: str
    term: str
    capital: bool
    known: bool


def spoken(answer: str, claim: Claim, by: Evidence) -> tuple[Word, ...]:
    """The content words of ``claim``, with offsets into ``answer``."""
    found = []
    for match in WORD.finditer(answer, claim.start, claim.end):
        low = bare(match[0])
        if content(low) or negates(low):
            term = stem(low)
            capital = match[0][0].isupper() and match.start() > claim.start
            found.append(Word(match.start(), match.end(), low, term, capital, term in by.holding))
    return tuple(found)


def clauses(claim: Claim, told: Sequence[Word]) -> list[list[Word]]:
    """The words of ``claim`` grouped by clause, empty ones left out."""
    cuts = [claim.start + cut.start() for cut in _CLAUSE.finditer(claim.text)]
    parts: list[list[Word]] = [[] for _ in range(len(cuts) + 1)]
    at = 0
    for word in told:
        while at < len(cuts) and cuts[at] < word.start:
            at += 1
        parts[at].append(word)
    return [part for part in parts if part]
