"""Models tried in order."""

from __future__ import annotations

import pytest

from assay.errors import AuthenticationFailed, ContextTooLong, ModelError, ModelUnavailable, RateLimited, StreamBroken
from assay.messages import User
from assay.models.chat import ChatEvent, Finished, Request, TextDelta
from assay.models.fallback import FallbackModel
from assay.testing.chat_model import ScriptedModel

pytestmark = pytest.mark.anyio
ASK = Request((User("Why?"),))


def broken(error: ModelError, *before: ChatEvent, window: int | None = None) -> ScriptedModel:
    return ScriptedModel([[*before, error]], identity=error.model, window=window)


async def test_the_next_answers_and_is_named() -> None:
    first = broken(ModelUnavailable("down", model="a"))
    second = ScriptedModel(["Yes, it is."], identity="b")
    events = [event async for event in FallbackModel([first, second]).stream(ASK)]
    final = events[-1]
    assert isinstance(final, Finished)
    assert (final.model, final.text) == ("b", "Yes, it is.")
    assert len(first.requests) == len(second.requests) == 1


async def test_the_first_that_answers_is_the_last_that_is_asked() -> None:
    first, second = ScriptedModel(["one"], identity="a"), ScriptedModel(["two"], identity="b")
    final = [event async for event in FallbackModel([first, second]).stream(ASK)][-1]
    assert isinstance(final, Finished)
    assert final.text == "one"
    assert second.requests == []


async def test_a_whole_reply_comes_of_the_next_also_when_the_first_broke_off() -> None:
    first = broken(StreamBroken("cut", model="a"), TextDelta("Half"))
    final = await FallbackModel([first, ScriptedModel(["two"], identity="b")]).complete(ASK)
    assert (final.model, final.text) == ("b", "two")
    with pytest.raises(ModelUnavailable, match=r"a: cut.*b: down"):
        await FallbackModel([first, broken(ModelUnavailable("down", model="b"))]).complete(ASK)


async def test_no_change_after_something_was_shown() -> None:
    first = broken(StreamBroken("cut", model="a"), TextDelta("Half"))
    second = ScriptedModel(["two"])
    shown = []

    async def read() -> None:
        async for event in FallbackModel([first, second]).stream(ASK):
            shown.append(event)

    with pytest.raises(StreamBroken):
        await read()
    assert shown == [TextDelta("Half")]
    assert second.requests == []


async def test_all_failures_are_told() -> None:
    key = broken(AuthenticationFailed("no key", model="a"))
    cut = broken(ModelUnavailable("down", model="b"))
    with pytest.raises(ModelUnavailable, match=r"a: no key.*b: down") as caught:
        [event async for event in FallbackModel([key, cut]).stream(ASK)]
    assert caught.value.retryable
    with pytest.raises(AuthenticationFailed):
        [event async for event in FallbackModel([key, key]).stream(ASK)]


async def test_waits_are_the_shortest() -> None:
    limits = [broken(RateLimited("slow", model=name, retry_after=wait)) for name, wait in (("a", 9.0), ("b", 4.0))]
    with pytest.raises(RateLimited) as caught:
        [event async for event in FallbackModel(limits).stream(ASK)]
    assert caught.value.retry_after == 4


async def test_one_failure_stays_itself() -> None:
    error = ContextTooLong("long", model="a")
    with pytest.raises(ContextTooLong) as caught:
        [event async for event in FallbackModel([broken(error)]).stream(ASK)]
    assert caught.value is error


def test_what_it_says_of_itself() -> None:
    models = [ScriptedModel([""], identity=name, window=window) for name, window in (("a", None), ("b", 9), ("c", 7))]
    assert FallbackModel(models).identity == "a|b|c"
    assert FallbackModel(models).window == 7
    assert FallbackModel(models[:1]).window is None
    assert FallbackModel(models).count("one two") == 2
    with pytest.raises(ValueError, match="at least one"):
        FallbackModel([])
