"""How a judge errs apart from being wrong: by order, by length, by chance, and over time.

Pure functions of what was judged; each gives an interval. The names of these errors are those of
Zheng et al. 2023 (arXiv 2306.05685) and Dubois et al. 2024 (arXiv 2404.04475) on length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from assay.errors import InputError
from assay.evaluation.judging import Verdict
from assay.scores import Estimate, Score, Scored
from assay.statistics.bounds import t_quantile
from assay.statistics.means import mean
from assay.statistics.proportions import proportion


def order_flips(verdicts: Iterable[Verdict]) -> Estimate:
    """The share of comparisons whose winner changed with the order of the texts.

    Takes verdicts of ``pairwise.BothOrders``; those without a score count as unscored. Wilson's interval.
    Raises InputError where none has a score.
    """
    known = list(verdicts)
    flips = [bool(v.detail.get("flip")) for v in known if isinstance(v.score, Scored)]
    if not flips:
        raise InputError("no comparison has a score; compare some pairs in both orders first")
    found = proportion(sum(flips), len(flips))
    return Estimate(found.value, found.low, found.high, found.n, len(known) - len(flips), found.method)


@dataclass(frozen=True, slots=True)
class Judged:
    """A judge's score of an answer of ``length`` words (or characters: the slope is of its logarithm), with the
    person's ``label`` from 0 to 1 where one is known."""

    score: Score
    length: int
    label: float | None = None


def length_slope(judged: Sequence[Judged]) -> Estimate:
    """How much the score rises when an answer gets e times as long.

    Least squares of score on log length. Where every scored item has a label, labels are held fixed as
    a second regressor, so that long answers which are also better do not count against the judge; where
    some have, only those enter. Interval: heteroscedasticity-robust (HC3, MacKinnon and White 1985) with
    Student's t; ``method`` says whether labels were held. Raises InputError for fewer than four items
    or lengths that do not differ.
    """
    scored = [item for item in judged if isinstance(item.score, Scored)]
    labelled = [item for item in scored if item.label is not None]
    used = labelled or scored
    held = bool(labelled) and len({item.label for item in labelled}) > 1
    values = np.array([item.score.value for item in used if isinstance(item.score, Scored)])
    lengths = np.log([max(1, item.length) for item in used])
    columns = [np.ones(len(used)), lengths]
    if held:
        columns.append(np.array([item.label for item in used], dtype=np.float64))
    design = np.column_stack(columns)
    free = len(used) - design.shape[1]
    if free < 2 or np.linalg.matrix_rank(design) < design.shape[1]:
        raise InputError("a slope on length needs at least four scored answers of different lengths")
    inverse = np.linalg.inv(design.T @ design)
    weights = inverse @ design.T @ values
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    residuals = (values - design @ weights) / np.clip(1 - leverage, 1e-9, None)
    spread = inverse @ ((design * residuals[:, None] ** 2).T @ design) @ inverse
    half = t_quantile(free, 0.975) * math.sqrt(max(0.0, float(spread[1, 1])))
    slope = float(weights[1])
    method = "least squares on log length" + (", label held" if held else "") + ", HC3"
    return Estimate(slope, slope - half, slope + half, len(used), len(judged) - len(used), method)


def repeat_variance(repeats: Sequence[Sequence[Score]]) -> Estimate:
    """The variance of scores of the same item, averaged over items; 0 for a judge that always says the same.

    ``repeats`` holds an item's scores each. Items are independent, repeats are not: the interval is that of
    the mean of the items' unbiased variances, which lie in [0, 0.5] for scores in [0, 1]. Items with fewer than
    two scores count as unscored. Raises InputError where no item has two.
    """
    known = [[score.value for score in item if isinstance(score, Scored)] for item in repeats]
    variances = [float(np.var(item, ddof=1)) for item in known if len(item) > 1]
    if not variances:
        raise InputError("no item was judged twice; judge with repeats first")
    return mean(variances, within=(0.0, 0.5), unscored=len(known) - len(variances))


def drift(then: Sequence[Score], now: Sequence[Score], clusters: Sequence[str] | None = None) -> Estimate:
    """The mean change of a judge's scores on the same items, now less then; around 0 where nothing moved.

    Paired, item by item; pairs with a missing score count as unscored. ``clusters`` name what items share.
    Raises InputError for lists of different lengths, or where no pair is complete.
    """
    if len(then) != len(now):
        raise InputError(f"{len(then)} scores then and {len(now)} now; give both of each item")
    pairs = [
        (i, b.value - a.value)
        for i, (a, b) in enumerate(zip(then, now, strict=True))
        if isinstance(a, Scored) and isinstance(b, Scored)
    ]
    if not pairs:
        raise InputError("no item has a score from then and from now")
    groups = None if clusters is None else [clusters[i] for i, _ in pairs]
    return mean([change for _, change in pairs], clusters=groups, within=(-1.0, 1.0), unscored=len(then) - len(pairs))
