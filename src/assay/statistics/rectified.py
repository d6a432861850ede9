"""The interval of a judge's mean that people's labels rectify.

λ·mean(judge, all) + mean(people - λ·judge) has a variance that the labels show badly where
people's verdicts are nearly all alike or the judge seldom errs: thirty labels often hold no
error of a judge that errs once in twenty. As Agresti and Coull (1998) add four verdicts to a
share, four labels are added here on which judge and people agree, and part of one on which
they do not, in the direction that people's verdicts make likely. For two releases half a case
is added that only people call better, and half that only they call worse (Agresti and Min
2005). They move the interval, not the value. How much is added is what covers by simulation,
30 labels of yes and no being the hardest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

from assay.statistics.bounds import t_quantile

Unit: TypeAlias = tuple[float, float]
_AGREED = 4.0
_CHANGED = 0.5


@dataclass(frozen=True, slots=True)
class Rectified:
    """``value`` the estimate, ``tuned`` the judge's weight λ in it, ``people`` the mean of their labels.

    ``rest`` is the mean of people - λ·judge over ``size`` labels, ``labelled`` its variance,
    ``judged`` the variance of λ·mean(judge), ``df`` the degrees of freedom of ``labelled``,
    ``errors`` how many labels are added on which judge and people disagree.
    """

    value: float
    tuned: float
    people: float
    rest: float
    size: float
    labelled: float
    judged: float
    df: float
    errors: float = 0.6


def bounds(of: Rectified, within: Unit | None, confidence: float) -> Unit:
    """Both ends, inside ``within``; they hold the value."""
    if not math.isfinite(of.labelled):
        return within or (-math.inf, math.inf)
    added = _added(of, within) if within else []
    weight = sum(count for count, _ in added)
    total = of.size + weight
    rest = (of.size * of.rest + sum(count * value for count, value in added)) / total
    spread = of.size * (of.rest - rest) ** 2 + sum(count * (value - rest) ** 2 for count, value in added)
    labelled = of.labelled * (of.size / total) ** 2 + spread / total**2
    variance = labelled + of.judged
    if variance <= 0:
        return of.value, of.value
    # The judge's part counts as known: it has many more cases.
    df = of.df * (variance / labelled) ** 2 if labelled > 0 else math.inf
    centre, half = of.value + rest - of.rest, t_quantile(min(df, 1e6), (1 + confidence) / 2) * math.sqrt(variance)
    low, high = min(of.value, centre - half), max(of.value, centre + half)
    return (max(within[0], low), min(within[1], high)) if within else (low, high)


def _added(of: Rectified, within: Unit) -> list[tuple[float, float]]:
    """How many labels are added, and each one's people - λ·judge."""
    start, width = within[0], within[1] - within[0]
    if start < 0 < within[1]:
        largest = min(width, max(-start, within[1]))
        return [(_CHANGED, -largest), (_CHANGED, largest)]
    high = ((of.people - start) / width * of.size + 1) / (of.size + 2)
    alike = start * (1 - of.tuned)
    return [
        (_AGREED / 2, alike + width * (1 - of.tuned)),
        (_AGREED / 2, alike),
        (of.errors * high, alike + width),
        (of.errors * (1 - high), alike - width * of.tuned),
    ]
