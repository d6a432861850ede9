from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import InputError
from assay.statistics.correction import ppi, ppi_weighted
from assay.statistics.labelling import expected_errors, next_labels


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.integers(1, 70),
    st.integers(0, 5),
)
def test_as_many_as_asked_each_once_none_that_is_labelled(judged: list[float], count: int, done: int) -> None:
    done = min(done, len(judged))
    found = next_labels(judged, count, labelled=range(done), probabilities=[0.1] * len(judged))
    assert len(found.places) == min(count, len(judged) - done)
    assert len(set(found.places)) == len(found.places)
    assert all(place >= done for place in found.places)
    assert found.probabilities.min() >= 0.1
    assert found.probabilities.max() <= 1


def test_doubtful_cases_come_first_and_safe_ones_sometimes() -> None:
    judged = [0.5] * 50 + [0.99] * 50
    counts = np.zeros(100)
    for seed in range(400):
        counts[list(next_labels(judged, 20, seed=seed).places)] += 1
    assert counts[:50].min() > counts[50:].max()
    assert counts[50:].min() > 0
    assert next_labels(judged, 20, seed=3).places == next_labels(judged, 20, seed=3).places


def test_probabilities_are_how_often_a_case_is_drawn() -> None:
    judged = np.random.default_rng(0).random(40)
    counts = np.zeros(40)
    for seed in range(4_000):
        counts[list(next_labels(judged, 12, seed=seed).places)] += 1
    assert counts / 4_000 == pytest.approx(next_labels(judged, 12).probabilities, abs=0.035)


def test_errors_are_learnt_from_labels() -> None:
    judged = np.repeat([0.1, 0.9], 50)
    labels = {i: float(i % 2 == 0) for i in range(0, 40)} | dict.fromkeys(range(60, 100), 1.0)
    found = expected_errors(judged, labels)
    assert found[0] > 2 * found[99]


def test_a_proposal_needs_what_its_weights_need() -> None:
    with pytest.raises(InputError):
        next_labels([0.5], 0)
    with pytest.raises(InputError, match="drawn"):
        next_labels([0.5, 0.5], 1, labelled=[0])
    with pytest.raises(InputError, match="errors"):
        next_labels([0.5, 0.5], 1, errors=[0.1])
    with pytest.raises(InputError, match="no labels"):
        expected_errors([0.5], {})


@pytest.mark.parametrize(("before", "then"), [(0, 80), (60, 60)])
def test_labels_by_proposal_still_give_an_interval_that_covers_and_a_shorter_one(before: int, then: int) -> None:
    """A judge that is sure of most cases and right there, and guesses among the rest."""
    rng, runs, total = np.random.default_rng(1), 1_000, 1_200
    covered, plain, widths, plain_widths = 0, 0, [], []
    for run in range(runs):
        hard = rng.random(total) < 0.25
        chance = np.where(hard, rng.uniform(0.3, 0.7, total), np.where(rng.random(total) < 0.8, 0.985, 0.015))
        truth = np.asarray(rng.random(total) < chance, dtype=np.float64)
        judged = np.clip(chance + np.where(hard, 0.1, 0.0), 0, 1)  # and biased
        rate = 0.25 * 0.5 + 0.75 * (0.8 * 0.985 + 0.2 * 0.015)
        labels: dict[int, float] = {}
        probabilities = errors = None
        if before:
            labels = {int(i): float(truth[i]) for i in rng.choice(total, before, replace=False)}
            probabilities, errors = np.full(total, before / total), expected_errors(judged, labels)
        proposal = next_labels(
            judged, then, errors=errors, labelled=list(labels), probabilities=probabilities, seed=run
        )
        labels |= {place: float(truth[place]) for place in proposal.places}
        found = ppi_weighted(labels, judged, proposal.probabilities)
        covered += found.low <= rate <= found.high
        widths.append(found.high - found.low)
        order = rng.permutation(total)
        some, others = order[: before + then], order[before + then :]
        uniform = ppi(truth[some], judged[some], judged[others])
        plain += uniform.low <= rate <= uniform.high
        plain_widths.append(uniform.high - uniform.low)
    assert 0.93 <= covered / runs <= 0.97
    assert 0.93 <= plain / runs <= 0.975
    assert np.mean(widths) < 0.93 * np.mean(plain_widths)
