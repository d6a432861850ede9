from __future__ import annotations

import numpy as np
import pytest

from assay.errors import InputError
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.sequences import AsymptoticSequence, BettingSequence, named


def _block(generator: np.random.Generator, control: float, canary: float) -> Block:
    """Scores of a beta distribution, a third of them 0 or 1, under a load that moves both arms."""
    size = int(generator.integers(3, 9))
    means = (*(control,) * size, canary)
    values = [
        float(generator.beta(6 * m, 6 * (1 - m)) if generator.random() < 0.7 else generator.random() < m) for m in means
    ]
    return Block(tuple(values[:-1]), (values[-1],))


def _cost_block(generator: np.random.Generator, times: float) -> Block:
    values = np.exp(generator.normal(-0.5, 1, 6)) * np.exp(0.3 * generator.normal())
    return Block(tuple(values[:5].tolist()), (float(values[5] * times),))


def test_the_betting_sequence_covers_at_every_time() -> None:
    generator = np.random.default_rng(8)
    missed = 0
    for _ in range(60):
        sequence = BettingSequence(0, 1)
        ever = False
        for at in range(200):
            sequence.add(_block(generator, 0.7, 0.6))
            if at % 5 == 0 and (estimate := sequence.estimate()) is not None:
                ever |= not estimate.low <= -0.1 <= estimate.high
        missed += ever
    assert missed / 60 <= 0.05


def test_the_betting_sequence_narrows_around_its_estimate() -> None:
    generator = np.random.default_rng(9)
    sequence = BettingSequence(0, 10)
    assert sequence.estimate() is None
    shown = []
    for at in range(1, 1001):
        block = _block(generator, 0.7, 0.6)
        sequence.add(Block(*(tuple(10 * value for value in arm) for arm in (block.control, block.canary))))
        if at in (10, 100, 1000):
            estimate = sequence.estimate(unscored=3)
            assert estimate is not None
            assert estimate.low <= estimate.value <= estimate.high
            shown.append(estimate)
    widths = [estimate.high - estimate.low for estimate in shown]
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] < 1.2
    last = shown[-1]
    assert (last.unscored, last.method) == (3, "betting confidence sequence, 95 % at all times")
    assert -1.6 < last.low < last.high < -0.4


def test_values_beyond_the_bounds_are_clipped_and_counted() -> None:
    sequence, clipped = BettingSequence(0, 1), BettingSequence(0, 1)
    sequence.add(Block((0.5, 3.0), (-1.0,)))
    clipped.add(Block((0.5, 1.0), (0.0,)))
    assert (sequence.clipped, clipped.clipped) == (2, 0)
    assert sequence.estimate() == clipped.estimate()


def test_the_asymptotic_sequence_covers_difference_and_ratio_at_every_time() -> None:
    generator = np.random.default_rng(10)
    missed = np.zeros(2)
    for _ in range(150):
        sequence = AsymptoticSequence()
        ever = np.zeros(2, dtype=bool)
        for at in range(300):
            sequence.add(_cost_block(generator, 1.5))
            if at % 5 == 0:
                for which, (estimate, truth) in enumerate(
                    ((sequence.difference(), 0.5 * np.exp(0.045)), (sequence.ratio(), 1.5))
                ):
                    ever[which] |= estimate is not None and not estimate.low <= truth <= estimate.high
        missed += ever
    assert np.all(missed / 150 <= 0.07)


def test_the_asymptotic_sequence_waits_and_has_no_ratio_to_nothing() -> None:
    sequence = AsymptoticSequence()
    for _ in range(49):
        sequence.add(Block((0.0, 0.0), (1.0,)))
    assert sequence.difference() is None
    sequence.add(Block((0.0, 0.0), (1.0,)))
    assert sequence.difference() is not None
    assert sequence.ratio() is None


def test_the_ratio_reads_like_the_difference() -> None:
    generator = np.random.default_rng(12)
    sequence = AsymptoticSequence()
    for _ in range(400):
        sequence.add(_cost_block(generator, 2.0))
    ratio, difference = sequence.ratio(), sequence.difference()
    assert ratio is not None
    assert difference is not None
    assert ratio.low < ratio.value < ratio.high
    assert (ratio.low > 1) == (difference.low > 0)
    assert ratio.value == pytest.approx(2.0, rel=0.2)


def test_refolding_shows_the_same_interval() -> None:
    def folded() -> tuple[BettingSequence, AsymptoticSequence]:
        generator = np.random.default_rng(13)
        betting, asymptotic = BettingSequence(0, 1), AsymptoticSequence()
        for _ in range(60):
            block = _block(generator, 0.7, 0.6)
            betting.add(block)
            asymptotic.add(block)
        return betting, asymptotic

    (first, second), (again, likewise) = folded(), folded()
    assert repr(first.estimate()) == repr(again.estimate())
    assert second == likewise


def test_levels_are_named_and_bounds_must_bound() -> None:
    assert named("betting", 0.05) == "betting confidence sequence, 95 % at all times"
    assert named("betting", 0.025) == "betting confidence sequence, 97.5 % at all times"
    with pytest.raises(InputError, match="does not bound"):
        BettingSequence(1, 0)
    with pytest.raises(InputError, match="alpha is 0"):
        AsymptoticSequence(0.0)
