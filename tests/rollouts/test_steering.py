"""A person's hand on a rollout: what they want happens, also where another process decides at the same moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from assay.errors import StoreError
from assay.releases.history.environments import point, pointers
from assay.releases.history.snapshots import Snapshots
from assay.rollouts import steering
from assay.rollouts.traffic.assignment import unit_of
from assay.rollouts.traffic.codec import encode
from assay.rollouts.traffic.events import (
    Aborted,
    Advanced,
    Decision,
    Deployed,
    Event,
    Gated,
    Promoted,
    RolledBack,
    Started,
)
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.plan import Guard, Plan, Sticky
from assay.rollouts.traffic.state import Traffic
from assay.rollouts.traffic.transitions import Refused
from assay.stores.database import Database
from assay.stores.events import EventLog

OLD, NEW, OTHER = "aa" * 32, "bb" * 32, "cc" * 32
DECISION = Decision(10, 5.0, (), "as it should be")


def started(id: str = "r1", *, sticky: Sticky = "user", stages: tuple[float, ...] = (0.1,)) -> Started:
    guard = Guard("errors", "errors", "share", allowed=0.05, harm=0.0)
    plan = Plan(stages, (guard,), 0.05, 0.05, sticky, 20, 0.0, 3600.0, 0.5, None, False)
    return Started(id, NEW, OLD, plan, 0.05, "2026-Q4", "a better prompt", "ana")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.at(tmp_path / "state.db")
    Snapshots(opened)  # makes the table of names, as every application has it
    yield opened
    opened.close()


@pytest.fixture
def log(database: Database) -> TrafficLog:
    found = TrafficLog(EventLog(database), "production", point=point)
    found.append(found.traffic(), Deployed(OLD, "the first", "ana"))
    return found


class Overtaken(TrafficLog):
    """A log before whose first appends another process appends something."""

    def __init__(self, database: Database, *first: Event) -> None:
        super().__init__(EventLog(database), "production", point=point)
        self._other = TrafficLog(EventLog(database), "production", point=point)
        self._first = list(first)

    def append(self, traffic: Traffic, *events: Event) -> Traffic:
        if self._first:
            self._other.append(self._other.traffic(), self._first.pop(0))
        return super().append(traffic, *events)


def begun(log: TrafficLog, **of: object) -> None:
    log.append(log.traffic(), started(**of))  # type: ignore[arg-type]


def test_an_abort_ends_the_rollout_and_leaves_what_was_live(log: TrafficLog, database: Database) -> None:
    begun(log)
    assert steering.abort(log, why="users complain", by="ana").id == "r1"
    traffic = log.traffic()
    assert (traffic.live, traffic.rollout) == (OLD, None)
    with database.read() as connection:
        assert pointers(connection)["production"].digest == OLD


def test_an_abort_wins_over_whatever_else_is_decided_meanwhile(log: TrafficLog, database: Database) -> None:
    begun(log, stages=(0.1, 0.5))
    raced = Overtaken(database, Advanced("r1", 1, DECISION))
    assert steering.abort(raced, why="stop", by="ana").stage == 1
    assert log.traffic().rollout is None
    assert log.traffic().live == OLD


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (Promoted("r1", DECISION), "was promoted a moment before; `assay environment deploy` brings the old"),
        (RolledBack("r1", "harm", DECISION), "was rolled back a moment before"),
    ],
)
def test_an_abort_that_comes_too_late_says_how_it_ended(
    log: TrafficLog, database: Database, end: Event, said: str
) -> None:
    begun(log)
    with pytest.raises(Refused, match=said):
        steering.abort(Overtaken(database, end), why="stop", by="ana")


def test_an_abort_works_where_the_stream_holds_what_a_newer_version_wrote(log: TrafficLog, database: Database) -> None:
    events = EventLog(database)
    begun(log, stages=(0.1, 0.5))
    events.append("environment/production", [{"kind": "mirrored", "rollout": "r1"}])
    with pytest.raises(StoreError, match="upgrade"):
        log.traffic()
    assert steering.abort(log, why="stop", by="ana").id == "r1"
    last = events.read("environment/production")[-1].event
    assert (last["kind"], last["rollout"], last["why"]) == ("aborted", "r1", "stop")
    with pytest.raises(Refused, match="no rollout is under way"):
        steering.abort(log, why="stop", by="ana")


def test_an_abort_works_where_an_event_is_damaged(log: TrafficLog, database: Database) -> None:
    begun(log)
    steering.pause(log, why="", by="ana")
    with database.write() as connection:
        connection.execute(text("update events set event = '{' where version = 3"))
    assert steering.abort(log, why="stop", by="ana").id == "r1"
    assert EventLog(database).read("environment/production", after=3)[-1].event["kind"] == "aborted"


def test_an_abort_hits_the_newest_rollout_where_the_end_of_the_one_before_cannot_be_read(
    log: TrafficLog, database: Database
) -> None:
    begun(log)
    EventLog(database).append(
        "environment/production", [{"kind": "superseded", "rollout": "r1"}, encode(started("r2"))]
    )
    assert steering.abort(log, why="stop", by="ana").id == "r2"


def test_an_abort_of_what_is_over_leaves_the_stream_readable(log: TrafficLog, database: Database) -> None:
    begun(log)
    log.append(log.traffic(), RolledBack("r1", "harm", DECISION))
    EventLog(database).append("environment/production", [encode(Aborted("r1", "late", "ana"))])
    assert (log.traffic().live, log.traffic().rollout, log.traffic().version) == (OLD, None, 4)


def test_an_abort_never_hits_a_later_rollout(log: TrafficLog, database: Database) -> None:
    begun(log)
    raced = Overtaken(database)

    def both(traffic: Traffic, *events: Event) -> Traffic:
        other = TrafficLog(EventLog(database), "production", point=point)
        if other.traffic().rollout is not None and other.traffic().rollout.id == "r1":  # type: ignore[union-attr]
            other.append(other.traffic(), RolledBack("r1", "harm", DECISION), started("r2"))
        return TrafficLog.append(raced, traffic, *events)

    raced.append = both  # type: ignore[method-assign]
    with pytest.raises(Refused, match="rollout r1 was rolled back"):
        steering.abort(raced, why="stop", by="ana")
    rollout = log.traffic().rollout
    assert rollout is not None
    assert rollout.id == "r2"


def test_a_pause_holds_and_is_refused_twice(log: TrafficLog) -> None:
    begun(log)
    with pytest.raises(Refused, match="is not paused"):
        steering.resume(log, by="ana")
    steering.pause(log, why="holiday", by="ana")
    with pytest.raises(Refused, match="paused already"):
        steering.pause(log, why="", by="bo")
    assert log.traffic().rollout.paused  # type: ignore[union-attr]
    steering.resume(log, by="ana")
    assert not log.traffic().rollout.paused  # type: ignore[union-attr]


def test_pins_are_hashes_and_can_be_taken_away(log: TrafficLog) -> None:
    begun(log)
    steering.pin(log, ["ana", "bo"], "candidate", by="ana")
    assert log.traffic().rollout.pins == {unit_of("r1", who): "candidate" for who in ("ana", "bo")}  # type: ignore[union-attr]
    steering.pin(log, ["ana"], None, by="ana")
    assert log.traffic().rollout.pins == {unit_of("r1", "bo"): "candidate"}  # type: ignore[union-attr]


def test_where_requests_are_assigned_one_by_one_nobody_can_be_pinned(log: TrafficLog) -> None:
    begun(log, sticky="request")
    with pytest.raises(Refused, match="nobody to pin"):
        steering.pin(log, ["ana"], "live", by="ana")


@pytest.mark.parametrize(
    "steer",
    [
        lambda log: steering.abort(log, why="", by="ana"),
        lambda log: steering.pause(log, why="", by="ana"),
        lambda log: steering.resume(log, by="ana"),
        lambda log: steering.pin(log, ["ana"], "live", by="ana"),
    ],
)
def test_without_a_rollout_there_is_nothing_to_steer(log: TrafficLog, steer: Callable[[TrafficLog], object]) -> None:
    with pytest.raises(Refused, match=r"no rollout is under way in production; .*list"):
        steer(log)


def test_a_release_is_live_at_once_but_not_under_a_rollout(log: TrafficLog, database: Database) -> None:
    with pytest.raises(Refused, match="live in production already"):
        steering.deploy(log, OLD, why="again", by="ana")
    assert steering.deploy(log, OTHER, why="an emergency", by="ana").live == OTHER
    with database.read() as connection:
        assert pointers(connection)["production"].digest == OTHER
    steering.deploy(log, OLD, why="back", by="ana")
    begun(log)
    with pytest.raises(Refused, match="rollout r1 is under way"):
        steering.deploy(log, OTHER, why="an emergency", by="ana")


def test_a_deployment_is_refused_where_a_rollout_was_faster(log: TrafficLog, database: Database) -> None:
    with pytest.raises(Refused, match="rollout r1 is under way"):
        steering.deploy(Overtaken(database, started()), OTHER, why="an emergency", by="ana")


def test_the_event_that_ended_a_rollout_is_found(log: TrafficLog) -> None:
    log.append(log.traffic(), Started("r0", NEW, OLD, _gated(started().plan), 0.05, "2026-Q4", "", "ana"))
    assert steering.ending(log.entries(), "r0") is None
    log.append(log.traffic(), Gated("r0", "fail", None, "worse", "ana"))
    found = steering.ending(log.entries(), "r0")
    assert found is not None
    assert found.event.kind == "gated"


def _gated(plan: Plan) -> Plan:
    from dataclasses import replace

    return replace(plan, gated=True)
