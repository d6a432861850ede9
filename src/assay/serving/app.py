"""The ASGI application: routes, and nothing that decides.

Who may read what: a request belongs to the group ``public`` and to those named in the
header that the operator declared (``groups_header``). Only an authenticating proxy that
always sets or strips that header may stand in front of it; without the option the header
is not read at all.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Request, Response

from assay import __version__
from assay.documents import PUBLIC
from assay.errors import NotFound
from assay.releases.application import Application
from assay.serving import errors
from assay.serving.admission import Admission
from assay.serving.body_limit import BodyLimit
from assay.serving.chat import AnswerResponse, check_model, question_of
from assay.serving.errors import Refused
from assay.serving.schemas import (
    ChatCompletion,
    ChatRequest,
    ErrorBody,
    ErrorResponse,
    Health,
    HitOut,
    ModelList,
    ModelOut,
    Readiness,
    SearchRequest,
    SearchResponse,
)

STREAMED = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
PROBLEMS = {code: {"model": ErrorResponse} for code in (400, 401, 404, 413, 429, 500, 502, 503, 504)}


def create_app(
    application: Application,
    *,
    groups_header: str | None = None,
    api_key: str | None = None,
    at_work: int = 16,
    waiting: int = 64,
    max_body: int = 4_000_000,
) -> FastAPI:
    """The server for one application.

    ``api_key``, when given, must come as a bearer token. ``at_work`` answers run at once and
    ``waiting`` more wait; ``max_body`` bounds a request in bytes. The application is closed
    when the server stops.
    """
    started = int(time.time())
    admission = Admission(at_work=at_work, waiting=waiting)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await application.close()

    def authorised(request: Request) -> None:
        sent = request.headers.get("authorization", "")
        if api_key is not None and not hmac.compare_digest(sent.encode(), f"Bearer {api_key}".encode()):
            body = ErrorBody(
                message="the API key is missing or wrong", type="invalid_request_error", code="invalid_api_key"
            )
            raise Refused(401, body, {"WWW-Authenticate": "Bearer"})

    def groups(request: Request) -> frozenset[str]:
        sent = request.headers.get(groups_header, "") if groups_header else ""
        return frozenset({PUBLIC, *(name.strip() for name in sent.split(",") if name.strip())})

    app = FastAPI(title=f"Assay: {application.name}", version=__version__, lifespan=lifespan)
    app.add_middleware(BodyLimit, limit=max_body)
    errors.install(app)
    guarded = [Depends(authorised)]

    @app.post(
        "/v1/chat/completions",
        response_model=ChatCompletion,
        responses={200: STREAMED, **PROBLEMS},
        dependencies=guarded,
    )
    async def chat_completions(body: ChatRequest, who: frozenset[str] = Depends(groups)) -> AnswerResponse:
        """Answer the last message with verified citations; streamed when ``stream`` is true."""
        check_model(body, application)
        question, warnings = question_of(body, who)
        events = application.answer(question)
        return AnswerResponse(events, request=body, warnings=warnings, admission=admission)

    @app.post("/v1/search", responses=PROBLEMS, dependencies=guarded)
    async def search(body: SearchRequest, who: frozenset[str] = Depends(groups)) -> SearchResponse:
        """The best chunks for a query, without an answer."""
        async with admission.place():
            found = await application.search(
                body.query, k=body.k, mode=body.mode, groups=who, where=body.where
            )
        return SearchResponse(hits=[HitOut.of(h) for h in found.hits], milliseconds=found.milliseconds)

    def served() -> ModelOut:
        return ModelOut(id=application.name, created=started)

    @app.get("/v1/models", responses=PROBLEMS, dependencies=guarded)
    async def models() -> ModelList:
        """What can be asked here: the application, under its name."""
        return ModelList(data=[served()])

    @app.get("/v1/models/{model}", responses=PROBLEMS, dependencies=guarded)
    async def model(model: str) -> ModelOut:
        """One of them."""
        if model != application.name:
            raise NotFound(f"model {model!r} does not exist here; use {application.name!r}")
        return served()

    @app.get("/health")
    async def health() -> Health:
        """Whether the process answers."""
        return Health()

    @app.get("/ready", responses={503: {"model": Readiness}})
    async def ready(reply: Response) -> Readiness:
        """Whether questions can be answered: 503 with the problems if not."""
        problems = await application.problems()
        if problems:
            reply.status_code = 503
        return Readiness(
            status="not ready" if problems else "ready",
            release=application.release.digest,
            problems=problems,
        )

    return app
