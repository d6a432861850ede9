"""Chat completions: an answer is made while its client listens, whole or as server-sent events.

Streaming holds a sentence back until it is complete and its citations are verified, so an
event carries one checked sentence, not one token. Nothing is sent before the first of them:
what fails until then has a status of its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from assay.answering.events import Answer, AnswerEvent, Failed, Sentence
from assay.errors import AssayError
from assay.serving.admission import Admission
from assay.serving.completions import Completion
from assay.serving.errors import Refused, bug, error_json, refused, response

SSE_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # a proxy that gathers events before it passes them on would undo streaming
]
UNFINISHED = "an answer ended in neither Answer nor Failed"


class AnswerResponse(Response):
    """Runs an answer while its client listens, and stops it when the client goes away."""

    def __init__(
        self,
        events: AsyncGenerator[AnswerEvent, None],
        completion: Completion,
        admission: Admission,
        *,
        stream: bool,
        usage: bool,
    ) -> None:
        super().__init__()
        self._events, self._completion, self._admission = events, completion, admission
        self._streamed, self._usage = stream, usage

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer on an ASGI connection. An unexpected exception is raised after the client was told."""
        unexpected: Exception | None = None
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            try:
                await self._answer(scope, receive, send)
            except Refused as error:
                await response(error)(scope, receive, send)
            except Exception as error:
                unexpected = error
            tasks.cancel_scope.cancel()
        # Not raised inside, where it would become a group of one.
        if unexpected is not None:
            raise unexpected

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._admission.place(), aclosing(self._events) as events:
            if self._streamed:
                await self._stream(events, _Events(send, self._completion.begin))
            else:
                reply = await self._whole(events)
                await reply(scope, receive, send)

    async def _whole(self, events: AsyncGenerator[AnswerEvent, None]) -> Response:
        reply: Response | None = None
        # Read to the end: the stream's own end is what closes the trace.
        async for event in events:
            match event:
                case Sentence():
                    self._completion.sentence(event)
                case Failed(error=error, trace=trace):
                    raise refused(error, trace or None)
                case Answer():
                    reply = JSONResponse(self._completion.whole(event).model_dump())
        if reply is None:
            raise RuntimeError(UNFINISHED)
        return reply

    async def _stream(self, events: AsyncGenerator[AnswerEvent, None], out: _Events) -> None:
        try:
            failed = await self._tell(events, out)
        except AssayError as error:
            failed = refused(error)
        except Exception as error:
            if out.begun:
                await out.fail(bug(error))
            raise
        if failed is None:
            await out.end()
        elif out.begun:
            await out.fail(failed)
        else:
            raise failed

    async def _tell(self, events: AsyncGenerator[AnswerEvent, None], out: _Events) -> Refused | None:
        """Send what there is to show; gives back how the answer failed, if it did."""
        failed: Refused | None = None
        answered = False
        async for event in events:
            match event:
                case Sentence():
                    await out.send(self._completion.sentence(event))
                case Answer():
                    answered = True
                    for chunk in self._completion.end(event):
                        await out.send(chunk)
                    if self._usage:
                        await out.send(self._completion.usage(event))
                case Failed(error=error, trace=trace):
                    failed = refused(error, trace or None)
        if not answered and failed is None:
            raise RuntimeError(UNFINISHED)
        return failed


class _Events:
    """Server-sent events on an ASGI connection; the response begins with the first."""

    def __init__(self, send: Send, first: Callable[[], BaseModel]) -> None:
        self._send, self._first = send, first
        self.begun = False

    async def send(self, body: BaseModel) -> None:
        if not self.begun:
            self.begun = True
            await self._send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
            await self._data(self._first().model_dump_json())
        await self._data(body.model_dump_json())

    async def end(self) -> None:
        """The end of a stream that went well."""
        await self._data("[DONE]")
        await self._close()

    async def fail(self, error: Refused) -> None:
        """The end of one that did not: without ``[DONE]``, so that nobody takes it for whole."""
        await self._data(json.dumps(error_json(error.body)))
        await self._close()

    async def _data(self, text: str) -> None:
        await self._send({"type": "http.response.body", "body": f"data: {text}\n\n".encode(), "more_body": True})

    async def _close(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
