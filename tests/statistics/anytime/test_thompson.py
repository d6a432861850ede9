from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.statistics.anytime.thompson import Posterior, best, beta_posterior, normal_posterior, top_two

POSTERIORS = st.dictionaries(
    st.sampled_from("abcd"), st.builds(Posterior, st.floats(-2, 2), st.floats(0.001, 2)), min_size=2
)


@given(POSTERIORS, st.floats(0.01, 0.2))
def test_shares_sum_to_one_and_keep_the_floor(posteriors: dict[str, Posterior], floor: float) -> None:
    shares = top_two(posteriors, floor=floor)
    assert math.fsum(shares.values()) == pytest.approx(1)
    assert min(shares.values()) >= floor - 1e-12
    assert shares == top_two(posteriors, floor=floor)
    chances = best(posteriors)
    assert math.fsum(chances.values()) == pytest.approx(1)


def test_the_chance_to_be_best_is_that_of_draws() -> None:
    posteriors = {"a": Posterior(0.5, 0.1), "b": Posterior(0.6, 0.2), "c": Posterior(0.3, 0.4)}
    draws = np.random.default_rng(1).normal(
        [posterior.mean for posterior in posteriors.values()],
        [posterior.sd for posterior in posteriors.values()],
        (200_000, 3),
    )
    expected = np.bincount(draws.argmax(axis=1)) / 200_000
    assert list(best(posteriors).values()) == pytest.approx(expected.tolist(), abs=0.005)


def test_top_two_draws_as_its_algorithm_does() -> None:
    posteriors = {"a": Posterior(0.5, 0.1), "b": Posterior(0.55, 0.1), "c": Posterior(0.4, 0.1)}
    generator = np.random.default_rng(2)
    means = [posterior.mean for posterior in posteriors.values()]
    counts = np.zeros(3)
    for _ in range(6000):
        leader = other = int(generator.normal(means, 0.1).argmax())
        while other == leader:
            other = int(generator.normal(means, 0.1).argmax())
        counts[leader if generator.random() < 0.5 else other] += 1
    assert list(top_two(posteriors, floor=1e-6).values()) == pytest.approx((counts / 6000).tolist(), abs=0.025)


def test_a_clear_leader_still_shares_with_the_runner_up() -> None:
    shares = top_two({"a": Posterior(1, 0.01), "b": Posterior(0.5, 0.01), "c": Posterior(0.1, 0.01)}, floor=0.1)
    assert shares["a"] > 0.3
    assert min(shares.values()) >= 0.1


def test_posteriors_of_counts_and_values() -> None:
    rate = beta_posterior(3, 8)
    assert (rate.mean, rate.sd) == pytest.approx((0.4, math.sqrt(4 * 6 / (100 * 11))))
    values = [0.5, 0.7, 0.9]
    mean = normal_posterior(sum(values), sum(v * v for v in values), 3, low=0, high=1)
    everything = [*values, 0.0, 1.0]
    assert (mean.mean, mean.sd) == pytest.approx((np.mean(everything), np.std(everything) / math.sqrt(5)))
    assert normal_posterior(0, 0, 0, low=0, high=1).sd > 0


def test_wrong_beliefs_are_refused() -> None:
    with pytest.raises(InputError, match="cannot each have"):
        top_two({"a": Posterior(0, 1), "b": Posterior(0, 1)}, floor=0.5)
    with pytest.raises(InputError, match="spread above 0"):
        best({"a": Posterior(0, 0)})
    with pytest.raises(InputError, match="9 successes among 8"):
        beta_posterior(9, 8)
    with pytest.raises(InputError, match="-1 values"):
        normal_posterior(0, 0, -1, low=0, high=1)
