from __future__ import annotations

import numpy as np
import pytest

from assay.errors import InputError
from assay.statistics.anytime.experiment import Experiment


def _run(generator: np.random.Generator, rates: dict[str, float], users: int, *, binary: bool = True) -> Experiment:
    experiment = Experiment(tuple(rates), binary=binary)
    arms = list(rates)
    for arm in generator.integers(0, len(arms), users):
        mean = rates[arms[arm]]
        value = float(generator.random() < mean) if binary else float(generator.beta(8 * mean, 8 * (1 - mean)))
        experiment.add(arms[arm], value)
    return experiment


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "graded"])
def test_equal_arms_are_seldom_told_apart(binary: bool) -> None:
    generator = np.random.default_rng(31)
    rates = {"a": 0.3, "b": 0.3, "c": 0.3}
    runs = 40
    assert sum(bool(_run(generator, rates, 300, binary=binary).decided) for _ in range(runs)) / runs <= 0.05


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "graded"])
def test_arms_are_told_apart_in_both_directions(binary: bool) -> None:
    experiment = _run(np.random.default_rng(32), {"a": 0.5, "b": 0.72, "c": 0.5, "d": 0.28}, 2500, binary=binary)
    assert experiment.decided == {"b": "higher", "d": "lower"}
    evidence, estimates = experiment.evidence(), experiment.estimates()
    assert evidence["c"] < np.log(20) <= min(evidence["b"], evidence["d"])
    for arm, truth in (("b", 0.22), ("c", 0.0), ("d", -0.22)):
        assert estimates[arm].low <= truth <= estimates[arm].high
        assert estimates[arm].method == "betting confidence sequence, 98.33 % at all times"
    assert estimates["b"].low > 0 > estimates["d"].high


def test_a_decision_stands_and_refolding_repeats_it() -> None:
    first, second = (_run(np.random.default_rng(33), {"a": 0.3, "b": 0.6}, 600) for _ in range(2))
    assert first.decided == second.decided == {"b": "higher"}
    assert first.evidence() == second.evidence()
    assert first.estimates() == second.estimates()


def test_nothing_is_shown_of_an_arm_without_values() -> None:
    experiment = Experiment(("a", "b", "c"))
    for value in (0.2, 0.4):
        experiment.add("a", value)
        experiment.add("b", value)
    assert set(experiment.estimates()) == {"b"}
    assert experiment.evidence() == {"b": pytest.approx(0, abs=1), "c": pytest.approx(0, abs=1)}


def test_wrong_arms_are_refused() -> None:
    with pytest.raises(InputError, match="not two or more different ones"):
        Experiment(("a",))
    with pytest.raises(InputError, match="'z' is not in this experiment"):
        Experiment(("a", "b")).add("z", 1.0)
