"""Two runs on the same cases: what is paired, what a guard says, what is named."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence

import pytest

from assay.digest import digest
from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.comparison import compare
from assay.evaluation.guards import guards
from assay.evaluation.records import Result, Run, ScorerUsed
from assay.evaluation.samples import Answered
from assay.evaluation.scoring import Measured, Metric
from assay.evaluation.verdicts import Compared, Fail, Guard, Inconclusive, Pass
from assay.scores import Scored, Unscored

METRICS = (
    Metric("faithfulness", judged=True),
    Metric("latency", "milliseconds", higher_is_better=False),
    Metric("cost", "dollars", higher_is_better=False),
)
Values = Mapping[str, Sequence[float | None]]


def run(values: Values, *, label: str = "a", tags: Sequence[Mapping[str, str]] | None = None, repeats: int = 1) -> Run:
    """A run whose case i has the i-th value of every metric; None is unscored."""
    count = len(next(iter(values.values())))
    results = []
    for number in range(count):
        case = Case(f"c{number}", f"question {number}?", tags=tags[number] if tags else {})
        for repeat in range(repeats):
            scores = {
                name: Measured(Unscored("no claims") if of[number] is None else Scored(float(of[number] or 0)))
                for name, of in values.items()
            }
            results.append(Result(case, repeat, Answered(f"answer {label}", trace=f"{label}{number}"), scores))
    used = tuple(ScorerUsed(m.name, "1", (m,)) for m in METRICS if m.name in values)
    return Run("r", label, label, "", "d", digest([]), used, repeats, tuple(results), 0.0)


def metric(found: Sequence[Compared], name: str) -> Compared:
    return next(each for each in found if each.metric.name == name)


def noisy(n: int, mean: float, seed: int) -> list[float]:
    drawn = random.Random(seed)
    return [min(1.0, max(0.0, drawn.gauss(mean, 0.15))) for _ in range(n)]


def test_a_release_that_is_clearly_worse_fails_and_one_that_is_the_same_passes() -> None:
    base = noisy(200, 0.8, 1)
    guard = [Guard("faithfulness", margin=0.05)]
    worse = compare(run({"faithfulness": [max(0.0, v - 0.3) for v in base]}), run({"faithfulness": base}), guard)
    assert isinstance(worse.verdict, Fail)
    same = compare(
        run({"faithfulness": [min(1, v + 0.01 * (-1) ** i) for i, v in enumerate(base)]}),
        run({"faithfulness": base}),
        guard,
    )
    assert isinstance(same.verdict, Pass)


def test_a_few_cases_settle_nothing_and_it_is_said_how_many_would() -> None:
    found = compare(
        run({"faithfulness": noisy(12, 0.7, 2)}),
        run({"faithfulness": noisy(12, 0.7, 3)}),
        [Guard("faithfulness", margin=0.02)],
    )
    assert isinstance(found.verdict, Inconclusive)
    assert found.verdict.needs is not None
    assert found.verdict.needs > 100


def test_only_cases_with_a_score_on_both_sides_are_compared_and_the_others_counted() -> None:
    ours: list[float | None] = [0.5] * 40
    theirs: list[float | None] = [0.5] * 40
    ours[0], theirs[1] = None, None
    found = metric(compare(run({"faithfulness": ours}), run({"faithfulness": theirs})).metrics, "faithfulness")
    assert (found.difference.n, found.difference.unscored) == (38, 2)


def test_a_guard_says_nothing_where_the_subject_lost_its_scores() -> None:
    theirs = noisy(100, 0.8, 4)
    ours: list[float | None] = [None] * 30 + list(theirs[30:])
    found = compare(run({"faithfulness": ours}), run({"faithfulness": theirs}), [Guard("faithfulness", margin=0.1)])
    assert isinstance(found.verdict, Inconclusive)
    assert "30 of 100" in found.verdict.why
    assert "no claims" in found.verdict.why
    assert found.verdict.needs is None


def test_repeats_without_a_score_are_lost_too() -> None:
    theirs = run({"faithfulness": [1.0] * 200}, label="b", repeats=4)
    whole = run({"faithfulness": [1.0] * 200}, label="a", repeats=4)
    unscored = {"faithfulness": Measured(Unscored("abstained"))}
    thinned = tuple(dataclasses.replace(each, scores=unscored) if each.repeat else each for each in whole.results)
    found = compare(dataclasses.replace(whole, results=thinned), theirs, [Guard("faithfulness", margin=0.05)])
    assert isinstance(compare(whole, theirs, [Guard("faithfulness", margin=0.05)]).verdict, Pass)
    assert isinstance(found.verdict, Inconclusive)
    assert "150 of 200" in found.verdict.why


def test_one_question_under_many_ids_is_not_many_cases() -> None:
    def copies(label: str) -> Run:
        one = run({"faithfulness": [1.0] * 200}, label=label)
        asked = (dataclasses.replace(each, case=Case(each.case.id, "The same?")) for each in one.results)
        return dataclasses.replace(one, results=tuple(asked))

    found = compare(copies("a"), copies("b"), [Guard("faithfulness", margin=0.05)])
    assert isinstance(found.verdict, Inconclusive)


def test_cases_that_differ_are_not_paired() -> None:
    ours, theirs = run({"faithfulness": [0.5, 0.5]}), run({"faithfulness": [0.5, 0.5]})
    other = Run(**{**{f: getattr(theirs, f) for f in Run.__dataclass_fields__}, "results": theirs.results[:1]})
    assert compare(ours, other).cases == 1
    none = Run(**{**{f: getattr(theirs, f) for f in Run.__dataclass_fields__}, "results": ()})
    with pytest.raises(InputError, match="in common"):
        compare(ours, none)


def test_a_ratio_guards_cost_and_a_quantile_latency() -> None:
    drawn = random.Random(5)
    cost = [drawn.uniform(0.01, 0.02) for _ in range(300)]
    latency = [drawn.expovariate(1 / 500) for _ in range(300)]
    base = run({"cost": cost, "latency": latency})
    both = [Guard("cost", ratio=1.2), Guard("latency", ratio=1.2, quantile=0.95)]
    same = compare(run({"cost": [1.02 * c for c in cost], "latency": latency}), base, both)
    assert isinstance(same.verdict, Pass)
    dear = compare(run({"cost": [1.5 * c for c in cost], "latency": latency}), base, both)
    assert isinstance(dear.verdict, Fail)
    assert [type(each.verdict) for each in dear.guards] == [Fail, Pass]
    assert dear.guards[0].effect is not None
    assert dear.guards[0].effect.value == pytest.approx(1.5)


def test_a_slice_that_regressed_is_named() -> None:
    base = noisy(120, 0.8, 6)
    tags = [{"language": "de" if i % 3 == 0 else "en"} for i in range(120)]
    ours = [max(0.0, v - 0.5) if i % 3 == 0 else v for i, v in enumerate(base)]
    found = metric(
        compare(run({"faithfulness": ours}, tags=tags), run({"faithfulness": base}, tags=tags)).metrics, "faithfulness"
    )
    assert [(each.tag, each.value) for each in found.slices] == [("language", "de")]
    assert found.slices[0].difference.high < 0


def test_flips_are_listed_worst_first_with_the_traces_of_both() -> None:
    found = compare(
        run({"faithfulness": [0.0, 0.4, 1.0, 0.51]}, label="new"),
        run({"faithfulness": [1.0, 0.9, 0.0, 0.49]}, label="old"),
    )
    assert [(flip.case, flip.before, flip.after) for flip in found.flips] == [
        ("c0", 1.0, 0.0),
        ("c1", 0.9, 0.4),
        ("c2", 0.0, 1.0),
    ]
    assert (found.flips[0].trace_before, found.flips[0].trace_after) == ("old0", "new0")


def test_p_values_are_adjusted_over_the_metrics() -> None:
    base = noisy(60, 0.6, 7)
    ours = [min(1.0, v + 0.1) for v in base]
    found = compare(run({"faithfulness": ours, "cost": base}), run({"faithfulness": base, "cost": base}))
    one = metric(found.metrics, "faithfulness")
    assert one.p is not None
    assert one.p_adjusted is not None
    assert one.p_adjusted >= one.p


def test_repeats_of_a_case_are_one_case() -> None:
    values: Values = {"faithfulness": noisy(20, 0.5, 8)}
    found = metric(compare(run(values, repeats=4), run(values)).metrics, "faithfulness")
    assert found.difference.n == 20


def test_a_metric_that_two_judges_measured_is_not_compared() -> None:
    ours, theirs = run({"faithfulness": noisy(50, 0.9, 9)}), run({"faithfulness": noisy(50, 0.9, 9)})
    theirs = dataclasses.replace(
        theirs, subject="other", scorers=tuple(dataclasses.replace(used, identity="2") for used in theirs.scorers)
    )
    found = compare(ours, theirs, [Guard("faithfulness", margin=0.5)])
    assert metric(found.metrics, "faithfulness").difference.n == 0
    assert isinstance(found.verdict, Inconclusive)
    assert "different judges" in found.verdict.why


def test_guards_are_named_as_metrics_or_their_quantiles() -> None:
    assert guards({"faithfulness": (0.02, None), "latency_p95": (None, 1.2)}, METRICS) == [
        Guard("faithfulness", 0.02, None),
        Guard("latency", None, 1.2, 0.95),
    ]
    with pytest.raises(InputError, match="did you mean faithfulness"):
        guards({"faithfullness": (0.02, None)}, METRICS)
    with pytest.raises(InputError, match="ratio"):
        guards({"latency_p95": (0.2, None)}, METRICS)
