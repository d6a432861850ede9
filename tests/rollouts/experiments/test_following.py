"""Several processes on one store: they agree on every decision, and each can be computed again from the raw events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from assay.rollouts.experiments.conducting import ExperimentConduct
from assay.rollouts.experiments.following import Following
from assay.rollouts.experiments.overview import Overview, episode, episodes
from assay.rollouts.experiments.recomputing import recomputed
from assay.rollouts.experiments.starting import stop
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.rollouts.traffic.events import Deployed, ExperimentEnded, ExperimentStarted, SharesChanged
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Design
from assay.stores.database import Database
from assay.stores.events import EventLog


class Place:
    """A store, a clock, and users who ask."""

    def __init__(self, path: Path) -> None:
        self.now = 1_000_000.0
        self.path = path
        self.database = Database.at(path)
        self.events = EventLog(self.database, clock=lambda: self.now)
        self.log = TrafficLog(self.events, "production")
        self.random = random.Random(5)
        self.asked = 0

    def process(self) -> SimpleNamespace:
        """Another process's own connection, and its conduct."""
        events = EventLog(Database.at(self.path), clock=lambda: self.now)
        log = TrafficLog(events, "production")
        conduct = ExperimentConduct(log, events, lambda _: None, clock=lambda: self.now)
        return SimpleNamespace(log=log, events=events, conduct=conduct)

    def start(self, design: Design, live: str) -> None:
        self.log.append(self.log.traffic(), Deployed(live, "the first", "me"))
        self.log.append(self.log.traffic(), ExperimentStarted("e1", design, "which is better?", "me"))

    def ask(self, users: int, rates: dict[str, float], *, seconds: float = 1.0) -> None:
        experiment = self.log.traffic().experiment
        assert experiment is not None
        names = [name for name, _ in experiment.design.arms]
        shares = dict(zip(names, experiment.shares, strict=True))
        lines = []
        for _ in range(users):
            self.asked += 1
            unit = unit_of("e1", f"user {self.asked}")
            arm = assign("e1", unit, shares)
            values = {"quality": float(self.random.random() < rates[arm]), "errors": 0.0}
            lines.append(
                Observation(unit, arm, experiment.epoch, f"t{self.asked}", values, True, shares[arm]).as_event()
            )
        self.now += users * seconds
        self.events.append(stream("e1"), lines)

    def over(self) -> bool:
        return self.log.traffic().experiment is None

    def end(self) -> ExperimentEnded:
        event = self.log.entries()[-1].event
        assert isinstance(event, ExperimentEnded)
        return event


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "state.db")
    yield made
    made.database.close()


RATES = {"A": 0.45, "B": 0.7, "C": 0.4}


async def run(place: Place, processes: list[SimpleNamespace], rates: dict[str, float], *, batches: int = 80) -> None:
    for _ in range(batches):
        place.ask(40, rates)
        for process in processes:
            await process.conduct()
        if place.over():
            return


@pytest.mark.anyio
async def test_an_adaptive_experiment_is_carried_to_its_end_by_whoever_comes_first(place: Place, make: Any) -> None:
    place.start(make.design(3, policy="thompson", guards=(make.errors,)), make.releases[0])
    processes = [place.process(), place.process()]
    await run(place, processes, RATES)
    entries = place.log.entries()
    changes = [entry.event for entry in entries if isinstance(entry.event, SharesChanged)]
    assert len(changes) >= 3
    assert [change.observations for change in changes] == sorted({change.observations for change in changes})
    end = place.end()
    assert (end.reason, end.winner) == ("found", "B")
    assert place.log.traffic().live == make.releases[0]  # a winner reaches users by a rollout
    again = recomputed(entries, place.events, "e1")
    assert again.same
    assert again.ended
    assert len(again.steps) == len(changes) + 1


@pytest.mark.anyio
async def test_a_process_that_comes_late_decides_the_same(place: Place, make: Any) -> None:
    place.start(make.design(3, policy="thompson"), make.releases[0])
    await run(place, [place.process()], dict.fromkeys("ABC", 0.5), batches=8)
    assert not place.over()
    early, late = (Following(each.log, each.events) for each in (place.process(), place.process()))
    early.refresh()
    early.follow(place.now)
    place.ask(60, RATES)
    for following in (early, late):
        following.refresh()
    decided = [following.follow(place.now + 60) for following in (early, late)]
    assert decided[0] == decided[1]
    assert isinstance(decided[0], SharesChanged)
    assert early.evidence is not None
    assert late.evidence is not None
    assert early.evidence.findings() == late.evidence.findings()
    assert early.evidence.posteriors() == late.evidence.posteriors()


