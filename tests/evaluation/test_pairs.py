"""Which cases of two runs are paired, and what one of them lost."""

from __future__ import annotations

import dataclasses

import pytest
from tests.evaluation.runs import METRICS, Values, metric, noisy, run

from assay.errors import InputError
from assay.evaluation.comparison import compare
from assay.evaluation.pairs import lost, shared
from assay.evaluation.records import Run


def test_only_cases_with_a_score_on_both_sides_are_compared_and_the_others_counted() -> None:
    ours: list[float | None] = [0.5] * 40
    theirs: list[float | None] = [0.5] * 40
    ours[0], theirs[1] = None, None
    found = metric(compare(run({"faithfulness": ours}), run({"faithfulness": theirs})).metrics, "faithfulness")
    assert (found.difference.n, found.difference.unscored) == (38, 2)


def test_cases_that_differ_are_not_paired() -> None:
    ours, theirs = run({"faithfulness": [0.5, 0.5]}), run({"faithfulness": [0.5, 0.5]})
    other = Run(**{**{f: getattr(theirs, f) for f in Run.__dataclass_fields__}, "results": theirs.results[:1]})
    assert compare(ours, other).cases == 1
    none = Run(**{**{f: getattr(theirs, f) for f in Run.__dataclass_fields__}, "results": ()})
    with pytest.raises(InputError, match="in common"):
        compare(ours, none)


def test_repeats_of_a_case_are_one_case() -> None:
    values: Values = {"faithfulness": noisy(20, 0.5, 8)}
    found = metric(compare(run(values, repeats=4), run(values)).metrics, "faithfulness")
    assert found.difference.n == 20


def test_what_was_lost_is_counted_by_its_share_and_has_the_worst_value() -> None:
    theirs = run({"faithfulness": [1.0, 0.5, None]}, repeats=4)
    ours = run({"faithfulness": [0.8, None, None]}, repeats=4)
    half = tuple(dataclasses.replace(each, scores={}) if each.repeat > 1 else each for each in ours.results)
    found = lost(METRICS[0], shared(dataclasses.replace(ours, results=half), theirs))
    assert found is not None
    assert (found.cases, found.of) == (1.5, 2)
    assert [(pair.subject, pair.baseline) for pair in found.worst] == [(0.4, 1.0), (0.0, 0.5)]
    assert found.more_than(0.7)
    assert not found.more_than(0.75)
    assert lost(METRICS[0], shared(theirs, ours)) is None


def test_without_a_range_there_is_no_worst_value() -> None:
    cases = shared(run({"cost": [None, 2.0]}), run({"cost": [1.0, 1.0]}))
    found = lost(METRICS[2], cases)
    assert found is not None
    assert [pair.subject for pair in found.worst] == [2.0]
