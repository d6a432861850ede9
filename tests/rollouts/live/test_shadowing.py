"""Copies: seen by nobody, made when there is room, capped over all processes, compared with what users saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from assay import traces
from assay.errors import ModelUnavailable
from assay.rollouts.traffic.events import Aborted
from assay.rollouts.traffic.plan import Guard, Shadow

pytestmark = pytest.mark.anyio

ALL = Shadow(1.0, 1000, 600.0, 100.0)


async def test_every_answer_of_the_share_is_copied_unseen(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    new = world.releases[digests["b"]]
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=-1, shadow=ALL)
        answers = [(await process.answered(f"question {n}", identity=f"u{n}")) for n in range(20)]
        assert {answer.release for answer in answers} == {digests["a"]}
        await eventually(lambda: len(world.observations()) == 40)
    live = {each.trace: each for each in world.observations() if each.arm == "live"}
    copies = [each for each in world.observations() if each.arm == "shadow"]
    assert set(live) == {answer.trace for answer in answers}
    assert {each.of for each in copies} == set(live)
    for each in copies:
        assert (each.stage, each.unit) == (-1, live[each.of].unit)
        assert each.values["cost"] == 0.01
        copy = process.traces.get(each.trace).root.attributes
        assert copy[traces.SHADOW] is True
        assert copy[traces.COPY_OF] == each.of
        assert copy[traces.RELEASE] == digests["b"]
    assert all(question.shadow for question in new.asked)
    assert not any(question.shadow for question in world.releases[digests["a"]].asked)


async def test_copies_are_no_traffic(world: Any, digests: Any, eventually: Callable[..., Any]) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=-1, shadow=ALL)
        await process.answered('the text "assay.shadow":true in a question', identity="u")
        await eventually(lambda: len(process.traces.list(10, copies=None)) == 2)
    (seen,) = process.traces.list(10)
    (copy,) = process.traces.list(10, copies=True)
    assert (seen.release, copy.release) == (digests["a"], digests["b"])


async def test_copies_wait_for_a_free_place(world: Any, digests: Any, eventually: Callable[..., Any]) -> None:
    new, free = world.releases[digests["b"]], False
    process = world.process()
    async with process.deployment.serving(lambda: free):
        world.start(stage=-1, shadow=ALL)
        for n in range(5):
            await process.answered(identity=f"u{n}")
        await anyio.sleep(0.15)
        assert new.asked == []
        free = True
        await eventually(lambda: len(new.asked) == 5)


async def test_users_do_not_wait_for_copies(world: Any, digests: Any, eventually: Callable[..., Any]) -> None:
    new = world.releases[digests["b"]]
    new.gate = anyio.Event()
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=-1, shadow=ALL)
        await process.answered(identity="first")
        await eventually(lambda: new.working == 1)
        with anyio.fail_after(5):
            for n in range(20):
                await process.answered(identity=f"u{n}")
        assert new.working == 1  # one at a time
        new.gate.set()


async def test_number_and_cost_are_capped_over_processes(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    new = world.releases[digests["b"]]
    one, two = world.process(), world.process()
    async with one.deployment.serving(), two.deployment.serving():
        world.start(stage=-1, shadow=Shadow(1.0, 6, 600.0, 100.0), least_seconds=3600.0, stages=(0.0001,))
        for n in range(20):
            await (one, two)[n % 2].answered(identity=f"u{n}")
        await eventually(lambda: len([x for x in world.observations() if x.arm == "shadow"]) == 6)
        await anyio.sleep(0.2)
        assert len(new.asked) == 6
        await eventually(lambda: world.log.traffic().rollout.phase == "canary")  # enough copies were made
        world.append(Aborted("r1", "", "me"))
        new.asked.clear()
        new.does = lambda _: {"cost": 0.04}
        world.start(id="r2", stage=-1, shadow=Shadow(1.0, 1000, 600.0, 0.3))
        for n in range(20):
            await (one, two)[n % 2].answered(identity=f"u{n}")
        await eventually(lambda: len(world.observations("r2")) >= 20 + 6)
        await anyio.sleep(0.2)
    spent = sum(x.values.get("cost", 0) for x in world.observations("r2") if x.arm == "shadow")
    assert 0.2 < spent <= 0.3


async def test_a_copy_that_fails_counts_against_the_candidate_and_the_next_is_made(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    new, failures = world.releases[digests["b"]], [ModelUnavailable("is down", model="m"), None]

    def does(_: Any) -> Any:
        if not failures:
            return "fine"
        found = failures.pop(0)
        return found if found is not None else 1 / 0

    new.does = does
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=-1, shadow=ALL)
        for n in range(3):
            await process.answered(identity=f"u{n}")
        await eventually(lambda: len([x for x in world.observations() if x.arm == "shadow"]) == 3)
    errors = [each.values["errors"] for each in world.observations() if each.arm == "shadow"]
    assert errors == [1.0, 1.0, 0.0]


async def test_after_shadow_nothing_is_copied(world: Any, digests: Any) -> None:
    free = False
    process = world.process()
    async with process.deployment.serving(lambda: free):
        world.start(stage=-1, shadow=ALL)
        await process.answered(identity="u")
        world.append(Aborted("r1", "", "me"))
        await process.answered(identity="u")
        free = True
        await anyio.sleep(0.2)
        assert process.deployment.recording.counts.uncopied == 1
    assert world.releases[digests["b"]].asked == []


async def test_the_cap_holds_where_the_candidate_is_far_dearer_than_live(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    new = world.releases[digests["b"]]
    new.does, new.gate = lambda _: {"cost": 0.25}, anyio.Event()
    guards = (Guard("cost", "cost", "mean", 1.2, 1.2, bound=0.25),)
    processes = [world.process() for _ in range(3)]
    async with processes[0].deployment.serving(), processes[1].deployment.serving(), processes[2].deployment.serving():
        world.start(stage=-1, shadow=Shadow(1.0, 1000, 600.0, 0.3), guards=guards)
        for n in range(12):
            await processes[n % 3].answered(identity=f"u{n}")
        uncopied = [process.deployment.recording.counts for process in processes]
        await eventually(lambda: new.working == 1 and sum(each.uncopied > 0 for each in uncopied) == 2)
        await anyio.sleep(0.1)
        new.gate.set()
        await eventually(lambda: any(each.arm == "shadow" for each in world.observations()))
        await anyio.sleep(0.1)
    assert len(new.asked) == 1  # what it may cost was reserved before anybody knew what it costs


async def test_copies_that_fail_are_paid_for(world: Any, digests: Any, eventually: Callable[..., Any]) -> None:
    new = world.releases[digests["b"]]
    new.does = lambda _: ModelUnavailable("is down", model="m")
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=-1, shadow=Shadow(1.0, 1000, 600.0, 0.045))
        for n in range(20):
            await process.answered(identity=f"u{n}")
        await eventually(lambda: process.deployment.recording.counts.uncopied > 0)
        await anyio.sleep(0.2)
    assert len(new.asked) == 4  # each is taken to have cost as much as live's answer, 0.01
