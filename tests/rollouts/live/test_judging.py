from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from assay.errors import InputError
from assay.evaluation.samples import Answered, Sample
from assay.evaluation.scoring import Measured, Metric
from assay.rollouts.live.judging import chosen
from assay.rollouts.traffic.plan import Guard, Shadow
from assay.rollouts.traffic.routing import Asker, way
from assay.rollouts.traffic.state import Rollout, Traffic
from assay.scores import Scored, Unscored

pytestmark = pytest.mark.anyio

GUARDS = (
    Guard("errors", "errors", "share", 0.05, 0.0),
    Guard("faithfulness", "faithfulness", "share", 0.05, 0.0, higher_is_better=True, judged=True),
)


@dataclass
class Scripted:
    """A scorer that says 0.25 of the candidate and 0.75 of live, and nothing where it is told."""

    samples: list[Sample] = field(default_factory=list)
    silent: bool = False
    name: str = "faithfulness"
    identity: str = "scripted"
    metrics: tuple[Metric, ...] = (Metric("faithfulness", judged=True), Metric("other"))

    async def score(self, sample: Sample) -> Mapping[str, Measured]:
        self.samples.append(sample)
        assert isinstance(sample.outcome, Answered)
        value = 0.25 if sample.outcome.text == "new" else 0.75
        found = Unscored("cannot tell") if self.silent else Scored(value)
        return {"faithfulness": Measured(found), "other": Measured(Scored(1.0))}


def scored(world: Any) -> list[Any]:
    return [each for each in world.observations() if "errors" not in each.values]


async def test_both_arms_are_judged_and_the_scores_are_added_to_their_answers(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    scorer, asked = Scripted(), list[frozenset[str]]()
    world.releases[digests["b"]].does = lambda _: "new"

    def open_scorers(metrics: frozenset[str]) -> list[Scripted]:
        asked.append(metrics)
        return [scorer]

    process = world.process(open_scorers=open_scorers, follow=lambda *_: Silent())
    async with process.deployment.serving():
        world.start(stages=(0.5,), guards=GUARDS, judged=1.0)
        answers = {(await process.answered(f"q{n}", identity=f"u{n}")).trace for n in range(30)}
        await eventually(lambda: len(scored(world)) == 30)
    assert asked == [frozenset({"faithfulness"})]
    assert {each.trace for each in scored(world)} == answers
    for each in scored(world):
        assert dict(each.values) == {"faithfulness": 0.25 if each.arm == "candidate" else 0.75}
    first = {each.trace: each for each in world.observations() if "errors" in each.values}
    for each in scored(world):
        assert replace(each, values={}) == replace(first[each.trace], values={})
    assert {sample.case.question for sample in scorer.samples} == {f"q{n}" for n in range(30)}


async def test_a_copy_and_the_answer_beside_it_are_both_judged(
    world: Any, digests: Any, eventually: Callable[..., Any]
) -> None:
    world.releases[digests["b"]].does = lambda _: "new"
    process = world.process(open_scorers=lambda _: [Scripted()], follow=lambda *_: Silent())
    async with process.deployment.serving():
        world.start(stage=-1, guards=GUARDS, judged=1.0, shadow=Shadow(1.0, 10, 60.0, 1.0))
        answers = [await process.answered(identity=f"u{n}") for n in range(3)]
        await eventually(lambda: len(scored(world)) == 6)
    values = {(each.arm, each.of or each.trace): each.values["faithfulness"] for each in scored(world)}
    assert values == {(arm, a.trace): v for a in answers for arm, v in (("live", 0.75), ("shadow", 0.25))}


async def test_what_cannot_be_scored_is_counted(world: Any, eventually: Callable[..., Any]) -> None:
    process = world.process(open_scorers=lambda _: [Scripted(silent=True)], follow=lambda *_: Silent())
    async with process.deployment.serving():
        world.start(stages=(0.5,), guards=GUARDS, judged=1.0)
        for n in range(4):
            await process.answered(identity=f"u{n}")
        await eventually(lambda: process.deployment.recording.counts.unscored == 4)
    assert scored(world) == []


async def test_a_judge_that_cannot_be_opened_is_told_of_once(world: Any, eventually: Callable[..., Any]) -> None:
    def open_scorers(_: object) -> Any:
        raise InputError("no such judge")

    process = world.process(open_scorers=open_scorers, follow=lambda *_: Silent())
    async with process.deployment.serving():
        world.start(stages=(0.5,), guards=GUARDS, judged=1.0)
        for n in range(4):
            await process.answered(identity=f"u{n}")
        await eventually(lambda: process.deployment.recording.counts.unscored == 4)
    assert sum("no such judge" in line for line in process.told) == 1


async def test_without_a_judged_guard_nobody_is_asked(world: Any) -> None:
    def open_scorers(_: object) -> Any:
        pytest.fail("nothing is judged")

    process = world.process(open_scorers=open_scorers)
    async with process.deployment.serving():
        world.start(stage=1, judged=1.0)
        await process.answered(identity="u")
    assert len(world.observations()) == 1


@pytest.mark.parametrize("stages", [(0.01,), (0.1,), (0.5,), (0.2, 0.6)])
def test_of_both_arms_about_as_many_of_those_who_vote_are_judged(
    make_plan: Callable[..., Any], stages: tuple[float, ...]
) -> None:
    plan = replace(make_plan(stages=stages), judged=0.5)
    rollout = Rollout("r1", "b", "a", plan, 0.0, 0.0, "canary", len(stages) - 1)
    count, counts = 20_000, Counter[str]()
    ways = [way(Traffic("production", 1, "a", rollout), Asker(f"user-{n}")) for n in range(count)]
    for each in ways:
        counts[each.arm] += chosen(rollout, each)
    assert not any(chosen(rollout, each) for each in ways if not each.fresh)
    expected = sum(each.arm == "candidate" and each.fresh for each in ways) * 0.5
    for arm in ("live", "candidate"):
        assert abs(counts[arm] - expected) < 5 * expected**0.5


def test_who_asks_often_is_judged_no_more_often_than_who_asks_once(make_plan: Callable[..., Any]) -> None:
    plan = replace(make_plan(stages=(0.1, 0.3)), judged=0.5)
    lots = []
    for stage in range(2):
        rollout = Rollout("r1", "b", "a", plan, 0.0, 0.0, "canary", stage)
        now = Traffic("production", 1, "a", rollout)
        asked = [[chosen(rollout, way(now, Asker(f"user-{n}"))) for _ in range(5)] for n in range(2_000)]
        assert all(len(set(each)) == 1 for each in asked)
        lots.append([each[0] for each in asked])
    assert lots[0] != lots[1]  # another lot in each stage


async def test_of_a_unit_the_first_answer_in_the_stage_is_the_one_that_is_judged(
    world: Any, eventually: Callable[..., Any]
) -> None:
    process = world.process(open_scorers=lambda _: [Scripted()], follow=lambda *_: Silent())
    async with process.deployment.serving():
        world.start(stages=(0.5,), guards=GUARDS, judged=1.0)
        answers = [await process.answered(identity=user) for user in ("u1", "u2", "u1", "u2", "u1", "u3")]
        await eventually(lambda: len(scored(world)) == 3)
    assert {each.trace for each in scored(world)} == {answers[at].trace for at in (0, 1, 5)}


class Silent:
    """Decides nothing."""

    def follow(self, *_: Any) -> None:
        return None
