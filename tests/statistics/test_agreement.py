from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from assay.errors import InputError
from assay.scores import Estimate, Unscored
from assay.statistics.agreement import Level, cohen_kappa, confusion, krippendorff_alpha

# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve units.
_OBSERVERS = {
    "A": "1 2 3 3 2 1 4 1 2 . . .",
    "B": "1 2 3 3 2 2 4 1 2 5 . 3",
    "C": ". 3 3 3 2 3 4 2 2 5 1 .",
    "D": "1 2 3 3 2 4 4 1 2 5 1 .",
}
EXAMPLE: list[Mapping[str, float]] = [
    {name: float(row.split()[unit]) for name, row in _OBSERVERS.items() if row.split()[unit] != "."}
    for unit in range(12)
]


@pytest.mark.parametrize(("level", "value"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_krippendorff_s_example(level: Level, value: float) -> None:
    found = krippendorff_alpha(EXAMPLE, level=level)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(value, abs=5e-4)
    assert found.low < found.value < found.high <= 1
    assert (found.n, found.unscored) == (11, 1)


def test_krippendorff_s_examples_of_two_observers() -> None:
    # Sections A and B of the same: two observers, binary and five categories.
    assert _two("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0").value == pytest.approx(0.095, abs=5e-4)
    assert _two("1 1 2 2 4 3 3 3 5 4 4 1", "2 1 2 2 2 3 3 3 5 4 4 4").value == pytest.approx(0.692, abs=5e-4)


def _two(first: str, second: str) -> Estimate:
    found = krippendorff_alpha(
        [{"a": float(a), "b": float(b)} for a, b in zip(first.split(), second.split(), strict=True)]
    )
    assert isinstance(found, Estimate)
    return found


def test_interval_by_moments_is_interval_by_coincidences() -> None:
    rng = np.random.default_rng(0)
    cases: list[Mapping[str, float]] = []
    for _ in range(30):
        truth = rng.normal()
        cases.append({str(r): truth + rng.normal() for r in range(int(rng.integers(2, 5)))})
    found = krippendorff_alpha(cases, level="interval")
    assert isinstance(found, Estimate)
    within = sum((a - b) ** 2 / (len(case) - 1) for case in cases for a in case.values() for b in case.values())
    every = [value for case in cases for value in case.values()]
    apart = sum((a - b) ** 2 for a in every for b in every)
    assert found.value == pytest.approx(1 - (len(every) - 1) * within / apart)


def test_what_cannot_be_agreed_on_is_unscored() -> None:
    assert isinstance(krippendorff_alpha([{"a": 1.0}]), Unscored)
    assert isinstance(krippendorff_alpha([{"a": 1.0, "b": 1.0}] * 5), Unscored)
    assert isinstance(cohen_kappa(["x"] * 4, ["x"] * 4), Unscored)


def test_cohen_s_kappa() -> None:
    # 20 both yes, 5 and 10 apart, 15 both no: observed .7, chance .5, κ = .4.
    first = ["y"] * 25 + ["n"] * 25
    second = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    found = cohen_kappa(first, second)
    assert isinstance(found, Estimate)
    assert found.value == pytest.approx(0.4)
    assert found.low == pytest.approx(0.15, abs=0.03)  # Fleiss's error .127
    with pytest.raises(InputError):
        cohen_kappa(["x"], [])


@pytest.mark.slow
def test_alpha_s_interval_covers() -> None:
    rng, inside, truth = np.random.default_rng(2), 0, 0.64
    for _ in range(400):
        # Two raters who know each case with chance .8 and guess evenly otherwise: α = .8².
        label = rng.integers(0, 2, 80)
        raters = [np.where(rng.random(80) < 0.8, label, rng.integers(0, 2, 80)) for _ in range(2)]
        found = krippendorff_alpha([{"a": float(a), "b": float(b)} for a, b in zip(*raters, strict=True)])
        assert isinstance(found, Estimate)
        inside += found.low <= truth <= found.high
    assert 0.92 <= inside / 400 <= 0.98


def test_confusion() -> None:
    people: Sequence[bool] = [True, True, True, False]
    found = confusion(people, [True, True, False, True])
    assert (found.true_positive, found.false_negative, found.false_positive, found.true_negative) == (2, 1, 1, 0)
    assert isinstance(found.sensitivity, Estimate)
    assert found.sensitivity.value == pytest.approx(2 / 3)
    assert isinstance(found.specificity, Estimate)
    assert found.specificity.value == 0
    assert found.accuracy.value == 0.5
    assert isinstance(confusion([True], [False]).specificity, Unscored)
    assert isinstance(confusion([True], [False]).precision, Unscored)
    with pytest.raises(InputError):
        confusion([], [])
