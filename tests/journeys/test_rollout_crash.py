"""A rollout's processes killed at every event, alone and two at once: the same rollout goes on to the same end."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from sqlalchemy import Connection

from assay.rollouts.evidence.following import Follower
from assay.rollouts.live.conducting import RolloutConduct
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.rollouts.traffic.events import Deployed, Event, Gated, Started
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Guard, Plan
from assay.rollouts.traffic.state import Rollout, Traffic
from assay.stores.database import Database
from assay.stores.events import Conflict, EventLog
from assay.testing.killing import After, AtEvent, Happened, Nursery, nurse

LIVE, CANDIDATE = "aa" * 32, "bb" * 32
ROLLOUT = "r1"
BATCH = 40
MOST = 6_000
GUARD = Guard("errors", "errors", "share", allowed=0.1, harm=0.0)
PLAN = Plan((0.2, 0.5), (GUARD,), 0.05, 0.05, "user", 40, 0.0, 1e9, 1.0, None, gated=True)


class Told(EventLog):
    """An event log that tells of each moment around, and within, its writing."""

    def __init__(self, database: Database, happened: Happened) -> None:
        super().__init__(database, clock=lambda: 0.0)
        self._happened = happened

    def append(
        self,
        stream: str,
        events: Sequence[Mapping[str, Any]],
        *,
        expected: int | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> int:
        kind = str(events[0]["kind"])

        def within(connection: Connection) -> None:
            if also is not None:
                also(connection)
            self._happened(f"{kind}: written, not committed")

        self._happened(f"{kind}: to be written")
        version = super().append(stream, events, expected=expected, also=within)
        self._happened(f"{kind}: committed")
        return version


def work(happened: Happened, state: str, errors: float) -> None:
    """A server's part: what users see is recorded, and what follows from it decided, to the end of the rollout."""
    events = Told(Database.at(Path(state)), happened)
    log = TrafficLog(events, "production")
    _begin(log)
    # The clock goes by what was seen, so that a run that is killed has the same times as one that is not.
    conduct = RolloutConduct(
        log,
        events,
        lambda events, id, plan: Follower(events, id, plan),
        lambda _: None,
        lambda _: None,
        clock=lambda: float(events.version(stream(ROLLOUT))),
    )
    for _ in range(MOST // BATCH):
        anyio.run(conduct)
        rollout = log.traffic().rollout
        if rollout is None:
            return
        _observe(events, rollout, errors)
    raise AssertionError("the rollout has not ended")


def _begin(log: TrafficLog) -> None:
    """Each step unless it was taken before."""
    traffic = log.traffic()
    first: tuple[Event, ...] = (
        Deployed(LIVE, "first", "ana"),
        Started(ROLLOUT, CANDIDATE, LIVE, PLAN, 0.05, "2026-Q4", "", "ana"),
        Gated(ROLLOUT, "pass", None, "", "ana"),
    )
    for version, event in enumerate(first):
        if traffic.version == version:
            try:
                traffic = log.append(traffic, event)
            except Conflict:  # the other process was faster with this very step
                traffic = log.traffic()


def _observe(events: EventLog, rollout: Rollout, errors: float) -> None:
    """The next users: who they are, and what they see, depends on their number alone."""
    first = events.version(stream(ROLLOUT))
    seen = [_seen(number, rollout, errors).as_event() for number in range(first, first + BATCH)]
    events.append(stream(ROLLOUT), seen)


def _seen(number: int, rollout: Rollout, errors: float) -> Observation:
    unit = unit_of(ROLLOUT, f"user-{number}")
    arm = assign(ROLLOUT, unit, {"candidate": rollout.share, "live": 1 - rollout.share})
    rate = errors if arm == "candidate" else 0.05
    value = float(random.Random(number).random() < rate)
    return Observation(unit, arm, rollout.stage, f"t{number}", {"errors": value})


def history(state: Path) -> list[tuple[int, Any]]:
    entries = TrafficLog(EventLog(Database.at(state)), "production").entries()
    return [(entry.version, entry.event) for entry in entries]


def end(state: Path) -> Traffic:
    return TrafficLog(EventLog(Database.at(state)), "production").traffic()


@pytest.mark.parametrize(("errors", "live"), [(0.05, CANDIDATE), (0.3, LIVE)], ids=["equal", "harmful"])
def test_killed_at_every_event_the_same_rollout_goes_on(tmp_path: Path, errors: float, live: str) -> None:
    with Nursery(__file__) as nursery:
        whole = nursery.run(tmp_path / "whole.db", errors)
        undisturbed = history(tmp_path / "whole.db")
        assert end(tmp_path / "whole.db").live == live
        moments = _all_decisions_and_some_others(whole.events)
        for number in moments:
            state = tmp_path / f"{number}.db"
            assert nursery.run(state, errors, kill=AtEvent(number)).killed
            nursery.run(state, errors)
            assert history(state) == undisturbed, whole.events[number - 1]


def _all_decisions_and_some_others(events: Sequence[str]) -> list[int]:
    """Every moment around a decision, and some of those around the many batches of observations."""
    numbers = range(1, len(events) + 1)
    decisive = [number for number in numbers if not events[number - 1].startswith("o:")]
    others = [number for number in numbers if events[number - 1].startswith("o:")]
    return sorted({*decisive, *random.Random(5).sample(others, min(9, len(others)))})


@pytest.mark.parametrize(("errors", "live"), [(0.05, CANDIDATE), (0.3, LIVE)], ids=["equal", "harmful"])
def test_two_processes_one_of_them_killed_again_and_again(tmp_path: Path, errors: float, live: str) -> None:
    state, chance = tmp_path / "state.db", random.Random(3)

    def steady() -> None:
        with Nursery(__file__) as nursery:
            nursery.run(state, errors)

    def killed() -> int:
        kills = 0
        with Nursery(__file__) as nursery:
            for _ in range(12):
                kills += nursery.run(state, errors, kill=After(chance.uniform(0.02, 0.25))).killed
        return kills

    EventLog(Database.at(state))
    with ThreadPoolExecutor(2) as pool:
        ended, kills = pool.submit(steady), pool.submit(killed)
        ended.result()
        assert kills.result() >= 1
    kinds = [event.kind for _, event in history(state)]
    assert end(state).live == live
    assert end(state).rollout is None
    assert kinds[:3] == ["deployed", "started", "gated"]
    assert kinds.count("promoted") + kinds.count("rolled_back") == 1


if __name__ == "__main__":
    nurse(work)
