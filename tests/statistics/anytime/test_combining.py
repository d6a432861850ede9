from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.statistics.anytime.binary import RateTest
from assay.statistics.anytime.blocks import Block
from assay.statistics.anytime.combining import Averaged, all_crossed, average, closed, split
from assay.statistics.anytime.evidence import crossed, log_mean_exp, p_value, remaining, threshold

EVIDENCE = st.dictionaries(st.sampled_from("abcde"), st.floats(-30, 30), min_size=1)


@given(EVIDENCE)
def test_the_average_is_that_of_the_e_values(log_es: dict[str, float]) -> None:
    mean = math.fsum(map(math.exp, log_es.values())) / len(log_es)
    assert average(log_es) == pytest.approx(math.log(mean), abs=1e-9)


@given(EVIDENCE)
def test_closed_testing_takes_the_least_mean_of_all_sets(log_es: dict[str, float]) -> None:
    adjusted = closed(log_es)
    for name, value in adjusted.items():
        others = [other for other in log_es if other != name]
        sets = itertools.chain.from_iterable(itertools.combinations(others, size) for size in range(len(log_es)))
        least = min(average({key: log_es[key] for key in (name, *rest)}) for rest in sets)
        assert value == pytest.approx(least, abs=1e-9)


def test_weights_count_and_must_fit() -> None:
    assert average({"a": math.log(10), "b": -math.inf}, {"a": 3, "b": 1}) == pytest.approx(math.log(7.5))
    with pytest.raises(InputError, match="weights are given for"):
        average({"a": 0.0}, {"b": 1})
    with pytest.raises(InputError, match="positive numbers"):
        average({"a": 0.0}, {"a": 0})
    with pytest.raises(InputError, match="positive numbers"):
        average({})


def test_the_peak_of_an_average_is_not_the_average_of_peaks() -> None:
    both = Averaged({"a": 1, "b": 1})
    both.update({"a": math.log(30)})
    assert both.log_e == pytest.approx(math.log(15.5))
    both.update({"a": math.log(0.5), "b": math.log(30)})
    assert both.peak == pytest.approx(math.log(15.5))
    with pytest.raises(InputError, match="'c' has no weight"):
        both.update({"c": 1.0})


def test_promotion_asks_every_guard_at_full_alpha() -> None:
    assert all_crossed([3.0, 4.0], 0.05)
    assert not all_crossed([3.0, 2.9], 0.05)
    with pytest.raises(InputError, match="at least one guard"):
        all_crossed([], 0.05)


def test_alpha_is_split_by_weight() -> None:
    assert split(0.05, {"a": 3, "b": 1}) == pytest.approx({"a": 0.0375, "b": 0.0125})
    with pytest.raises(InputError, match="alpha is 1"):
        split(1.0, {"a": 1})


def test_what_is_still_needed() -> None:
    assert threshold(0.05) == pytest.approx(math.log(20))
    assert remaining(1.0, 0.05) == pytest.approx(math.log(20) - 1)
    assert remaining(5.0, 0.05) == 0
    assert p_value(math.log(20)) == pytest.approx(0.05)
    assert p_value(-1.0) == 1
    assert log_mean_exp([-math.inf], [0.0]) == -math.inf
    test = RateTest("above")
    assert not crossed(test, 0.05)
    for _ in range(8):
        test.add(Block((0.0,) * 9, (1.0,)))
    assert crossed(test, 0.05)
