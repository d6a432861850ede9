"""Which charts a report has, each with what it says in words. A chart without values is left out."""

from __future__ import annotations

from collections.abc import Sequence

from assay.evaluation.reporting import charts, svg
from assay.evaluation.reporting.curves import RIGHT
from assay.evaluation.reporting.markup import Child, Markup, element
from assay.evaluation.reporting.summary import Report, Summary, case_values, latencies
from assay.evaluation.reporting.wording import count, estimate, value
from assay.evaluation.scoring import Metric

MOST_DISTRIBUTIONS = 9
RELEASES = (("this release", "subject"), ("baseline", "baseline"))


def figure(title: str, drawing: Markup, *words: Child, legend: Sequence[tuple[str, str]] = ()) -> Markup:
    """A chart under its name, explained."""
    return element(
        "figure",
        element("h3", title),
        svg.legend(legend) if legend else None,
        drawing,
        element("figcaption", *words),
    )


def decisive(report: Report) -> list[Markup]:
    """What the verdict rests on: paired differences of every share, and what quality costs."""
    found = [each for metric in report.run.metrics if (each := _differences(report, metric)) is not None]
    return [*found, *_present(_cost_quality(report))]


def confidence(report: Report) -> list[Markup]:
    """What confidence is worth."""
    return _present(_coverage(report), _calibration(report))


def distributions(report: Report) -> list[Markup]:
    """How every metric and the latency are spread."""
    found = [_distribution(report, metric) for metric in report.run.metrics if metric.kind != "milliseconds"]
    return _present(*found[:MOST_DISTRIBUTIONS], _latency(report))


def _differences(report: Report, metric: Metric) -> Markup | None:
    if report.baseline is None or metric.kind != "share":
        return None
    after, before = case_values(report.run, metric.name), case_values(report.baseline, metric.name)
    found = [after[case] - before[case] for case in after if case in before]
    if not any(found):
        return None
    better = sum((each > 0) == metric.higher_is_better for each in found if each)
    worse = sum(each != 0 for each in found) - better
    return figure(
        f"Paired differences: {metric.name}",
        charts.differences(metric, found),
        f"{count(better, 'case')} better, {worse:,} worse, {len(found) - better - worse:,} the same.",
        legend=[("worse", "worse"), ("better", "better")],
    )


def _coverage(report: Report) -> Markup | None:
    summary, before = report.summary, report.baseline_summary
    if len(summary.coverage) < 2 or summary.quality is None:
        return None
    last, half = summary.coverage[-1], min(summary.coverage, key=lambda point: abs(point.coverage - 0.5))
    return figure(
        "Coverage against error",
        charts.coverage(summary.coverage, before.coverage if before else ()),
        f"If only the most confident {half.coverage:.0%} were answered, {half.error.value:.1%} would be wrong; "
        f"at {last.coverage:.0%}, all that it answers, {last.error.value:.1%} are. "
        f"{_area(summary)}Error is 1 − {summary.quality}; the band is its 95 % interval.",
        legend=_releases(before),
    )


def _area(summary: Summary) -> str:
    return "" if summary.error_area is None else f"Averaged over coverage it is {summary.error_area:.1%}. "


def _calibration(report: Report) -> Markup | None:
    found, quality = report.summary.calibration, report.summary.quality
    if found is None or not found.bins or quality is None:
        return None
    return figure(
        "Calibration",
        charts.calibration(found.bins, quality),
        f"The share of answers with {quality} of at least {RIGHT:g}; on the dashed line confidence is that share. "
        f"A dot's size is the number of answers in its bin. Expected calibration error "
        f"{estimate('share', found.error)}.",
    )


def _cost_quality(report: Report) -> Markup | None:
    summary, before = report.summary, report.baseline_summary
    places = [
        *_places(summary, "this release", "subject"),
        *([] if before is None else _places(before, "baseline", "baseline")),
    ]
    if not places or summary.quality is None or largest_cost(places) == 0:
        return None
    total = "unknown" if summary.total_cost is None else value("dollars", summary.total_cost)
    return figure(
        "Cost against quality",
        charts.cost_quality(places, summary.quality),
        f"An answer costs {estimate('dollars', summary.cost)}; all answers together {total}.",
        legend=_releases(before),
    )


def largest_cost(places: Sequence[charts.Place]) -> float:
    """What the dearest of them costs, in US dollars."""
    return max(place.cost.value for place in places)


def _places(summary: Summary, name: str, class_: str) -> list[charts.Place]:
    quality = summary.metric(summary.quality) if summary.quality else None
    if quality is None or quality.estimate is None or summary.cost is None:
        return []
    return [charts.Place(name, summary.cost, quality.estimate, class_)]


def _distribution(report: Report, metric: Metric) -> Markup | None:
    found = list(case_values(report.run, metric.name).values())
    before = [] if report.baseline is None else list(case_values(report.baseline, metric.name).values())
    if not found:
        return None
    ordered = sorted(found)
    return figure(
        metric.name,
        charts.distribution(metric.name, metric.kind, found, before),
        f"Median {value(metric.kind, ordered[len(ordered) // 2])} over {count(len(found), 'case')}.",
        legend=_releases(report.baseline_summary),
    )


def _latency(report: Report) -> Markup | None:
    found, summary = latencies(report.run), report.summary
    if not found or summary.latency_p50 is None or summary.latency_p95 is None:
        return None
    before = [] if report.baseline is None else latencies(report.baseline)
    return figure(
        "Latency",
        charts.distribution(
            "time to the whole answer",
            "milliseconds",
            found,
            before,
            marks=(summary.latency_p50.value, summary.latency_p95.value),
        ),
        f"p50 {estimate('milliseconds', summary.latency_p50)}, p95 {estimate('milliseconds', summary.latency_p95)}, "
        "drawn as upright lines.",
        legend=_releases(report.baseline_summary),
    )


def _releases(before: Summary | None) -> Sequence[tuple[str, str]]:
    return () if before is None else RELEASES


def _present(*found: Markup | None) -> list[Markup]:
    return [each for each in found if each is not None]
