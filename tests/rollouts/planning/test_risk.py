"""The risk budget: what a quarter holds, who spent it, and when there is none left."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.rollouts.planning.risk import LEAST, UNDER_WAY, allowance, begins, charges, following, quarter_of
from assay.rollouts.traffic.events import Aborted, Decision, Event, Gated, Promoted, RolledBack, Started
from assay.rollouts.traffic.log import Entry
from assay.rollouts.traffic.plan import Guard, Plan
from assay.rollouts.traffic.transitions import Refused

GATED = Plan((0.1,), (Guard("errors", "errors", "share", 0.05, 0.0),), 0.05, 0.05, "user", 1, 0, 1, 1, None, True)
PLAN = Plan((0.1,), (Guard("errors", "errors", "share", 0.05, 0.0),), 0.05, 0.05, "user", 1, 0, 1, 1, None, False)


def at(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("moment", "quarter"),
    [
        (at(2026, 1, 1), "2026-Q1"),
        (at(2026, 3, 31), "2026-Q1"),
        (at(2026, 4, 1), "2026-Q2"),
        (at(2026, 12, 31), "2026-Q4"),
    ],
)
def test_quarters(moment: float, quarter: str) -> None:
    assert quarter_of(moment) == quarter
    assert begins(quarter) <= moment < begins(following(quarter))


def test_the_year_turns() -> None:
    assert following("2026-Q4") == "2027-Q1"
    assert begins("2027-Q1") - 1 == pytest.approx(at(2026, 12, 31) + 86_399)


def test_a_fresh_quarter_grants_alpha_whatever_the_last_one_spent() -> None:
    granted = allowance({"2026-Q3": 0.5}, budget=0.5, alpha=0.05, at=at(2026, 11, 1))
    assert (granted.quarter, granted.alpha, granted.left, granted.next_quarter) == ("2026-Q4", 0.05, 0.5, "2027-Q1")
    assert granted.renewed == at(2027, 1, 1)


def test_half_of_what_is_left_is_granted_at_most() -> None:
    assert allowance({"2026-Q4": 0.44}, budget=0.5, alpha=0.05, at=at(2026, 11, 1)).alpha == pytest.approx(0.03)


def test_a_spent_budget_refuses_and_says_when_there_is_a_new_one() -> None:
    with pytest.raises(Refused, match=r"risk budget of 2026-Q4 is spent: 0\.4995 of 0\.5 .* 2027-01-01 \(UTC\)"):
        allowance({"2026-Q4": 0.4995}, budget=0.5, alpha=0.05, at=at(2026, 11, 1))


@given(alpha=st.floats(0.002, 0.4), times=st.floats(1, 30))
def test_no_quarter_ever_spends_more_than_its_budget(alpha: float, times: float) -> None:
    budget, spent, starts = alpha * times, 0.0, 0
    while starts < 2_000:
        try:
            granted = allowance({"2026-Q4": spent}, budget=budget, alpha=alpha, at=at(2026, 11, 1))
        except Refused:
            break
        assert 0 < granted.alpha <= alpha
        spent += granted.alpha
        starts += 1
    assert spent <= budget
    assert budget - spent < LEAST


def test_the_table_says_who_spent_what_and_how_it_ended() -> None:
    decision = Decision(1, 0.0, (), "")
    events: list[Event] = [
        Started("a", "A", "0", PLAN, 0.05, "2026-Q4", "", "ann"),
        Promoted("a", decision),
        Started("b", "B", "A", PLAN, 0.05, "2026-Q4", "", "ben"),
        RolledBack("b", "harm", decision),
        Started("c", "C", "A", GATED, 0.05, "2026-Q4", "", "cat"),
        Gated("c", "fail", None, "", "cat"),
        Started("d", "D", "A", GATED, 0.04, "2026-Q4", "", "dan"),
        Gated("d", "pass", None, "", "dan"),
        Aborted("d", "", "dan"),
        Started("in", "D", "A", GATED, 0.03, "2026-Q4", "", "dan"),
        Aborted("in", "", "dan"),
        Started("by", "D", "A", GATED, 0.03, "2026-Q4", "", "dan"),
        Gated("by", "skipped", None, "in haste", "dan"),
        Aborted("by", "", "dan"),
        Started("old", "X", "A", PLAN, 0.05, "2026-Q3", "", "dan"),
        Started("e", "E", "A", PLAN, 0.02, "2026-Q4", "", "eve"),
    ]
    found = charges([Entry(n, float(n), event) for n, event in enumerate(events, 1)], "2026-Q4", 0.2)
    assert [(row.rollout, row.outcome, row.by) for row in found] == [
        ("a", "promoted", "ann"),
        ("b", "harm", "ben"),
        ("c", "gate", "cat"),
        ("d", "aborted", "dan"),
        ("in", "aborted", "dan"),
        ("by", "aborted", "dan"),
        ("e", UNDER_WAY, "eve"),
    ]
    assert [row.risk for row in found] == [0.05, 0.05, 0.0, 0.04, 0.0, 0.03, 0.02]
    assert [row.left for row in found] == pytest.approx([0.15, 0.10, 0.10, 0.06, 0.06, 0.03, 0.01])
