"""Intervals drawn in the rows of a table: a value beside its baseline, a difference beside what is allowed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from assay.evaluation.reporting import svg
from assay.evaluation.reporting.markup import Markup
from assay.evaluation.reporting.wording import change
from assay.evaluation.reporting.wording import difference as difference_words
from assay.evaluation.reporting.wording import estimate as estimate_words
from assay.evaluation.scoring import Kind, Metric
from assay.evaluation.verdicts import Compared
from assay.scores import Estimate

WIDTH, HEIGHT, EDGE = 240, 30, 8


def value_bar(kind: Kind, subject: Estimate, baseline: Estimate | None = None) -> Markup:
    """The subject's interval above the baseline's; a share from 0 to 1, anything else from 0 to the largest."""
    known = [each for each in (subject, baseline) if each is not None]
    top = 1.0 if kind == "share" else (largest(b for each in known for b in (each.value, each.high)) or 1.0) * 1.04
    scale = svg.Scale(min(0.0, *(each.value for each in known)), top, EDGE, WIDTH - EDGE)
    label = estimate_words(kind, subject)
    if baseline is not None:
        label = f"{label}; baseline {estimate_words(kind, baseline)}"
    middle = HEIGHT / 2
    rows = [(subject, "subject", middle if baseline is None else middle - 6)]
    rows += [(baseline, "baseline", middle + 7)] if baseline is not None else []
    return svg.plot(
        label,
        [svg.line(scale(at), 3, scale(at), HEIGHT - 3, "grid") for at in scale.ticks(4)],
        [_interval(scale, each, class_, y) for each, class_, y in rows],
        width=WIDTH,
        height=HEIGHT,
        class_="bar",
    )


def difference_bar(compared: Compared, reach: float) -> Markup:
    """The difference's interval around 0, on a scale to ``reach`` either way; what a margin forbids is shaded."""
    metric, found = compared.metric, compared.difference
    scale = svg.Scale(-reach, reach, EDGE, WIDTH - EDGE)
    margin = compared.guard.margin if compared.guard is not None else None
    return svg.plot(
        f"difference {difference_words(metric.kind, found)}",
        _forbidden(scale, metric, margin),
        svg.line(scale(0), 2, scale(0), HEIGHT - 2, "zero"),
        _interval(scale, found, _side(compared), HEIGHT / 2),
        width=WIDTH,
        height=HEIGHT,
        class_="bar",
    )


def reaches(compared: Sequence[Compared]) -> dict[str, float]:
    """How far each metric's difference bar must reach: metrics of one kind share it, so that they can be compared."""
    found: dict[Kind, float] = {}
    for each in compared:
        margin = each.guard.margin if each.guard is not None and each.guard.margin is not None else 0.0
        bounds = (each.difference.value, each.difference.low, each.difference.high, margin)
        found[each.metric.kind] = max(found.get(each.metric.kind, 0.0), largest(abs(bound) for bound in bounds) * 1.1)
    return {each.metric.name: found[each.metric.kind] or 1.0 for each in compared}


def largest(values: Iterable[float]) -> float:
    """The largest that is finite; 0 where none is."""
    return max((value for value in values if math.isfinite(value)), default=0.0)


def _interval(scale: svg.Scale, found: Estimate, class_: str, y: float) -> list[Markup]:
    return [svg.whisker(scale(found.low), scale(found.high), y, class_), svg.dot(scale(found.value), y, class_)]


def _forbidden(scale: svg.Scale, metric: Metric, margin: float | None) -> Markup | None:
    if margin is None:
        return None
    start, end = (scale.start, scale(-margin)) if metric.higher_is_better else (scale(margin), scale.end)
    return svg.bar(start, 2, end - start, HEIGHT - 4, "forbidden", tip="worse than allowed")


def _side(compared: Compared) -> str:
    """The class of a difference: which way it is shown to point."""
    word = change(compared)
    return word if word in ("better", "worse") else "neutral"
