"""The fold: who votes, on what, and with what weight."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.rollouts.experiments.deciding import needed, next_shares
from assay.rollouts.experiments.design import ranking_design
from assay.rollouts.experiments.evidence import Evidence
from assay.rollouts.traffic.observations import Observation


def seen(unit: str, arm: str, value: float, *, stage: int = 0, trace: str = "", metric: str = "quality") -> Observation:
    return Observation(unit, arm, stage, trace or f"{unit}-{value}-{metric}", {metric: value}, propensity=0.5)


def test_a_unit_votes_once_with_its_first_value(make: Any) -> None:
    evidence = Evidence(make.design(guards=(make.errors,)))
    for value in (1.0, 0.0, 0.0):
        evidence.add(seen("u", "B", value))
    evidence.add(seen("u", "B", 1.0, metric="errors"))
    evidence.add(seen("u", "A", 0.0))  # it moved: it has voted
    assert (evidence.tallies["B"].n, evidence.tallies["B"].total, evidence.tallies["A"].n) == (1, 1.0, 0)
    assert evidence.ratio.counts == {"B": 1}
    assert evidence.position == 5
    findings = {finding.guard: finding for finding in evidence.findings()}
    assert (findings["errors: B vs A"].n, findings["quality: B vs A"].n) == (1, 1)


def test_what_is_of_no_arm_or_of_no_epoch_says_nothing(make: Any) -> None:
    evidence = Evidence(make.design())
    evidence.add(seen("u", "live", 1.0))
    evidence.add(seen("v", "A", 1.0, stage=1))
    evidence.add(replace(seen("w", "A", 1.0), counts=False))
    assert evidence.votes == 0
    assert evidence.ratio.counts == {}
    assert evidence.position == 3


def test_an_answer_that_is_written_again_prefers_once() -> None:
    evidence = Evidence(ranking_design(("aa" * 32, "bb" * 32), alpha=0.05, longest=60.0))
    for _ in range(3):
        evidence.add(seen("u", "second", 1.0, trace="t1"))
    evidence.add(seen("u", "first", 1.0, trace="t1"))
    evidence.add(seen("u", "second", 1.0, trace="t2"))
    assert (evidence.wins.test.first, evidence.wins.test.second, evidence.votes) == (0, 2, 2)


def test_an_epochs_observations_come_after_it_began(make: Any) -> None:
    evidence = Evidence(make.design(policy="thompson"))
    evidence.open((0.7, 0.3), 2)  # known before what it looked at is folded
    evidence.add(seen("early", "A", 1.0, stage=1))
    assert evidence.votes == 0
    evidence.add(seen("u", "A", 1.0))
    evidence.add(seen("late", "B", 1.0, stage=1))
    assert evidence.votes == 2
    assert (evidence.votes_at(2), evidence.votes_at(3)) == (1, 2)
    assert evidence.ratio.expected == pytest.approx({"A": 0.5 + 0.7, "B": 0.5 + 0.3})


def test_judged_values_come_equally_from_every_arm_whatever_its_share(make: Any) -> None:
    """So many fewer answers of an arm are judged as it has more users; each weighs as its own chance says."""
    metric = replace(make.quality, judged=True)
    judged = Evidence(make.design(policy="thompson", metric=metric, shares=(0.9, 0.1)))
    plain = Evidence(make.design(policy="thompson", shares=(0.9, 0.1)))
    for at in range(120):
        for evidence in (judged, plain):
            evidence.add(seen(f"u{at}", "AB"[at % 2], float(at % 4 < 2)))
    equal = judged.mean("A")
    assert equal is not None
    assert equal.value == pytest.approx(0.5, abs=0.06)
    skewed = plain.mean("A")
    assert skewed is not None
    assert skewed.high - skewed.low != pytest.approx(equal.high - equal.low)


def test_of_one_who_asks_again_a_later_judged_answer_has_no_known_chance_and_does_not_vote(make: Any) -> None:
    evidence = Evidence(make.design(policy="thompson", metric=replace(make.quality, judged=True)))
    evidence.add(Observation("u", "A", 0, "first", {"errors": 0.0}))
    evidence.add(Observation("u", "A", 0, "second", {"errors": 0.0}))
    evidence.add(Observation("u", "A", 0, "second", {"quality": 1.0}))
    assert (evidence.tallies["A"].n, evidence.weighted.n) == (0, 0)
    evidence.add(Observation("v", "A", 0, "third", {"errors": 0.0}))
    evidence.add(Observation("v", "A", 0, "third", {"quality": 1.0}))
    assert (evidence.tallies["A"].n, evidence.weighted.n) == (1, 1)


OBSERVATIONS = st.lists(
    st.builds(
        seen,
        st.integers(0, 60).map("u{}".format),
        st.sampled_from("ABC"),
        st.sampled_from([0.0, 0.3, 1.0]),
        stage=st.integers(0, 3),
        metric=st.sampled_from(["quality", "errors"]),
    ).filter(lambda each: "errors" not in each.values or each.values["errors"] != 0.3),
    max_size=120,
)


@settings(max_examples=60, deadline=None)
@given(observations=OBSERVATIONS, cut=st.integers(0, 120))
def test_however_it_is_cut_the_fold_is_the_same(make: Any, observations: list[Observation], cut: int) -> None:
    plan = make.design(3, policy="thompson", guards=(make.errors,))
    shares = [(0.2, 0.3, 0.5), (0.1, 0.1, 0.8)]

    def folded(*, early: bool, asked: bool) -> tuple[Any, ...]:
        evidence = Evidence(plan)
        if early:
            for after, next_ones in zip((10, 40), shares, strict=True):
                evidence.open(next_ones, after)
        for at, each in enumerate(observations):
            if not early and at in (10, 40):
                evidence.open(shares[at == 40], at)
            if asked and at == cut:
                evidence.findings()
            evidence.add(each)
        differences = [evidence.difference(arm, "A") for arm in "BC"]
        return evidence.findings(), evidence.posteriors(), evidence.mismatch, evidence.votes, differences

    known = [each for at, each in enumerate(observations) if each.stage == 0 or at >= (10, 40, 10**9)[each.stage - 1]]
    assert folded(early=True, asked=False) == folded(early=True, asked=True)
    if len(known) == len(observations):
        assert folded(early=True, asked=False) == folded(early=False, asked=False)


@settings(max_examples=100, deadline=None)
@given(
    arms=st.integers(2, 4),
    part=st.floats(0.05, 0.95),
    values=st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=60),
)
def test_shares_add_up_and_respect_the_floor(
    make: Any, arms: int, part: float, values: list[tuple[int, float]]
) -> None:
    floor = part / arms
    evidence = Evidence(make.design(arms, policy="thompson", floor=floor))
    for at, (arm, value) in enumerate(values):
        evidence.add(seen(f"u{at}", "ABCD"[arm % arms], value))
    shares = next_shares(evidence)
    assert sum(shares) == pytest.approx(1.0, abs=1e-12)
    assert min(shares) >= floor - 1e-12
    assert len(shares) == arms


def test_shares_change_ever_more_rarely() -> None:
    assert [needed(before) for before in (0, 50, 500, 501, 10_000)] == [50, 50, 50, 51, 1_000]
