"""The charts of a report. Each takes plain values and gives a drawing that says in its label what it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from assay.evaluation.reporting import svg
from assay.evaluation.reporting.bars import largest
from assay.evaluation.reporting.curves import CoveragePoint
from assay.evaluation.reporting.markup import Markup
from assay.evaluation.reporting.wording import estimate as estimate_words
from assay.evaluation.reporting.wording import signed, tick
from assay.evaluation.scoring import Kind, Metric
from assay.scores import Estimate
from assay.statistics.calibration import Bin

BINS = 20
MANY = 20.0
"""From this ratio of largest to smallest on, a quantity's distribution is drawn on a logarithmic scale."""


@dataclass(frozen=True, slots=True)
class Place:
    """What something costs and how good it is; ``class_`` says how it is drawn."""

    name: str
    cost: Estimate
    quality: Estimate
    class_: str


def distribution(
    name: str, kind: Kind, subject: Sequence[float], baseline: Sequence[float] = (), *, marks: Sequence[float] = ()
) -> Markup:
    """How the values are spread: the subject's as bars, the baseline's as an outline. ``marks`` are drawn upright."""
    x = _spread(kind, [*subject, *baseline])
    shares, before = _shares(x, subject), _shares(x, baseline)
    y = svg.upward(0, max([*shares, *before]) * 1.05)
    width = (x.end - x.start) / BINS
    bars = [
        svg.bar(x.start + i * width + 0.5, y(share), width - 1, y.start - y(share), "subject", tip=f"{share:.1%}")
        for i, share in enumerate(shares)
        if share
    ]
    corners = [(x.start + (i + j) * width, y(share)) for i, share in enumerate(before) for j in (0, 1)]
    return svg.plot(
        f"distribution of {name} over {len(subject)} values",
        svg.axes(x, y, name, "share of cases", lambda at: tick(kind, at), lambda at: f"{at:.0%}"),
        bars,
        svg.path(corners, "outline") if baseline else None,
        [svg.line(x(at), y.end, x(at), y.start, "mark") for at in marks],
    )


def differences(metric: Metric, values: Sequence[float]) -> Markup:
    """Subject − baseline for each case, from the largest loss to the largest gain."""
    # The order is from worst to best, whichever way the metric counts.
    ordered = sorted(values, reverse=not metric.higher_is_better)
    reach = largest(abs(each) for each in ordered) or 1.0
    x, y = svg.across(0, len(ordered)), svg.upward(-reach * 1.05, reach * 1.05)
    lost = sum((each > 0) != metric.higher_is_better for each in ordered if each)
    gained = sum((each > 0) == metric.higher_is_better for each in ordered if each)
    label = f"paired differences in {metric.name}: {lost} cases worse, {gained} better, of {len(ordered)}"
    return svg.plot(
        label,
        svg.axes(x, y, "cases, from worst to best", "difference", _whole, lambda at: _signed(metric, at)),
        _steps(x, y, 0, ordered[:lost], "worse"),
        _steps(x, y, len(ordered) - gained, ordered[len(ordered) - gained :], "better"),
        svg.line(x.start, y(0), x.end, y(0), "zero"),
    )


def coverage(subject: Sequence[CoveragePoint], baseline: Sequence[CoveragePoint] = ()) -> Markup:
    """Error against coverage: how wrong the answers are if only the most confident are given."""
    top = largest(point.error.high for point in [*subject, *baseline])
    x, y = svg.across(0, 1), svg.upward(0, min(1.0, max(top, 0.05)))
    upper = [(x(p.coverage), y(p.error.high)) for p in subject]
    lower = [(x(p.coverage), y(p.error.low)) for p in reversed(subject)]
    return svg.plot(
        "error against coverage",
        svg.axes(x, y, "coverage", "error", _percent, _percent),
        svg.path([*upper, *lower], "band", closed=True),
        svg.path([(x(p.coverage), y(p.error.value)) for p in baseline], "baseline curve"),
        svg.path([(x(p.coverage), y(p.error.value)) for p in subject], "subject curve"),
        [svg.dot(x(p.coverage), y(p.error.value), "subject", radius=3, tip=_told(p)) for p in subject],
    )


