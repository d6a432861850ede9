"""Evidence that may be looked at at any time.

An e-process starts at 1 and, while its null hypothesis holds, has an expected value of at most 1
at every stopping time. By Ville's inequality (1939) it reaches 1/α with probability at most α,
however often it is looked at and whenever one stops (Ramdas et al. 2023, arXiv 2210.01948).
Evidence is kept in natural logarithms: ``log_e`` now, ``peak`` the largest so far.

What the tests of this package assume: units fall into the arms by chance, each votes once, and at
each moment the null holds of what comes next, whatever came before. Anything that hits both arms
alike may come and go. What hits one arm alone (an outage of the provider that only the candidate
uses) counts as that arm's doing, once for every value, however much it was one event.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Protocol

from assay.errors import InputError
from assay.statistics.anytime.blocks import Block


class SequentialTest(Protocol):
    """A test that is fed by blocks, in the order of the log."""

    @property
    def log_e(self) -> float: ...

    @property
    def peak(self) -> float: ...

    def add(self, block: Block) -> None: ...


def threshold(alpha: float) -> float:
    """The log evidence at which a question is decided at level ``alpha``. Raises InputError outside (0, 1)."""
    if not 0 < alpha < 1:
        raise InputError(f"alpha is {alpha:g}; it must lie between 0 and 1")
    return -math.log(alpha)


def crossed(test: SequentialTest, alpha: float) -> bool:
    """Whether ``test`` has rejected its null at any time so far."""
    return test.peak >= threshold(alpha)


def remaining(log_e: float, alpha: float) -> float:
    """How much log evidence is still needed; 0 where there is enough."""
    return max(0.0, threshold(alpha) - log_e)


def p_value(peak: float) -> float:
    """A p-value that holds at any time: 1 over the largest evidence so far."""
    return min(1.0, math.exp(-peak))


def log_mean_exp(log_values: Iterable[float], log_weights: Iterable[float]) -> float:
    """log Σ w·exp(v), without overflow; -inf where every term is 0."""
    terms = [value + weight for value, weight in zip(log_values, log_weights, strict=True)]
    largest = max(terms)
    if largest == -math.inf:
        return largest
    return largest + math.log(math.fsum(math.exp(term - largest) for term in terms))
