from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from assay.errors import InputError
from assay.statistics.anytime.thompson import beta_posterior, top_two
from assay.statistics.anytime.weighting import WeightedArms

RATES = {"a": 0.5, "b": 0.5, "c": 0.4}


def _adaptive(generator: np.random.Generator, look: Callable[[WeightedArms], None], *, users: int) -> WeightedArms:
    """Top-two Thompson sampling, shares set anew after every 25 users."""
    arms = WeightedArms(tuple(RATES))
    for at in range(users):
        if at % 25 == 0:
            shares = top_two({arm: beta_posterior(arms.totals[arm], arms.counts[arm]) for arm in RATES}, floor=0.1)
        arm = str(generator.choice(list(shares), p=list(shares.values())))
        arms.add(arm, float(generator.random() < RATES[arm]), shares)
        if at % 25 == 24:
            look(arms)
    return arms


def test_weighted_means_are_honest_where_plain_ones_are_not() -> None:
    """Two arms of the same rate: the one that loses early gets fewer users, and its plain mean stays too low."""
    generator = np.random.default_rng(21)
    plain, weighted, missed = [], [], 0
    for _ in range(150):
        ever = [False]

        def look(arms: WeightedArms, ever: list[bool] = ever) -> None:
            estimate = arms.difference("c", "a")
            ever[0] |= estimate is not None and not estimate.low <= -0.1 <= estimate.high

        arms = _adaptive(generator, look, users=300)
        plain.append(arms.totals["c"] / max(1, arms.counts["c"]))
        estimate = arms.mean("c")
        assert estimate is not None
        weighted.append(estimate.value)
        missed += ever[0]
    error = np.std(weighted) / np.sqrt(len(weighted))
    assert abs(np.mean(weighted) - 0.4) < 3 * error
    assert np.mean(plain) < 0.4 - 3 * np.std(plain) / np.sqrt(len(plain))
    assert missed / 150 <= 0.06


def test_with_equal_shares_it_is_close_to_the_plain_difference() -> None:
    generator = np.random.default_rng(22)
    arms = WeightedArms(("a", "b"))
    assert arms.difference("b", "a") is None
    for _ in range(2000):
        arm = str(generator.choice(["a", "b"]))
        arms.add(arm, float(generator.normal(2.0 if arm == "b" else 1.0, 1)), {"a": 0.5, "b": 0.5})
    estimate = arms.difference("b", "a")
    assert estimate is not None
    plain = arms.totals["b"] / arms.counts["b"] - arms.totals["a"] / arms.counts["a"]
    assert estimate.value == pytest.approx(plain, abs=0.02)
    assert estimate.low > 0.8
    assert estimate.high < 1.2
    assert (estimate.n, estimate.method) == (2000, "inverse-probability confidence sequence, 95 % at all times")


def test_refolding_gives_the_same_state() -> None:
    first, second = (_adaptive(np.random.default_rng(23), lambda _: None, users=120) for _ in range(2))
    assert first == second


def test_what_cannot_have_been_drawn_is_refused() -> None:
    with pytest.raises(InputError, match="not two or more different ones"):
        WeightedArms(("a", "a"))
    arms = WeightedArms(("a", "b"))
    with pytest.raises(InputError, match="which had no share"):
        arms.add("a", 1.0, {"b": 1.0})
    with pytest.raises(InputError, match="which had no share"):
        arms.add("c", 1.0, {"c": 1.0})
    with pytest.raises(InputError, match="nan"):
        arms.add("a", float("nan"), {"a": 0.5, "b": 0.5})
