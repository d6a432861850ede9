from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.scorers.building import reason, sample, value

from assay.evaluation.scorers.final_state import FinalState, differences

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.anyio
async def test_every_difference_has_its_path() -> None:
    wanted = {"orders": [{"status": "sent"}, {"status": "open"}], "user": "a", "paid": 1}
    left = {"orders": [{"status": "open"}], "user": "a", "paid": 1.0, "note": None}
    found = (await FinalState().score(sample(wanted_state=wanted, state=left)))["final_state"]
    assert value(found.score) == 0.0
    assert found.detail["count"] == 3
    assert list(found.detail["differences"]) == [
        {"path": "$.note", "kind": "unexpected", "actual": None},
        {"path": "$.orders[0].status", "kind": "changed", "expected": "sent", "actual": "open"},
        {"path": "$.orders[1]", "kind": "missing", "expected": {"status": "open"}},
    ]


@pytest.mark.anyio
async def test_equal_is_by_value_and_true_is_not_1() -> None:
    assert value((await FinalState().score(sample(wanted_state=[1, "a"], state=(1.0, "a"))))["final_state"].score) == 1
    assert value((await FinalState().score(sample(wanted_state=[1], state=[True])))["final_state"].score) == 0


@pytest.mark.anyio
async def test_an_empty_state_is_a_state_and_none_is_not() -> None:
    assert value((await FinalState().score(sample(wanted_state={}, state={})))["final_state"].score) == 1
    assert "names no" in reason((await FinalState().score(sample(state={})))["final_state"].score)
    assert "not known" in reason((await FinalState().score(sample(wanted_state={})))["final_state"].score)


@pytest.mark.anyio
async def test_a_long_diff_is_counted_whole_and_shown_in_part() -> None:
    found = (await FinalState().score(sample(wanted_state=[0] * 80, state=[1] * 80)))["final_state"]
    assert found.detail["count"] == 80
    assert len(found.detail["differences"]) == 50


@given(JSON)
def test_nothing_differs_from_itself(state: Any) -> None:
    assert not list(differences(state, state))


@given(JSON, JSON)
def test_what_differs_one_way_differs_the_other(first: Any, second: Any) -> None:
    there, back = list(differences(first, second)), list(differences(second, first))
    assert [row["path"] for row in there] == [row["path"] for row in back]
    assert bool(there) is (repr(first) != repr(second) and _normal(first) != _normal(second))


def _normal(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normal(item) for item in value]
    return (type(value), value)
