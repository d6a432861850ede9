from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay import traces
from assay.rollouts.traffic.assignment import unit_of
from assay.rollouts.traffic.observations import Observation
from assay.rollouts.traffic.plan import Design, Guard, Plan
from assay.rollouts.traffic.routing import Asker, Way, fraction, way
from assay.rollouts.traffic.state import Experiment, Rollout, Traffic

LIVE, NEW = "a" * 64, "b" * 64
ERRORS = Guard("errors", "errors", "share", 0.05, 0.0)


def traffic(plan: Plan, phase: Literal["gate", "shadow", "canary"] = "canary", stage: int = 0, **more: Any) -> Traffic:
    return Traffic("production", 3, LIVE, Rollout("r1", NEW, LIVE, plan, 0.0, 0.0, phase, stage, **more))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_shares_are_exact(make_plan: Callable[..., Plan], share: float) -> None:
    now = traffic(make_plan(stages=(share,)))
    count = sum(way(now, Asker(f"user-{n}")).arm == "candidate" for n in range(10_000))
    deviation = (10_000 * share * (1 - share)) ** 0.5
    assert abs(count - 10_000 * share) < 4 * deviation


def test_a_candidates_users_stay_as_its_share_grows(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(stages=(0.05, 0.25, 0.9))
    arms = [
        {user for user in range(2_000) if way(traffic(plan, stage=stage), Asker(str(user))).arm == "candidate"}
        for stage in range(3)
    ]
    assert arms[0] < arms[1] < arms[2]


def test_before_its_gate_a_candidate_has_nothing_to_do_with_an_answer(make_plan: Callable[..., Plan]) -> None:
    assert way(traffic(make_plan(), "gate", -1), Asker("u")) == Way(LIVE)
    assert Way(LIVE).attributes() == {}


def test_in_shadow_live_answers_everybody(make_plan: Callable[..., Plan]) -> None:
    found = way(traffic(make_plan(), "shadow", -1), Asker("u"))
    assert found == Way(LIVE, "r1", "live", -1, unit_of("r1", "u"))


@pytest.mark.parametrize(
    ("sticky", "asker", "identity"),
    [
        ("user", Asker("u", "s"), "u"),
        ("user", Asker(None, "s"), "session:s"),
        ("session", Asker("u", "s"), "s"),
    ],
)
def test_what_keeps_its_arm(make_plan: Callable[..., Plan], sticky: Any, asker: Asker, identity: str) -> None:
    now = traffic(replace(make_plan(), sticky=sticky))
    assert way(now, asker).unit == unit_of("r1", identity)


@pytest.mark.parametrize(
    ("sticky", "asker"), [("user", Asker()), ("session", Asker("u")), ("request", Asker("u", "s"))]
)
def test_what_is_drawn_anew(make_plan: Callable[..., Plan], sticky: Any, asker: Asker) -> None:
    now = traffic(replace(make_plan(stages=(0.5,)), sticky=sticky))
    found = [way(now, asker) for _ in range(200)]
    assert len({each.unit for each in found}) == 200
    assert 60 < Counter(each.arm for each in found)["candidate"] < 140


def test_a_pin_is_an_arm_that_does_not_count(make_plan: Callable[..., Plan]) -> None:
    now = traffic(make_plan(stages=(0.999,)), pins={unit_of("r1", "boss"): "live"})
    found = way(now, Asker("boss"))
    assert (found.release, found.arm, found.counts) == (LIVE, "live", False)


def test_fresh_are_those_whom_the_share_before_had_not_drawn(make_plan: Callable[..., Plan]) -> None:
    plan = make_plan(stages=(0.2, 0.6))
    first, second = ([way(traffic(plan, stage=stage), Asker(str(user))) for user in range(3_000)] for stage in range(2))
    assert all(each.fresh for each in first)
    for before, now in zip(first, second, strict=True):
        assert now.fresh == (before.arm == "live")
    voting = [each.arm == "candidate" for each in second if each.fresh]
    assert abs(sum(voting) / len(voting) - 0.5) < 0.05


@pytest.mark.parametrize("fresh", [True, False])
def test_an_observation_tells_in_a_word_whose_unit_is_not_fresh(fresh: bool) -> None:
    seen = Way(NEW, "r1", "candidate", 1, "unit", fresh=fresh).observation("t", {"errors": 0.0})
    assert ("k" in seen.as_event()) is not fresh
    assert Observation.from_event(seen.as_event()) == seen


def test_an_experiments_arms(make_plan: Callable[..., Plan]) -> None:
    arms = (("A", LIVE), ("B", NEW), ("C", "c" * 64))
    design = Design(arms, ERRORS, (), "thompson", (0.2, 0.3, 0.5), 0.1, 0.05, "user", 0.5, 60.0)
    now = Traffic("production", 1, LIVE, None, Experiment("x1", design, 0.0, (0.1, 0.2, 0.7), epoch=2))
    found = [way(now, Asker(str(n))) for n in range(5_000)]
    counts = Counter(each.arm for each in found)
    for arm, share in (("A", 0.1), ("B", 0.2), ("C", 0.7)):
        assert abs(counts[arm] - 5_000 * share) < 4 * (5_000 * share * (1 - share)) ** 0.5
    for each in found:
        assert each.release == dict(arms)[each.arm]
        assert (each.under, each.stage, each.propensity) == ("x1", 2, {"A": 0.1, "B": 0.2, "C": 0.7}[each.arm])


@given(
    arm=st.sampled_from(["live", "candidate", "B"]),
    stage=st.integers(-1, 5),
    counts=st.booleans(),
    propensity=st.floats(0.01, 1.0),
    fresh=st.booleans(),
)
def test_a_trace_tells_the_way_back(arm: str, stage: int, counts: bool, propensity: float, fresh: bool) -> None:
    gone = Way(NEW, "r1", arm, stage, "unit", counts, propensity, fresh)
    assert Way.of({**gone.attributes(), traces.RELEASE: NEW}) == gone


def test_an_answer_outside_of_a_rollout_tells_none() -> None:
    assert Way.of({traces.RELEASE: NEW}) is None
    assert Way.of({traces.RELEASE: NEW, traces.INSTEAD_OF: LIVE}) is None


def test_fractions_are_uniform() -> None:
    found = [fraction("s", str(n)) for n in range(4_000)]
    assert all(0 <= each < 1 for each in found)
    assert abs(sum(found) / 4_000 - 0.5) < 0.02
    assert abs(sum(each < 0.1 for each in found) - 400) < 80
