from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import anyio
import openai
import pytest

from assay.serving.admission import Admission
from assay.serving.errors import Refused

pytestmark = pytest.mark.anyio


async def test_a_place_is_held_waited_for_and_refused() -> None:
    admission = Admission(at_work=1, waiting=1)
    order: list[str] = []
    leave = anyio.Event()

    async def hold(name: str) -> None:
        async with admission.place():
            order.append(name)
            await leave.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold, "first")
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(hold, "second")
        await anyio.wait_all_tasks_blocked()
        assert (order, admission.at_work) == (["first"], 1)
        with pytest.raises(Refused) as caught:
            async with admission.place():
                pass
        assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "1"})
        assert not await admission.emptied(0)
        leave.set()
    assert order == ["first", "second"]
    assert await admission.emptied(0)


async def test_who_gives_up_waiting_leaves_the_queue() -> None:
    admission = Admission(at_work=1, waiting=1)

    async def wait() -> None:
        async with admission.place():
            pytest.fail("there is no place")

    async with admission.place():
        for _ in range(3):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
    assert admission.at_work == 0


async def test_a_place_is_given_back_when_its_holder_fails() -> None:
    admission = Admission(at_work=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with admission.place():
                raise ZeroDivisionError
    assert admission.at_work == 0


ASK: Any = [{"role": "user", "content": "x"}]


async def test_fifty_streams_at_once(make: SimpleNamespace) -> None:
    scripted = make.scripted(script=(make.sentences[0], 0.02, make.sentences[1], make.answer()))
    with make.running(scripted.application(), at_work=16, waiting=64) as server:
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:

            async def ask() -> tuple[str, str]:
                stream = await client.chat.completions.create(model="handbook", messages=ASK, stream=True)
                chunks = [chunk async for chunk in stream]
                assert len({chunk.id for chunk in chunks}) == 1
                return chunks[0].id, "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

            answers = await asyncio.gather(*(ask() for _ in range(50)))
    assert len({id for id, _ in answers}) == 50
    assert {text for _, text in answers} == {"Uploads are limited to 10 MB. [1] Larger files are refused. [2][3]"}
    assert 1 < scripted.most <= 16
    assert (scripted.working, scripted.closed) == (0, 0)


async def test_an_overflow_is_told_to_come_back(make: SimpleNamespace) -> None:
    scripted = make.scripted(script=(0.5, make.answer()))
    with make.running(scripted.application(), at_work=1, waiting=2) as server:
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none", max_retries=0) as client:
            asked = [client.chat.completions.create(model="handbook", messages=ASK) for _ in range(8)]
            results = await asyncio.gather(*asked, return_exceptions=True)
    refused = [result for result in results if isinstance(result, openai.RateLimitError)]
    assert len(refused) == 5
    assert len(results) - len(refused) == 3
    assert not [result for result in results if isinstance(result, BaseException) and result not in refused]
    assert {(e.code, e.type, e.response.headers["retry-after"]) for e in refused} == {
        ("overloaded", "rate_limit_error", "1")
    }
    assert scripted.most == 1


async def test_a_search_takes_a_place_too(make: SimpleNamespace) -> None:
    scripted = make.scripted(script=(60.0,))
    with make.running(scripted.application(), at_work=1, waiting=0) as server:
        async with openai.AsyncOpenAI(base_url=server.url, api_key="none") as client:
            holding = asyncio.create_task(client.chat.completions.create(model="handbook", messages=ASK))
            await make.eventually(lambda: scripted.working == 1)
            reply = await asyncio.to_thread(server.post, "/v1/search", {"query": "x"})
            assert reply.status_code == 429
            assert (await asyncio.to_thread(server.get, "/health")).status_code == 200
            holding.cancel()
            await make.eventually(lambda: scripted.working == 0)
