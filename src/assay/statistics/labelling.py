"""Which cases people should label next, so that the corrected interval shrinks most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from assay.errors import InputError
from assay.statistics.moments import Floats, floats

_BINS = 8


@dataclass(frozen=True, slots=True)
class Proposal:
    """The places of the cases to label, and each case's probability of being drawn by now.

    ``probabilities`` covers every case, and every round so far: keep it, for the correction
    (``ppi_weighted``) and for the next round.
    """

    places: tuple[int, ...]
    probabilities: Floats


def next_labels(
    judged: Sequence[float] | Floats,
    count: int,
    *,
    errors: Sequence[float] | Floats | None = None,
    labelled: Sequence[int] = (),
    probabilities: Sequence[float] | Floats | None = None,
    uniform: float = 0.25,
    seed: int = 0,
) -> Proposal:
    """Draw ``count`` unlabelled cases, likelier where the judge is likelier wrong.

    ``errors`` is the size of error expected of each case (``expected_errors``, or order flips,
    or repeat variance); left out, √(p(1 - p)) of the judge's score. Each case keeps a
    probability: ``uniform`` of the draws pays no heed to ``errors``, which bounds the weight of
    a case that was thought safe. The draw is systematic in a random order, so that exactly
    ``count`` come (fewer if fewer are left). Active inference: Zrnic and Candès 2024, arXiv 2403.03208.

    Raises InputError for a count below 1, or labels of an earlier round without its probabilities.
    """
    verdicts = floats(judged, "judged")
    before = np.zeros(verdicts.size) if probabilities is None else floats(probabilities, "probabilities")
    if count < 1 or before.size != verdicts.size:
        raise InputError("give a count of at least 1 and a probability for every case")
    if len(labelled) and probabilities is None:
        raise InputError("labelled cases need the probabilities with which they were drawn (random ones: n/N each)")
    expected = _doubt(verdicts) if errors is None else floats(errors, "errors")
    if expected.size != verdicts.size or expected.min() < 0:
        raise InputError("errors: give a size of at least 0 for every case")
    left = np.ones(verdicts.size, dtype=bool)
    left[np.asarray(labelled, dtype=np.intp)] = False
    mean = float(expected[left].mean()) if left.any() else 0.0
    weights = (1 - uniform) * expected / mean + uniform if mean > 0 else np.ones(verdicts.size)
    chance = _inclusion(weights, left, min(count, int(left.sum())))
    rng = np.random.default_rng(seed)
    order = rng.permutation(np.flatnonzero(left))
    steps = np.floor(np.cumsum(chance[order]) + rng.random() - 1e-9).astype(np.int64)
    places = order[np.diff(steps, prepend=0) > 0]
    return Proposal(tuple(sorted(int(at) for at in places)), np.maximum(before, 1 - (1 - before) * (1 - chance)))


def expected_errors(judged: Sequence[float] | Floats, labels: Mapping[int, float]) -> Floats:
    """The judge's error expected of each case, learnt from the labels there are.

    The root mean square error within eight bands of the judge's score, each drawn towards the
    whole as if by two labels more. Raises InputError without labels.
    """
    verdicts = floats(judged, "judged")
    at = np.array(sorted(labels), dtype=np.intp)
    if at.size == 0:
        raise InputError("no labels to learn the judge's errors from")
    squares = (np.array([labels[int(i)] for i in at]) - verdicts[at]) ** 2
    edges = np.unique(np.quantile(verdicts, np.linspace(0, 1, _BINS + 1)[1:-1]))
    band = np.searchsorted(edges, verdicts, side="left")
    sums = np.bincount(band[at], squares, edges.size + 1) + 2 * float(squares.mean())
    return np.asarray(np.sqrt(sums / (np.bincount(band[at], minlength=edges.size + 1) + 2))[band], dtype=np.float64)


def _doubt(verdicts: Floats) -> Floats:
    inside = np.clip(verdicts, 0.0, 1.0)
    return np.asarray(np.sqrt(inside * (1 - inside)), dtype=np.float64)


def _inclusion(weights: Floats, left: np.ndarray[tuple[int], np.dtype[np.bool_]], count: int) -> Floats:
    """Probabilities proportional to the weights, at most 1, that sum to ``count`` over those left."""
    certain = np.zeros(weights.size, dtype=bool)
    scale = 0.0
    for _ in range(weights.size):
        free = left & ~certain
        rest = count - int((certain & left).sum())
        total = float(weights[free].sum())
        scale = rest / total if total > 0 else 0.0
        over = free & (weights * scale >= 1)
        if rest <= 0 or not over.any():
            break
        certain |= over
    chance = np.minimum(1.0, weights * scale)
    chance[certain] = 1.0
    return np.asarray(chance, dtype=np.float64)
