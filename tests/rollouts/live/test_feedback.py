from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from assay.answering.events import Answer
from assay.errors import NotFound, StoreError
from assay.rollouts.live.feedback import Named, Said, listed
from assay.rollouts.traffic.events import Aborted

pytestmark = pytest.mark.anyio

UP, DOWN = Said(1.0, caller="u"), Said(0.0, caller="u")


def id_of(answer: Answer) -> str:
    return f"chatcmpl-{answer.trace}{answer.span}"


def thumbs(world: Any) -> list[Any]:
    return [each for each in world.observations() if "feedback" in each.values]


async def test_a_rating_is_kept_and_counts_for_the_arm_that_answered(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    one, two = world.process(), world.process()
    async with one.deployment.serving(), two.deployment.serving():
        world.start(stage=1, id="r1")
        answers = [await one.answered(identity=f"u{n}") for n in range(12)]
        for n, answer in enumerate(answers):
            # Through the other process, which has not made the answer.
            rated, first = await two.deployment.feedback(id_of(answer), Said(n % 2, caller=f"u{n}"))
            assert (rated.trace, rated.release, first) == (answer.trace, answer.release, True)
        await eventually(lambda: len(thumbs(world)) == 12)
    arms = {digests["a"]: "live", digests["b"]: "candidate"}
    by_trace = {each.trace: each for each in world.observations() if "errors" in each.values}
    for n, (answer, thumb) in enumerate(zip(answers, thumbs(world), strict=True)):
        assert (thumb.trace, thumb.arm, dict(thumb.values)) == (answer.trace, arms[answer.release], {"feedback": n % 2})
        seen = by_trace[answer.trace]
        assert (thumb.unit, thumb.stage, thumb.counts) == (seen.unit, seen.stage, seen.counts)
    kept = list(listed(world.events))
    assert [(each.release, each.rollout, each.arm) for each in kept] == [
        (answer.release, "r1", arms[answer.release]) for answer in answers
    ]


async def test_the_first_rating_of_a_caller_counts_and_later_ones_are_kept(
    world: Any, eventually: Callable[..., Any]
) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=1)
        answer = await process.answered(identity="u")
        id = id_of(answer)
        given = [UP, UP, DOWN, Said(0.0, caller="v"), Said(comment="nice", score=1.0, caller="u")]
        firsts = [(await process.deployment.feedback(id, said))[1] for said in given]
        assert firsts == [True, False, False, True, False]
        await eventually(lambda: len(thumbs(world)) == 2)
    kept = list(listed(world.events))
    assert [(each.score, each.first) for each in kept] == [(1.0, True), (0.0, False), (0.0, True), (1.0, False)]
    assert len({each.caller for each in kept}) == 2
    assert all(each.caller != "u" for each in kept)


async def test_a_correction_alone_says_that_it_was_not_right(world: Any, eventually: Callable[..., Any]) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=1)
        answer = await process.answered(identity="u")
        await process.deployment.feedback(id_of(answer), Said(correction="It is not so.", comment="see page 3"))
        await eventually(lambda: len(thumbs(world)) == 1)
    assert thumbs(world)[0].values == {"feedback": 0.0}
    (kept,) = listed(world.events)
    assert (kept.score, kept.correction, kept.comment) == (None, "It is not so.", "see page 3")


async def test_long_after_it_is_kept_and_counts_for_nothing(world: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        before = await process.answered(identity="u")
        world.start(stage=1)
        under = await process.answered(identity="u")
        world.append(Aborted("r1", "", "me"))
        world.start(id="r2")
        for answer in (before, under):
            assert (await process.deployment.feedback(answer.trace, UP))[1]
    assert [(each.rollout, each.score) for each in listed(world.events)] == [(None, 1.0), ("r1", 1.0)]
    assert thumbs(world) == []
    assert world.observations("r2") == []


async def test_an_answer_in_place_of_the_candidates_is_for_no_arm(world: Any, digests: Any) -> None:
    world.releases[digests["b"]].broken = NotFound("gone")
    process = world.process(follow=lambda *_: Silent())
    async with process.deployment.serving():
        world.start(stages=(0.999,))
        answer = await process.answered(identity="u")
        await process.deployment.feedback(id_of(answer), DOWN)
    assert thumbs(world) == []
    (kept,) = listed(world.events)
    assert (kept.release, kept.arm) == (digests["a"], None)


async def test_two_answers_of_one_trace_are_told_apart(world: Any, eventually: Callable[..., Any]) -> None:
    process = world.process()
    header = f"00-{'c' * 32}-{'d' * 16}-01"
    async with process.deployment.serving():
        world.start(stage=1)
        answers = [await process.answered(identity=f"u{n}", traceparent=header) for n in range(2)]
        for answer in answers:
            rated, first = await process.deployment.feedback(id_of(answer), UP)
            assert (rated.span, first) == (answer.span, True)
        await eventually(lambda: len(thumbs(world)) == 2)
    assert len({each.unit for each in thumbs(world)}) == 2
    assert {each.trace for each in thumbs(world)} == {each.trace for each in world.observations()}
    assert len({each.trace for each in thumbs(world)}) == 2


@pytest.mark.parametrize("id", ["", "x", "chatcmpl-12", "chatcmpl-" + "0" * 32, "f" * 32, "chatcmpl-" + "é" * 32])
async def test_an_unknown_answer_is_not_found(world: Any, id: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("assay.rollouts.live.deployment.LOOKS", (0.001,))
    process = world.process()
    async with process.deployment.serving():
        with pytest.raises(NotFound, match="no answer is known"):
            await process.deployment.feedback(id, UP)
    assert list(listed(world.events)) == []


def test_ids() -> None:
    trace, span = "ab" * 16, "cd" * 8
    assert Named.read(f"chatcmpl-{trace}{span}") == Named(trace, span)
    assert Named.read(trace.upper()) == Named(trace, None)


class Silent:
    """Decides nothing."""

    def follow(self, *_: Any) -> None:
        return None


async def test_a_thumb_is_kept_and_counted_or_neither(world: Any, monkeypatch: Any) -> None:
    process = world.process()
    async with process.deployment.serving():
        world.start(stage=1)
        answer = await process.answered(identity="u")
        await process.deployment.recording.flush()

        def broken(*_: Any) -> int:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patched:
            patched.setattr(process.events, "append_with", broken)
            with pytest.raises(StoreError, match="full"):
                await process.deployment.feedback(id_of(answer), UP)
        assert list(listed(world.events)) == []
        assert (await process.deployment.feedback(id_of(answer), UP))[1]
        assert len(thumbs(world)) == 1  # at once: nothing waits in memory, to be lost with the process
        assert len(list(listed(world.events))) == 1
