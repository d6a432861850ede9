from __future__ import annotations

import json

import pytest
from tests.evaluation.judges.values import value

from assay.errors import InputError, InvalidOutput, ModelUnavailable, RateLimited, StreamBroken
from assay.evaluation.judges.forms import Scale
from assay.evaluation.judges.llm import Decoding, LlmJudge, UnreadableReply, code_revision
from assay.evaluation.judges.rubrics import Rubric, shipped
from assay.evaluation.judging import Item
from assay.evaluation.scoring import Spent
from assay.messages import User
from assay.models.chat import Finished, TextDelta, Usage
from assay.models.fallback import FallbackModel
from assay.models.providers import ProviderModel
from assay.scores import Scored, Unscored
from assay.testing.chat_model import ScriptedModel
from assay.testing.model_server import ModelServer
from assay.testing.replies import Fail, Reply, Say

pytestmark = pytest.mark.anyio

CLAIM = Item("claim", {"contexts": "A hotel may cost up to 140 euros.", "claim": "A hotel may cost 140 euros."})
YES = '{"reason": "It is stated.", "verdict": "yes"}'
NO = '{"reason": "It is not stated.", "verdict": "no"}'


async def test_a_verdict_with_what_it_cost() -> None:
    done = Finished(YES, (), Usage(input=120, output=9), "scripted-2026", "stop", cost=0.002)
    model = ScriptedModel([[TextDelta(YES), done]])
    verdict = await LlmJudge(model).judge(CLAIM)
    assert verdict.score == Scored(1.0)
    assert verdict.reason == "It is stated."
    assert verdict.spent == Spent(1, 120, 9, 0.002)
    assert verdict.detail == {"verdict": "yes", "model": "scripted-2026"}
    assert verdict.uncertain is None


async def test_the_request_holds_the_decoding() -> None:
    model = ScriptedModel([YES])
    decoding = Decoding(temperature=0.3, max_tokens=77, seed=5, stop=("###",), options={"top_p": 0.5})
    await LlmJudge(model, decoding=decoding).judge(Item(CLAIM.rubric, CLAIM.fields, repeat=2))
    (request,) = model.requests
    assert (request.temperature, request.max_tokens, request.stop, request.seed) == (0.3, 77, ("###",), 7)
    assert request.options == {"top_p": 0.5}


async def test_an_unreadable_reply_is_asked_for_once_more() -> None:
    model = ScriptedModel(["I think so, maybe.", NO])
    verdict = await LlmJudge(model).judge(CLAIM)
    assert verdict.score == Scored(0.0)
    assert verdict.spent.calls == 2
    first, second = (request.messages[-1] for request in model.requests)
    assert isinstance(first, User)
    assert isinstance(second, User)
    assert second.text.startswith(first.text)
    assert "could not be used: it holds no JSON object with a value" in second.text
    assert "maybe" not in second.text


async def test_two_unreadable_replies_are_an_error_with_what_they_cost() -> None:
    model = ScriptedModel(["Perhaps."])
    with pytest.raises(UnreadableReply, match="scripted:model: the judge's reply cannot be read") as caught:
        await LlmJudge(model).judge(CLAIM)
    assert isinstance(caught.value, InvalidOutput)
    assert len(model.requests) == 2
    assert caught.value.spent.calls == 2
    assert caught.value.spent.output_tokens == 2


async def test_a_reply_that_was_cut_says_what_to_raise() -> None:
    cut = Finished('{"reason": "It', (), Usage(), "m", "length")
    with pytest.raises(UnreadableReply, match="max_tokens = 50"):
        await LlmJudge(ScriptedModel([[cut]]), decoding=Decoding(max_tokens=50)).judge(CLAIM)


@pytest.mark.parametrize(
    "error", [RateLimited("slow down", model="m", retry_after=3.0), ModelUnavailable("down", model="m")]
)
async def test_a_failing_model_is_raised_as_it_is(error: ModelUnavailable | RateLimited) -> None:
    with pytest.raises(type(error)) as caught:
        await LlmJudge(ScriptedModel([[error]])).judge(CLAIM)
    assert caught.value is error


async def test_a_stream_without_an_end_is_broken() -> None:
    with pytest.raises(StreamBroken):
        await LlmJudge(ScriptedModel([[TextDelta("{")]])).judge(CLAIM)


