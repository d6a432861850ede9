from __future__ import annotations

import math
import random

import pytest

from assay.errors import InputError
from assay.evaluation.judges.bias import Judged, drift, length_slope, order_flips, repeat_variance
from assay.evaluation.judging import Verdict
from assay.scores import Estimate, Score, Scored, Unscored


def compared(flip: bool) -> Verdict:
    return Verdict(Scored(0.5 if flip else 1.0), detail={"flip": flip})


def test_order_flips() -> None:
    found = order_flips([compared(i < 3) for i in range(20)] + [Verdict(Unscored("x"))])
    assert found.value == 0.15
    # Wilson's interval by hand.
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3604), abs=1e-4)
    assert (found.n, found.unscored) == (20, 1)
    with pytest.raises(InputError):
        order_flips([Verdict(Unscored("x"))])


def answers(n: int, *, slope: float, quality: float = 0.0, noise: float = 0.1, seed: int = 1) -> list[Judged]:
    """Scores that rise with length by ``slope``, and with a label that itself rises with length by ``quality``."""
    draw = random.Random(seed)
    made = []
    for _ in range(n):
        length = math.exp(draw.uniform(2, 6))
        label = float(draw.random() < 0.5 + quality * (math.log(length) - 4))
        made.append(
            Judged(Scored(0.3 + 0.3 * label + slope * math.log(length) + draw.gauss(0, noise)), int(length), label)
        )
    return made


def test_the_slope_on_length_is_found() -> None:
    found = length_slope(answers(400, slope=0.05))
    assert found.low < 0.05 < found.high
    assert found.low > 0
    assert "label held" in found.method


def test_better_long_answers_are_not_held_against_the_judge() -> None:
    judged = answers(500, slope=0.0, quality=0.2)
    bare = length_slope([Judged(item.score, item.length) for item in judged])
    held = length_slope(judged)
    assert bare.low > 0
    assert held.low < 0 < held.high
    assert "label held" not in bare.method


def test_the_slopes_interval_covers() -> None:
    hits = 0
    for seed in range(300):
        found = length_slope(answers(40, slope=0.05, seed=seed))
        hits += found.low <= 0.05 <= found.high
    assert 0.92 <= hits / 300 <= 0.98


def test_only_labelled_answers_count_where_there_are_labels() -> None:
    judged = answers(50, slope=0.1)
    mixed = [*judged, Judged(Scored(0.1), 5), Judged(Unscored("x"), 5, 1.0)]
    assert length_slope(mixed).value == length_slope(judged).value
    assert length_slope(mixed).unscored == 2


@pytest.mark.parametrize("judged", [[], [Judged(Scored(1.0), 5)] * 10, [Judged(Scored(1.0), n) for n in (1, 2, 3)]])
def test_a_slope_needs_different_lengths(judged: list[Judged]) -> None:
    with pytest.raises(InputError, match="different lengths"):
        length_slope(judged)


def test_repeat_variance() -> None:
    steady: list[list[Score]] = [[Scored(0.5)] * 3] * 30
    found = repeat_variance(steady)
    assert found.value == 0
    assert 0 < found.high < 0.1
    coin: list[list[Score]] = [[Scored(1.0), Scored(0.0)], [Scored(1.0), Scored(1.0)]] * 20
    found = repeat_variance([*coin, [Scored(1.0), Unscored("x")]])
    assert found.value == pytest.approx(0.25)
    assert found.low < 0.25 < found.high
    assert (found.n, found.unscored) == (40, 1)
    with pytest.raises(InputError, match="repeats"):
        repeat_variance([[Scored(1.0)]])


def test_drift() -> None:
    then: list[Score] = [Scored(1.0)] * 40
    now: list[Score] = [Scored(0.0)] * 10 + [Scored(1.0)] * 29 + [Unscored("x")]
    found = drift(then, now)
    assert found.value == pytest.approx(-10 / 39)
    assert found.high < 0
    assert (found.n, found.unscored) == (39, 1)
    still: Estimate = drift(then, then)
    assert still.value == 0
    assert still.low < 0 < still.high
    clustered = drift(then, now, clusters=[str(i // 10) for i in range(40)])
    assert clustered.high - clustered.low > found.high - found.low
    with pytest.raises(InputError, match="both of each"):
        drift(then, now[:3])
    with pytest.raises(InputError, match="no item"):
        drift([Unscored("x")], [Scored(1.0)])
