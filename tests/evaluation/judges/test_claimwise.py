from __future__ import annotations

import pytest
from tests.evaluation.judges.values import value

from assay.errors import InputError, ModelUnavailable
from assay.evaluation.judges.claimwise import Claimwise
from assay.evaluation.judges.kept import KeptJudge
from assay.evaluation.judging import Item, Verdict
from assay.evaluation.scoring import Spent
from assay.scores import Scored, Unscored
from assay.stores.database import Database
from assay.stores.verdicts import VerdictStore
from assay.testing.judge import Says, ScriptedJudge

pytestmark = pytest.mark.anyio

CONTEXTS = "Trains are second class."
ANSWER = "Trains are second class. Hotels are free."


def says(item: Item) -> Says:
    """Takes out sentences; supports what the passages hold word for word."""
    if item.rubric == "claims":
        answer, claims, at = item.fields["answer"], [], 0
        for sentence in answer.split(". "):
            text = sentence.rstrip(".") + "."
            claims.append({"claim": text, "quote": text, "start": at, "end": at + len(text)})
            at += len(text) + 1
        return Verdict(Unscored("taken out"), detail={"claims": claims}, spent=Spent(calls=1))
    if item.rubric == "claim":
        return Verdict(Scored(float(item.fields["claim"] in item.fields["contexts"])), "r", {}, None, Spent(calls=1))
    return 0.25


def item(answer: str) -> Item:
    return Item("faithfulness", {"question": "What is paid?", "contexts": CONTEXTS, "answer": answer})


async def test_each_claim_is_judged_by_itself() -> None:
    judge = ScriptedJudge(says)
    verdict = await Claimwise(judge).judge(item(ANSWER))
    assert verdict.score == Scored(0.5)
    assert [ANSWER[start:end] for start, end in verdict.detail["unsupported"]] == ["Hotels are free."]
    assert [claim["supported"] for claim in verdict.detail["claims"]] == [True, False]
    assert verdict.spent.calls == 3
    assert [each.rubric for each in judge.items] == ["claims", "claim", "claim"]


async def test_an_unchanged_claim_is_not_judged_again(tmp_path: object) -> None:
    inner = ScriptedJudge(says)
    judge = Claimwise(KeptJudge(inner, VerdictStore(Database("sqlite:///" + str(tmp_path) + "/v.db"))))
    await judge.judge(item(ANSWER))
    inner.items.clear()
    verdict = await judge.judge(item(ANSWER + " Meals are paid."))
    judged = [each.fields["claim"] for each in inner.items if each.rubric == "claim"]
    assert judged == ["Meals are paid."]
    assert value(verdict.score) == pytest.approx(1 / 3)
    assert (verdict.spent.calls, verdict.spent.reused) == (2, 2)


async def test_no_claim_no_score() -> None:
    nothing = ScriptedJudge(Verdict(Unscored("taken out"), detail={"claims": []}, spent=Spent(calls=1)))
    verdict = await Claimwise(nothing).judge(item("I do not know."))
    assert verdict.score == Unscored("there is no claim to judge")
    assert verdict.spent.calls == 1


async def test_a_claim_without_a_score_leaves_none() -> None:
    def unsure(each: Item) -> Says:
        return Unscored("hm") if each.rubric == "claim" and "free" in each.fields["claim"] else says(each)

    assert (await Claimwise(ScriptedJudge(unsure)).judge(item(ANSWER))).score == Unscored("hm")


async def test_a_failure_is_raised() -> None:
    def down(each: Item) -> Says:
        return ModelUnavailable("down", model="m") if each.rubric == "claim" else says(each)

    with pytest.raises(ModelUnavailable):
        await Claimwise(ScriptedJudge(down)).judge(item(ANSWER))


async def test_other_rubrics_and_wrong_items() -> None:
    judge = Claimwise(ScriptedJudge(says))
    assert (await judge.judge(Item("relevance", {}))).score == Scored(0.25)
    with pytest.raises(InputError, match="needs the field 'contexts'"):
        await judge.judge(Item("faithfulness", {"answer": "x"}))
    with pytest.raises(InputError, match="claim by claim"):
        Claimwise(ScriptedJudge(1.0, rubrics=["claim"]))
    assert (await judge.judge(Item("faithfulness", {"contexts": " ", "answer": "x"}))).score == Unscored(
        "the contexts is empty"
    )
