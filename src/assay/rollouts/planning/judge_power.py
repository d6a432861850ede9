"""How much of a difference that people would see a judge sees, from what people labelled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assay.digest import Digest
from assay.statistics.means import mean
from assay.stores.labelled import Label

LEAST = 10
"""Labelled answers of each kind, good and bad, without which nothing is said of a judge."""


@dataclass(frozen=True, slots=True)
class Power:
    """``good`` and ``bad`` are the judge's mean scores of answers that people call good and bad, of which there are
    ``goods`` and ``bads``; ``low`` is a lower bound of their difference: of sensitivity + specificity - 1."""

    good: float
    bad: float
    goods: int
    bads: int
    low: float


def power(labels: Sequence[Label], metric: str, scorer: str) -> Power | str:
    """A judge's power on a metric, ``scorer`` being the identity of the scorer that asks it; else why there is none.

    The judge's scores of good and bad answers are taken to be spread alike under both releases, as Rogan and Gladen
    take sensitivity and specificity: a rate of ``p`` good answers is then scored ``bad + (good - bad) * p`` on average,
    and a difference of two rates shrinks by the factor ``good - bad``. The bound is Newcombe's (1998) for a
    difference, from both means' 95 % intervals. Labels whose answers were chosen for what the judge said of them
    tell too little of the others, and are left out.
    """
    pairs = _pairs(labels, metric, scorer)
    goods = [judged for judged, people in pairs if people >= 0.5]
    bads = [judged for judged, people in pairs if people < 0.5]
    if not pairs:
        return "nobody has labelled what this judge said"
    if len(goods) < LEAST or len(bads) < LEAST:
        return f"people call {len(goods)} labelled answers good and {len(bads)} bad; {LEAST} of each are needed"
    upper, lower = mean(goods), mean(bads)
    gap = upper.value - lower.value
    low = gap - math.hypot(upper.value - upper.low, lower.high - lower.value)
    return Power(upper.value, lower.value, len(goods), len(bads), low)


def _pairs(labels: Sequence[Label], metric: str, scorer: str) -> list[tuple[float, float]]:
    """What the judge and what people say on average, answer by answer."""
    said: dict[Digest, list[tuple[float, float]]] = {}
    for label in labels:
        known = label.metric == metric and label.scorer == scorer and label.probability is None
        if known and label.judged is not None and label.value is not None:
            said.setdefault(label.item, []).append((label.judged, label.value))
    return [(each[0][0], sum(value for _, value in each) / len(each)) for each in said.values()]
