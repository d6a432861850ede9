"""Claim-level F1 between an answer and a long expected answer.

Both texts are split into claims: sentences, and within them clauses that could stand alone. A claim of the
answer that the expected answer entails is a true positive, one that it does not a false positive; a claim of
the expected answer that the answer does not entail is a false negative. F1 = tp / (tp + (fp + fn) / 2), as in
the claim-level scores of RAGAS (answer correctness) and RAGChecker (Ru et al. 2024, arXiv 2408.08067).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

from assay.evaluation.judges.claims import claims
from assay.language.support import Ground, ground, support
from assay.language.terms import coverage, terms

Entails: TypeAlias = Callable[[str, Sequence[str]], Sequence[bool]]
"""Whether a text entails each of some claims: (text, claims) -> one verdict a claim, in order."""

# A run of white space is tried from its beginning only, else a long one would take quadratic time.
_BREAK = re.compile(r";\s+|(?<!\s),?\s+(?:and|but|while|whereas|although)\s+|,\s+(?:which|who|where)\s+", re.IGNORECASE)
_FEWEST = 3  # content terms of a clause that stands as a claim of its own
_SUPPORTED = 0.70  # lower than for a citation: two people's words for one answer share less than a quotation does
_NEARLY_ALL = 0.80  # of the weight of a claim's terms, wherever in the text they stand


@dataclass(frozen=True, slots=True)
class Overlap:
    """Claims in common (``tp``), only in the answer (``fp``), only in what was expected (``fn``)."""

    tp: int
    fp: int
    fn: int

    @property
    def f1(self) -> float:
        """In [0, 1]; 0 where nothing is in common."""
        return self.tp / (self.tp + (self.fp + self.fn) / 2) if self.tp else 0.0


def overlap(expected: str, answer: str, entails: Entails) -> Overlap | None:
    """Count the claims in common; None where the expected answer states nothing."""
    wanted, said = statements(expected), statements(answer)
    if not wanted:
        return None
    supported = sum(entails(expected, said)) if said else 0
    covered = sum(entails(answer, wanted)) if said else 0
    return Overlap(supported, len(said) - supported, len(wanted) - covered)


def statements(text: str) -> tuple[str, ...]:
    """The claims of a text: its sentences that state anything, cut where both sides of a break can stand alone."""
    return tuple(part for claim in claims(text) if claim.states for part in _clauses(claim.text))


def lexical(question: str | None = None) -> Entails:
    """Entailment by shared words, numbers and polarity, with no model (``assay.language.support``).

    A claim holds if one sentence of the text supports it, or nearly all its terms stand somewhere in the
    text. It never holds with a number that neither the text nor the question has, or with the other polarity.
    What the question says is taken as given: an answer need not repeat it.
    """
    asked = question or ""
    given = frozenset(terms(asked))

    def entails(text: str, stated: Sequence[str]) -> list[bool]:
        by, present = ground(text, about=asked), frozenset(terms(text))
        return [_holds(claim, asked, by, present, given) for claim in stated]

    return entails


def _holds(claim: str, asked: str, by: Ground, present: frozenset[str], given: frozenset[str]) -> bool:
    found = support(claim, by, _weight, question=asked)
    if found.missing_numbers or found.turned or found.opposed:
        return False
    own = [term for term in dict.fromkeys(terms(claim)) if term not in given]
    spread = coverage(own, present, _weight) if own else 0.0
    return spread >= _NEARLY_ALL or (found.probability >= _SUPPORTED and not found.thin)


def _weight(term: str) -> float:
    """How much a term tells where there is no collection to count it in: longer words are rarer."""
    return 0.5 + min(len(term), 10) / 10


def _clauses(sentence: str) -> list[str]:
    """A sentence cut at breaks that leave at least ``_FEWEST`` content terms on both sides."""
    breaks = list(_BREAK.finditer(sentence))
    edges = [0, *(edge for found in breaks for edge in found.span()), len(sentence)]
    # How many content terms stand before each edge.
    before = [0, *accumulate(len(terms(sentence[at:to])) for at, to in pairwise(edges))]
    parts, start, known = [], 0, 0
    for at, found in enumerate(breaks):
        if min(before[2 * at + 1] - known, before[-1] - before[2 * at + 2]) >= _FEWEST:
            parts.append(sentence[start : found.start()])
            start, known = found.end(), before[2 * at + 2]
    return [*parts, sentence[start:]]