async def test_faithfulness_finds_the_claims_in_the_answer() -> None:
    answer = "Trains are second class. Hotels are free of charge."
    reply = {
        "claims": [
            {"claim": "Trains are second class.", "quote": "Trains are second class.", "verdict": "yes"},
            {"claim": "Hotels are free.", "quote": "Hotels are free of charge", "verdict": "no"},
            {"claim": "Moon landings happened.", "quote": "", "verdict": "no"},
        ]
    }
    item = Item("faithfulness", {"contexts": "Trains are booked in second class.", "answer": answer})
    verdict = await LlmJudge(ScriptedModel([json.dumps(reply)])).judge(item)
    assert value(verdict.score) == pytest.approx(1 / 3)
    ((start, end),) = verdict.detail["unsupported"]
    assert answer[start:end] == "Hotels are free of charge"
    assert verdict.detail["claims"][0]["start"] == 0
    assert "start" not in verdict.detail["claims"][2]


async def test_recall_counts_in_the_expected_answer() -> None:
    reply = '{"claims": [{"claim": "It is 140 euros.", "quote": "140 euros", "verdict": "no"}]}'
    item = Item("context_recall", {"contexts": "Nothing.", "expected": "At most 140 euros"})
    verdict = await LlmJudge(ScriptedModel([reply])).judge(item)
    assert verdict.score == Scored(0.0)
    assert verdict.detail["unsupported"] == [[8, 17]]


async def test_an_empty_field_costs_no_call() -> None:
    model = ScriptedModel([YES])
    verdict = await LlmJudge(model).judge(Item("claim", {"contexts": " \n", "claim": "x"}))
    assert verdict.score == Unscored("the contexts is empty")
    assert model.requests == []
    assert verdict.spent == Spent()


async def test_an_unknown_rubric_or_field_is_an_input_error() -> None:
    judge = LlmJudge(ScriptedModel([YES]))
    with pytest.raises(InputError, match="no rubric 'fluency'; it has claim, claims"):
        await judge.judge(Item("fluency", {}))
    with pytest.raises(InputError, match="needs the field"):
        await judge.judge(Item("claim", {}))


async def test_a_users_rubric() -> None:
    rubric = Rubric("politeness", ("answer",), "Rate how polite the answer is.", Scale(1, 5))
    model = ScriptedModel(['{"reason": "It greets.", "score": 4}'])
    judge = LlmJudge(model, rubrics=[rubric])
    verdict = await judge.judge(Item("politeness", {"answer": "Good day."}))
    assert verdict.score == Scored(0.75)
    assert judge.rubrics == frozenset(shipped()) | {"politeness"}


def test_the_identity_holds_everything() -> None:
    model, rubric = ScriptedModel([YES]), Rubric("r", ("answer",), "Judge.", Scale(1, 5))
    judges = [
        LlmJudge(model),
        LlmJudge(ScriptedModel([YES], identity="other:model")),
        LlmJudge(model, revision="2"),
        LlmJudge(model, rubrics=[rubric]),
        LlmJudge(model, rubrics=[Rubric("r", ("answer",), "Judge well.", Scale(1, 5))]),
        *(
            LlmJudge(model, decoding=decoding)
            for decoding in (
                Decoding(temperature=1.0),
                Decoding(temperature=None),
                Decoding(max_tokens=1),
                Decoding(seed=1),
                Decoding(stop=("x",)),
                Decoding(options={"top_p": 1}),
            )
        ),
    ]
    assert len({judge.identity for judge in judges}) == len(judges)
    assert LlmJudge(model).identity == LlmJudge(model).identity
    assert LlmJudge(model).identity.startswith("scripted:model@")


def test_the_code_revision_is_that_of_the_files() -> None:
    assert len(code_revision()) == 64


async def test_the_model_of_a_route_that_answered_is_named() -> None:
    route = FallbackModel(
        [ScriptedModel([[ModelUnavailable("down", model="a")]], identity="a"), ScriptedModel([YES], identity="b")]
    )
    verdict = await LlmJudge(route).judge(CLAIM)
    assert verdict.detail["model"] == "b"


async def test_over_http() -> None:
    replies: list[Reply] = [
        Say("hm", usage=Usage(30, 1)),
        Say(f"```json\n{YES}\n```", usage=Usage(40, 9)),
        Fail(429, "7"),
    ]
    async with ModelServer(replies) as server:
        judge = LlmJudge(ProviderModel("judge", base_url=server.base_url))
        verdict = await judge.judge(CLAIM)
        assert verdict.score == Scored(1.0)
        assert verdict.spent == Spent(2, 70, 10, None)
        body = server.received[0].body
        assert (body["temperature"], body["seed"]) == (0, 0)
        assert body["messages"][0]["role"] == "system"
        assert CLAIM.fields["contexts"] in body["messages"][1]["content"]
        with pytest.raises(RateLimited) as caught:
            await judge.judge(CLAIM)
        assert caught.value.retry_after == 7.0
