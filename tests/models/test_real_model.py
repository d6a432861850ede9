"""Against a real OpenAI-compatible server (llama.cpp, vLLM, Ollama), where one is running.

Set ASSAY_TEST_BASE_URL (and ASSAY_TEST_MODEL, if the server has several) and run ``pytest -m slow``.
"""

from __future__ import annotations

import os

import anyio
import pytest

from assay.errors import ContextTooLong, ModelTimeout
from assay.messages import System, User
from assay.models.chat import Finished, Request, TextDelta
from assay.models.providers import ProviderModel
from assay.models.streams import closing

URL = os.environ.get("ASSAY_TEST_BASE_URL", "")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.slow,
    pytest.mark.skipif(not URL, reason="ASSAY_TEST_BASE_URL names no server"),
]


def model(timeout: float = 120.0) -> ProviderModel:
    name = os.environ.get("ASSAY_TEST_MODEL", "default")
    return ProviderModel(name, base_url=URL, temperature=0, max_tokens=40, timeout=timeout)


async def test_it_streams_and_counts() -> None:
    request = Request((System("Answer briefly."), User("What is the capital of France?")))
    events = [event async for event in model().stream(request)]
    final = events[-1]
    assert isinstance(final, Finished)
    assert final.text == "".join(event.text for event in events if isinstance(event, TextDelta))
    assert len(events) > 3
    assert final.usage.input > 5
    assert 1 < final.usage.output <= 40
    assert final.reason in ("stop", "length")


async def test_the_estimate_is_above_the_real_count() -> None:
    text = "A refund is paid within fourteen days, if the goods come back undamaged. " * 5
    final = [event async for event in model().stream(Request((User(text),), max_tokens=1))][-1]
    bare = [event async for event in model().stream(Request((User("x"),), max_tokens=1))][-1]
    assert isinstance(final, Finished)
    assert isinstance(bare, Finished)
    assert final.usage.input - bare.usage.input <= model().count(text)


async def test_too_much_is_told() -> None:
    with pytest.raises(ContextTooLong):
        [event async for event in model().stream(Request((User("word " * 400_000),)))]


async def test_no_time_is_a_timeout() -> None:
    with pytest.raises(ModelTimeout):
        [event async for event in model(timeout=0.001).stream(Request((User("Tell a long story."),)))]


async def test_a_stream_that_is_closed_frees_the_server() -> None:
    endless = Request((User("Count from one to ten thousand."),), max_tokens=5000)
    for _ in range(8):  # more than a small server has slots
        async with closing(model().stream(endless)) as events:
            async for _ in events:
                break
    with anyio.fail_after(60):
        final = [event async for event in model().stream(Request((User("Hello."),), max_tokens=3))][-1]
    assert isinstance(final, Finished)
