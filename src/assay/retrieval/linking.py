"""Linking: a second hop without a model.

A question about two things often finds only the first; the passage found names the second by
its title. Documents that the best passages name are lifted, the more so the better the passage
is, the more the question names the passage's own title, and the rarer the name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from assay.retrieval.titles import Form, Titles

ANCHORS = 5
"""Passages whose names are followed."""
WEIGHT = 0.5
"""What the strongest possible link adds, on a scale where the best document has 1."""
UNNAMED = 0.3
"""How much a passage counts whose own title the question does not name at all."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A good passage: its document, its score from 0 to 1, how much of its title the question
    names (0 to 1), and the titles that it names itself."""

    document: str
    score: float
    coverage: float
    names: tuple[Form, ...]


def gains(anchors: Sequence[Anchor], titles: Titles, rarity: Callable[[Form], float]) -> dict[str, float]:
    """What is added to each document that an anchor names: its strongest link.

    link = WEIGHT · score · (UNNAMED + (1 − UNNAMED) · coverage²) · rarity(name) / documents of that name
    """
    found: dict[str, float] = {}
    for anchor in anchors:
        strength = WEIGHT * max(anchor.score, 0.0) * (UNNAMED + (1 - UNNAMED) * anchor.coverage**2)
        for form in anchor.names:
            targets = titles.documents(form)
            for target in targets:
                if target != anchor.document:
                    found[target] = max(found.get(target, 0.0), strength * rarity(form) / len(targets))
    return found


def coverage(title: Form, question: frozenset[str], idf: Mapping[str, float]) -> float:
    """The share of a title's words, weighted by their rarity, that the question has."""
    weights = [(word, idf.get(word, 1.0)) for word in map(str.lower, title)]
    total = sum(weight for _, weight in weights)
    return sum(weight for word, weight in weights if word in question) / total if total else 0.0


def inverse_frequency(frequency: int, population: int) -> float:
    """BM25's idf, never negative."""
    return math.log(1 + (population - frequency + 0.5) / (frequency + 0.5))


def specificity(frequency: int, population: int) -> float:
    """1 for a name that one chunk of ``population`` holds, 0 for one that all do."""
    held = min(max(frequency, 1), max(population, 1))
    return math.log(max(population, 2) / held) / math.log(max(population, 2))
