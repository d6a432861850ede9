from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.statistics.anytime.betting import dealt
from assay.statistics.anytime.blocks import Arm, Block, Blocks, shape
from assay.statistics.anytime.cuts import cut

ARMS: st.SearchStrategy[Arm] = st.sampled_from(("control", "canary"))
LOG = st.lists(st.tuples(ARMS, st.integers(0, 1000).map(float)), max_size=120)
SHARES = st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9])


@given(LOG, SHARES, st.dictionaries(st.integers(0, 119), SHARES, max_size=3))
def test_blocks_lose_no_value_and_keep_the_order(
    log: list[tuple[Arm, float]], share: float, stages: dict[int, float]
) -> None:
    blocks = Blocks.at(share)
    closed: list[Block] = []
    for at, (arm, value) in enumerate(log):
        if at in stages:
            blocks.reshape(stages[at])
        if (block := blocks.add(arm, value)) is not None:
            assert blocks.waiting == (0, 0)
            closed.append(block)
    waiting = blocks.waiting
    given_out = {arm: [value for block in closed for value in getattr(block, arm)] for arm in ("control", "canary")}
    for name, left in zip(("control", "canary"), waiting, strict=True):
        values = [value for of, value in log if of == name]
        assert given_out[name] == values[: len(values) - left]
    assert all(block.control and block.canary for block in closed)


@given(LOG)
def test_what_closes_a_block_is_never_a_value(log: list[tuple[Arm, float]]) -> None:
    first, second = Blocks(2, 1), Blocks(2, 1)
    for arm, value in log:
        one, other = first.add(arm, value), second.add(arm, 1000 - value)
        assert (one is None) == (other is None)


def test_a_stage_change_keeps_what_waits() -> None:
    blocks = Blocks.at(0.01)
    for value in (1.0, 2.0, 3.0):
        assert blocks.add("control", value) is None
    assert blocks.add("canary", 9.0) is None
    blocks.reshape(0.25)
    assert blocks.add("canary", 8.0) is None
    assert blocks.add("control", 4.0) is None
    assert blocks.add("control", 5.0) == Block((1.0, 2.0, 3.0, 4.0, 5.0), (9.0, 8.0))


def test_taking_early_waits_for_the_arm_without_a_value() -> None:
    blocks = Blocks(5, 1)
    blocks.add("control", 1.0)
    assert blocks.take() is None
    assert blocks.waiting == (1, 0)
    blocks.add("canary", 2.0)
    assert blocks.take() == Block((1.0,), (2.0,))


def test_shapes_follow_the_share() -> None:
    expected = {0.001: (50, 1), 0.01: (50, 1), 0.1: (5, 1), 0.25: (5, 2), 0.5: (5, 5), 0.75: (2, 5), 0.9: (1, 5)}
    assert {share: shape(share) for share in expected} == expected


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_an_arm_without_traffic_cannot_be_compared(share: float) -> None:
    with pytest.raises(InputError, match="leaves an arm without traffic"):
        shape(share)


def test_wrong_values_are_refused() -> None:
    with pytest.raises(InputError, match="nan"):
        Blocks().add("control", float("nan"))
    with pytest.raises(InputError, match="no arm 'live'"):
        Blocks().add("live", 1.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="empty arm"):
        Blocks(0, 1)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=9), st.lists(st.floats(-5, 5), min_size=1, max_size=9))
def test_dealing_loses_no_value_and_leaves_no_part_empty(control: list[float], canary: list[float]) -> None:
    parts = dealt(Block(tuple(control), tuple(canary)))
    assert len(parts) == min(len(control), len(canary))
    assert [value for part in parts for value in part.control] == control
    assert [value for part in parts for value in part.canary] == canary
    assert all(part.control and part.canary for part in parts)


@pytest.mark.parametrize("least", [(1, 1), (5, 1), (1, 3), (2, 2)])
@pytest.mark.parametrize("deal", [False, True])
def test_many_logs_are_cut_as_one_is(least: tuple[int, int], deal: bool) -> None:
    generator = np.random.default_rng(1)
    canary = generator.random((4, 300)) < 0.3
    values = generator.random((4, 300))
    control_moments, canary_moments = cut(canary, least, dealt=deal).moments(values)
    for run in range(4):
        blocks = Blocks(*least)
        expected: list[Block] = []
        for is_canary, value in zip(canary[run], values[run], strict=True):
            block = blocks.add("canary" if is_canary else "control", float(value))
            if block is not None:
                expected += dealt(block) if deal else [block]
        count = control_moments.shape[1]
        assert count > 10
        for at, block in enumerate(expected[:count]):
            for moments, arm in ((control_moments, block.control), (canary_moments, block.canary)):
                wanted = [len(arm), sum(arm), sum(value**2 for value in arm)]
                np.testing.assert_allclose(moments[:, at, run], wanted, atol=1e-9)
