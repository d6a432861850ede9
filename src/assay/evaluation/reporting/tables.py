"""The tables of the page: metrics, the comparison, flips, slices, and what has no score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from assay.evaluation.reporting import bars
from assay.evaluation.reporting.decisions import brief, of_metric, of_no_metric
from assay.evaluation.reporting.markup import Child, Markup, element
from assay.evaluation.reporting.summary import MetricSummary, Report, SliceSummary, Summary
from assay.evaluation.reporting.wording import (
    ARROWS,
    change,
    count,
    difference,
    interval,
    probability,
    value,
    verdict_word,
)
from assay.evaluation.scoring import Kind
from assay.evaluation.verdicts import Compared, Comparison, Verdict
from assay.scores import Estimate

MOST_VALUES = 12


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Child]], *, class_: str = "") -> Markup:
    """A table whose rows become cards on a narrow screen; the first cell of a row names it."""
    head = element("tr", [element("th", name, scope="col", role="columnheader") for name in columns], role="row")
    body = [
        element(
            "tr",
            element("th", row[0], scope="row", role="rowheader"),
            [element("td", cell, data_name=name, role="cell") for name, cell in zip(columns[1:], row[1:], strict=True)],
            role="row",
        )
        for row in rows
    ]
    return element(
        "table",
        element("caption", caption, class_="unseen"),
        element("thead", head, role="rowgroup"),
        element("tbody", body, role="rowgroup"),
        role="table",
        class_=class_ or None,
    )


def quantity(kind: Kind, found: Estimate | None) -> Child:
    """A value, its interval in small."""
    if found is None:
        return element("span", "not scored", class_="quiet")
    return [
        element("b", value(kind, found.value, beside=found)),
        " ",
        element("small", interval(kind, found), title=f"95 %: {found.method}"),
    ]


def badge(verdict: Verdict | None) -> Markup:
    """A verdict's word."""
    word = verdict_word(verdict)
    return element("span", word, class_=f"badge {word}")


def metrics(report: Report) -> Markup:
    """Every metric of the run with its interval, and the baseline's beside it."""
    before = report.baseline_summary
    columns = ["metric", "value and 95 % interval", "baseline", "shown from 0", "scored"]
    rows = [
        _metric(each, None if before is None else before.metric(each.metric.name)) for each in report.summary.metrics
    ]
    if before is None:
        columns, rows = [c for c in columns if c != "baseline"], [[*row[:2], *row[3:]] for row in rows]
    return table("Metrics", columns, rows, class_="metrics")


def _metric(found: MetricSummary, before: MetricSummary | None) -> list[Child]:
    metric, old = found.metric, None if before is None else before.best
    name: list[Child] = [element("span", metric.name, class_="name"), element("small", ARROWS[metric.higher_is_better])]
    # A corrected value beside a bare one would show a difference that is only the correction's.
    alike = before is not None and (found.corrected is None) == (before.corrected is None)
    unscored = sum(found.unscored.values())
    return [
        name,
        _believed(found),
        None if before is None else _believed(before),
        None if found.best is None else bars.value_bar(metric.kind, found.best, old if alike else None),
        [f"{found.estimate.n:,}" if found.estimate else "0", f" · {unscored:,} unscored" if unscored else ""],
    ]


def _believed(found: MetricSummary) -> Child:
    """A value with what people had to do with it."""
    shown = [quantity(found.metric.kind, found.best), " "]
    if found.corrected is not None:
        shown.append(
            element("span", "corrected", class_="mark good", title=f"by people's labels: {found.corrected.method}")
        )
        shown.append(element("small", "judge alone ", quantity(found.metric.kind, found.estimate), class_="line"))
    elif found.metric.judged:
        shown.append(element("span", "uncorrected", class_="mark", title="judged by a model, checked by nobody"))
    return shown


