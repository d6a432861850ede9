from __future__ import annotations

import math
import sys
from typing import Any, TypeAlias

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtri

from assay.errors import InputError
from assay.scores import Estimate, Unscored
from assay.statistics.correction import ppi, ppi_weighted, rogan_gladen
from assay.statistics.proportions import proportion

Floats: TypeAlias = NDArray[np.float64]


def _as_floats(values: NDArray[Any]) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _judged(rng: np.random.Generator, n: int, rate: float, accuracy: float) -> tuple[Floats, Floats]:
    truth = (rng.random(n) < rate) * 1.0
    return _as_floats(truth), _as_floats(np.where(rng.random(n) < accuracy, truth, 1 - truth))


def test_without_a_useful_judge_it_is_people_s_mean() -> None:
    rng = np.random.default_rng(0)
    people = _as_floats(rng.random(100) < 0.7)
    found = ppi(people, np.ones(100), np.ones(1_000))
    assert found.value == pytest.approx(people.mean())
    assert found.high - found.low == pytest.approx(0.18, abs=0.02)


def test_a_perfect_judge_brings_its_own_precision() -> None:
    rng = np.random.default_rng(1)
    truth = _as_floats(rng.random(2_200) < 0.7)
    found = ppi(truth[:200], truth[:200], truth[200:])
    assert found.value == pytest.approx(truth.mean(), abs=2e-3)
    assert found.high - found.low < 0.06


@pytest.mark.parametrize(("accuracy", "width"), [(0.70, 0.105), (0.88, 0.083), (0.95, 0.064)])
def test_it_covers_where_the_bare_judge_s_interval_does_not(accuracy: float, width: float) -> None:
    """200 people's labels and 2,000 of a judge; the widths are those of theory."""
    rng, runs = np.random.default_rng(2), 1_000
    covered = bare = 0
    widths = []
    for _ in range(runs):
        truth, judge = _judged(rng, 2_200, 0.8, accuracy)
        found = ppi(truth[:200], judge[:200], judge[200:])
        naive = proportion(int(judge[200:].sum()), 2_000)
        covered += found.low <= 0.8 <= found.high
        bare += naive.low <= 0.8 <= naive.high
        widths.append(found.high - found.low)
    assert 0.93 <= covered / runs <= 0.97
    assert bare / runs < 0.15
    assert np.mean(widths) == pytest.approx(width, rel=0.08)
    assert np.mean(widths) < 0.111


RATES, ACCURACIES = (0.5, 0.8, 0.9, 0.95), (0.7, 0.88, 0.95)
SIZES = [1, 3, 2, 1, 4, 2, 1, 2]  # cases of one document, in turn: 2 on average
N = pytest.mark.parametrize("n", [30, 100, 1_000])
Cell: TypeAlias = tuple[float, float]


def _slack(runs: int) -> float:
    """One standard error of the simulation."""
    return math.sqrt(0.95 * 0.05 / runs)


def _held(found: dict[Cell, float], accuracy: float) -> float:
    """Binary labels have no exact interval at one rate; theirs is averaged over rates (docs/decisions/0012)."""
    return float(np.mean([share for (_, each), share in found.items() if each == accuracy]))


def _covered(n: int, runs: int, *, clustered: bool) -> dict[Cell, float]:
    """By rate and accuracy, with n labels and 5n other cases; documents may reach over both parts."""
    found, total = {}, 6 * n
    documents = np.repeat(np.arange(total), np.resize(SIZES, total))[:total]
    for rate, accuracy in [(rate, accuracy) for rate in RATES for accuracy in ACCURACIES]:
        rng, inside = np.random.default_rng(n + int(100 * rate) + int(1_000 * accuracy)), 0
        for _ in range(runs):
            z, groups = rng.standard_normal(total), None
            if clustered:
                groups = documents
                z = np.sqrt(0.3) * rng.standard_normal(total)[groups] + np.sqrt(0.7) * z
            truth = _as_floats(z < ndtri(rate))
            judge = _as_floats(np.where(rng.random(total) < accuracy, truth, 1 - truth))
            estimate = ppi(
                truth[:n],
                judge[:n],
                judge[n:],
                clusters=None if groups is None else groups[:n],
                unlabelled_clusters=None if groups is None else groups[n:],
            )
            inside += estimate.low <= rate <= estimate.high
        found[rate, accuracy] = inside / runs
    return found


def _ppi_holds(found: dict[Cell, float], runs: int) -> None:
    sys.stdout.write(f"{ {cell: round(share, 3) for cell, share in found.items()} }\n")
    for accuracy in ACCURACIES:
        assert 0.93 - _slack(runs) <= _held(found, accuracy) <= 0.97 + _slack(runs)
    assert min(found.values()) >= 0.92 - _slack(runs)
    assert max(found.values()) <= 0.98 + _slack(runs)


def test_coverage_with_few_labels() -> None:
    _ppi_holds(_covered(30, 300, clustered=False), 300)


