"""A corrected rate: what it needs, what it refuses, and whether it covers the truth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from assay.evaluation.artifacts.run_file import read, write
from assay.evaluation.comparison import compare
from assay.evaluation.labelling.correction import (
    Labelled,
    correct,
    corrected,
    corrected_differences,
    estimates,
    reasons,
    sampled,
)
from assay.evaluation.labelling.drawing import drawn, propose, random_order
from assay.evaluation.labelling.joining import people
from assay.evaluation.records import Checked
from assay.evaluation.reporting.summary import report
from assay.scores import Estimate, Unscored

if TYPE_CHECKING:
    from pathlib import Path

    from tests.evaluation.labelling.conftest import MakeWorld, World

M = "faithfulness"


def random_labels(w: World, count: int) -> None:
    w.label(random_order(w.truth, M, 0)[:count])


def proposed_labels(w: World, count: int) -> None:
    """A third at random, then a proposed draw, then one that is left half way."""
    third = count // 3
    random_labels(w, third)
    for round, share in ((0, 1.0), (1, 0.5)):
        so_far = drawn(w.population, w.labels, w.draws)
        said = people(w.joined, M)
        known = {unit.digest: said[unit.case.id] for unit in w.population if unit.case.id in said}
        draw = propose(w.population, M, known, so_far, third, round=round, at=float(round))
        w.draws.append(draw)
        w.label(draw.order[: int(third * share)], draw.id, draw.chances)


def covered(make: MakeWorld, *, how: str, worlds: int, **options: bool) -> tuple[float, float]:
    """How often the corrected interval holds the true rate, and how often the judge's does."""
    hits = bare = 0
    for seed in range(worlds):
        w = make(200, seed, **options)
        random_labels(w, 60) if how == "random" else proposed_labels(w, 60)
        shown = report(w.joined).summary.metric(M)
        assert shown is not None
        assert shown.corrected is not None
        assert shown.estimate is not None
        hits += shown.corrected.low <= 0.7 <= shown.corrected.high
        bare += shown.estimate.low <= 0.7 <= shown.estimate.high
    return hits / worlds, bare / worlds


@pytest.mark.parametrize("how", ["random", "proposed"])
def test_the_whole_path_covers_the_truth_where_the_judge_alone_does_not(world: MakeWorld, how: str) -> None:
    hits, bare = covered(world, how=how, worlds=60, binary=True)
    assert hits >= 0.88  # 95 % less three standard errors of 60
    assert bare < 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "options"),
    [
        ("random", {}),
        ("random", {"binary": True}),
        ("random", {"clustered": True}),
        ("proposed", {}),
        ("proposed", {"binary": True}),
    ],
)
def test_coverage_is_nominal(world: MakeWorld, how: str, options: dict[str, bool]) -> None:
    hits, _ = covered(world, how=how, worlds=300, **options)
    assert 0.92 <= hits <= 0.99


def test_too_few_labels_say_how_many_more(world: MakeWorld) -> None:
    w = world(100)
    assert corrected(w.joined) == {}
    random_labels(w, 7)
    found = corrected(w.joined)
    assert found[M] == Unscored("7 labels so far; label 3 more")
    assert estimates(found) == {}
    assert reasons(found) == [f"{M} is not corrected: 7 labels so far; label 3 more"]
    shown = report(w.joined).summary.metric(M)
    assert shown is not None
    assert shown.uncorrected


def test_changed_answers_that_nobody_labelled_forbid_a_correction(world: MakeWorld) -> None:
    before, after = world(100), world(100, answer="another")
    random_labels(before, 30)
    after.labels = before.labels
    found = correct(after.joined, M)
    assert isinstance(found, Unscored)
    assert "30 of 30 drawn cases have an answer here that nobody has labelled" in found.reason
    random_labels(after, 30)
    assert isinstance(correct(after.joined, M), Estimate)


