"""Tool calls and trajectories: the same calls, read in four ways."""

from __future__ import annotations

import json
from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.evaluation.scorers.building import reason, sample, value

from assay.evaluation.cases import ExpectedCall
from assay.evaluation.samples import Sample
from assay.evaluation.scorers.tool_calls import ToolCalls
from assay.evaluation.scorers.trajectory import Trajectory
from assay.messages import ToolCall

Path = Sequence[tuple[str, int]]
PATHS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1)), max_size=5)


def tried(wanted: Path, made: Path) -> Sample:
    return sample(
        wanted_calls=tuple(ExpectedCall(name, {"n": n}) for name, n in wanted),
        made_calls=tuple(ToolCall(str(at), name, json.dumps({"n": n})) for at, (name, n) in enumerate(made)),
    )


async def calls(wanted: Path, made: Path) -> dict[str, float]:
    return {name: value(found.score) for name, found in (await ToolCalls().score(tried(wanted, made))).items()}


async def ways(wanted: Path, made: Path) -> tuple[float, ...]:
    return tuple(value(found.score) for found in (await Trajectory().score(tried(wanted, made))).values())


@pytest.mark.anyio
async def test_f1_counts_each_call_once() -> None:
    found = await ToolCalls().score(tried([("a", 1), ("a", 1), ("b", 0)], [("b", 0), ("a", 1), ("b", 1), ("c", 0)]))
    assert value(found["tool_call_f1"].score) == pytest.approx(2 * 2 / 7)
    assert value(found["tool_call_match"].score) == 0.0
    assert value(found["tool_name_f1"].score) == pytest.approx(2 * 2 / 7)
    detail = found["tool_call_f1"].detail
    assert detail["missing"] == [{"name": "a", "arguments": {"n": 1}}]
    assert detail["extra"] == [{"name": "b", "arguments": {"n": 1}}, {"name": "c", "arguments": {"n": 0}}]
    assert (detail["precision"], detail["recall"]) == (0.5, pytest.approx(2 / 3))


@pytest.mark.anyio
async def test_arguments_are_compared_by_value() -> None:
    wanted = (ExpectedCall("f", {"a": 1, "b": [1.0, {"c": None}]}),)
    same = ToolCall("1", "f", ' {"b": [1, {"c": null}], "a": 1.0}')
    assert value((await ToolCalls().score(sample(wanted_calls=wanted, made_calls=(same,))))["tool_call_f1"].score) == 1
    other = ToolCall("1", "f", '{"b": [1, {"c": null}], "a": true}')
    assert value((await ToolCalls().score(sample(wanted_calls=wanted, made_calls=(other,))))["tool_call_f1"].score) == 0


@pytest.mark.anyio
@pytest.mark.parametrize("arguments", ["{", "[1]", "1", '{"a": NaN}', "null"])
async def test_arguments_that_are_no_object_equal_nothing(arguments: str) -> None:
    asked = sample(wanted_calls=(ExpectedCall("f"),), made_calls=(ToolCall("1", "f", arguments),))
    found = await ToolCalls().score(asked)
    assert value(found["tool_call_f1"].score) == 0.0
    assert value(found["tool_name_f1"].score) == 1.0
    json.dumps(found["tool_call_f1"].detail, allow_nan=False)
    assert {value(way.score) for way in (await Trajectory().score(asked)).values()} == {0.0}


@pytest.mark.anyio
async def test_no_arguments_may_be_written_as_nothing() -> None:
    asked = sample(wanted_calls=(ExpectedCall("f"),), made_calls=(ToolCall("1", "f", ""),))
    assert value((await ToolCalls().score(asked))["tool_call_match"].score) == 1.0


@pytest.mark.anyio
async def test_none_expected_and_none_made_is_right_and_one_made_is_not() -> None:
    assert set((await calls([], [])).values()) == {1.0}
    assert set((await calls([], [("a", 0)])).values()) == {0.0}
    assert await ways([], []) == (1.0, 1.0, 1.0)
    assert await ways([], [("a", 0)]) == (0.0, 1.0, 1.0)


@pytest.mark.anyio
async def test_the_three_ways_differ() -> None:
    a, b, c = ("a", 0), ("b", 0), ("c", 0)
    assert await ways([a, b], [a, b]) == (1.0, 1.0, 1.0)
    assert await ways([a, b], [a, c, b]) == (0.0, 1.0, 1.0)
    assert await ways([a, b], [b, a]) == (0.0, 0.0, 1.0)
    assert await ways([a, b], [a]) == (0.0, 0.0, 0.0)
    assert await ways([a, a], [a]) == (0.0, 0.0, 0.0)


@pytest.mark.anyio
async def test_what_is_not_known_is_unscored() -> None:
    for scorer in (ToolCalls(), Trajectory()):
        nothing = await scorer.score(sample(made_calls=()))
        assert all("names no" in reason(found.score) for found in nothing.values())
        unknown = await scorer.score(sample(wanted_calls=()))
        assert all("not known" in reason(found.score) for found in unknown.values())


@given(PATHS, PATHS)
def test_laws(wanted: Path, made: Path) -> None:
    found, exact = anyio.run(calls, wanted, made), anyio.run(ways, wanted, made)
    assert exact[0] <= exact[1] <= exact[2], "each way implies the next"
    assert found["tool_call_f1"] <= found["tool_name_f1"]
    assert (found["tool_call_match"] == 1.0) is (found["tool_call_f1"] == 1.0) is (sorted(wanted) == sorted(made))
    assert found == anyio.run(calls, wanted[::-1], made), "order is no matter of tool_calls"
    assert found["tool_call_f1"] == anyio.run(calls, made, wanted)["tool_call_f1"]
