"""A run in numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.evaluation.records import Result, Run
from assay.evaluation.reporting.averages import quantile
from assay.evaluation.reporting.curves import coverage_curve, error_area
from assay.evaluation.reporting.summary import case_values, quality_metric, report, summarise
from assay.evaluation.samples import Answered, Failed
from assay.evaluation.scoring import Measured, Metric
from assay.scores import Estimate, Scored, Unscored


def test_repeats_are_averaged_within_a_case_before_cases_are_averaged(make_run: Callable[..., Run]) -> None:
    run = make_run(3, repeats=2)
    scores = {("a", 0): 1.0, ("a", 1): 0.0, ("b", 0): 1.0}
    first, second = run.results[0].case, run.results[2].case
    cases = {"a": replace(first, id="a"), "b": replace(second, id="b")}
    results = tuple(
        replace(run.results[0], case=cases[id], repeat=repeat, scores={"correctness": Measured(Scored(value))})
        for (id, repeat), value in scores.items()
    )
    found = summarise(replace(run, results=results)).metric("correctness")
    assert found is not None
    assert found.estimate is not None
    assert found.estimate.value == 0.75
    assert found.estimate.n == 2


def test_what_has_no_score_is_counted_by_reason_and_never_enters_a_mean(make_run: Callable[..., Run]) -> None:
    run = make_run(40)

    def spoilt(index: int, result: Result) -> Result:
        reason = Measured(Unscored("no claims" if index % 2 else "judge refused"))
        return replace(result, scores={**result.scores, "faithfulness": reason}) if index < 10 else result

    spoilt_run = replace(run, results=tuple(spoilt(i, r) for i, r in enumerate(run.results)))
    found = summarise(spoilt_run).metric("faithfulness")
    rest = summarise(replace(run, results=run.results[10:])).metric("faithfulness")
    assert found is not None
    assert rest is not None
    assert found.estimate is not None
    assert rest.estimate is not None
    assert found.unscored["no claims"] == 5
    assert found.unscored["judge refused"] == 5
    assert found.estimate.value == rest.estimate.value
    assert found.estimate.unscored >= 10


def test_a_metric_without_any_score_has_no_estimate(make_run: Callable[..., Run]) -> None:
    run = make_run(5)
    results = tuple(replace(r, scores={"correctness": Measured(Unscored("no judge"))}) for r in run.results)
    found = summarise(replace(run, results=results)).metric("correctness")
    assert found is not None
    assert found.estimate is None
    assert found.unscored == {"no judge": 5}


def test_judged_metrics_are_uncorrected_until_people_correct_them(make_run: Callable[..., Run]) -> None:
    corrected = Estimate(0.8, 0.7, 0.9, 30, 0, "PPI++")
    summary = summarise(make_run(30), corrected={"faithfulness": corrected})
    marks = {each.metric.name: each.uncorrected for each in summary.metrics}
    assert marks["correctness"]
    assert not marks["faithfulness"]
    assert not marks["ndcg_at_8"]
    found = summary.metric("faithfulness")
    assert found is not None
    assert found.best == corrected


def test_slices_part_the_cases_and_their_means(make_run: Callable[..., Run]) -> None:
    run = make_run(120)
    found = summarise(run).metric("ndcg_at_8")
    assert found is not None
    topics = [each for each in found.slices if each.tag == "topic"]
    assert sum(each.cases for each in topics) == 120
    one = next(each for each in topics if each.value == "travel")
    values = case_values(run, "ndcg_at_8")
    inside = [values[r.case.id] for r in run if r.case.tags["topic"] == "travel" and r.case.id in values]
    assert one.estimate is not None
    assert math.isclose(one.estimate.value, sum(inside) / len(inside))


def test_failures_are_counted_by_kind_and_an_unknown_price_makes_no_total(make_run: Callable[..., Run]) -> None:
    run = make_run(200)
    summary = summarise(run)
    assert summary.failed == sum(summary.failures.values()) > 0
    assert summary.answered + summary.abstained + summary.failed == 200
    assert summary.total_cost is not None
    first = next(r for r in run if isinstance(r.outcome, Answered))
    assert isinstance(first.outcome, Answered)
    free = replace(first, outcome=replace(first.outcome, cost=None))
    assert summarise(replace(run, results=(free, *run.results[1:]))).total_cost is None


def test_a_run_of_failures_only_is_a_summary_too(make_run: Callable[..., Run]) -> None:
    run = make_run(4)
    results = tuple(replace(r, outcome=Failed("ModelTimeout", "late"), scores={}) for r in run.results)
    found = report(replace(run, results=results))
    assert found.summary.failed == 4
    assert found.summary.cost is None
    assert found.summary.latency_p95 is None
    assert found.summary.coverage == ()


def test_the_curve_ends_with_all_answers_and_abstentions_are_not_covered(make_run: Callable[..., Run]) -> None:
    run = make_run(300)
    curve = coverage_curve(run, "correctness")
    answers = [r for r in run if isinstance(r.outcome, Answered)]
    scored = [r for r in answers if isinstance(r.score("correctness"), Scored) and r.outcome.abstained is None]  # type: ignore[union-attr]
    abstained = sum(r.outcome.abstained is not None for r in answers)  # type: ignore[union-attr]
    assert curve[-1].coverage == len(scored) / (len(scored) + abstained) < 1
    assert [p.coverage for p in curve] == sorted(p.coverage for p in curve)
    assert [p.threshold for p in curve] == sorted((p.threshold for p in curve), reverse=True)
    assert curve[-1].error.n == len(scored)
    assert curve[0].error.value < curve[-1].error.value  # the invented confidence tells right from wrong


def test_equal_confidences_are_one_point(make_run: Callable[..., Run]) -> None:
    run = make_run(60)
    results = tuple(
        replace(r, outcome=replace(r.outcome, confidence=0.5)) if isinstance(r.outcome, Answered) else r for r in run
    )
    assert len(coverage_curve(replace(run, results=results), "correctness")) == 1


Told = list[tuple[float, bool]]
TOLD: st.SearchStrategy[Told] = st.lists(
    st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=10, max_size=30
)


def told(run: Run, answers: Told) -> Run:
    """A run of answers with these confidences, right or not."""
    first = next(r for r in run if isinstance(r.outcome, Answered))
    assert isinstance(first.outcome, Answered)
    results = tuple(
        replace(
            first,
            case=replace(first.case, id=str(i), answerable=True),
            outcome=replace(first.outcome, confidence=confidence, abstained=None),
            scores={"correctness": Measured(Scored(float(right)))},
        )
        for i, (confidence, right) in enumerate(answers)
    )
    return replace(run, results=results)


def test_a_curve_worked_out_by_hand(make_run: Callable[..., Run]) -> None:
    run = told(make_run(3), [(0.9, True)] * 10 + [(0.7, True)] * 5 + [(0.7, False)] * 5)
    first = run.results[0].outcome
    assert isinstance(first, Answered)
    withheld = replace(run.results[0], outcome=replace(first, abstained="x"))
    last = replace(run.results[-1], case=replace(run.results[-1].case, answerable=False), scores={})
    run = replace(run, results=(*run.results[:-1], last, *[withheld] * 5))
    points = [(p.threshold, p.coverage, p.error.value) for p in coverage_curve(run, "correctness")]
    # The answer to what has none is wrong, although nothing scored it.
    assert points == [(0.9, 0.4, 0.0), (0.7, 0.8, 0.25)]
    assert error_area(run, "correctness") == pytest.approx((10 * 0 + 10 * 0.25) / 20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TOLD)
def test_coverage_grows_and_ends_in_the_error_of_all_whatever_the_order(
    make_run: Callable[..., Run], answers: Told
) -> None:
    run = told(make_run(3), answers)
    curve = coverage_curve(run, "correctness")
    assert [p.coverage for p in curve] == sorted(p.coverage for p in curve)
    assert curve[-1].coverage == 1.0
    assert curve[-1].error.value == pytest.approx(sum(not right for _, right in answers) / len(answers))
    area, turned = error_area(run, "correctness"), replace(run, results=run.results[::-1])
    assert area is not None
    assert 0 <= area <= 1
    assert error_area(turned, "correctness") == pytest.approx(area)
    assert [p.coverage for p in coverage_curve(turned, "correctness")] == [p.coverage for p in curve]
    assert error_area(replace(run, results=()), "correctness") is None


def test_calibration_is_that_of_the_statistics(make_run: Callable[..., Run]) -> None:
    answers = [(0.9, i % 10 != 0) for i in range(40)] + [(0.3, i % 2 == 0) for i in range(20)] + [(0.55, True)] * 3
    found = summarise(told(make_run(3), answers)).calibration
    assert found is not None
    # Three answers are too few to draw and not too few to count.
    assert [(b.predicted, b.observed.value) for b in found.bins] == [(pytest.approx(0.3), 0.5), (0.9, 0.9)]
    assert found.error.value == pytest.approx((20 * 0.2 + 3 * 0.45) / 63)
    assert found.error.low <= found.error.value <= found.error.high
    assert summarise(told(make_run(3), answers[:5])).calibration is None


def test_a_quantile_is_bounded_by_values_and_open_where_the_tail_is_too_thin() -> None:
    values = [float(i) for i in range(1, 1001)]
    found = quantile(values, 0.95, [str(i) for i in range(1000)])
    assert found.value == 950
    assert 930 < found.low < 950 < found.high < 970
    few = quantile(values[:20], 0.95, [str(i) for i in range(20)])
    assert few.value == 19
    assert few.high == math.inf
    assert quantile([3.0, 1.0, 2.0], 0.5, ["a", "b", "c"]).low == -math.inf


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_of_a_quantile_covers(level: float) -> None:
    dice = random.Random(7)
    truth = NormalDist().inv_cdf(level)
    groups = [str(i) for i in range(100)]
    covered = 0
    for _ in range(200):
        found = quantile([dice.gauss(0, 1) for _ in groups], level, groups)
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / 200 <= 0.99


def test_quality_is_correctness_where_it_is_measured() -> None:
    assert quality_metric([Metric("ndcg"), Metric("correctness")]) == "correctness"
    assert quality_metric([Metric("latency", "milliseconds", higher_is_better=False), Metric("ndcg")]) == "ndcg"
    assert quality_metric([Metric("errors", higher_is_better=False)]) is None
