"""Chat completions: an answer as OpenAI's API tells it, whole or as server-sent events.

Streaming holds a sentence back until it is complete and its citations are verified, so an
event carries one checked sentence, not one token. Citations and the rest that OpenAI's
objects have no place for travel in the field ``assay``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import anyio
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from assay.answering.events import Answer, AnswerEvent, Failed, Question, Sentence, Turn
from assay.errors import AssayError, InputError, NotFound
from assay.releases.application import Application
from assay.serving.admission import Admission
from assay.serving.errors import Refused, refused, response
from assay.serving.schemas import (
    AbstainedOut,
    AnswerExtension,
    ChatChunk,
    ChatCompletion,
    ChatRequest,
    Choice,
    ChunkChoice,
    CitationOut,
    Delta,
    ErrorResponse,
    ReplyMessage,
    UsageOut,
)

SSE_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]


def question_of(request: ChatRequest, groups: frozenset[str]) -> tuple[Question, list[str]]:
    """The question that a request asks, and what the caller should know was not used.

    Raises InputError if the last message is not the user's or holds nothing.
    """
    *before, last = request.messages
    if last.role != "user":
        raise InputError("messages: the last one must have the role 'user'")
    if not last.text.strip():
        raise InputError("messages: the last one is empty; ask a question")
    instructions = sum(m.role in ("system", "developer") for m in before)
    warnings = [f"{instructions} system message(s) ignored: the application's own prompt is used"]
    history = tuple(Turn(m.role, m.text) for m in before if m.role in ("user", "assistant"))
    question = Question(last.text, history=history, groups=groups, where=request.metadata or {})
    return question, warnings if instructions else []


def check_model(request: ChatRequest, application: Application) -> None:
    """Raise NotFound unless the request names this application or its release."""
    known = {application.name, application.release.digest}
    if request.model not in known and not _is_prefix(request.model, application.release.digest):
        raise NotFound(f"model {request.model!r} does not exist here; use {application.name!r}")


def _is_prefix(name: str, digest: str) -> bool:
    return len(name) >= 8 and digest.startswith(name)


class AnswerResponse(Response):
    """Runs an answer while its client listens, and stops it when the client goes away."""

    def __init__(
        self,
        events: AsyncGenerator[AnswerEvent, None],
        *,
        request: ChatRequest,
        warnings: list[str],
        admission: Admission,
    ) -> None:
        super().__init__()
        self._events, self._request, self._warnings, self._admission = events, request, warnings, admission
        self._created = int(time.time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer on an ASGI connection."""
        async with anyio.create_task_group() as tasks:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch)
            try:
                async with self._admission.place(), aclosing(self._events) as events:
                    if self._request.stream:
                        await self._stream(events, send)
                    else:
                        await (await self._collected(events))(scope, receive, send)
            except Refused as error:
                await response(error)(scope, receive, send)
            tasks.cancel_scope.cancel()

    async def _collected(self, events: AsyncGenerator[AnswerEvent, None]) -> Response:
        reply: Response | None = None
        # Read to the end: the stream's own end is what closes the trace.
        async for event in events:
            match event:
                case Failed(error=error):
                    raise refused(error)
                case Answer():
                    completion = ChatCompletion(
                        id=f"chatcmpl-{event.trace}",
                        created=self._created,
                        model=self._request.model,
                        choices=[Choice(message=ReplyMessage(content=event.text))],
                        usage=_usage(event),
                        assay=self._extension(event),
                    )
                    reply = JSONResponse(completion.model_dump(exclude_none=True))
        if reply is None:
            raise refused(AssayError("the answer ended without a result"))
        return reply

    async def _stream(self, events: AsyncGenerator[AnswerEvent, None], send: Send) -> None:
        started = False

        async def emit(body: BaseModel | str) -> None:
            nonlocal started
            if not started:
                await send({"type": "http.response.start", "status": 200, "headers": SSE_HEADERS})
                started = True
            text = body if isinstance(body, str) else body.model_dump_json(exclude_none=True)
            await send({"type": "http.response.body", "body": f"data: {text}\n\n".encode(), "more_body": True})

        shown = False
        async for event in events:
            match event:
                case Sentence():
                    await emit(self._sentence(event, first=not shown))
                    shown = True
                case Answer():
                    if not shown:
                        await emit(self._chunk(event.trace, Delta(role="assistant", content=event.text)))
                    await emit(self._last(event))
                    if self._request.stream_options and self._request.stream_options.include_usage:
                        await emit(self._usage_chunk(event))
                case Failed(error=error) if not started:
                    # Nothing was sent: the client gets a real status instead of a 200 that fails.
                    raise refused(error)
                case Failed(error=error):
                    await emit(ErrorResponse(error=refused(error).body))
        await emit("[DONE]")
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _sentence(self, event: Sentence, *, first: bool) -> ChatChunk:
        extension = AnswerExtension(citations=[CitationOut.of(c) for c in event.citations], supported=event.supported)
        delta = Delta(role="assistant" if first else None, content=event.text)
        return self._chunk("", delta, extension)

    def _chunk(self, trace: str, delta: Delta, extension: AnswerExtension | None = None) -> ChatChunk:
        return ChatChunk(
            id=f"chatcmpl-{trace or self._created}",
            created=self._created,
            model=self._request.model,
            choices=[ChunkChoice(delta=delta)],
            assay=extension,
        )

    def _last(self, event: Answer) -> ChatChunk:
        chunk = self._chunk(event.trace, Delta(), self._extension(event))
        return chunk.model_copy(update={"choices": [ChunkChoice(delta=Delta(), finish_reason="stop")]})

    def _usage_chunk(self, event: Answer) -> ChatChunk:
        return self._chunk(event.trace, Delta()).model_copy(update={"choices": [], "usage": _usage(event)})

    def _extension(self, event: Answer) -> AnswerExtension:
        gone = event.abstained
        return AnswerExtension(
            citations=[CitationOut.of(c) for c in event.citations],
            abstained=AbstainedOut(reason=gone.reason, detail=gone.detail) if gone else None,
            confidence=event.confidence,
            release=event.release,
            trace=event.trace,
            cost=event.cost,
            milliseconds=event.milliseconds,
            warnings=self._warnings,
        )


def _usage(event: Answer) -> UsageOut:
    usage = event.usage
    return UsageOut(prompt_tokens=usage.input, completion_tokens=usage.output, total_tokens=usage.input + usage.output)
