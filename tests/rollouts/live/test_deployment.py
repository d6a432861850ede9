"""Processes on one store while traffic moves under their requests."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import anyio
import pytest

from assay import traces
from assay.answering.events import Answer, Failed, Question, Sentence
from assay.errors import InputError, ModelUnavailable, NotFound, StoreError
from assay.rollouts.steering import abort
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.rollouts.traffic.codec import encode
from assay.rollouts.traffic.events import Aborted, Advanced, Decision, Deployed, Pinned, Promoted, RolledBack

pytestmark = pytest.mark.anyio

ARMS = ("live", "candidate")
NOTHING = Decision(0, 0.0, (), "by hand")
USERS = [f"user-{n}" for n in range(40)]


async def test_without_a_rollout_the_live_release_answers_and_nothing_is_recorded(world: Any, digests: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        events = await process.ask(identity="u")
    assert [type(event) for event in events] == [Sentence, Answer]
    assert events[-1].release == digests["a"]
    assert process.deployment.name == "app"
    assert world.observations() == []


async def test_users_keep_the_arm_that_they_are_hashed_to_in_every_process(world: Any, digests: Any) -> None:
    one, two = world.process(), world.process()
    async with one.deployment.serving(), two.deployment.serving():
        world.start(stage=1)  # half of the users
        for user in USERS:
            expected = assign("r1", unit_of("r1", user), {"candidate": 0.5, "live": 0.5})
            release = digests["b" if expected == "candidate" else "a"]
            for process in (one, two, one):
                assert (await process.answered(identity=user)).release == release
    found = world.observations()
    assert len(found) == 3 * len(USERS)
    arms = {each.unit: each.arm for each in found}
    assert Counter(arms.values())["candidate"] > 5
    assert all(arms[each.unit] == each.arm for each in found)
    assert {each.stage for each in found} == {1}
    assert {each.propensity for each in found} == {0.5}
    told = {"errors": 0, "abstention": 0, "latency": 20.0, "first_token": 10.0, "cost": 0.01, "gone": 0}
    assert found[0].values == told
    assert all(each.counts for each in found)


async def test_an_answers_release_is_its_arms_and_its_trace_says_so(world: Any, digests: Any) -> None:
    process = world.process()
    by_trace: dict[str, str] = {}
    async with process.deployment.serving():
        world.start(stage=1)
        for user in USERS:
            answer = await process.answered(identity=user)
            by_trace[answer.trace] = answer.release
    releases = {"live": digests["a"], "candidate": digests["b"]}
    for each in world.observations():
        assert by_trace[each.trace] == releases[each.arm]
        attributes = process.traces.get(each.trace).root.attributes
        assert attributes[traces.RELEASE] == releases[each.arm]
        assert attributes[traces.ARM] == each.arm
        assert attributes[traces.ROLLOUT] == "r1"
        assert attributes[traces.ROLLOUT_STAGE] == 1
        assert attributes[traces.UNIT] == each.unit


async def test_an_abort_holds_from_the_next_request_on_in_every_process(world: Any, digests: Any) -> None:
    one, two = world.process(), world.process()
    async with one.deployment.serving(), two.deployment.serving():
        world.start(stages=(0.999,))
        before = {(await process.answered(identity=user)).release for user in USERS for process in (one, two)}
        assert digests["b"] in before
        world.append(Aborted("r1", "it is bad", "me"))
        for process in (one, two):
            assert {(await process.answered(identity=user)).release for user in USERS} == {digests["a"]}


async def test_a_promotion_goes_live_while_old_streams_end_as_they_began(
    world: Any, digests: Any, nothing: Any, eventually: Callable[..., Any]
) -> None:
    old, new = world.releases[digests["a"]], world.releases[digests["b"]]
    process = world.process()
    ended: list[Answer] = []

    async def ask() -> None:
        ended.append(await process.answered(identity="early"))

    async with process.deployment.serving():
        old.gate = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(ask)
            await eventually(lambda: old.working == 5)
            world.start(stages=(0.5,))
            await eventually(lambda: new.opened == 1)
            world.append(Promoted("r1", nothing))
            assert (await process.answered(identity="late")).release == digests["b"]
            assert process.deployment.release.digest == digests["b"]
            await anyio.sleep(0.05)
            assert old.closed == 0
            old.gate.set()
        assert [each.release for each in ended] == [digests["a"]] * 5
        await eventually(lambda: old.closed == 1)
        assert not old.closed_while_working
        assert new.closed == 0
    assert new.closed == 1


async def test_a_rollback_leaves_the_old_release_open_and_closes_the_candidate(
    world: Any, digests: Any, nothing: Any, eventually: Callable[..., Any]
) -> None:
    old, new = world.releases[digests["a"]], world.releases[digests["b"]]
    process = world.process()
    async with process.deployment.serving():
        world.start()
        await process.answered()
        await eventually(lambda: new.opened == 1)  # before anybody is assigned to it
        world.append(RolledBack("r1", "harm", nothing))
        await process.answered()
        await eventually(lambda: new.closed == 1)
        assert (old.opened, old.closed) == (1, 0)


async def test_no_request_is_lost_while_a_rollout_goes_through_its_stages(
    world: Any, digests: Any, nothing: Any, eventually: Callable[..., Any]
) -> None:
    processes = [world.process(follow=lambda *_: Silent()) for _ in range(2)]
    releases: Counter[str] = Counter()
    over = False

    async def load(process: Any, first: int) -> None:
        number = first
        while not over:
            number += 2
            releases[(await process.answered(identity=f"u{number % 50}")).release] += 1

    async with processes[0].deployment.serving(), processes[1].deployment.serving():
        async with anyio.create_task_group() as tasks:
            for n in range(8):
                tasks.start_soon(load, processes[n % 2], n)

            async def more(than: int) -> None:
                await eventually(lambda: releases.total() > than)

            await more(50)
            world.start()
            await more(releases.total() + 50)
            world.append(Advanced("r1", 1, nothing))
            await more(releases.total() + 50)
            world.append(Promoted("r1", nothing))
            await more(releases.total() + 50)
            world.start("c", "r2", stage=1)
            await more(releases.total() + 50)
            world.append(Aborted("r2", "", "me"))
            await more(releases.total() + 50)
            over = True
        assert [p.deployment.release.digest for p in processes] == [digests["b"]] * 2
    assert set(releases) == {digests["a"], digests["b"], digests["c"]}
    assert all(release.working == 0 for release in world.releases.values())
    assert not any(release.closed_while_working for release in world.releases.values())
    assert all(release.opened == release.closed for release in world.releases.values())
    for each in world.observations("r1") + world.observations("r2"):
        assert each.values["errors"] == 0


class Silent:
    """Decides nothing."""

    def follow(self, *_: Any) -> None:
        return None


async def test_a_candidate_that_fails_before_it_shows_anything_is_answered_for(world: Any, digests: Any) -> None:
    new = world.releases[digests["b"]]
    new.does = lambda _: ModelUnavailable("is down", model="m")
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        events = await process.ask(identity="u")
    assert [type(event) for event in events] == [Sentence, Answer]
    assert events[-1].release == digests["a"]
    assert len(new.asked) == 1
    (seen,) = world.observations()
    assert (seen.arm, seen.values) == ("candidate", {"errors": 1.0, "gone": 0.0})
    instead = process.traces.get(events[-1].trace).root.attributes
    assert instead[traces.INSTEAD_OF] == digests["b"]
    assert traces.ARM not in instead


async def test_a_candidate_with_a_bug_is_answered_for_and_told_of(world: Any, digests: Any) -> None:
    def bug(_: Question) -> None:
        raise ZeroDivisionError("oops")

    world.releases[digests["b"]].does = bug
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u")).release == digests["a"]
    (seen,) = world.observations()
    assert (seen.arm, seen.values) == ("candidate", {"errors": 1.0, "gone": 0.0})
    assert any("ZeroDivisionError" in line for line in process.told)


async def test_what_was_shown_is_not_begun_again(world: Any, digests: Any) -> None:
    broken = ModelUnavailable("broke off", model="m")
    world.releases[digests["b"]].does = lambda _: {"then": broken}
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        events = await process.ask(identity="u")
    assert [type(event) for event in events] == [Sentence, Failed]
    assert world.releases[digests["a"]].asked == []
    (seen,) = world.observations()
    assert (seen.arm, seen.values) == ("candidate", {"errors": 1.0, "gone": 0.0})


async def test_a_wrong_request_is_nobodys_error(world: Any, digests: Any) -> None:
    for release in world.releases.values():
        release.does = lambda _: InputError("the question is too long")
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        events = await process.ask(identity="u")
        assert isinstance(events[-1], Failed)
        assert len(events) == 1
    assert world.observations() == []
    assert process.deployment.recording.counts.wrong >= 1


async def test_a_candidate_that_refuses_what_live_answers_is_in_error(world: Any, digests: Any) -> None:
    world.releases[digests["b"]].does = lambda _: InputError("no such variable in the prompt")
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u")).release == digests["a"]
    (seen,) = world.observations()
    assert (seen.arm, seen.values) == ("candidate", {"errors": 1.0, "gone": 0.0})


async def test_live_failures_count_and_are_told(world: Any, digests: Any) -> None:
    world.releases[digests["a"]].does = lambda _: ModelUnavailable("is down", model="m")
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.001,))
        (event,) = await process.ask(identity="u")
    assert isinstance(event, Failed)
    (seen,) = world.observations()
    assert (seen.arm, seen.values) == ("live", {"errors": 1.0, "gone": 0.0})


async def test_a_reader_who_goes_away_is_seen_with_how_long_they_waited(world: Any, digests: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        await process.ready()
        stream = process.deployment.answer(Question("x"), identity="u")
        assert isinstance(await anext(stream), Sentence)
        await anyio.sleep(0.05)
        await stream.aclose()
        assert process.deployment.recording.counts.gone == 1
    (seen,) = world.observations()
    assert (seen.arm, seen.unit, seen.values["gone"]) == ("candidate", unit_of("r1", "u"), 1.0)
    assert 50 <= seen.values["latency"] < 5_000
    assert "errors" not in seen.values
    assert world.releases[digests["b"]].working == 0


async def test_a_candidate_that_hangs_until_its_users_go_away_is_seen(world: Any, digests: Any) -> None:
    new = world.releases[digests["b"]]
    new.gate = anyio.Event()
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=1)
        for user in USERS:
            with anyio.move_on_after(0.02):
                await process.ask(identity=user)
    gone = {arm: {each.values["gone"] for each in world.observations() if each.arm == arm} for arm in ARMS}
    assert gone == {"live": {0.0}, "candidate": {1.0}}


async def test_who_goes_away_while_nothing_is_compared_is_only_counted(world: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=-1)
        stream = process.deployment.answer(Question("x"), identity="u")
        await anext(stream)
        await stream.aclose()
        assert process.deployment.recording.counts.gone == 1
    assert world.observations() == []


async def test_a_stream_that_breaks_after_its_first_sentence_is_the_releases_error(world: Any, digests: Any) -> None:
    broken = InputError("the context is too long for the model")
    world.releases[digests["b"]].does = lambda _: {"then": broken}
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        events = await process.ask(identity="u")
    assert [type(event) for event in events] == [Sentence, Failed]
    (seen,) = world.observations()
    assert (seen.arm, seen.values["errors"]) == ("candidate", 1.0)
    assert process.deployment.recording.counts.wrong == 0


async def test_nobody_waits_for_a_candidate_to_be_opened(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    new, held = world.releases[digests["b"]], threading.Event()
    opened = new.application

    def slowly(recorder: Any) -> Any:
        held.wait(10)
        return opened(recorder)

    new.application = slowly
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.5,))
        try:
            with anyio.fail_after(5):
                for user in USERS:
                    (*_, answer) = await process.ask(at_once=True, identity=user)
                    assert answer.release == digests["a"]
        finally:
            held.set()
        await eventually(lambda: new.opened == 1)  # it was begun meanwhile
        await process.deployment.recording.flush()
        assert world.observations() == []  # of either arm: they are seen at the same times, or not at all
        assert digests["b"] in {(await process.answered(identity=user)).release for user in USERS}
    assert {each.arm for each in world.observations()} == set(ARMS)


def unheard_of(world: Any) -> None:
    """Write what a newer version writes, which this one does not know."""
    world.events.append("environment/production", [{"kind": "mirrored", "rollout": "r1"}])


async def test_where_it_cannot_be_read_what_was_decided_nobody_gets_the_candidate(world: Any, digests: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u")).release == digests["b"]
        await process.deployment.recording.flush()
        before = len(world.observations())
        unheard_of(world)
        assert {(await process.answered(identity=user)).release for user in USERS} == {digests["a"]}
        assert process.deployment.rollout is None
        (problem,) = await process.deployment.problems()
        assert "mirrored" in problem
        assert "upgrade Assay" in problem
        assert sum("answers everybody" in line for line in process.told) == 1
        abort(world.log, why="stop", by="me")
        assert {(await process.answered(identity=user)).release for user in USERS} == {digests["a"]}
    assert len(world.observations()) == before


async def test_what_is_impossible_by_what_was_read_before_falls_back_too(world: Any, digests: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u")).release == digests["b"]
        world.events.append("environment/production", [encode(Advanced("another", 1, NOTHING))])
        assert (await process.answered(identity="u")).release == digests["a"]
        (problem,) = await process.deployment.problems()
        assert "another" in problem


async def test_a_reader_is_cancelled_and_the_release_is_let_go(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    new = world.releases[digests["b"]]
    new.gate = anyio.Event()
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: process.ask(identity="u"))
            await eventually(lambda: new.working == 1)
            tasks.cancel_scope.cancel()
        assert (new.working, process.deployment.recording.counts.gone) == (0, 1)
        world.append(Aborted("r1", "", "me"))
        await process.answered()
        await eventually(lambda: new.closed == 1)
    assert [each.values["gone"] for each in world.observations()] == [1.0]


async def test_pins_hold_and_do_not_count(world: Any, digests: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.001,))
        world.append(Pinned("r1", {unit_of("r1", "boss"): "candidate"}, "me"))
        assert (await process.answered(identity="boss")).release == digests["b"]
    (seen,) = world.observations()
    assert (seen.arm, seen.counts) == ("candidate", False)


async def test_a_request_for_the_live_release_by_name_is_answered_by_it(world: Any, digests: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u", exactly=True)).release == digests["a"]
        found = await process.deployment.search("x", k=3)
        assert found.index == digests["a"]
    assert world.observations() == []


async def test_a_candidate_that_cannot_be_opened_is_rolled_back_and_nobody_notices(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    world.releases[digests["b"]].broken = NotFound("its index is gone")
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u")).release == digests["a"]
        await eventually(lambda: world.log.traffic().rollout is None)
        await eventually(lambda: any("rolled back (unbuildable)" in line for line in process.told))
    last = world.log.entries()[-1].event
    assert isinstance(last, RolledBack)
    assert (last.reason, "its index is gone" in last.decision.why) == ("unbuildable", True)
    # One where somebody asked before it was rolled back, which may come first.
    assert all(each.values == {"errors": 1.0, "gone": 0.0} for each in world.observations())


async def test_a_candidate_over_another_index_than_its_own_is_not_that_candidate(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    world.releases[digests["b"]].notice = "the index of this file is not built yet; asking another"
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u")).release == digests["a"]
        await eventually(lambda: world.log.traffic().rollout is None)


async def test_a_new_live_release_that_cannot_be_opened_here_leaves_the_old_one_answering(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    world.releases[digests["c"]].broken = NotFound("made by other code")
    process = world.process()
    async with process.deployment.serving():
        world.append(Deployed(digests["c"], "by a newer server", "me"))
        for _ in range(3):
            assert (await process.answered()).release == digests["a"]
        await eventually(lambda: any("goes on answering" in line for line in process.told))
        (problem,) = await process.deployment.problems()
        assert "made by other code" in problem
        world.append(Deployed(digests["d"], "mended", "me"))
        await eventually(lambda: process.deployment.release.digest == digests["d"])
        assert await process.deployment.problems() == []
        assert (await process.answered()).release == digests["d"]


async def test_a_store_that_cannot_be_read_changes_nothing(world: Any, digests: Any, monkeypatch: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u")).release == digests["b"]

        def broken() -> int:
            raise StoreError("the disk is gone")

        monkeypatch.setattr(process.log, "version", broken)
        for _ in range(3):
            assert (await process.answered(identity="u")).release == digests["b"]
        assert sum("the disk is gone" in line for line in process.told) == 1


async def test_requests_without_a_name_are_units_of_their_own(world: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=1)
        for _ in range(30):
            await process.answered()
    found = world.observations()
    assert len({each.unit for each in found}) == 30
    assert {each.arm for each in found} == {"live", "candidate"}


async def test_requests_in_one_trace_of_their_callers_are_told_apart(world: Any) -> None:
    process = world.process()
    header = f"00-{'c' * 32}-{'d' * 16}-01"
    async with process.deployment.serving():
        world.start()
        for user in ("u", "v"):
            assert (await process.answered(identity=user, traceparent=header)).trace == "c" * 32
    keys = [each.trace for each in world.observations()]
    assert len(set(keys)) == 2
    assert all(key.startswith("c" * 32) for key in keys)


async def test_a_candidate_that_ends_without_an_end_is_answered_for(world: Any, digests: Any) -> None:
    new = world.releases[digests["b"]]

    async def nothing(*_: Any, **__: Any) -> Any:
        for event in list[Any]():
            yield event

    new.answer = nothing
    process = world.process()
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        assert (await process.answered(identity="u")).release == digests["a"]
    (seen,) = world.observations()
    assert (seen.arm, seen.values) == ("candidate", {"errors": 1.0, "gone": 0.0})