def compared(comparison: Comparison) -> Markup:
    """Every difference with its interval, what was allowed, and the verdict."""
    reach = bars.reaches(comparison.metrics)
    columns = ["metric", "difference and 95 % interval", "shown", "adjusted p", "could show", "verdict"]
    rows = [_compared(comparison, each, reach[each.metric.name]) for each in comparison.metrics]
    rows += [
        [
            each.guard.metric,
            "not compared",
            None,
            "–",
            "–",
            [badge(each.verdict), element("small", brief(comparison, each), class_="line")],
        ]
        for each in of_no_metric(comparison)
    ]
    return table("Comparison with the baseline", columns, rows, class_="compared")


def _compared(comparison: Comparison, found: Compared, reach: float) -> list[Child]:
    kind, held = found.metric.kind, of_metric(comparison, found.metric.name)
    words: list[Child] = [
        element("b", difference(kind, found.difference)),
        element("small", change(found), class_="line"),
    ]
    if found.ratio is not None:
        words.append(element("small", f"ratio {found.ratio}", class_="line"))
    if found.corrected is not None:
        words.append(element("small", f"corrected by people: {difference(kind, found.corrected)}", class_="line"))
    return [
        element("span", found.metric.name, class_="name"),
        words,
        bars.difference_bar(found, reach) if found.difference.n else None,
        element("span", probability(found.p_adjusted), class_="kept"),
        element("span", _detectable(found), class_="kept"),
        [[badge(each.verdict), element("small", brief(comparison, each), class_="line")] for each in held]
        or badge(None),
    ]


def _detectable(found: Compared) -> str:
    if found.detectable is None:
        return "–"
    if found.metric.kind == "share" and found.detectable >= 1:
        return "too few cases"
    return f"± {value(found.metric.kind, found.detectable)}"


def regressed(comparison: Comparison) -> Markup | None:
    """The slices on which a metric is worse than the baseline; None where there are none."""
    rows = [
        [
            f"{each.tag} = {each.value}",
            of.metric.name,
            difference(of.metric.kind, each.difference),
            str(each.difference.n),
        ]
        for of in comparison.metrics
        for each in of.slices
    ]
    return (
        table("Slices that regressed", ["slice", "metric", "difference", "cases"], rows, class_="regressed")
        if rows
        else None
    )


def slices(summary: Summary) -> list[Markup]:
    """A table for each tag: its values against the metrics."""
    held = {each.metric.name: {(s.tag, s.value): s for s in each.slices} for each in summary.metrics}
    keys: dict[tuple[str, str], SliceSummary] = {key: s for found in held.values() for key, s in found.items()}
    return [
        section
        for tag in sorted({tag for tag, _ in keys})
        for section in _tag(tag, [s for (t, _), s in keys.items() if t == tag], summary, held)
    ]


def _tag(
    tag: str, values: list[SliceSummary], summary: Summary, held: dict[str, dict[tuple[str, str], SliceSummary]]
) -> list[Markup]:
    shown = sorted(values, key=lambda each: (-each.cases, each.value))[:MOST_VALUES]
    rows = [
        [
            each.value,
            str(each.cases),
            *(quantity(of.metric.kind, held[of.metric.name][(tag, each.value)].estimate) for of in summary.metrics),
        ]
        for each in shown
    ]
    columns = ["value", "cases", *(of.metric.name for of in summary.metrics)]
    left = len(values) - len(shown)
    more = element("p", f"… and {count(left, 'more value')}", class_="quiet") if left else None
    found = [element("h3", tag), element("div", table(f"By {tag}", columns, rows, class_="slices"), class_="wide")]
    return found if more is None else [*found, more]


def missing(summary: Summary) -> Markup | None:
    """What failed and what has no score, by reason; None where nothing is missing."""
    held: dict[tuple[str, int], list[str]] = {}
    for of in summary.metrics:
        for reason, number in of.unscored.items():
            held.setdefault((reason, number), []).append(of.metric.name)
    rows = [[kind, "the answer failed", str(number)] for kind, number in summary.failures.items()]
    rows += [[reason, ", ".join(names), str(number)] for (reason, number), names in held.items()]
    return table("Failed and unscored", ["reason", "what has no score", "results"], rows) if rows else None