@pytest.mark.anyio
async def test_an_epoch_that_began_meanwhile_is_read_before_its_observations_are_folded(
    place: Place, make: Any
) -> None:
    place.start(make.design(policy="thompson"), make.releases[0])
    following = Following(place.log, place.events)
    place.ask(80, {"A": 0.5, "B": 0.5})
    following.refresh()
    other = place.process()
    await other.conduct()
    experiment = place.log.traffic().experiment
    assert experiment is not None
    assert experiment.epoch == 1
    place.ask(30, {"A": 0.5, "B": 0.5})
    assert following.follow(place.now) is None  # what it knew is old: it looks again
    following.refresh()
    assert following.follow(place.now) is None
    assert following.evidence is not None
    assert (following.evidence.votes, following.evidence.epochs) == (110, 2)


@pytest.mark.anyio
async def test_fixed_shares_stay_and_time_ends_it(place: Place, make: Any) -> None:
    place.start(make.design(longest=1_000.0), make.releases[0])
    process = place.process()
    await run(place, [process], {"A": 0.5, "B": 0.5}, batches=30)
    assert place.end().reason == "inconclusive"
    assert not any(isinstance(entry.event, SharesChanged) for entry in place.log.entries())
    assert recomputed(place.log.entries(), place.events, "e1").same


@pytest.mark.anyio
async def test_an_arm_that_cannot_be_opened_ends_it(place: Place, make: Any) -> None:
    place.start(make.design(), make.releases[0])
    conduct = ExperimentConduct(place.log, place.events, lambda _: "B cannot be opened", clock=lambda: place.now)
    await conduct()
    assert place.end().reason == "unbuildable"
    again = recomputed(place.log.entries(), place.events, "e1")
    assert again.same
    assert [step.checked for step in again.steps] == [False]


def test_a_person_stops_it_and_what_was_seen_is_told(place: Place, make: Any) -> None:
    place.start(make.design(), make.releases[0])
    place.ask(30, {"A": 0.5, "B": 0.5})
    view = Overview(place.log, place.events).now(place.now)
    assert view.evidence is not None
    assert view.evidence.votes == 30
    assert "no arm is shown to be best" in view.waits
    stop(place.log, place.events, why="enough", by="ana", clock=lambda: place.now)
    found = episode(episodes(place.log.entries()), "", "production")
    assert (found.outcome, found.end and found.end.by) == ("stopped", "ana")
    assert found.end is not None
    assert found.end.decision.observations == 30
    assert recomputed(place.log.entries(), place.events, "e1").evidence.votes == 30


CUTS = {
    "a value of a user": (
        "UPDATE events SET event = replace(event, '\"quality\":1.0', '\"quality\":0.0') "
        "WHERE stream = 'observations/e1' AND version < 60"
    ),
    "a decision's shares": (
        "UPDATE events SET event = json_set(event, '$.shares[0]', 0.5, '$.shares[1]', 0.3, '$.shares[2]', 0.2) "
        "WHERE event LIKE '%shares_changed%'"
    ),
    "a winner": "UPDATE events SET event = json_set(event, '$.winner', 'C') WHERE event LIKE '%experiment_ended%'",
    "when it looked": (
        "UPDATE events SET event = json_set(event, '$.decision.observations', 120) "
        "WHERE event LIKE '%experiment_ended%'"
    ),
    "a finding": (
        "UPDATE events SET event = json_set(event, '$.decision.findings[0].candidate', 0.99) "
        "WHERE event LIKE '%experiment_ended%'"
    ),
}


@pytest.mark.anyio
@pytest.mark.parametrize("cut", CUTS)
async def test_what_was_altered_afterwards_is_found(place: Place, make: Any, cut: str) -> None:
    place.start(make.design(3, policy="thompson"), make.releases[0])
    await run(place, [place.process()], RATES)
    assert recomputed(place.log.entries(), place.events, "e1").same
    with place.database.write() as connection:
        assert connection.exec_driver_sql(CUTS[cut]).rowcount
    again = recomputed(place.log.entries(), place.events, "e1")
    assert not again.same
    assert all(difference for step in again.steps for difference in step.differences)


def test_processes_that_look_at_once_end_it_once(place: Place, make: Any) -> None:
    place.start(make.design(), make.releases[0])
    processes = [place.process() for _ in range(4)]
    place.ask(1_200, {"A": 0.3, "B": 0.7})

    async def all_at_once() -> None:
        async with anyio.create_task_group() as tasks:
            for process in processes:
                tasks.start_soon(process.conduct)

    anyio.run(all_at_once)
    ends = [entry.event for entry in place.log.entries() if isinstance(entry.event, ExperimentEnded)]
    assert len(ends) == 1
    # At the first observation at which it was shown, not at the end of what there was.
    assert ends[0].decision.observations < 1_200
    assert recomputed(place.log.entries(), place.events, "e1").same
