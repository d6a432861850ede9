from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.errors import ModelUnavailable, StoreError
from assay.rollouts.live.conducting import Conductor, RolloutConduct
from assay.rollouts.traffic.events import (
    Aborted,
    Advanced,
    Decision,
    Gated,
    Paused,
    Promoted,
    Resumed,
    RolledBack,
    Started,
)
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.observations import stream

pytestmark = pytest.mark.anyio


class Deciding:
    """Decides what it is told to, each time that it is asked."""

    def __init__(self, *decisions: Any) -> None:
        self.decisions, self.asked = list(decisions), list[Any]()
        self.before: Callable[[], None] = lambda: None

    def follow(self, rollout: Any, at: float) -> Any:
        self.asked.append((rollout.phase, rollout.stage, at))
        self.before()
        return self.decisions.pop(0) if self.decisions else None


def conduct(world: Any, deciding: Deciding, told: list[str], why: str | None = None) -> RolloutConduct:
    log = TrafficLog(world.events, "production")
    return RolloutConduct(log, world.events, lambda *_: deciding, told.append, lambda _: why, clock=lambda: 1234.5)


async def test_what_is_decided_is_appended_and_told(world: Any, digests: Any) -> None:
    world.start()
    what = Decision(7, 1.0, (), "all is well")
    deciding, told = Deciding(None, Advanced("r1", 1, what), Promoted("r1", what)), list[str]()
    step = conduct(world, deciding, told)
    for _ in range(3):
        await step()
    assert world.log.traffic().live == digests["b"]
    assert told == ["rollout r1: stage 2 reached: all is well", "rollout r1: promoted: all is well"]
    assert deciding.asked == [("canary", 0, 1234.5), ("canary", 0, 1234.5), ("canary", 1, 1234.5)]
    await step()
    assert len(deciding.asked) == 3


async def test_who_was_slower_takes_what_the_other_decided(world: Any, digests: Any) -> None:
    world.start()
    what = Decision(7, 1.0, (), "harm")
    deciding, told = Deciding(RolledBack("r1", "harm", what)), list[str]()
    deciding.before = lambda: world.append(Aborted("r1", "a person was faster", "me"))
    step = conduct(world, deciding, told)
    await step()
    assert isinstance(world.log.entries()[-1].event, Aborted)
    assert told == ["rollout r1: aborted by me: a person was faster"]
    assert world.log.traffic().live == digests["a"]
    await step()
    assert len(deciding.asked) == 1


async def test_processes_that_decide_the_same_write_it_once(world: Any) -> None:
    world.start()
    what = Decision(7, 1.0, (), "harm")
    told: list[list[str]] = [[], [], []]
    steps = [conduct(world, Deciding(RolledBack("r1", "harm", what)), each) for each in told]
    for step in steps:
        await step()  # each has seen the rollout by now, or its end
    assert [each.event.kind for each in world.log.entries()].count("rolled_back") == 1


async def test_in_the_gate_nothing_is_decided_but_that_it_cannot_be_opened(world: Any, make_plan: Any) -> None:
    world.append(Started("r1", "b" * 64, "a" * 64, make_plan(gated=True), 0.05, "2026-Q4", "", "me"))
    deciding, told = Deciding(), list[str]()
    await conduct(world, deciding, told)()
    assert deciding.asked == []
    world.events.append(stream("r1"), [{"kind": "o", "u": "u", "a": "live", "s": -1, "t": "t", "v": {}}])
    await conduct(world, deciding, told, why="its index is gone")()
    last = world.log.entries()[-1].event
    assert last == RolledBack("r1", "unbuildable", Decision(1, 1234.5, (), "its index is gone"))
    assert told == ["rollout r1: rolled back (unbuildable): its index is gone"]


async def test_what_others_do_is_told(world: Any, make_plan: Any) -> None:
    told: list[str] = []
    step = conduct(world, Deciding(), told)
    await step()
    world.append(Started("r1", "b" * 64, "a" * 64, make_plan(gated=True), 0.05, "2026-Q4", "", "me"))
    world.append(Gated("r1", "pass", None, "", "me"))
    world.append(Paused("r1", "lunch", "me"))
    world.append(Resumed("r1", "me"))
    await step()
    assert told == [
        "rollout r1: release bbbbbbbbbbbb set out in production",
        "rollout r1: past its gate (pass)",
        "rollout r1: paused by me: lunch",
        "rollout r1: goes on, by me",
    ]


async def test_a_store_that_fails_is_told_of_once_and_tried_again() -> None:
    told, calls = list[str](), list[int]()

    async def failing() -> None:
        calls.append(1)
        if 2 <= len(calls) <= 4:
            raise StoreError("the disk is full")

    async def other() -> None:
        calls.append(0)

    conductor = Conductor([failing], told.append)
    for _ in range(6):
        await conductor.step()
    assert len(calls) == 6
    assert len(told) == 1
    assert "the disk is full" in told[0]
    calls.clear()
    conductor = Conductor([failing, other], told.append)
    for _ in range(2):
        await conductor.step()
    assert calls == [1, 0, 1, 0]  # one that fails does not stand in the others' way


async def test_a_mistake_of_ours_is_told_and_does_not_end_it() -> None:
    told: list[str] = []

    async def wrong() -> None:
        raise KeyError("x")

    conductor = Conductor([wrong], told.append)
    await conductor.step()
    await conductor.step()
    assert len(told) == 1
    assert "KeyError" in told[0]


async def test_evidence_in_the_stream_rolls_back_by_itself(world: Any, eventually: Callable[..., Any]) -> None:
    process = world.process()
    world.releases["b" * 64].does = lambda _: ModelUnavailable("is down", model="m")
    async with process.deployment.serving():
        world.start(stages=(0.5,))
        for n in range(60):
            await process.answered(identity=f"u{n}")
            if world.log.traffic().rollout is None:
                break
        await eventually(lambda: world.log.traffic().rollout is None)
        await eventually(lambda: any("rolled back (harm)" in line for line in process.told))
    last = world.log.entries()[-1].event
    assert isinstance(last, RolledBack)
    assert last.reason == "harm"
    assert last.decision.findings
