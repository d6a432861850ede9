"""A client that goes away stops the work, down to the model's server, and frees its place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest

from assay.releases.build import open_application
from assay.releases.inspection import opened_traces
from assay.releases.project import Project
from assay.testing.model_server import ModelServer
from assay.testing.replies import Hang, Say

pytestmark = pytest.mark.anyio
LONG = 60.0


async def leave(
    server: Any, *, stream: bool, after: bytes = b"", when: Callable[[], bool] = bool, text: str = "How large?"
) -> None:
    """Ask by hand, read until ``after`` or wait for ``when``, and close the connection."""
    body = json.dumps({"model": "handbook", "stream": stream, "messages": [{"role": "user", "content": text}]})
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    async with asyncio.timeout(10):
        if after:
            await reader.readuntil(after)
        else:
            while not when():  # noqa: ASYNC110 - another thread does it
                await asyncio.sleep(0.01)
    writer.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_before_the_first_sentence(make: SimpleNamespace, stream: bool) -> None:
    scripted = make.scripted(script=(LONG,))
    with make.running(scripted.application(), at_work=1) as server:
        await leave(server, stream=stream, when=lambda: scripted.working == 1)
        await make.eventually(lambda: scripted.closed == 1)
        assert scripted.working == 0
        scripted.script = (*make.sentences, make.answer())
        assert (await asyncio.to_thread(server.chat)).status_code == 200  # the only place is free again


async def test_in_the_middle_of_a_stream(make: SimpleNamespace) -> None:
    scripted = make.scripted(script=(make.sentences[0], LONG, make.answer()))
    with make.running(scripted.application(), at_work=1) as server:
        await leave(server, stream=True, after=b"[1]")
        await make.eventually(lambda: scripted.closed == 1)
        assert scripted.working == 0


async def test_the_official_client_closing_its_stream(make: SimpleNamespace) -> None:
    scripted = make.scripted(script=(make.sentences[0], LONG, make.answer()))
    ask: Any = [{"role": "user", "content": "x"}]
    with make.running(scripted.application()) as server:
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none") as client:
            async with await client.chat.completions.create(model="handbook", messages=ask, stream=True) as stream:
                async for chunk in stream:
                    if chunk.choices[0].delta.content:
                        break
            await make.eventually(lambda: scripted.closed == 1)


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer([Hang()]).in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def modelled(make: SimpleNamespace, model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Project:
    made: Project = make.ingested(make.project(tmp_path_factory.mktemp("modelled"), model=model.base_url))
    return made


QUESTION = "How long does shipping to Norway take?"
SAID = "Shipping to Norway takes four days [1]. Parcels to Spain are handed over in two days [1]."


@pytest.mark.parametrize(
    ("stream", "reply", "after"),
    [
        (True, Say(SAID, pieces=[f"{SAID} ", *["And "] * 200], pause=0.1), b"[1]"),
        (True, Hang(), b""),
        (False, Say(SAID, pieces=[f"{SAID} ", *["And "] * 200], pause=0.1), b""),
        (False, Hang(), b""),
    ],
    ids=["in the middle", "before the first", "whole in the middle", "whole before the first"],
)
async def test_the_models_server_is_left_and_the_trace_says_so(
    make: SimpleNamespace, modelled: Project, model: ModelServer, stream: bool, reply: Any, after: bytes
) -> None:
    model.replies, before = [reply], len(model.received)
    with make.running(open_application(modelled), at_work=1) as server:
        await leave(server, stream=stream, after=after, when=lambda: len(model.received) > before, text=QUESTION)
        await make.eventually(lambda: len(model.received) > before and model.received[-1].disconnected)
    with opened_traces(modelled) as traces:
        latest = traces.list(limit=1)[0]
        trace = traces.get(latest.id)
    assert latest.error is not None
    assert "Cancelled" in latest.error
    assert trace.spans[-1].name == "generate"
    assert "Cancelled" in str(trace.spans[-1].attributes.get("error.type"))


async def test_the_same_application_answers_when_nobody_leaves(
    make: SimpleNamespace, modelled: Project, model: ModelServer, tmp_path: Path
) -> None:
    model.replies = [Say(SAID)]
    with make.running(open_application(modelled)) as server:
        reply = await asyncio.to_thread(server.chat, QUESTION, stream=True)
    assert "four days. [1]" in reply.text
    assert reply.text.endswith("data: [DONE]\n\n")
    assert not model.received[-1].disconnected
