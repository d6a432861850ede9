"""Agreement of raters: over all, pair by pair, and with those who could not tell left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from assay.evaluation.labelling.agreement import agreement
from assay.scores import Estimate, Unscored

if TYPE_CHECKING:
    from tests.evaluation.labelling.conftest import MakeWorld

M = "faithfulness"


def test_raters_who_agree_and_one_who_guesses(world: MakeWorld) -> None:
    w = world(80)
    cases = list(w.truth)
    w.label(cases)
    w.label(cases[:60], rater="ben")
    w.label(cases[:60], rater="cleo", value=lambda case: float(int(case[:4], 16) % 2))
    found = agreement(M, w.labels)
    pairs = {(pair.first, pair.second): pair for pair in found.pairs}
    best = pairs["anna", "ben"]
    assert isinstance(best.alpha, Estimate)
    assert best.items == 60
    assert best.alpha.value == pytest.approx(1)
    worst = pairs["ben", "cleo"].alpha
    assert isinstance(worst, Estimate)
    assert worst.low < 0.2
    assert isinstance(found.alpha, Estimate)
    assert worst.value < found.alpha.value < 1
    assert (found.items, found.shared, found.raters) == (80, 60, {"anna": 80, "ben": 60, "cleo": 60})


def test_grades_are_compared_by_distance(world: MakeWorld) -> None:
    w = world(40)
    cases = list(w.truth)
    w.label(cases, value=lambda case: (int(case[:4], 16) % 5) / 4)
    w.label(cases, rater="ben", value=lambda case: min(1.0, (int(case[:4], 16) % 5 + 1) / 4))
    found = agreement(M, w.labels).alpha
    assert isinstance(found, Estimate)
    assert "interval" in found.method
    assert 0.4 < found.value < 1


def test_one_rater_or_none_agree_with_nobody(world: MakeWorld) -> None:
    w = world(10)
    w.label(list(w.truth)[:4])
    w.label(list(w.truth)[:4], rater="ben", value=lambda case: None)
    found = agreement(M, w.labels)
    assert found.alpha == Unscored("no case has two ratings")
    assert found.shared == 0
    assert isinstance(agreement("correctness", w.labels).alpha, Unscored)
