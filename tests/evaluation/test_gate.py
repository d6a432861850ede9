"""What guards say of two runs, and what missing scores forbid them to say."""

from __future__ import annotations

import dataclasses
import random

import pytest
from tests.evaluation.runs import noisy, run

from assay.errors import InputError
from assay.evaluation.cases import Case
from assay.evaluation.comparison import compare
from assay.evaluation.records import Run
from assay.evaluation.scoring import Measured
from assay.evaluation.verdicts import Fail, Guard, Inconclusive, Pass, Verdict
from assay.scores import Unscored


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


def _verdict(ours: Run, theirs: Run, *guards: Guard) -> Verdict | None:
    return compare(ours, theirs, guards).verdict


def test_a_release_passes_without_some_scores_if_it_would_with_the_worst_in_their_place() -> None:
    theirs: list[float | None] = [1.0] * 400
    ours: list[float | None] = [*([None] * 4), *theirs[4:]]
    guard = Guard("faithfulness", 0.05)
    found = compare(run({"faithfulness": ours}), run({"faithfulness": theirs}, label="b"), [guard])
    assert isinstance(found.verdict, Pass)
    assert "even if the 4 cases without a score were as bad as can be" in found.guards[0].verdict.why


def test_a_release_that_dropped_what_it_did_badly_does_not_pass() -> None:
    theirs: list[float | None] = [1.0] * 400
    ours: list[float | None] = [*([None] * 30), *theirs[30:]]
    found = _verdict(run({"faithfulness": ours}), run({"faithfulness": theirs}, label="b"), Guard("faithfulness", 0.05))
    assert isinstance(found, Inconclusive)
    assert found.why.startswith("faithfulness: 30 of 400 cases that the baseline has a score for have none")
    assert "score them" in found.why
    assert found.needs is None


def test_where_less_is_better_the_worst_is_one() -> None:
    theirs: list[float | None] = [0.0] * 400
    lost: list[float | None] = [*([None] * 30), *theirs[30:]]
    guard = Guard("errors", 0.05)
    assert isinstance(_verdict(run({"errors": theirs}), run({"errors": theirs}, label="b"), guard), Pass)
    assert isinstance(_verdict(run({"errors": lost}), run({"errors": theirs}, label="b"), guard), Inconclusive)


def test_few_lost_scores_do_not_keep_a_release_from_failing_and_many_do() -> None:
    theirs = noisy(400, 0.8, 11)
    worse: list[float | None] = [max(0.0, value - 0.3) for value in theirs]
    base, guard = run({"faithfulness": theirs}, label="b"), Guard("faithfulness", 0.05)
    assert isinstance(_verdict(run({"faithfulness": [None] * 8 + worse[8:]}), base, guard), Fail)
    assert isinstance(_verdict(run({"faithfulness": [None] * 80 + worse[80:]}), base, guard), Inconclusive)


@pytest.mark.parametrize(("missing", "passes"), [(0, True), (3, True), (4, False)])
def test_a_cost_may_lack_one_case_in_a_hundred(missing: int, passes: bool) -> None:
    drawn = random.Random(12)
    theirs = [drawn.uniform(0.01, 0.02) for _ in range(300)]
    ours: list[float | None] = [None] * missing + [1.02 * value for value in theirs[missing:]]
    found = _verdict(run({"cost": ours}), run({"cost": theirs}, label="b"), Guard("cost", ratio=1.2))
    assert isinstance(found, Pass) is passes
    if isinstance(found, Inconclusive):
        assert "4 of 300 cases" in found.why


def test_the_same_release_passes_though_a_judge_missed_a_score() -> None:
    theirs: list[float | None] = [1.0] * 20
    ours: list[float | None] = [None, *theirs[1:]]
    found = _verdict(run({"faithfulness": ours}), run({"faithfulness": theirs}), Guard("faithfulness", 0.05))
    assert isinstance(found, Pass)


def test_a_negative_cost_in_a_kept_run_names_its_case() -> None:
    with pytest.raises(InputError, match=r"case c1: cost is -0.5.*evaluate again"):
        _verdict(run({"cost": [1.0, -0.5]}), run({"cost": [1.0, 1.0]}, label="b"), Guard("cost", ratio=1.2))


def test_a_margin_that_nothing_can_fail_is_refused() -> None:
    values = [0.0, 1.0]
    with pytest.raises(InputError, match="lets everything pass"):
        _verdict(
            run({"faithfulness": values}), run({"faithfulness": values}, label="b"), Guard("faithfulness", margin=2.0)
        )
