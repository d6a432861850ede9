"""Experiments under requests: every process gives each user the same arm, and the end reaches all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from assay import traces
from assay.answering.events import Answer, Question
from assay.documents import Chunk, Citation
from assay.errors import ModelUnavailable
from assay.retrieval.found import Candidate, Found
from assay.rollouts.experiments.design import ranking_design
from assay.rollouts.traffic.assignment import assign, unit_of
from assay.rollouts.traffic.events import ExperimentEnded, ExperimentStarted
from assay.rollouts.traffic.plan import Design
from assay.rollouts.traffic.routing import INTERLEAVED

pytestmark = pytest.mark.anyio

USERS = [f"user-{n}" for n in range(60)]


def begin(world: Any, digests: Mapping[str, str], design: Design, arms: str = "abc") -> None:
    named = tuple((name, digests[arm]) for (name, _), arm in zip(design.arms, arms, strict=False))
    world.append(ExperimentStarted("x1", replace(design, arms=named), "", "me"))


async def test_every_arm_answers_its_users_in_every_process(world: Any, digests: Any, make: Any) -> None:
    one, two = world.process(), world.process()
    plan = make.design(3, policy="thompson", shares=(0.2, 0.5, 0.3), metric=make.errors)
    by_trace: dict[str, str] = {}
    async with one.deployment.serving(), two.deployment.serving():
        begin(world, digests, plan)
        for user in USERS:
            arm = assign("x1", unit_of("x1", user), {"A": 0.2, "B": 0.5, "C": 0.3})
            for process in (one, two):
                answer = await process.answered(identity=user)
                assert answer.release == digests["abc"["ABC".index(arm)]]
                by_trace[answer.trace] = arm
    for trace, arm in by_trace.items():
        assert one.traces.get(trace).root.attributes[traces.ARM] == arm
    seen = world.observations("x1")
    assert len(seen) == 2 * len(USERS)
    assert Counter(each.arm for each in seen).keys() == {"A", "B", "C"}
    assert {(each.arm, each.propensity) for each in seen} == {("A", 0.2), ("B", 0.5), ("C", 0.3)}


async def test_harm_ends_it_and_everybody_is_answered_by_live_again(
    world: Any, digests: Any, make: Any, eventually: Callable[..., Any]
) -> None:
    def fails(_: Question) -> Any:
        return ModelUnavailable("overloaded", model="m")

    world.releases[digests["b"]].does = fails
    process, other = world.process(), world.process()
    async with process.deployment.serving(), other.deployment.serving():
        begin(world, digests, make.design(2, guards=(make.errors,)))
        for number in range(120):
            answer = await process.answered(identity=f"u{number}")  # live answers in its place
            assert answer.release == digests["a"]
        await eventually(lambda: world.log.traffic().experiment is None)
        await other.answered(identity="u1")
        await eventually(lambda: any("ended (harm)" in line for line in process.told))
    (end,) = [entry.event for entry in world.log.entries() if isinstance(entry.event, ExperimentEnded)]
    assert end.reason == "harm"
    assert "errors: B vs A" in end.decision.why


async def test_an_arm_that_cannot_be_opened_ends_it(
    world: Any, digests: Any, make: Any, eventually: Callable[..., Any]
) -> None:
    world.releases[digests["c"]].broken = ModelUnavailable("no key", model="m")
    process = world.process()
    async with process.deployment.serving():
        begin(world, digests, make.design(3))
        await process.answered(identity="u")
        await eventually(lambda: world.log.traffic().experiment is None)
    end = world.log.entries()[-1].event
    assert isinstance(end, ExperimentEnded)
    assert end.reason == "unbuildable"
    assert "no key" in end.decision.why


class Searching:
    """A release's retriever that finds these."""

    def __init__(self, ids: str) -> None:
        self.ids = ids

    async def search(self, question: str, *, k: int, **_: Any) -> Found:
        chunks = [Chunk(id, f"{id}.md", 0, 0, 4, "text", id) for id in self.ids[:k]]
        hits = tuple(Candidate(chunk, 1.0, {}) for chunk in chunks)
        return Found(question, "dense", hits, hits, "i", 1, 0.1)


class Citing:
    """An answerer that cites the second release's best passage wherever it was drawn."""

    def __init__(self, retriever: Any, release: Any, recorder: Any) -> None:
        self.retriever, self._release, self._recorder = retriever, release, recorder

    def over(self, retriever: Any) -> Citing:
        return Citing(retriever, self._release, self._recorder)

    async def answer(self, question: Question, **more: Any) -> AsyncGenerator[Any, None]:
        found = await self.retriever.search(question.text, k=4, groups=question.groups, where={})
        cited = "x" if any(hit.chunk.id == "x" for hit in found.hits) else "a"
        async for event in self._release.answer(self._recorder, question, **more):
            if isinstance(event, Answer):
                yield replace(event, found=found, citations=(Citation(f"{cited}.md", cited, 0, 4, "text", "So."),))
            else:
                yield event


async def test_rankings_are_drawn_into_one_and_citations_decide(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    for name, ids in (("a", "abcd"), ("b", "xyzw")):
        release = world.releases[digests[name]]

        def application(recorder: Any, release: Any = release, made: Any = release.application, ids: str = ids) -> Any:
            return replace(made(recorder), answerer=Citing(Searching(ids), release, recorder))

        release.application = application
    process = world.process()
    async with process.deployment.serving():
        design = ranking_design([digests["a"], digests["b"]], alpha=0.05, longest=3_600.0)
        world.append(ExperimentStarted("x1", design, "", "me"))
        await process.answered()
        await eventually(lambda: digests["b"] in process.applications._places)
        for _ in range(30):
            answer = await process.answered()
            assert answer.release == digests["a"]  # the live release answers, whoever found the passages
        await eventually(lambda: world.log.traffic().experiment is None)
    assert process.traces.get(answer.trace).root.attributes[traces.ARM] == INTERLEAVED
    end = world.log.entries()[-1].event
    assert isinstance(end, ExperimentEnded)
    assert (end.reason, end.winner) == ("found", "B")
    seen = Counter(each.arm for each in world.observations("x1"))
    assert seen["second"] >= 20
