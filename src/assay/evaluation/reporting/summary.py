"""A run in numbers: each metric with its interval, by slice, and what was not scored. Pure; nothing is rounded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from assay.evaluation.labelling import correction
from assay.evaluation.records import Result, Run
from assay.evaluation.reporting.averages import average, quantile
from assay.evaluation.reporting.curves import Calibration, CoveragePoint, calibration, coverage_curve, error_area
from assay.evaluation.samples import Answered, Failed
from assay.evaluation.scoring import Kind, Metric
from assay.evaluation.verdicts import Comparison
from assay.scores import Estimate, Scored, Unscored

QUALITY = ("correctness", "correct", "answer_correctness", "faithfulness", "state_match")
"""What stands for quality against coverage, confidence and cost, by preference; else the first share."""


@dataclass(frozen=True, slots=True)
class SliceSummary:
    """A metric over the cases with one value of one tag; ``estimate`` None where nothing was scored."""

    tag: str
    value: str
    cases: int
    estimate: Estimate | None


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """A metric over a run: a mean over cases, repeats averaged within a case first.

    ``estimate`` is None where nothing was scored. ``unscored`` counts the results without a score by
    reason. ``corrected`` is the value corrected by people's labels, None where there are none.
    """

    metric: Metric
    estimate: Estimate | None
    corrected: Estimate | None = None
    unscored: Mapping[str, int] = field(default_factory=dict)
    slices: tuple[SliceSummary, ...] = ()

    @property
    def best(self) -> Estimate | None:
        """What is believed: the corrected value where there is one."""
        return self.corrected or self.estimate

    @property
    def uncorrected(self) -> bool:
        """Whether a judge's estimate stands here that no person has checked."""
        return self.metric.judged and self.corrected is None


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in numbers. ``answered``, ``abstained`` and ``failed`` count results, ``cases`` cases.

    ``cost`` is US dollars an answer and ``total_cost`` all of them, None where a price is unknown; latencies
    are milliseconds of answers. ``quality`` names the metric of ``coverage``, ``error_area`` and
    ``calibration``.
    """

    cases: int
    answered: int
    abstained: int
    failed: int
    metrics: tuple[MetricSummary, ...]
    failures: Mapping[str, int] = field(default_factory=dict)
    cost: Estimate | None = None
    total_cost: float | None = None
    latency_p50: Estimate | None = None
    latency_p95: Estimate | None = None
    quality: str | None = None
    coverage: tuple[CoveragePoint, ...] = ()
    error_area: float | None = None
    calibration: Calibration | None = None

    def metric(self, name: str) -> MetricSummary | None:
        return next((each for each in self.metrics if each.metric.name == name), None)


@dataclass(frozen=True, slots=True)
class Report:
    """All that a face of a result shows: the run, its numbers, and the comparison where there is one."""

    run: Run
    summary: Summary
    comparison: Comparison | None = None
    baseline: Run | None = None
    baseline_summary: Summary | None = None


def report(
    run: Run,
    *,
    comparison: Comparison | None = None,
    baseline: Run | None = None,
    corrected: Mapping[str, Estimate] | None = None,
    baseline_corrected: Mapping[str, Estimate] | None = None,
) -> Report:
    """A report of a run; ``corrected`` gives the values corrected by people's labels, by metric; None computes them
    from the labels that the run holds."""
    if corrected is None:
        corrected = correction.estimates(correction.corrected(run))
    if baseline is not None and baseline_corrected is None:
        baseline_corrected = correction.estimates(correction.corrected(baseline))
    return Report(
        run=run,
        summary=summarise(run, corrected=corrected),
        comparison=comparison,
        baseline=baseline,
        baseline_summary=None if baseline is None else summarise(baseline, corrected=baseline_corrected),
    )


def summarise(run: Run, *, corrected: Mapping[str, Estimate] | None = None) -> Summary:
    """The numbers of a run: means over cases with standard errors clustered by what cases share."""
    corrected = corrected or {}
    cases = tuple(run.by_case().values())
    quality = quality_metric(run.metrics)
    answers = [result for result in run if isinstance(result.outcome, Answered)]
    costs = [_cost(results) for results in cases]
    return Summary(
        cases=len(cases),
        answered=sum(r.outcome.abstained is None for r in answers if isinstance(r.outcome, Answered)),
        abstained=sum(r.outcome.abstained is not None for r in answers if isinstance(r.outcome, Answered)),
        failed=len(run.results) - len(answers),
        metrics=tuple(_metric(metric, cases, corrected.get(metric.name)) for metric in run.metrics),
        failures=_most_first(Counter(r.outcome.kind for r in run if isinstance(r.outcome, Failed))),
        cost=_over_cases("dollars", cases, costs),
        total_cost=_total_cost(answers),
        latency_p50=_latency(run, 0.5),
        latency_p95=_latency(run, 0.95),
        quality=quality,
        coverage=coverage_curve(run, quality) if quality else (),
        error_area=error_area(run, quality) if quality else None,
        calibration=calibration(run, quality) if quality else None,
    )


def quality_metric(metrics: Sequence[Metric]) -> str | None:
    """The metric that stands for quality where a chart needs one."""
    shares = [metric.name for metric in metrics if metric.kind == "share" and metric.higher_is_better]
    return next((name for name in QUALITY if name in shares), shares[0] if shares else None)


def case_value(results: Sequence[Result], metric: str) -> float | None:
    """The mean over the repeats of a case that have a score; None where none has."""
    values = [score.value for result in results if isinstance(score := result.score(metric), Scored)]
    return sum(values) / len(values) if values else None


def case_values(run: Run, metric: str) -> dict[str, float]:
    """The value of each case that has one, by its id."""
    found = ((id, case_value(results, metric)) for id, results in run.by_case().items())
    return {id: value for id, value in found if value is not None}


def latencies(run: Run) -> list[float]:
    """Milliseconds of each answer whose time is known."""
    found = (r.outcome.milliseconds for r in run if isinstance(r.outcome, Answered))
    return [milliseconds for milliseconds in found if milliseconds is not None]


def _metric(metric: Metric, cases: Sequence[Sequence[Result]], corrected: Estimate | None) -> MetricSummary:
    reasons: Counter[str] = Counter()
    for results in cases:
        reasons.update(s.reason for r in results if isinstance(s := r.score(metric.name), Unscored))
    return MetricSummary(
        metric=metric,
        estimate=_over_cases(metric.kind, cases, [case_value(results, metric.name) for results in cases]),
        corrected=corrected,
        unscored=_most_first(reasons),
        slices=_slices(metric, cases),
    )


def _slices(metric: Metric, cases: Sequence[Sequence[Result]]) -> tuple[SliceSummary, ...]:
    """A summary for each value of each tag, in the order of names."""
    held: dict[tuple[str, str], list[Sequence[Result]]] = {}
    for results in cases:
        for tag, value in results[0].case.tags.items():
            held.setdefault((tag, value), []).append(results)
    return tuple(
        SliceSummary(
            tag, value, len(inside), _over_cases(metric.kind, inside, [case_value(rs, metric.name) for rs in inside])
        )
        for (tag, value), inside in sorted(held.items())
    )


def _over_cases(kind: Kind, cases: Sequence[Sequence[Result]], values: Sequence[float | None]) -> Estimate | None:
    """The mean of the known values, clustered by what their cases share."""
    known = [(value, results[0].case.group) for results, value in zip(cases, values, strict=True) if value is not None]
    if not known:
        return None
    unscored = len(values) - len(known)
    return average(kind, [value for value, _ in known], [group for _, group in known], unscored=unscored)


def _cost(results: Sequence[Result]) -> float | None:
    found = [r.outcome.cost for r in results if isinstance(r.outcome, Answered) and r.outcome.cost is not None]
    return sum(found) / len(found) if found else None


def _total_cost(answers: Sequence[Result]) -> float | None:
    """What all answers cost; None where the price of one is unknown, since a part is not the whole."""
    costs = [r.outcome.cost for r in answers if isinstance(r.outcome, Answered)]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if costs and len(known) == len(costs) else None


def _latency(run: Run, q: float) -> Estimate | None:
    timed = [(r.outcome.milliseconds, r.case.group) for r in run if isinstance(r.outcome, Answered)]
    known = [(milliseconds, group) for milliseconds, group in timed if milliseconds is not None]
    if not known:
        return None
    found = quantile([value for value, _ in known], q, [group for _, group in known])
    return replace(found, low=max(0.0, found.low))


def _most_first(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())
