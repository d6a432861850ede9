from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.statistics.anytime.betting import MeanTest, dealt
from assay.statistics.anytime.binary import Alternative
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.paths import MeanPaths

Question = tuple[Alternative, float, float, float, float]
QUESTIONS: list[Question] = [
    ("above", 0.0, 1.0, 0.0, 1.0),
    ("below", 0.0, 1.0, 0.03, 1.0),
    ("above", 0.0, 1.0, -0.03, 1.0),
    ("below", 0.0, 20.0, 0.0, 1.2),
    ("above", -2.0, 3.0, 0.1, 0.8),
]
VALUES = st.lists(st.floats(-5, 25), min_size=1, max_size=6).map(tuple)
HISTORY = st.lists(st.builds(Block, VALUES, VALUES), max_size=25)


def _folded(blocks: list[Block], question: Question) -> MeanTest:
    test = MeanTest(*question)
    for block in blocks:
        test.add(block)
    return test


@given(
    HISTORY, st.sampled_from(QUESTIONS), st.integers(1, 3), st.integers(1, 3), st.floats(0, 1), st.floats(0.01, 0.99)
)
def test_no_bet_is_expected_to_win_on_the_edge_of_the_null(
    history: list[Block], question: Question, n_a: int, n_b: int, control: float, spread: float
) -> None:
    """Control at one of its bounds by a coin; the canary takes two values whose mean lies exactly on the line."""
    _, low, high, margin, ratio = question
    line = ratio * (low + control * (high - low)) + margin
    if not low <= line <= high:
        return
    down, up = line - spread * (line - low), line + spread * (high - line)
    chance = 0.0 if up == down else (line - down) / (up - down)
    before = _folded(history, question).log_e
    expected = 0.0
    for control_bits in np.ndindex(*(2,) * n_a):
        for canary_bits in np.ndindex(*(2,) * n_b):
            weight = math.prod(control if bit else 1 - control for bit in control_bits)
            weight *= math.prod(chance if bit else 1 - chance for bit in canary_bits)
            block = Block(
                tuple(high if bit else low for bit in control_bits), tuple(up if b else down for b in canary_bits)
            )
            expected += weight * math.exp(_folded([*history, block], question).log_e - before)
    assert expected == pytest.approx(1, abs=1e-6)


@given(HISTORY, st.sampled_from(QUESTIONS))
def test_refolding_gives_the_same_state_capital_stays_positive_and_the_peak_never_falls(
    history: list[Block], question: Question
) -> None:
    test = MeanTest(*question)
    peak = 0.0
    for block in history:
        test.add(block)
        assert math.isfinite(test.log_e)
        assert test.peak == max(peak, test.log_e)
        peak = test.peak
    again = _folded(history, question)
    assert again == test
    assert again.log_e.hex() == test.log_e.hex()


@given(HISTORY)
def test_every_value_beyond_the_bounds_is_counted(history: list[Block]) -> None:
    beyond = sum(not 0 <= value <= 20 for block in history for value in (*block.control, *block.canary))
    test = _folded(history, ("below", 0.0, 20.0, 0.0, 1.2))
    assert test.clipped == beyond
    clipped = [
        Block(*(tuple(min(20.0, max(0.0, v)) for v in arm) for arm in (block.control, block.canary)))
        for block in history
    ]
    assert _folded(clipped, ("below", 0.0, 20.0, 0.0, 1.2)).log_e == test.log_e


@pytest.mark.parametrize("question", QUESTIONS)
def test_many_runs_at_once_give_what_one_by_one_does(question: Question) -> None:
    generator = np.random.default_rng(2)
    runs = 5
    test = MeanTest(*question)
    one_by_one = [MeanTest(*question) for _ in range(runs)]
    at_once = MeanPaths(test, runs)
    for _ in range(200):
        n_a = int(generator.integers(1, 9))
        drawn = [Block(tuple(generator.normal(0.5, 1, n_a)), (float(generator.normal(0.6, 1)),)) for _ in range(runs)]
        moments = []
        for arm in ("control", "canary"):
            values = np.array([getattr(block, arm) for block in drawn])
            inside = (np.clip(values, test.low, test.high) - test.low) / (test.high - test.low)
            moments.append(np.array([np.full(runs, inside.shape[1]), inside.sum(axis=1), (inside**2).sum(axis=1)]))
        for run, block in enumerate(drawn):
            assert dealt(block) == [block]
            one_by_one[run].add(block)
        log_e = at_once.add(moments[0], moments[1])
    np.testing.assert_allclose(log_e, [one.log_e for one in one_by_one], atol=1e-9)


def test_the_scale_of_the_values_does_not_matter() -> None:
    generator = np.random.default_rng(4)
    blocks = [Block(tuple(generator.random(4)), tuple(generator.random(2))) for _ in range(60)]
    cents = [Block(*(tuple(100 * value for value in arm) for arm in (block.control, block.canary))) for block in blocks]
    euros = _folded(blocks, ("above", 0.0, 1.0, 0.1, 1.1))
    assert _folded(cents, ("above", 0.0, 100.0, 10.0, 1.1)).log_e == pytest.approx(euros.log_e)


def test_wrong_questions_are_refused() -> None:
    with pytest.raises(InputError, match="neither above nor below"):
        MeanTest("worse", 0, 1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not bound anything"):
        MeanTest("above", 1, 1)
    with pytest.raises(InputError, match="ask nothing"):
        MeanTest("above", 0, 1, ratio=0)
    with pytest.raises(InputError, match="can never meet the null"):
        MeanTest("below", 0, 1, margin=1.5)
