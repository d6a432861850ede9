"""What a cascade saves and what it costs in agreement, band by band, from items that both judges judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from assay.errors import InputError
from assay.evaluation.judges.cascade import Band
from assay.scores import Estimate, Score, Scored
from assay.statistics.means import mean

SYMMETRIC = tuple(Band(round(0.5 - width / 40, 3), round(0.5 + width / 40, 3)) for width in range(20, -1, -1))
"""From 0-1 (the second judge always) to .5-.5, each within the one before."""


@dataclass(frozen=True, slots=True)
class Trade:
    """A band with what it does: ``saving`` is the share of items that the second judge need not see,
    ``lost`` the share of all items whose verdict (score at least ``threshold`` or not) becomes another one
    than the second judge's. Wilson's intervals at 95 %, by cluster where clusters are given."""

    band: Band
    saving: Estimate
    lost: Estimate


@dataclass(frozen=True, slots=True)
class FittedBand:
    """``chosen`` is the proposal, None where no band saves anything within ``max_lost``; ``trades`` all bands tried.

    ``unscored`` items could not be used: one judge gave no score.
    """

    chosen: Trade | None
    trades: tuple[Trade, ...]
    max_lost: float
    unscored: int

    def __str__(self) -> str:
        if self.chosen is None:
            return f"no band saves a call and keeps the agreement lost below {self.max_lost:.1%}; judge more items"
        at = self.chosen
        return (
            f"band {at.band.low:g}-{at.band.high:g}: saves {at.saving.value:.1%} of the second judge's calls "
            f"({at.saving.low:.1%} to {at.saving.high:.1%}), loses {at.lost.value:.1%} agreement "
            f"({at.lost.low:.1%} to {at.lost.high:.1%})"
        )


def trade(
    pairs: Sequence[tuple[float, float]],
    band: Band,
    *,
    threshold: float = 0.5,
    clusters: Sequence[str] | None = None,
) -> Trade:
    """What the band does on items, as pairs of the first and the second judge's score.

    ``clusters`` name what items share, such as the answer that claims come from. Raises InputError for none.
    """
    outside = [first not in band for first, _ in pairs]
    turned = [(first >= threshold) != (second >= threshold) for first, second in pairs]
    lost = [float(out and other) for out, other in zip(outside, turned, strict=True)]
    return Trade(band, mean([float(out) for out in outside], clusters=clusters), mean(lost, clusters=clusters))


def fit_band(
    judged: Sequence[tuple[Score, Score]],
    *,
    max_lost: float = 0.05,
    threshold: float = 0.5,
    bands: Sequence[Band] = SYMMETRIC,
    clusters: Sequence[str] | None = None,
) -> FittedBand:
    """The band that saves most while the agreement lost stays, with 95 % confidence, at most ``max_lost``.

    ``judged`` are items' scores by the first and by the second judge, ``clusters`` what each shares with
    others, such as the answer that claims come from. Both must say the same thing: where the first gives the
    probability that every claim is supported, give for the second whether it found all of them so. ``bands``
    stand from the widest to the narrowest, each within the one before; they are tried in that order until the
    upper end of an interval exceeds ``max_lost``. Fixing the order beforehand is what keeps the confidence
    although many bands are tried (fixed-sequence testing; Angelopoulos et al. 2021, Learn then Test,
    arXiv 2110.01052).
    The items must be like those to come. Raises InputError without items that both scored, or for bands
    that are not nested.
    """
    for wide, narrow in pairwise(bands):
        if narrow.low < wide.low or narrow.high > wide.high:
            raise InputError("bands must be given from the widest to the narrowest, each within the one before")
    known = [i for i, (a, b) in enumerate(judged) if isinstance(a, Scored) and isinstance(b, Scored)]
    pairs = [(a.value, b.value) for a, b in judged if isinstance(a, Scored) and isinstance(b, Scored)]
    groups = None if clusters is None else [clusters[i] for i in known]
    if not pairs:
        raise InputError("no item has a score of both judges; judge some with both first")
    trades = tuple(trade(pairs, band, threshold=threshold, clusters=groups) for band in bands)
    chosen = None
    for each in trades:
        if each.lost.high > max_lost:
            break
        if each.saving.value > 0:
            chosen = each
    return FittedBand(chosen, trades, max_lost, len(judged) - len(pairs))
