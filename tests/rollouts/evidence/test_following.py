"""Every process finds the same decision at the same observation, however it reads the stream."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assay.rollouts.evidence.following import Follower
from assay.rollouts.traffic.events import Advanced, Promoted, RolledBack
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Guard, Plan
from assay.rollouts.traffic.state import Rollout
from assay.stores.database import Database
from assay.stores.events import EventLog

PLAN = Plan(
    (0.2, 0.5), (Guard("errors", "errors", "share", 0.05, 0.0),), 0.05, 0.05, "user", 20, 0.0, 1e6, 0.5, None, False
)
ROLLOUT = Rollout("r", "new", "old", PLAN, started=0.0, since=0.0, phase="canary", stage=0)


@pytest.fixture
def events(tmp_path: Path) -> EventLog:
    return EventLog(Database.at(tmp_path / "state.db"))


def observed(many: int, *, bad: float, seed: int = 1, stage: int = 0, begin: int = 0) -> list[Observation]:
    source = random.Random(seed)
    found = []
    for n in range(begin, begin + many):
        arm = "candidate" if source.random() < PLAN.stages[stage] else "live"
        errors = float(source.random() < (bad if arm == "candidate" else 0.05))
        found.append(Observation(f"u{n}", arm, stage, f"t{n}", {"errors": errors}))
    return found


def recorded(events: EventLog, observations: list[Observation]) -> None:
    events.append(stream("r"), [each.as_event() for each in observations])


def test_it_folds_what_is_new_and_waits(events: EventLog) -> None:
    follower = Follower(events, "r", PLAN)
    assert follower.follow(ROLLOUT, 0.0) is None
    recorded(events, observed(50, bad=0.05))
    assert follower.follow(ROLLOUT, 0.0) is None
    assert follower.evidence.position == 50
    recorded(events, observed(200, bad=0.05, begin=50))
    found = follower.follow(ROLLOUT, 0.0)
    assert isinstance(found, Advanced)
    assert found.decision.observations == follower.evidence.position == 250


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, 600), max_size=5), at_once=st.integers(1, 700))
def test_harm_is_found_at_the_same_observation_however_the_stream_is_cut(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], at_once: int
) -> None:
    events = EventLog(Database.at(tmp_path_factory.mktemp("cut") / "state.db"))
    observations = observed(600, bad=0.4)
    whole = EventLog(Database.at(tmp_path_factory.mktemp("whole") / "state.db"))
    recorded(whole, observations)
    expected = Follower(whole, "r", PLAN).follow(ROLLOUT, 7.0)
    assert isinstance(expected, RolledBack)

    follower, found = Follower(events, "r", PLAN, at_once=at_once), None
    ends = [*sorted(set(cuts)), 600]
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        recorded(events, observations[first:last])
        found = follower.follow(ROLLOUT, 7.0)
        if isinstance(found, RolledBack):
            break
    assert found == expected


def test_nobody_is_let_on_past_harm_that_is_in_the_stream(events: EventLog) -> None:
    # A process that starts anew sees twenty good users, enough for the next stage, and then the harm.
    recorded(events, observed(300, bad=0.0) + observed(400, bad=0.9, seed=2, begin=300))
    found = Follower(events, "r", PLAN, at_once=50).follow(ROLLOUT, 0.0)
    assert isinstance(found, RolledBack)
    assert 300 < found.decision.observations < 700


def test_after_another_process_was_faster_the_same_evidence_is_asked_again(events: EventLog) -> None:
    recorded(events, observed(200, bad=0.0) + observed(700, bad=0.0, seed=2, stage=1, begin=200))
    follower = Follower(events, "r", PLAN)
    first = follower.follow(ROLLOUT, 0.0)
    assert isinstance(first, Advanced)
    assert follower.follow(ROLLOUT, 0.0) == first
    moved = Rollout("r", "new", "old", PLAN, 0.0, 0.0, "canary", 1)
    second = follower.follow(moved, 0.0)
    assert isinstance(second, Promoted)
    assert second == Follower(events, "r", PLAN).follow(moved, 0.0)


UNREADABLE: tuple[dict[str, object], ...] = (
    {"kind": "o", "u": "u", "a": "live"},
    {"kind": "o", "u": "u", "a": "live", "s": 0, "t": "t", "v": {"errors": "many"}},
    {"kind": "o", "u": "u", "a": "live", "s": 0, "t": "t", "v": {"errors": "nan"}},
    {"kind": "o", "u": "u", "a": "live", "s": "first", "t": "t", "v": {}},
    {"kind": "o", "u": "u", "a": "live", "s": 0, "t": "t", "v": []},
)


def test_what_cannot_be_read_is_left_out_and_counted_and_holds_nothing_up(events: EventLog) -> None:
    recorded(events, observed(100, bad=0.0))
    events.append(stream("r"), UNREADABLE)
    recorded(events, observed(400, bad=0.9, seed=2, begin=100))
    follower = Follower(events, "r", PLAN)
    found = follower.follow(ROLLOUT, 0.0)
    assert isinstance(found, RolledBack)
    assert follower.evidence.unreadable == len(UNREADABLE)
    assert follower.evidence.position == found.decision.observations > 105
    assert found == Follower(events, "r", PLAN, at_once=3).follow(ROLLOUT, 0.0)
