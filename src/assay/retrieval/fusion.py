"""Fusion: one order from a dense and a lexical list.

A convex combination of standardised scores (Bruch, Gai and Ingber 2023, arXiv 2210.11934),
not reciprocal ranks: how far a hit stands out of its list carries information that its rank
has lost. Each side is standardised by its own list, so that cosine and BM25 share a scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


def fuse(
    dense: Mapping[str, float],
    lexical: Mapping[str, float],
    *,
    dense_list: Sequence[float],
    depth: int,
    dense_weight: float,
) -> dict[str, float]:
    """A score for each id of either side.

    ``lexical`` holds the lexical list (at most ``depth`` hits), ``dense`` the cosine of every id
    that is to be scored, ``dense_list`` the cosines of the dense list alone. An id outside the
    lexical list gets the least that the list holds if it is full, else 0: the most it can have.
    """
    ids = sorted(dense)
    floor = min(lexical.values()) if len(lexical) >= depth else 0.0
    whole = [*lexical.values(), *[floor] * (len(dense_list) - len(lexical))]
    cosines = standardised([dense[i] for i in ids], by=dense_list)
    words = standardised([lexical.get(i, floor) for i in ids], by=whole)
    fused = dense_weight * cosines + (1 - dense_weight) * words
    return dict(zip(ids, fused.tolist(), strict=True))


def standardised(scores: Sequence[float], *, by: Sequence[float]) -> Scores:
    """z-scores of ``scores`` by the mean and standard deviation of ``by``; 0 where ``by`` is empty."""
    values = np.asarray(scores, np.float64)
    if not by:
        return np.zeros_like(values)
    reference = np.asarray(by, np.float64)
    return np.asarray((values - reference.mean()) / (reference.std() + 1e-9))


def scaled(scores: Mapping[str, float], document_of: Mapping[str, str], *, baseline: int) -> dict[str, float]:
    """Scores on a scale where the best document has 1 and the one at rank ``baseline`` has 0.

    A document ranks by its best chunk. With fewer documents the last one has 0; a single one has 1.
    """
    best: dict[str, float] = {}
    for chunk, score in scores.items():
        document = document_of[chunk]
        best[document] = max(score, best.get(document, score))
    ranked = sorted(best.values(), reverse=True)
    if not ranked:
        return {}
    zero = ranked[min(baseline, len(ranked)) - 1] if len(ranked) > 1 else ranked[0] - 1
    span = (ranked[0] - zero) or 1.0
    return {chunk: (score - zero) / span for chunk, score in scores.items()}
