"""Intervals made of tests: they say what the tests say, at every margin, and hold at all times."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from assay.statistics.anytime.betting import MeanTest
from assay.statistics.anytime.binary import Alternative, RateTest
from assay.statistics.anytime.blocks import Block, Blocks
from assay.statistics.anytime.evidence import SequentialTest, crossed
from assay.statistics.anytime.inversion import MarginInterval, margins

OWN = (0.033, -0.007)


def blocks(seed: int, many: int, share: float, live: float, canary: float, *, binary: bool) -> list[Block]:
    """Of values of two arms with these means, in the order of a log."""
    source, queue, found = random.Random(seed), Blocks.at(share), list[Block]()
    for _ in range(many):
        candidate = source.random() < share
        mean = canary if candidate else live
        value = float(source.random() < mean) if binary else source.betavariate(6 * mean, 6 * (1 - mean))
        if (block := queue.add("canary" if candidate else "control", value)) is not None:
            found.append(block)
    return found


def rate_test(alternative: Alternative, margin: float) -> SequentialTest:
    return RateTest(alternative, margin=margin)


def mean_test(alternative: Alternative, margin: float) -> SequentialTest:
    return MeanTest(alternative, 0.0, 1.0, margin=margin)


def by_hand(made: Callable[[Alternative, float], SequentialTest], seen: Sequence[Block]) -> tuple[float, float]:
    """The outermost margins that are rejected, each by a test of its own."""

    def rejected(alternative: Alternative, margin: float) -> bool:
        test = made(alternative, margin)
        for block in seen:
            test.add(block)
        return crossed(test, 0.05)

    low, high = -1.0, 1.0
    for margin in margins(OWN).tolist():
        if not rejected("above", margin):
            break
        low = margin
    for margin in margins(OWN).tolist()[::-1]:
        if not rejected("below", margin):
            break
        high = margin
    return low, high


@pytest.mark.parametrize(
    ("share", "live", "canary"), [(0.5, 0.05, 0.06), (0.1, 0.3, 0.1), (0.5, 0.0, 0.0), (0.2, 1, 0.4)]
)
def test_an_interval_of_rates_is_what_their_test_leaves(share: float, live: float, canary: float) -> None:
    seen = blocks(3, 1_200, share, live, canary, binary=True)
    made = MarginInterval.rates(0.05, OWN)
    made.take(seen)
    found = made.interval()
    assert found is not None
    assert found[1:] == by_hand(rate_test, seen)
    assert found[1] < canary - live < found[2]


@pytest.mark.parametrize(("share", "live", "canary"), [(0.5, 0.8, 0.79), (0.1, 0.3, 0.6)])
def test_an_interval_of_means_is_what_their_test_leaves(share: float, live: float, canary: float) -> None:
    seen = blocks(4, 1_200, share, live, canary, binary=False)
    made = MarginInterval.means(0.05, OWN)
    made.take(seen)
    found = made.interval()
    assert found is not None
    assert found[1:] == by_hand(mean_test, seen)
    assert found[1] < canary - live < found[2]


@pytest.mark.parametrize("binary", [True, False])
def test_whoever_looks_how_often_sees_the_same(binary: bool) -> None:
    seen = blocks(5, 2_500, 0.5, 0.1, 0.2, binary=binary)
    once, often = ((MarginInterval.rates if binary else MarginInterval.means)(0.05) for _ in range(2))
    assert once.interval() is None
    once.take(seen)
    source = random.Random(1)
    while seen:
        many = source.choice((0, 1, 2, 7, 130))
        often.take(seen[:many])
        often.interval()
        seen = seen[many:]
    assert repr(often.interval()) == repr(once.interval())


@pytest.mark.parametrize("binary", [True, False])
def test_each_end_covers_at_all_times(binary: bool) -> None:
    low, high, runs = 0, 0, 200
    for seed in range(runs):
        made = (MarginInterval.rates if binary else MarginInterval.means)(0.1, (0.1,))
        made.take(blocks(seed, 800, 0.5, 0.1, 0.2, binary=binary))  # what was ever rejected stays so: one look is all
        found = made.interval()
        assert found is not None
        low, high = low + (found[1] >= 0.1 + 1e-12), high + (found[2] <= 0.1 - 1e-12)
    assert max(low, high) / runs <= 0.1


def test_an_interval_narrows_and_one_of_a_drift_reaches_from_side_to_side() -> None:
    made = MarginInterval.rates(0.05)
    widths = []
    for seed in range(4):
        made.take(blocks(seed, 1_500, 0.5, 0.1, 0.1, binary=True))
        found = made.interval()
        assert found is not None
        widths.append(found[2] - found[1])
    assert widths[0] > widths[-1]
    assert widths[-1] < 0.08
    changed = MarginInterval.means(0.05)
    changed.take([Block((0.0,) * 5, (1.0,) * 5)] * 60 + [Block((1.0,) * 5, (0.0,) * 5)] * 300)
    found = changed.interval()
    assert found is not None
    assert found[1] < 0 < found[2]
