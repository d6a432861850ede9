"""A judge's rate, corrected by people's labels.

``ppi`` needs labels of cases drawn from the same population as those that only the judge saw;
it is never much wider than the labels alone and is the one to take. ``rogan_gladen`` serves
where the judge was held against people elsewhere (a frozen set): only its sensitivity and
specificity must carry over, not the rate. Labels that ``labelling.next_labels`` proposed are
no random sample: ``ppi_weighted`` weighs them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from assay.errors import InputError
from assay.scores import Estimate, Unscored
from assay.statistics.bounds import normal_quantile
from assay.statistics.means import at_level
from assay.statistics.moments import Clusters, Floats, codes, floats, moments
from assay.statistics.proportions import proportion
from assay.statistics.rectified import Rectified, Unit, bounds

_WEIGHED_ERRORS = 0.3
"""Half of what equal labels get: the judge's mean is over all cases, and unequal weights have a say already."""


def ppi(
    labels: Sequence[float] | Floats,
    judged: Sequence[float] | Floats,
    unlabelled: Sequence[float] | Floats,
    *,
    clusters: Clusters | None = None,
    unlabelled_clusters: Clusters | None = None,
    within: Unit | None = (0.0, 1.0),
    confidence: float = 0.95,
    unscored: int = 0,
) -> Estimate:
    """The mean of what people would say of all cases (PPI++, arXiv 2311.01453).

    ``labels`` are people's verdicts on n cases and ``judged`` the judge's on the same;
    ``unlabelled`` are the judge's verdicts on N others. θ = λ·mean(unlabelled) + mean(labels -
    λ·judged), with the λ in [0, 1] of least variance. For two releases give differences case by
    case, within (-1, 1). Clusters count over both parts. ``n`` counts people's labels.
    Raises InputError for fewer than 2 labels, parts that do not pair, or values out of range.
    """
    people, same, others = floats(labels, "labels"), floats(judged, "judged"), floats(unlabelled, "unlabelled")
    if people.size != same.size or people.size < 2:
        raise InputError(f"{people.size} labels and {same.size} judged cases; give both for at least two cases")
    if (clusters is None) != (unlabelled_clusters is None):
        raise InputError("clusters are needed for the labelled and for the unlabelled cases, or for neither")
    weights = _tuned(people, same, others)
    tuned, rest = float(weights.mean()), people - weights * same
    if clusters is None or unlabelled_clusters is None:
        labelled, judged_part, df = _independent(rest, tuned * others)
    else:
        labelled, judged_part, df = _clustered(rest, tuned * others, clusters, unlabelled_clusters)
    value = tuned * float(others.mean()) + float(rest.mean())
    of = Rectified(value, tuned, float(people.mean()), float(rest.mean()), people.size, labelled, judged_part, df)
    return _estimate(of, people.size, within, confidence, unscored, "PPI++")


def ppi_weighted(
    labels: Mapping[int, float],
    judged: Sequence[float] | Floats,
    probabilities: Sequence[float] | Floats,
    *,
    within: Unit | None = (0.0, 1.0),
    confidence: float = 0.95,
    unscored: int = 0,
) -> Estimate:
    """The same from labels that were drawn with unequal probability (arXiv 2403.03208).

    ``judged`` and ``probabilities`` are given for all N cases, labelled or not: the judge's
    verdict, and the probability with which the case was drawn (``Proposal.probabilities``);
    ``labels`` maps a case's place to people's verdict. Each residual, its mean taken out, is
    weighed by 1/probability. Raises InputError for fewer than 3 labels or a probability outside (0, 1].
    """
    verdicts, drawn = floats(judged, "judged"), floats(probabilities, "probabilities")
    at = np.array(sorted(labels), dtype=np.intp)
    if at.size < 3:
        raise InputError(f"{at.size} labels are too few to correct with; label at least 3 cases")
    if drawn.size != verdicts.size or at[0] < 0 or at[-1] >= verdicts.size:
        raise InputError("judged, probabilities and the places of the labels do not belong to the same cases")
    if drawn[at].min() <= 0 or drawn.max() > 1:
        raise InputError("a labelled case's probability of being drawn lies outside 0 to 1")
    people, same = np.array([labels[int(i)] for i in at], dtype=np.float64), verdicts[at]
    weights = 1 / drawn[at]
    shares = weights / weights.sum()
    centred, deviation = same - shares @ same, people - shares @ people
    spread = float(shares @ centred**2)
    tuned = min(1.0, max(0.0, float(shares @ (centred * deviation)) / spread)) if spread > 0 else 0.0
    offset = float(shares @ (people - tuned * same))
    contributions = tuned * verdicts + offset
    contributions[at] += weights * (people - tuned * same - offset)
    size = float(weights.sum()) ** 2 / float((weights**2).sum())
    variance = float(contributions.var()) / verdicts.size * at.size / (at.size - 2)
    value, rated = float(contributions.mean()), float(shares @ people)
    of = Rectified(value, tuned, rated, offset, size, variance, 0.0, max(1.0, size - 2), _WEIGHED_ERRORS)
    return _estimate(of, at.size, within, confidence, unscored, "PPI++, inverse probability")


