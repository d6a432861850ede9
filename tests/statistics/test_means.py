from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.statistics.means import mean
from assay.statistics.moments import codes, moments


def test_binary_scores_get_wilson_s_interval() -> None:
    found = mean([1.0] * 81 + [0.0] * 182)  # 81 of 263: Newcombe 1998, table I, .2553 to .3662
    assert (round(found.low, 4), round(found.high, 4)) == (0.2553, 0.3662)
    assert found.method == "Wilson score interval"


def test_a_constant_sample_has_an_interval() -> None:
    ones = mean([1.0] * 20)
    assert ones.high == 1
    assert 0.8 < ones.low < 0.9
    half = mean([0.5] * 20)
    assert half.low < 0.45 < 0.55 < half.high
    assert half.method.startswith("rule of three")


def test_one_value_says_little() -> None:
    assert mean([1.0]).low < 0.25
    assert (mean([0.5]).low, mean([0.5]).high) == (0, 1)
    assert mean([3.2], within=None).low == -math.inf
    assert mean([0.5, 0.7], clusters=["a", "a"]).low == 0


def test_a_constant_without_a_range_says_that_there_is_no_spread() -> None:
    assert "no spread" in mean([0.0, 0.0, 0.0], within=None).method


@pytest.mark.parametrize(
    ("values", "arguments", "says"),
    [
        ([], {}, "at least one"),
        ([math.nan], {}, "finite"),
        ([1.2], {}, "outside"),
        ([0.5], {"within": (1.0, 1.0)}, "empty"),
        ([0.5], {"clusters": ["a", "b"]}, "2 clusters for 1"),
    ],
)
def test_what_cannot_be_averaged(values: list[float], arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        mean(values, **arguments)  # type: ignore[arg-type]


def test_without_clusters_the_error_is_the_usual_one() -> None:
    x = np.random.default_rng(0).normal(size=40)
    of = moments(x)
    assert of.variance == pytest.approx(x.var(ddof=1) / 40)
    assert of.df == 39


def test_cr2_against_the_matrices_it_is_defined_by() -> None:
    rng = np.random.default_rng(1)
    groups = codes(np.repeat(np.arange(6), [1, 2, 3, 4, 5, 9]), 24)
    assert groups is not None
    x = rng.normal(size=24) + rng.normal(size=6)[groups]
    n, ones = 24, np.ones((24, 1))
    residual, meat = x - x.mean(), 0.0
    for g in range(6):
        inside = groups == g
        size = int(inside.sum())
        hat = ones[inside] @ ones[inside].T / n
        values, vectors = np.linalg.eigh(np.eye(size) - hat)
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        meat += float(np.ones(size) @ root @ residual[inside]) ** 2
    assert moments(x, groups).variance == pytest.approx(meat / n**2)


def test_degrees_of_freedom_of_equal_clusters_are_their_number_less_one() -> None:
    groups = codes(np.repeat(np.arange(8), 5), 40)
    assert moments(np.random.default_rng(2).normal(size=40), groups).df == pytest.approx(7)


def test_clusters_of_copies_are_worth_one_case_each() -> None:
    rng = np.random.default_rng(3)
    once = rng.random(30)
    alone, copied = mean(once), mean(np.repeat(once, 10), clusters=np.repeat(np.arange(30), 10))
    assert copied.high - copied.low == pytest.approx(alone.high - alone.low, rel=0.02)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=1, max_size=60),
    st.booleans(),
)
def test_an_interval_holds_its_value_and_stays_in_range(rows: list[tuple[float, int]], clustered: bool) -> None:
    values, groups = [value for value, _ in rows], [group for _, group in rows]
    found = mean(values, clusters=groups if clustered else None)
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1
    assert found.n == len(rows)
    assert mean(values, clusters=groups if clustered else None, confidence=0.8).low >= found.low - 1e-9


@given(st.lists(st.integers(0, 100), min_size=2, max_size=40))
def test_turning_a_score_round_turns_its_interval(points: list[int]) -> None:
    found, turned = mean([point / 100 for point in points]), mean([(100 - point) / 100 for point in points])
    assert turned.low == pytest.approx(1 - found.high, abs=1e-6)
