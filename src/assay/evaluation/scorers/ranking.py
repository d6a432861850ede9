"""Measures of a ranking against what is relevant: binary relevance, linear gain.

``ranked`` holds ids, best first, each once; ``relevant`` the ids that answer, in no order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import log2


def ndcg(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """nDCG@k with linear gain and binary relevance (Järvelin and Kekäläinen 2002), in [0, 1]; 0 if nothing is
    relevant."""
    gain = sum(1 / log2(rank + 1) for rank, id in enumerate(ranked[:k], 1) if id in relevant)
    ideal = sum(1 / log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    return min(1.0, gain / ideal) if ideal else 0.0


def recall(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Share of the relevant among the first k; ``relevant`` is not empty."""
    return len(set(relevant).intersection(ranked[:k])) / len(relevant)


def precision(ranked: Sequence[str], relevant: Collection[str], k: int) -> float:
    """Share of k places that hold something relevant, as TREC counts: a place that is not filled holds nothing."""
    return len(set(relevant).intersection(ranked[:k])) / k


def reciprocal_rank(ranked: Sequence[str], relevant: Collection[str]) -> float:
    """1 / rank of the first that is relevant (Voorhees 1999), 0 if there is none."""
    return next((1 / rank for rank, id in enumerate(ranked, 1) if id in relevant), 0.0)


def average_precision(relevance: Sequence[bool]) -> float:
    """The mean, over the ranks that hold something relevant, of the precision up to that rank.

    0 if no rank does. It is 1 exactly when everything relevant stands before everything else.
    """
    found, total = 0, 0.0
    for rank, useful in enumerate(relevance, 1):
        if useful:
            found += 1
            total += found / rank
    return total / found if found else 0.0
