from __future__ import annotations

import pytest

from assay.errors import InputError, ModelUnavailable, RateLimited
from assay.evaluation.judges.llm import LlmJudge
from assay.evaluation.judges.pairwise import BothOrders, compare, preference
from assay.evaluation.judging import Item, Verdict
from assay.evaluation.scoring import Spent
from assay.messages import User
from assay.models.chat import Request
from assay.scores import Score, Scored, Unscored
from assay.testing.chat_model import ScriptedModel
from assay.testing.judge import ScriptedJudge

pytestmark = pytest.mark.anyio


def by_text(item: Item) -> float:
    """Prefers the text that comes first in the alphabet, wherever it stands."""
    a, b = item.fields["a"], item.fields["b"]
    return 0.5 if a == b else float(a < b)


@pytest.mark.parametrize(
    ("first", "second", "score"), [("apple", "pear", 1.0), ("pear", "apple", 0.0), ("x", "x", 0.5)]
)
async def test_a_preference_that_holds_in_both_orders(first: str, second: str, score: float) -> None:
    judge = ScriptedJudge(by_text)
    verdict = await compare(judge, first, second, "brevity", question="Which fruit?")
    assert verdict.score == Scored(score)
    assert verdict.detail["flip"] is False
    assert verdict.spent == Spent(2, 20, 2, 1.0)
    assert [item.fields["a"] for item in judge.items] == [first, second]
    assert all(item.fields["question"] == "Which fruit?" for item in judge.items)


@pytest.mark.parametrize("answer", [1.0, 0.0])
async def test_a_preference_for_a_place_is_a_tie_and_a_flip(answer: float) -> None:
    verdict = await compare(ScriptedJudge(answer), "apple", "pear", "brevity")
    assert verdict.score == Scored(0.5)
    assert verdict.detail["flip"] is True
    assert verdict.detail["orders"] == [answer, 1 - answer]
    assert verdict.uncertain == 1.0


async def test_a_tie_in_one_order_only_is_a_flip() -> None:
    verdict = await compare(
        ScriptedJudge(lambda item: 1.0 if item.fields["a"] == "apple" else 0.5), "apple", "pear", "x"
    )
    assert verdict.score == Scored(0.5)
    assert verdict.detail["flip"] is True


async def test_no_score_in_one_order_is_none() -> None:
    said = ScriptedJudge(lambda item: Unscored("hm") if item.fields["a"] == "pear" else 1.0)
    verdict = await compare(said, "apple", "pear", "x")
    assert verdict.score == Unscored("hm")
    assert verdict.spent.calls == 2


async def test_errors_come_out_as_they_are() -> None:
    def limited(item: Item) -> ModelUnavailable | RateLimited:
        if item.fields["a"] == "apple":
            return ModelUnavailable("down", model="m")
        return RateLimited("slow", model="m", retry_after=2.0)

    with pytest.raises(RateLimited):
        await compare(ScriptedJudge(limited), "apple", "pear", "x")
    with pytest.raises(ModelUnavailable):
        await compare(ScriptedJudge(ModelUnavailable("down", model="m")), "apple", "pear", "x")


async def test_other_rubrics_are_handed_on() -> None:
    judge = ScriptedJudge(0.3)
    item = Item("claim", {"contexts": "a", "claim": "b"})
    assert (await BothOrders(judge).judge(item)).score == Scored(0.3)
    assert judge.items == [item]
    assert judge.identity in BothOrders(judge).identity
    assert BothOrders(judge).rubrics == judge.rubrics


async def test_a_model_is_shown_both_orders() -> None:
    def first_is_better(request: Request) -> str:
        last = request.messages[-1]
        assert isinstance(last, User)
        return '{"reason": "", "verdict": "A"}' if last.text.index("short") < last.text.index("long") else "B"

    verdict = await compare(LlmJudge(ScriptedModel(first_is_better)), "short", "long", "brevity")
    assert verdict.score == Scored(1.0)
    assert verdict.detail["flip"] is False


def test_the_share_of_wins() -> None:
    def of(score: Score) -> Verdict:
        return Verdict(score)

    verdicts = [of(Scored(1.0))] * 6 + [of(Scored(0.0))] * 2 + [of(Scored(0.5))] * 2 + [of(Unscored("x"))]
    found = preference(verdicts)
    assert found.value == pytest.approx(0.7)
    assert found.low < 0.7 < found.high
    assert (found.n, found.unscored) == (10, 1)
    wide = preference(verdicts, clusters=[str(i // 5) for i in range(11)])
    assert wide.high - wide.low > found.high - found.low
    with pytest.raises(InputError):
        preference([of(Unscored("x"))])
