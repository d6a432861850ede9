"""Whether people agree with each other: a judge can hardly agree with them more than they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from assay.digest import Digest
from assay.evaluation.labelling.joining import ratings
from assay.scores import Estimate, Unscored
from assay.statistics.agreement import Level, krippendorff_alpha
from assay.stores.labelled import Label

LEVELS: Mapping[bool, Level] = {True: "nominal", False: "interval"}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two raters over the items that both labelled."""

    first: str
    second: str
    items: int
    alpha: Estimate | Unscored


@dataclass(frozen=True, slots=True)
class Agreement:
    """Krippendorff's α over all raters, and for each two of them. ``items`` have a label, ``shared`` of them by
    two raters who could tell; ``raters`` gives the number of labels of each."""

    metric: str
    items: int
    shared: int
    raters: Mapping[str, int]
    alpha: Estimate | Unscored
    pairs: tuple[Pair, ...]


def agreement(metric: str, labels: Sequence[Label]) -> Agreement:
    """How far the raters of a metric agree. Values of 0 and 1 only are compared as categories, others by distance."""
    own = [label for label in labels if label.metric == metric]
    said = _told(ratings(own))
    counts: dict[str, int] = {}
    for label in own:
        counts[label.rater] = counts.get(label.rater, 0) + 1
    level = LEVELS[all(label.value in (0, 1, None) for label in own)]
    known = list(said.values())
    pairs = []
    for first, second in combinations(sorted(counts), 2):
        both = [{name: each[name] for name in (first, second)} for each in known if first in each and second in each]
        pairs.append(Pair(first, second, len(both), krippendorff_alpha(both, level=level)))
    shared = sum(len(each) > 1 for each in known)
    alpha = krippendorff_alpha(known, level=level) if known else Unscored("there are no labels")
    return Agreement(metric, len(known), shared, dict(sorted(counts.items())), alpha, tuple(pairs))


def _told(said: Mapping[Digest, Mapping[str, float | None]]) -> dict[Digest, dict[str, float]]:
    known = {item: {name: v for name, v in each.items() if v is not None} for item, each in said.items()}
    return {item: each for item, each in known.items() if each}
