"""Slices of the cases, by tag, on which a metric is worse than the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from assay.evaluation.pairs import Pair
from assay.evaluation.scoring import Metric
from assay.evaluation.verdicts import Compared, Slice
from assay.statistics.contrast import contrast
from assay.statistics.multiplicity import simultaneous
from assay.statistics.paired import estimate

LEAST = 5
"""Cases that a slice needs to be looked at."""


def with_slices(compared: Sequence[Compared], pairs: Mapping[str, Sequence[Pair]]) -> list[Compared]:
    """With the slices that regressed, at a level that holds over all slices and metrics together."""
    slices: dict[str, dict[tuple[str, str], list[Pair]]] = {}
    for metric, found in pairs.items():
        for pair in found:
            for tag in pair.case.tags.items():
                slices.setdefault(metric, {}).setdefault(tag, []).append(pair)
    large = {
        metric: {tag: found for tag, found in tags.items() if LEAST <= len(found) < len(pairs[metric])}
        for metric, tags in slices.items()
    }
    level = simultaneous(0.95, max(1, sum(map(len, large.values()))))
    return [replace(each, slices=_regressed(each.metric, large.get(each.metric.name, {}), level)) for each in compared]


def _regressed(metric: Metric, slices: Mapping[tuple[str, str], Sequence[Pair]], level: float) -> tuple[Slice, ...]:
    found = []
    for (tag, name), pairs in sorted(slices.items()):
        of = contrast(
            [pair.subject - pair.baseline for pair in pairs],
            clusters=[pair.case.group for pair in pairs],
            span=1.0 if metric.kind == "share" else None,
        )
        difference = estimate(of, confidence=level)
        worse = difference.high < 0 if metric.higher_is_better else difference.low > 0
        if worse:
            found.append(Slice(tag, name, difference))
    return tuple(found)
