"""Waiting and trying again, on a clock that stands still."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.errors import (
    AuthenticationFailed,
    InvalidOutput,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    RateLimited,
    StreamBroken,
)
from assay.messages import User
from assay.models.chat import ChatEvent, Finished, Request, TextDelta, Usage
from assay.models.retrying import Backoff, RetryingModel
from assay.testing.chat_model import ScriptedModel

pytestmark = pytest.mark.anyio
ASK = Request((User("Why?"),))
DONE = Finished("ok", (), Usage(1, 1), "m", "stop")


@dataclass
class Clock:
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def down(kind: type[ModelError] = ModelUnavailable, **more: float) -> ModelError:
    return kind("down", model="m", **more)  # type: ignore[arg-type]


async def run(script: Sequence[list[ChatEvent | ModelError]], **settings: object) -> tuple[list[ChatEvent], Clock, int]:
    clock, inner = Clock(), ScriptedModel(script)
    backoff = Backoff(sleep=clock.sleep, clock=clock, random=lambda: 1.0, **settings)  # type: ignore[arg-type]
    events: list[ChatEvent] = []
    try:
        async for event in RetryingModel(inner, backoff).stream(ASK):
            events.append(event)
    finally:
        run.seen = (events, clock, len(inner.requests))  # type: ignore[attr-defined]
    return events, clock, len(inner.requests)


async def test_it_tries_until_it_answers() -> None:
    events, clock, requests = await run([[down()], [down()], [TextDelta("ok"), DONE]])
    assert events == [TextDelta("ok"), DONE]
    assert requests == 3
    assert clock.slept == [0.5, 1.0]


async def test_it_gives_up_with_the_last_error() -> None:
    with pytest.raises(ModelTimeout):
        await run([[down()], [down()], [down(ModelTimeout)]])
    assert run.seen[2] == 3  # type: ignore[attr-defined]


async def test_nothing_is_tried_again_after_something_was_shown() -> None:
    with pytest.raises(StreamBroken):
        await run([[TextDelta("Half"), down(StreamBroken)], [TextDelta("ok"), DONE]])
    events, clock, requests = run.seen  # type: ignore[attr-defined]
    assert (events, clock.slept, requests) == ([TextDelta("Half")], [], 1)


async def test_a_stream_broken_before_anything_was_shown_is_tried_again() -> None:
    events, _, requests = await run([[down(StreamBroken)], [DONE]])
    assert (events, requests) == ([DONE], 2)


@pytest.mark.parametrize("kind", [AuthenticationFailed])
async def test_what_cannot_help_is_not_repeated(kind: type[ModelError]) -> None:
    with pytest.raises(kind):
        await run([[down(kind)], [DONE]])
    assert run.seen[2] == 1  # type: ignore[attr-defined]


async def test_invalid_output_is_repeated_once() -> None:
    with pytest.raises(InvalidOutput):
        await run([[down(InvalidOutput)]], attempts=5)
    assert run.seen[2] == 2  # type: ignore[attr-defined]


async def test_retry_after_is_kept_and_bounded() -> None:
    _, clock, _ = await run([[down(RateLimited, retry_after=7.0)], [DONE]])
    assert clock.slept[0] >= 7
    with pytest.raises(RateLimited):
        await run([[down(RateLimited, retry_after=3600.0)], [DONE]])
    assert run.seen[1].slept == []  # type: ignore[attr-defined]


async def test_no_wait_reaches_beyond_the_deadline() -> None:
    with pytest.raises(RateLimited):
        await run([[down(RateLimited, retry_after=7.0)], [DONE]], deadline=6)
    assert run.seen[1].slept == []  # type: ignore[attr-defined]


async def test_a_silent_model_ends_at_the_deadline() -> None:
    from assay.models.providers import ProviderModel
    from assay.testing.model_server import ModelServer
    from assay.testing.replies import Hang

    async with ModelServer([Hang()]) as server:
        model = RetryingModel(ProviderModel("m", base_url=server.base_url), Backoff(deadline=0.3))
        with pytest.raises(ModelTimeout, match=r"0\.3 s"):
            [event async for event in model.stream(ASK)]
    assert len(server.received) == 1


@given(st.integers(1, 30), st.floats(0, 1), st.floats(0.01, 5), st.floats(0, 60))
def test_waits_stay_in_bounds(tried: int, drawn: float, base: float, longest: float) -> None:
    backoff = Backoff(attempts=40, base=base, longest=longest, random=lambda: drawn)
    wait = backoff.wait(down(), tried, 0)
    assert wait is not None
    assert 0 <= wait <= longest
