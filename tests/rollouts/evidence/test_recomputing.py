"""Every decision again from the raw events, and what was tampered with by name."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from assay.errors import NotFound
from assay.rollouts.evidence.following import Follower
from assay.rollouts.evidence.recomputing import Recomputed, recomputed
from assay.rollouts.traffic.codec import decode, encode
from assay.rollouts.traffic.events import Advanced, Decision, Deployed, Paused, Promoted, RolledBack, Started
from assay.rollouts.traffic.log import Entry, TrafficLog
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Guard, Plan
from assay.stores.database import Database
from assay.stores.events import EventLog

GUARDS = (
    Guard("errors", "errors", "share", 0.05, 0.0),
    Guard("latency_p95", "latency", "quantile", 1.25, 1.25, quantile=0.95, frozen=2_300.0),
)
PLAN = Plan((0.2, 0.5), GUARDS, 0.05, 0.05, "user", 20, 0.0, 1e6, 0.5, None, False)


class Bench:
    """An environment in a database of its own, with a clock that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = 1_000.0
        self.database = Database.at(folder / "state.db")
        self.events = EventLog(self.database, clock=lambda: self.now)
        self.log = TrafficLog(self.events, "production")
        self.log.append(self.log.traffic(), Deployed("old", "", "me"))
        self.log.append(self.log.traffic(), Started("r1", "new", "old", PLAN, 0.05, "2026-Q4", "", "me"))

    def observe(self, many: int, *, bad: float, stage: int, seed: int = 1) -> None:
        source, begin = random.Random(seed), self.events.version(stream("r1"))
        rows: list[dict[str, Any]] = []
        for n in range(begin, begin + many):
            arm = "candidate" if source.random() < PLAN.stages[stage] else "live"
            errors = float(source.random() < (bad if arm == "candidate" else 0.05))
            values = {"errors": errors, "latency": source.lognormvariate(7, 0.5)}
            rows.append(Observation(f"u{n}", arm, stage, f"t{n}", values).as_event())
        self.events.append(stream("r1"), rows)

    def step(self) -> object:
        self.now += 10.0
        traffic = self.log.traffic()
        assert traffic.rollout is not None
        found = Follower(self.events, "r1", PLAN).follow(traffic.rollout, self.now)
        if found is not None:
            self.log.append(traffic, found)
        return found

    def again(self) -> Recomputed:
        return recomputed(self.log.entries(), self.events, "r1")

    def tamper(self, stream_name: str, version: int, change: Callable[[dict[str, Any]], None]) -> None:
        where = {"stream": stream_name, "version": version}
        with self.database.write() as connection:
            query = text("select event from events where stream = :stream and version = :version")
            event = json.loads(connection.execute(query, where).scalar_one())
            change(event)
            update = text("update events set event = :event where stream = :stream and version = :version")
            connection.execute(update, {**where, "event": json.dumps(event)})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def promoted(bench: Bench) -> Bench:
    bench.observe(400, bad=0.05, stage=0)
    assert isinstance(bench.step(), Advanced)
    bench.observe(2_500, bad=0.02, stage=1, seed=2)
    assert isinstance(bench.step(), Promoted)
    return bench


def test_an_ended_rollout_comes_out_the_same(promoted: Bench) -> None:
    found = promoted.again()
    assert found.same
    assert found.ended
    assert [step.entry.event.kind for step in found.steps] == ["advanced", "promoted"]
    for step in found.steps:
        assert step.again == step.entry.event
        assert step.checked
    assert found.started.candidate == "new"
    assert found.evidence.position == 2_900


def test_one_under_way_is_folded_to_its_end(bench: Bench) -> None:
    bench.observe(400, bad=0.05, stage=0)
    bench.step()
    bench.observe(100, bad=0.05, stage=1)
    found = bench.again()
    assert found.same
    assert not found.ended
    assert found.rollout.stage == 1
    assert found.evidence.position == 500


def test_harm_comes_out_the_same_at_the_same_observation(bench: Bench) -> None:
    bench.observe(800, bad=0.5, stage=0)
    ended = bench.step()
    assert isinstance(ended, RolledBack)
    assert ended.decision.observations < 800
    found = bench.again()
    assert found.same
    assert found.evidence.position == ended.decision.observations


def test_decisions_survive_being_written_down(promoted: Bench) -> None:
    for step in promoted.again().steps:
        assert decode(json.loads(json.dumps(encode(step.entry.event), allow_nan=False))) == step.entry.event


def test_a_changed_observation_is_named(promoted: Bench) -> None:
    candidate = next(
        each.version
        for each in promoted.events.read(stream("r1"))
        if each.event["a"] == "candidate" and each.version > 500
    )

    def change(event: dict[str, Any]) -> None:
        event["v"]["errors"] = 1.0 - event["v"]["errors"]

    promoted.tamper(stream("r1"), candidate, change)
    found = promoted.again()
    assert not found.same
    first, second = found.steps
    assert not first.differences, "what was decided before it is not touched"
    assert any(told.startswith("errors: harm recorded as") for told in second.differences)
    assert any(told.startswith("errors: candidate recorded as") for told in second.differences)


def test_a_changed_arm_is_named(promoted: Bench) -> None:
    promoted.tamper(stream("r1"), 7, lambda event: event.update(a="live" if event["a"] == "candidate" else "candidate"))
    assert promoted.again().steps[0].differences


def test_a_decision_that_nothing_speaks_for_is_named(bench: Bench) -> None:
    bench.observe(30, bad=0.05, stage=0)  # some six units of the candidate
    traffic = bench.log.traffic()
    bench.log.append(traffic, Advanced("r1", 1, Decision(30, 1_000.0, (), "because")))
    (step,) = bench.again().steps
    assert step.again is None
    assert "recorded: on to stage 2; computed again: nothing is decided yet" in step.differences
    assert "errors: computed, and not recorded" in step.differences


def test_observations_that_are_missing_are_named(promoted: Bench) -> None:
    entries = promoted.log.entries()
    last = entries[-1].event
    assert isinstance(last, Promoted)
    claimed = replace(last, decision=replace(last.decision, observations=9_999))
    changed = [*entries[:-1], Entry(entries[-1].version, entries[-1].at, claimed)]
    found = recomputed(changed, promoted.events, "r1")
    assert "it looked at 9,999 observations, of which 2,900 are there" in found.steps[-1].differences


def test_harm_that_was_passed_over_is_named(bench: Bench) -> None:
    bench.observe(800, bad=0.5, stage=0)
    bench.log.append(bench.log.traffic(), Advanced("r1", 1, Decision(800, 1_000.0, (), "because")))
    (step,) = bench.again().steps
    assert isinstance(step.again, RolledBack)
    assert any("there was evidence of harm after observation" in told for told in step.differences)


def test_what_a_person_did_is_shown_and_not_computed(bench: Bench) -> None:
    bench.observe(50, bad=0.05, stage=0)
    bench.log.append(bench.log.traffic(), Paused("r1", "lunch", "me"))
    bench.log.append(bench.log.traffic(), RolledBack("r1", "unbuildable", Decision(50, 1_001.0, (), "no model")))
    (step,) = bench.again().steps
    assert not step.checked
    assert bench.again().same


def test_an_unknown_rollout_is_not_found(bench: Bench) -> None:
    with pytest.raises(NotFound, match="no rollout r2"):
        recomputed(bench.log.entries(), bench.events, "r2")
