"""Whole replies: in one piece where the model can, else its stream to the end."""

from __future__ import annotations

from dataclasses import dataclass

import anyio
import pytest

from assay.errors import ModelRefusedRequest, ModelTimeout, ModelUnavailable, StreamBroken
from assay.messages import ToolCall, User
from assay.models.chat import Finished, Request, TextDelta, Usage
from assay.models.prices import Price
from assay.models.providers import ProviderModel
from assay.models.retrying import Backoff, RetryingModel
from assay.models.whole import CompletingModel, collected, whole
from assay.testing.chat_model import ScriptedModel
from assay.testing.model_server import ModelServer, Received
from assay.testing.replies import Fail, Reply, Say, error_body

pytestmark = pytest.mark.anyio
ASK = Request((User("Why?"),), temperature=0.5, seed=7)
DONE = Finished("ok", (), Usage(1, 1), "m", "stop")
NOW = Backoff(attempts=3, base=0)


@dataclass
class Completing(ScriptedModel):
    async def complete(self, request: Request) -> Finished:
        self.requests.append(request)
        return DONE


async def test_a_model_that_can_is_asked_for_one_piece() -> None:
    model = Completing(["never streamed"])
    assert isinstance(model, CompletingModel)
    assert await whole(model, ASK) == DONE
    assert model.requests == [ASK]


async def test_any_other_is_read_to_its_end() -> None:
    model = ScriptedModel(["Yes, it is."])
    assert not isinstance(model, CompletingModel)
    assert (await whole(model, ASK)).text == "Yes, it is."
    assert model.closed == 0


async def test_a_stream_without_an_end_is_broken() -> None:
    with pytest.raises(StreamBroken):
        await collected(ScriptedModel([[TextDelta("Half")]]), ASK)


async def test_the_request_differs_in_nothing_but_the_stream() -> None:
    async with ModelServer([Say("ok")]) as server:
        model = ProviderModel("m", base_url=server.base_url, max_tokens=9, options={"extra_body": {"min_p": 0.1}})
        await whole(model, ASK)
        await collected(model, ASK)
    one, streamed = (dict(received.body) for received in server.received)
    assert not one.pop("stream", False)
    assert streamed.pop("stream") is True
    streamed.pop("stream_options")
    assert one == streamed


@pytest.mark.parametrize("uses", ["m", "openai-responses:m"])
async def test_everything_that_a_stream_ends_with_is_told(uses: str) -> None:
    said = Say("Yes.", usage=Usage(100, 20, 60, 8), model="real-name-2026-10-01")
    async with ModelServer([said]) as server:
        model = ProviderModel(uses, base_url=server.base_url, price=Price(1.0, 10.0, 0.1))
        final = await whole(model, ASK)
        assert final == await collected(model, ASK)
    assert final.usage == said.usage
    assert final.model == said.model
    assert final.cost == pytest.approx((40 * 1.0 + 60 * 0.1 + 20 * 10) / 1e6)
    assert final.prices_as_of == "set by the application"


async def test_the_price_list_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    async with ModelServer([Say("Yes.", usage=Usage(1000, 1000), model="gpt-4o-mini")]) as server:
        model = ProviderModel("openai-responses:gpt-4o-mini", base_url=server.base_url, api_key_env="OPENAI_API_KEY")
        final = await whole(model, ASK)
        assert final == await collected(model, ASK)
    assert final.cost
    assert final.prices_as_of


async def test_reasoning_and_calls() -> None:
    said = Say("", reasoning="Hm.", calls=[ToolCall("c1", "find", '{"q":"x"}')], reason="tool_calls")
    async with ModelServer([said]) as server:
        model = ProviderModel("m", base_url=server.base_url)
        final = await whole(model, ASK)
        assert final == await collected(model, ASK)
    assert final.calls == (ToolCall("c1", "find", '{"q":"x"}'),)


async def test_a_client_is_not_made_for_each_request() -> None:
    async with ModelServer([Say("ok")]) as server:
        model = ProviderModel("m", base_url=server.base_url)
        client = model._model.client  # type: ignore[attr-defined]
        made: list[object] = []
        client.with_options = lambda **more: made.append(more)
        await whole(model, ASK)
        assert client.max_retries == 0
    assert made == []


async def test_every_failure_that_can_pass_is_tried_again() -> None:
    """Nothing was shown: also one that comes in the middle of a stream."""
    inner = ScriptedModel([[TextDelta("Half"), StreamBroken("cut", model="m")], [TextDelta("ok"), DONE]])
    # By its stream, since this one has no other way.
    assert await whole(RetryingModel(inner, NOW), ASK) == DONE
    assert len(inner.requests) == 2
    inner = ScriptedModel([[ModelUnavailable("down", model="m")]])
    with pytest.raises(ModelUnavailable):
        await whole(RetryingModel(inner, NOW), ASK)
    assert len(inner.requests) == 3


def slow(received: Received) -> Reply:
    return Say("", ["a "] * 8, pause=0.1)


async def test_a_slow_answer_is_streamed_at_the_next_try_and_from_then_on() -> None:
    async with ModelServer(slow) as server:
        model = RetryingModel(ProviderModel("m", base_url=server.base_url, timeout=0.4), NOW)
        for _ in range(2):
            assert (await whole(model, ASK)).text == "a " * 8
    assert [bool(received.body.get("stream")) for received in server.received] == [False, True, True]
    assert server.received[0].disconnected, "the server was left writing"


async def test_a_server_that_only_streams_is_asked_for_streams() -> None:
    def only(received: Received) -> Reply:
        said = error_body("This model only supports stream mode, please enable the stream parameter.", "invalid")
        return Say("ok") if received.body.get("stream") else Fail(400, body=said)

    async with ModelServer(only) as server:
        model = ProviderModel("m", base_url=server.base_url)
        for _ in range(2):
            assert (await whole(model, ASK)).text == "ok"
    assert len(server.received) == 3


async def test_any_other_refusal_stays_one() -> None:
    async with ModelServer([Fail(404)]) as server:
        with pytest.raises(ModelRefusedRequest):
            await whole(ProviderModel("m", base_url=server.base_url), ASK)
    assert len(server.received) == 1


async def test_the_deadline_of_all_tries_ends_a_silent_one() -> None:
    async with ModelServer([Say("late", delay=30)]) as server:
        model = RetryingModel(ProviderModel("m", base_url=server.base_url), Backoff(deadline=0.3))
        with pytest.raises(ModelTimeout, match=r"0\.3 s"):
            await whole(model, ASK)
        with anyio.fail_after(5):
            await server.received[-1].gone.wait()
    assert len(server.received) == 1


def test_one_model_serves_several_event_loops() -> None:
    with ModelServer([Say("yes")]).in_thread() as server:
        model = ProviderModel("m", base_url=server.base_url)
        for _ in range(3):
            assert anyio.run(whole, model, ASK).text == "yes"
    assert len(server.received) == 3
