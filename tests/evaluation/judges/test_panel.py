from __future__ import annotations

import warnings

import anyio
import pytest
from tests.evaluation.judges.values import value

from assay.errors import InputError, ModelError, ModelUnavailable, RateLimited
from assay.evaluation.judges.llm import UnreadableReply
from assay.evaluation.judges.panel import Panel
from assay.evaluation.judging import Item
from assay.evaluation.scoring import Spent
from assay.scores import Scored, Unscored
from assay.testing.judge import Says, ScriptedJudge

pytestmark = pytest.mark.anyio

ITEM = Item("claim", {"contexts": "a", "claim": "b"})
DOWN = ModelUnavailable("down", model="m")


def panel(*says: Says, how: str = "mean", quorum: int | None = None) -> Panel:
    judges = {name: ScriptedJudge(said, identity=name) for name, said in zip("abcde", says, strict=False)}
    return Panel(judges, how="majority" if how == "majority" else "mean", quorum=quorum)


@pytest.mark.parametrize(
    ("says", "how", "score", "uncertain"),
    [
        ((1.0, 1.0, 1.0), "mean", 1.0, 0.0),
        ((1.0, 0.0), "mean", 0.5, 1.0),
        ((0.2, 0.4), "mean", 0.3, 0.2),
        ((1.0, 0.9, 0.1), "majority", 1.0, 2 / 3),
        ((0.0, 0.4, 1.0, 0.2), "majority", 0.0, 0.5),
        ((1.0, 0.0), "majority", 0.5, 1.0),
        ((0.5, 0.5, 1.0), "majority", 1.0, 2 / 3),
    ],
)
async def test_the_joint_verdict(says: tuple[float, ...], how: str, score: float, uncertain: float) -> None:
    verdict = await panel(*says, how=how).judge(ITEM)
    assert value(verdict.score) == pytest.approx(score)
    assert verdict.uncertain == pytest.approx(uncertain)
    assert verdict.detail["scores"] == dict(zip("abcde", says, strict=False))
    assert verdict.spent.calls == len(says)


async def test_a_failing_judge_is_left_out_and_named() -> None:
    verdict = await panel(1.0, DOWN, 0.0).judge(ITEM)
    assert verdict.score == Scored(0.5)
    assert verdict.detail["failed"] == {"b": "m: down"}
    verdict = await panel(1.0, Unscored("no claim"), 1.0).judge(ITEM)
    assert verdict.detail["failed"] == {"b": "no claim"}


async def test_too_few_are_no_verdict() -> None:
    verdict = await panel(1.0, DOWN, Unscored("hm")).judge(ITEM)
    assert verdict.score == Unscored("1 of 3 judges gave a score, 2 are needed (b: m: down; c: hm)")
    assert (await panel(1.0, DOWN, DOWN, quorum=1).judge(ITEM)).score == Scored(1.0)
    assert isinstance((await panel(1.0, 1.0, DOWN, quorum=3).judge(ITEM)).score, Unscored)


async def test_what_a_failed_judge_spent_counts() -> None:
    unreadable = UnreadableReply("hm", model="m", spent=Spent(2, 40, 4, 0.25))
    verdict = await panel(1.0, 1.0, unreadable).judge(ITEM)
    assert verdict.spent == Spent(4, 60, 6, 1.25)


async def test_a_rate_limit_goes_to_who_can_slow_down() -> None:
    limits: list[ModelError] = [RateLimited("slow", model="m", retry_after=wait) for wait in (1.0, 9.0)]
    with pytest.raises(RateLimited) as caught:
        await panel(1.0, *limits).judge(ITEM)
    assert caught.value.retry_after == 9.0


async def test_a_panel_that_is_given_up_leaves_nothing_behind() -> None:
    with anyio.CancelScope() as scope, warnings.catch_warnings():
        warnings.simplefilter("error")
        scope.cancel()
        await panel(1.0, 1.0).judge(ITEM)
    assert scope.cancelled_caught


async def test_a_crash_is_not_wrapped() -> None:
    def crash(item: Item) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Panel({"a": ScriptedJudge(1.0), "b": ScriptedJudge(crash)}).judge(ITEM)


async def test_a_panel_knows_what_all_of_it_know() -> None:
    a = ScriptedJudge(1.0, rubrics=frozenset({"claim", "relevance"}))
    b = ScriptedJudge(1.0, rubrics=frozenset({"claim"}))
    both = Panel({"a": a, "b": b})
    assert both.rubrics == {"claim"}
    with pytest.raises(InputError, match="not known to b"):
        await both.judge(Item("relevance", {}))


def test_who_cannot_be_a_panel() -> None:
    with pytest.raises(InputError, match="at least two"):
        Panel({"a": ScriptedJudge(1.0)})
    with pytest.raises(InputError, match="quorum"):
        panel(1.0, 1.0, quorum=3)


def test_the_identity_holds_members_quorum_and_rule() -> None:
    made = [panel(1.0, 1.0), panel(1.0, 1.0, 1.0), panel(1.0, 1.0, how="majority"), panel(1.0, 1.0, quorum=1)]
    assert len({each.identity for each in made}) == 4