def rogan_gladen(
    positive: int,
    judged: int,
    *,
    sensitivity: tuple[int, int],
    specificity: tuple[int, int],
    confidence: float = 0.95,
) -> Estimate | Unscored:
    """The true rate behind ``positive`` of ``judged`` verdicts, (p + sp - 1)/(se + sp - 1).

    ``sensitivity`` is (judged positive, all) among the cases that people call positive,
    ``specificity`` (judged negative, all) among the others. The interval carries all three
    samples' uncertainty (Lang and Reiczigel 2014). Unscored where the labels lack a kind, or do
    not show the judge to be better than chance: no rate can be told from such verdicts.
    """
    if sensitivity[1] == 0 or specificity[1] == 0:
        return Unscored("the labels hold no case of one kind: the judge's errors on it are unknown")
    rate, right, left = proportion(positive, judged), proportion(*sensitivity), proportion(*specificity)
    youden = right.value + left.value - 1
    slack = math.hypot(right.value - right.low, left.value - left.low)
    if youden - slack <= 0:
        return Unscored(
            f"the labels do not show the judge to be better than chance (sensitivity {right}, specificity {left})"
        )
    z = normal_quantile((1 + confidence) / 2)
    share = (positive + z * z / 2) / (judged + z * z)
    se, sp = (sensitivity[0] + 1) / (sensitivity[1] + 2), (specificity[0] + 1) / (specificity[1] + 2)
    centre = (share + sp - 1) / (se + sp - 1)
    from_se, from_sp = se * (1 - se) / (sensitivity[1] + 2), sp * (1 - sp) / (specificity[1] + 2)
    from_rate = share * (1 - share) / (judged + z * z)
    error = math.sqrt(from_rate + centre**2 * from_se + (1 - centre) ** 2 * from_sp) / (se + sp - 1)
    centre += 2 * z * z * (centre * from_se - (1 - centre) * from_sp)
    value = min(1.0, max(0.0, (rate.value + left.value - 1) / youden))
    low, high = min(value, max(0.0, centre - z * error)), max(value, min(1.0, centre + z * error))
    n = sensitivity[1] + specificity[1]
    return Estimate(value, low, high, n, 0, at_level("Rogan-Gladen, Lang-Reiczigel interval", confidence))


def _tuned(people: Floats, same: Floats, others: Floats) -> Floats:
    """λ for each labelled case, from the other ones: with its own label in it the mean would be biased."""
    n = people.size
    spread = float(np.concatenate([same, others]).var(ddof=1))
    if spread == 0 or n < 3:
        return np.zeros(n)
    products = (people - people.mean()) * (same - same.mean())
    without = (float(products.sum()) - products * n / (n - 1)) / (n - 2)
    return np.asarray(np.clip(without / ((1 + n / others.size) * spread), 0.0, 1.0), dtype=np.float64)


def _independent(rest: Floats, others: Floats) -> tuple[float, float, float]:
    """The variance of a mean over the labelled, that over the others, and the first's degrees of freedom.

    λ was fitted to the same labels and takes one.
    """
    n, deviations = rest.size, rest - rest.mean()
    free = max(1, n - 2)
    return float(deviations @ deviations) / free / n, float(others.var()) / others.size, float(free)


def _clustered(rest: Floats, others: Floats, groups: Clusters, unlabelled: Clusters) -> tuple[float, float, float]:
    """The same where cases are independent between clusters only; a cluster may reach over both parts."""
    of = moments(rest, codes(groups, rest.size))
    if of.groups < 2:
        return math.inf, 0.0, 0.0
    arrays = isinstance(groups, np.ndarray) and isinstance(unlabelled, np.ndarray)
    all_groups = np.concatenate([groups, unlabelled]) if arrays else [*groups, *unlabelled]
    both = codes(all_groups, rest.size + others.size)
    parts = np.concatenate([(rest - rest.mean()) / rest.size, (others - others.mean()) / others.size])
    alone = np.concatenate([parts[: rest.size], np.zeros(others.size)])
    whole, first = ((sums if both is None else np.bincount(both, sums)) for sums in (parts, alone))
    judged = max(0.0, float(whole @ whole) - float(first @ first))
    return of.variance, judged, of.df


def _estimate(of: Rectified, n: int, within: Unit | None, confidence: float, unscored: int, method: str) -> Estimate:
    low, high = bounds(of, within, confidence)
    value = min(within[1], max(within[0], of.value)) if within else of.value
    named = at_level(f"{method} (weight of the judge {of.tuned:.2f})", confidence)
    return Estimate(value, low, high, n, unscored, named)