def test_cannot_tell_is_counted_and_several_raters_are_averaged(world: MakeWorld) -> None:
    w = world(100)
    order = random_order(w.truth, M, 0)
    w.label(order[:20])
    w.label(order[20:23], value=lambda case: None)
    w.label(order[:1], rater="ben", value=lambda case: 1 - w.truth[case])
    found = correct(w.joined, M)
    assert isinstance(found, Estimate)
    assert (found.n, found.unscored) == (20, 3)
    first = next(each for each in sampled(w.joined, M).labelled if each.people == 0.5)
    assert isinstance(first, Labelled)


def test_all_cases_labelled_need_no_judge(world: MakeWorld) -> None:
    w = world(40)
    w.label(w.truth)
    found = correct(w.joined, M)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(sum(w.truth.values()) / 40)


def test_repeats_are_compared_with_the_judge_on_the_same_repeat(world: MakeWorld) -> None:
    w = world(60, repeats=3)
    random_labels(w, 20)
    found = sampled(w.joined, M).labelled
    assert len(found) == 20
    one = found[0]
    unit = next(unit for unit in w.population if unit.case.id == one.case)
    assert one.judged == pytest.approx(unit.judged)
    assert one.same != pytest.approx(unit.judged)


def test_rogan_and_gladen_take_over_where_only_other_answers_were_checked(world: MakeWorld) -> None:
    w = world(200, binary=True)
    checked = [Checked(M, 1, 1)] * 40 + [Checked(M, 0, 1)] * 5 + [Checked(M, 1, 0)] * 10 + [Checked(M, 0, 0)] * 45
    found = corrected(replace(w.run, checked=tuple(checked)))[M]
    assert isinstance(found, Estimate)
    assert found.method.startswith("Rogan-Gladen")
    assert found.n == 100
    graded = replace(world(200).run, checked=tuple(checked))
    assert isinstance(corrected(graded)[M], Unscored)


def test_labels_of_other_answers_by_the_same_scorer_are_kept_as_checked(world: MakeWorld) -> None:
    before, after = world(100, binary=True), world(100, binary=True, answer="another")
    random_labels(before, 30)
    after.labels = before.labels
    assert len(after.joined.checked) == 30
    after.labels = [replace(label, scorer="another judge") for label in before.labels]
    assert after.joined.checked == ()


def test_a_difference_is_corrected_and_shown_by_the_comparison(world: MakeWorld) -> None:
    before, after = world(200, 1), world(200, 2, rate=0.4, answer="another")
    for side in (before, after):
        random_labels(side, 80)
    found = corrected_differences(after.joined, before.joined)[M]
    assert isinstance(found, Estimate)
    assert found.high < 0
    assert found.low <= -0.3 <= found.high
    shown = compare(after.joined, before.joined).metrics[0]
    assert shown.corrected == found
    assert compare(after.run, before.run).metrics[0].corrected is None


def test_cases_with_the_same_answer_differ_by_nothing(world: MakeWorld) -> None:
    before, changed = world(200, 1), world(200, 2, rate=0.1, answer="another")
    mixed = replace(before.run, results=(*before.run.results[:150], *changed.run.results[150:]))
    after = type(before)(mixed, {**before.truth, **{c: changed.truth[c] for c in list(changed.truth)[150:]}})
    for side in (before, after):
        side.label(random_order(side.truth, M, 0)[:160])
    found = corrected_differences(after.joined, before.joined)[M]
    assert isinstance(found, Estimate)
    true = sum(after.truth[case] - before.truth[case] for case in before.truth) / 200
    assert found.low <= true <= found.high
    assert "150 of 200 cases have the same answer" in found.method
    same = corrected_differences(before.joined, before.joined)[M]
    assert same == Unscored("every answer is the same on both sides")


def test_an_artifact_holds_all_that_the_correction_needs(world: MakeWorld, tmp_path: Path) -> None:
    w = world(100)
    proposed_labels(w, 45)
    again = read(write(w.joined, tmp_path))
    assert again.labels == w.joined.labels
    assert corrected(again) == corrected(w.joined)
