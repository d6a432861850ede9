"""The ASGI application: routes, and nothing that decides."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Response
from fastapi.responses import HTMLResponse

from assay import __version__
from assay.errors import InputError
from assay.releases.application import Application
from assay.rollouts.live.feedback import Said
from assay.serving import errors, reference
from assay.serving.admission import Admission
from assay.serving.asking import asked, check_model
from assay.serving.body_limit import BodyLimit
from assay.serving.callers import Callers, Who
from assay.serving.chat import AnswerResponse
from assay.serving.completions import Completion
from assay.serving.requests import ChatRequest, FeedbackRequest, SearchRequest
from assay.serving.schemas import (
    ChatCompletion,
    ErrorResponse,
    FeedbackResponse,
    Health,
    HitOut,
    ModelList,
    ModelOut,
    Readiness,
    SearchResponse,
)
from assay.serving.served import Alone, Served
from assay.serving.shield import Shield

DESCRIPTION = """\
Answers from documents, with verified citations, by OpenAI's API: use its client with this server's `/v1` as `base_url`.

**Citations.** In the text of an answer, `[n]` behind a sentence stands for the n-th citation, counted from 1, of the
field `assay.citations`, which quotes the span of the document that supports the sentence. `[unsupported]` marks a
sentence without support, where the application shows such. The same field `assay` says why a question was not answered
(`abstained`), how sure the evidence is (`confidence`), and names the trace.