def cost_quality(places: Sequence[Place], quality: str) -> Markup:
    """What is paid and what is got: each place with the intervals of both."""
    x = svg.across(0, largest(v for p in places for v in (p.cost.value, p.cost.high)) * 1.05 or 1.0)
    lowest = min(max(0.0, p.quality.low) if math.isfinite(p.quality.low) else p.quality.value for p in places)
    highest = largest(v for p in places for v in (p.quality.value, p.quality.high))
    room = max(0.05, (highest - lowest) * 0.15)
    y = svg.upward(max(0.0, lowest - room), min(1.0, highest + room))
    return svg.plot(
        f"cost against {quality}",
        svg.axes(x, y, "cost of an answer", quality, lambda at: tick("dollars", at), lambda at: f"{at:.2f}"),
        [_place(x, y, place) for place in places],
    )


def calibration(bins: Sequence[Bin], quality: str) -> Markup:
    """Confidence against the share of right answers; on the diagonal, confidence is what it says."""
    x, y = svg.across(0, 1), svg.upward(0, 1)
    most = max((each.observed.n for each in bins), default=1)
    return svg.plot(
        f"calibration: confidence against {quality}",
        svg.axes(x, y, "confidence", "share right", _fixed, _fixed),
        svg.line(x(0), y(0), x(1), y(1), "diagonal"),
        [svg.upright_whisker(x(b.predicted), y(b.observed.low), y(b.observed.high), "subject") for b in bins],
        [
            svg.dot(
                x(b.predicted),
                y(b.observed.value),
                "subject",
                radius=3 + 5 * math.sqrt(b.observed.n / most),
                tip=f"confidence {b.predicted:.2f}: {b.observed} right over {b.observed.n} answers",
            )
            for b in bins
        ],
    )


def _place(x: svg.Scale, y: svg.Scale, place: Place) -> list[Markup]:
    cost, quality = place.cost, place.quality
    at, height = x(cost.value), y(quality.value)
    tip = f"{place.name}: {estimate_words('dollars', cost)}, {estimate_words('share', quality)}"
    drawn = [svg.dot(at, height, place.class_, radius=3 if place.class_ == "part" else 5, tip=tip)]
    if place.class_ != "part":
        drawn.append(svg.whisker(x(cost.low), x(cost.high), height, place.class_))
        drawn.append(svg.upright_whisker(at, y(quality.low), y(quality.high), place.class_))
    return drawn


def _steps(x: svg.Scale, y: svg.Scale, first: int, values: Sequence[float], class_: str) -> Markup | None:
    """Bars without gaps, as one shape: a thousand of them weigh no more than their corners."""
    if not values:
        return None
    corners = [(x(first), y(0))]
    for index, each in enumerate(values, start=first):
        if index == first or abs(each - values[index - first - 1]) > 1e-12:
            corners.append((x(index), corners[-1][1]))
            corners.append((x(index), y(each)))
    end = first + len(values)
    return svg.path([*corners, (x(end), y(values[-1])), (x(end), y(0))], class_, closed=True)


def _spread(kind: Kind, values: Sequence[float]) -> svg.Scale:
    low, high = min(values), max(values)
    if kind == "share" and low >= 0 and high <= 1:
        return svg.across(0, 1)
    logarithmic = low > 0 and high / low >= MANY
    low = low if logarithmic else min(0.0, low)
    return svg.across(low, high if high > low else low + 1, logarithmic=logarithmic)


def _shares(x: svg.Scale, values: Sequence[float]) -> list[float]:
    """The share of the values in each of ``BINS`` bins of equal width on paper."""
    counts = [0] * BINS
    for each in values:
        counts[min(BINS - 1, int((x(each) - x.start) / (x.end - x.start) * BINS))] += 1
    return [number / len(values) for number in counts] if values else [0.0]


def _told(point: CoveragePoint) -> str:
    return f"confidence from {point.threshold:.2f}: coverage {point.coverage:.1%}, error {point.error}"


def _signed(metric: Metric, at: float) -> str:
    return signed(metric.kind, at) if metric.kind != "share" else f"{at:+g}".replace("-", "−") if at else "0"


def _whole(at: float) -> str:
    return f"{at:,.0f}"


def _percent(at: float) -> str:
    return f"{at:.0%}"


def _fixed(at: float) -> str:
    return f"{at:.1f}"