@pytest.mark.slow
@N
@pytest.mark.parametrize("clustered", [False, True], ids=["independent", "clustered"])
def test_coverage_of_ppi(n: int, clustered: bool) -> None:
    _ppi_holds(_covered(n, 2_000, clustered=clustered), 2_000)


@pytest.mark.slow
@N
def test_coverage_of_labels_drawn_unequally(n: int) -> None:
    found, runs, total = {}, 1_000, 6 * n
    for rate, accuracy in [(rate, accuracy) for rate in RATES for accuracy in ACCURACIES]:
        rng, inside = np.random.default_rng(n + int(100 * rate)), 0
        for _ in range(runs):
            truth, judge = _judged(rng, total, rate, accuracy)
            drawn = 0.3 + rng.random(total)
            drawn = _as_floats(np.minimum(1, drawn / drawn.sum() * n))
            labels = {int(at): float(truth[at]) for at in np.flatnonzero(rng.random(total) < drawn)}
            estimate = ppi_weighted(labels, judge, drawn)
            inside += estimate.low <= rate <= estimate.high
        found[rate, accuracy] = inside / runs
    _ppi_holds(found, runs)


@pytest.mark.slow
@N
def test_coverage_of_rogan_and_gladen(n: int) -> None:
    """Over the rates and judges for which most sets of labels tell a rate at all."""
    found, runs = {}, 2_000
    for rate, accuracy in [(rate, accuracy) for rate in RATES for accuracy in ACCURACIES]:
        rng, told, inside = np.random.default_rng(3), 0, 0
        for _ in range(runs):
            truth, judge = _judged(rng, 6 * n, rate, accuracy)
            people, said = truth[:n] == 1, judge[:n] == 1
            estimate = rogan_gladen(
                int(judge[n:].sum()),
                5 * n,
                sensitivity=(int((people & said).sum()), int(people.sum())),
                specificity=(int((~people & ~said).sum()), int((~people).sum())),
            )
            if isinstance(estimate, Estimate):
                told += 1
                inside += estimate.low <= rate <= estimate.high
        if told > runs / 2:
            found[rate, accuracy] = inside / told
    shares = list(found.values())
    sys.stdout.write(f"n={n}: {np.mean(shares):.3f}, {min(shares):.3f} to {max(shares):.3f}\n")
    assert 0.93 - _slack(runs) <= float(np.mean(shares)) <= 0.97 + _slack(runs)
    assert min(shares) >= 0.92 - _slack(runs)
    assert max(shares) <= 0.98 + _slack(runs)


@pytest.mark.parametrize("clustered", [False, True])
def test_differences_between_two_releases(clustered: bool) -> None:
    rng, runs, n, total = np.random.default_rng(4), 600, 300, 1_800
    inside = 0
    for _ in range(runs):
        groups = rng.integers(0, total // 4, total)
        shared = rng.normal(size=total // 4)[groups] * 0.6 if clustered else rng.normal(size=total) * 0.6
        hidden = shared + 0.8 * rng.normal(size=total)
        sides = [(hidden < cut) * 1.0 for cut in (0.5828, 0.8416)]  # rates .72 and .80
        seen = [np.where(rng.random(total) < 0.88, side, 1 - side) for side in sides]
        people, judge = _as_floats(sides[0] - sides[1]), _as_floats(seen[0] - seen[1])
        found = ppi(
            people[:n],
            judge[:n],
            judge[n:],
            within=(-1, 1),
            clusters=groups[:n] if clustered else None,
            unlabelled_clusters=groups[n:] if clustered else None,
        )
        inside += found.low <= -0.08 <= found.high
    assert 0.93 - _slack(runs) <= inside / runs <= 0.97 + _slack(runs)


def test_rogan_gladen_s_estimate() -> None:
    found = rogan_gladen(300, 1_000, sensitivity=(90, 100), specificity=(160, 200))
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx((0.3 + 0.8 - 1) / 0.7)
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    ("sensitivity", "specificity"), [((10, 20), (10, 20)), ((0, 0), (5, 5)), ((5, 5), (0, 0)), ((11, 20), (12, 20))]
)
def test_a_judge_no_better_than_chance_tells_no_rate(
    sensitivity: tuple[int, int], specificity: tuple[int, int]
) -> None:
    assert isinstance(rogan_gladen(5, 10, sensitivity=sensitivity, specificity=specificity), Unscored)


def test_people_who_all_say_the_same_leave_an_interval() -> None:
    found = ppi(np.ones(20), np.ones(20), np.ones(100))
    assert found.high == 1
    assert found.low < 0.9


def test_what_cannot_be_corrected() -> None:
    with pytest.raises(InputError):
        ppi([1.0], [1.0], [1.0])
    with pytest.raises(InputError, match="neither"):
        ppi([1.0, 0.0], [1.0, 0.0], [1.0], clusters=["a", "b"])
    with pytest.raises(InputError, match="probability"):
        ppi_weighted({0: 1.0, 1: 1.0, 2: 0.0}, [1, 1, 0, 1], [0.0, 0.5, 0.5, 0.5])
    with pytest.raises(InputError, match="too few"):
        ppi_weighted({0: 1.0}, [1, 1], [0.5, 0.5])