**Streaming.** An event carries one checked sentence with its citations; the last chunk carries the whole
`assay`, also in its `delta`. An error in the middle is an event with the field `error`, and no `[DONE]` follows it.
"""
LAST_SPANS_SECONDS = 5.0
"""What answers that were cut off may take to write their traces, at the end."""
PROBLEMS: Mapping[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "The request is wrong."},
    401: {"model": ErrorResponse, "description": "The key is missing or wrong."},
    404: {"model": ErrorResponse, "description": "What was named does not exist."},
    "default": {"model": ErrorResponse, "description": "Any other error; all have this shape."},
}
BUSY: Mapping[int | str, dict[str, Any]] = {
    413: {"model": ErrorResponse, "description": "The request is too large."},
    429: {"model": ErrorResponse, "description": "Too many requests wait; `Retry-After` says when to come back."},
    502: {"model": ErrorResponse, "description": "The model's provider refused or sent nonsense."},
    503: {"model": ErrorResponse, "description": "The model's provider, or the store, cannot be reached."},
    504: {"model": ErrorResponse, "description": "The model's provider did not answer in time."},
}
EVENT = {"type": "object", "properties": {"data": {"type": "string"}}, "required": ["data"]}
ANSWERED: Mapping[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; where `stream` is true, events with a `chat.completion.chunk` each, then `[DONE]`.",
        "content": {"text/event-stream": {"schema": EVENT}},
    },
    **BUSY,
}


def create_app(
    application: Served | Application,
    *,
    groups_header: str | None = None,
    user_header: str | None = None,
    session_header: str | None = None,
    api_key: str | None = None,
    at_work: int = 16,
    waiting: int = 64,
    max_body: int = 4_000_000,
) -> FastAPI:
    """The server for an environment, or for one application alone.

    ``api_key``, when given, must come as a bearer token. ``at_work`` answers run at once and
    ``waiting`` more wait; ``max_body`` bounds a request in bytes. The application is closed
    when the server stops.
    """
    served = Alone(application) if isinstance(application, Application) else application
    admission = Admission(at_work=at_work, waiting=waiting)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with served.serving(lambda: admission.idle):
            try:
                yield
            finally:
                await admission.emptied(LAST_SPANS_SECONDS)

    app = FastAPI(
        title=f"Assay: {served.name}",
        description=DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(BodyLimit, limit=max_body)
    app.add_middleware(Shield)
    errors.install(app)
    callers = Callers(api_key, groups_header, user_header, session_header)
    guarded = [Depends(callers.authorise)]
    app.include_router(_answers(served, callers, admission), dependencies=guarded, responses=dict(PROBLEMS))
    app.include_router(_feedback(served, callers), dependencies=guarded, responses=dict(PROBLEMS))
    app.include_router(_models(served), dependencies=guarded, responses=dict(PROBLEMS))
    app.include_router(_state(served))
    app.include_router(_reference(app))
    return app


def _answers(served: Served, callers: Callers, admission: Admission) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["answers"])

    @router.post("/chat/completions", response_model=ChatCompletion, responses=dict(ANSWERED))
    async def chat_completions(
        body: ChatRequest,
        groups: frozenset[str] = Depends(callers.groups),
        who: Who = Depends(callers.who),  # noqa: B008 - frozen, and FastAPI's way
        traceparent: Annotated[str | None, Header(description="W3C: the trace that this one is a part of.")] = None,
    ) -> AnswerResponse:
        """Answer the last message with verified citations; streamed when `stream` is true.

        Behind a sentence, `[n]` stands for the n-th citation of `assay.citations`.
        """
        check_model(body.model, served)
        found = asked(body, groups)
        return AnswerResponse(
            served.answer(
                found.question,
                # What the operator trusts a proxy to say goes before what the caller says.
                identity=who.user or body.identity,
                session=who.session or body.assay.session,
                traceparent=traceparent,
                exactly=body.model != served.name,
            ),
            Completion(body.model, found.warnings),
            admission,
            stream=bool(body.stream),
            usage=bool(body.stream_options and body.stream_options.include_usage),
        )

    @router.post("/search", responses=dict(BUSY))
    async def search(body: SearchRequest, who: frozenset[str] = Depends(callers.groups)) -> SearchResponse:
        """The best chunks for a query, without an answer."""
        if not body.query.strip():
            raise InputError("query: it is empty; say what to search for")
        async with admission.place():
            found = await served.search(body.query, k=body.k, mode=body.mode, groups=who, where=body.where)
        return SearchResponse(hits=[HitOut.of(hit) for hit in found.hits], milliseconds=found.milliseconds)

    return router


def _feedback(served: Served, callers: Callers) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["feedback"])

    @router.post("/feedback", responses={503: {"model": ErrorResponse, "description": "The store cannot be written."}})
    async def feedback(
        body: FeedbackRequest,
        who: Who = Depends(callers.who),  # noqa: B008 - frozen, and FastAPI's way
    ) -> FeedbackResponse:
        """Say whether an answer was good, or what it should have been; at any time after it.

        The same once more changes nothing; of several ratings by one user the first one counts.
        """
        said = Said(body.score, body.correction, body.comment, who.user or body.user or "")
        rated, first = await served.feedback(body.id, said)
        return FeedbackResponse(id=body.id, trace=rated.trace, release=rated.release, first=first)

    return router


def _models(served: Served) -> APIRouter:
    router = APIRouter(prefix="/v1/models", tags=["models"])
    created = int(time.time())

    @router.get("")
    async def models() -> ModelList:
        """What can be asked here: the application, under its name, and the release that is live, by its digest."""
        return ModelList(data=[ModelOut(id=id, created=created) for id in (served.name, str(served.release.digest))])

    # A path: names may hold a slash.
    @router.get("/{model:path}")
    async def model(model: str) -> ModelOut:
        """One of them, by its name or its release's digest."""
        check_model(model, served)
        return ModelOut(id=model if model == served.name else str(served.release.digest), created=created)

    return router


def _state(served: Served) -> APIRouter:
    router = APIRouter(tags=["state"])

    @router.get("/health")
    async def health() -> Health:
        """Whether the process answers."""
        return Health()

    @router.get("/ready", responses={503: {"model": Readiness, "description": "Questions cannot be answered."}})
    async def ready(reply: Response) -> Readiness:
        """Whether questions can be answered; 503 names what is wrong."""
        problems = await served.problems()
        if problems:
            reply.status_code = 503
        return Readiness(status="not ready" if problems else "ready", release=served.release.digest, problems=problems)

    return router


def _reference(app: FastAPI) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        return HTMLResponse(reference.page(app.openapi()))

    return router
