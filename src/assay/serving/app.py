"""The ASGI application: routes, and nothing that decides."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Response

from assay import __version__
from assay.errors import NotFound
from assay.releases.application import Application
from assay.serving import errors
from assay.serving.admission import Admission
from assay.serving.body_limit import BodyLimit
from assay.serving.callers import Callers
from assay.serving.chat import AnswerResponse, check_model, question_of
from assay.serving.schemas import (
    ChatCompletion,
    ChatRequest,
    ErrorResponse,
    Health,
    HitOut,
    ModelList,
    ModelOut,
    Readiness,
    SearchRequest,
    SearchResponse,
)

STREAMED: Mapping[str, Any] = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
PROBLEMS: Mapping[int | str, dict[str, Any]] = {
    code: {"model": ErrorResponse} for code in (400, 401, 404, 413, 429, 500, 502, 503, 504)
}


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

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await application.close()

    app = FastAPI(title=f"Assay: {application.name}", version=__version__, lifespan=lifespan)
    app.add_middleware(BodyLimit, limit=max_body)
    errors.install(app)
    callers = Callers(api_key, groups_header)
    admission = Admission(at_work=at_work, waiting=waiting)
    guarded = [Depends(callers.authorise)]
    app.include_router(_answers(application, callers, admission), dependencies=guarded, responses=dict(PROBLEMS))
    app.include_router(_models(application), dependencies=guarded, responses=dict(PROBLEMS))
    app.include_router(_state(application))
    return app


def _answers(application: Application, callers: Callers, admission: Admission) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["answers"])

    @router.post("/chat/completions", response_model=ChatCompletion, responses={200: dict(STREAMED)})
    async def chat_completions(body: ChatRequest, who: frozenset[str] = Depends(callers.groups)) -> AnswerResponse:
        """Answer the last message with verified citations; streamed when ``stream`` is true."""
        check_model(body, application)
        question, warnings = question_of(body, who)
        events = application.answer(question)
        return AnswerResponse(events, request=body, warnings=warnings, admission=admission)

    @router.post("/search")
    async def search(body: SearchRequest, who: frozenset[str] = Depends(callers.groups)) -> SearchResponse:
        """The best chunks for a query, without an answer."""
        async with admission.place():
            found = await application.search(body.query, k=body.k, mode=body.mode, groups=who, where=body.where)
        return SearchResponse(hits=[HitOut.of(hit) for hit in found.hits], milliseconds=found.milliseconds)

    return router


def _models(application: Application) -> APIRouter:
    router = APIRouter(prefix="/v1/models", tags=["models"])
    served = ModelOut(id=application.name, created=int(time.time()))

    @router.get("")
    async def models() -> ModelList:
        """What can be asked here: the application, under its name."""
        return ModelList(data=[served])

    @router.get("/{model}")
    async def model(model: str) -> ModelOut:
        """One of them."""
        if model != application.name:
            raise NotFound(f"model {model!r} does not exist here; use {application.name!r}")
        return served

    return router


def _state(application: Application) -> APIRouter:
    router = APIRouter(tags=["state"])

    @router.get("/health")
    async def health() -> Health:
        """Whether the process answers."""
        return Health()

    @router.get("/ready", responses={503: {"model": Readiness}})
    async def ready(reply: Response) -> Readiness:
        """Whether questions can be answered; 503 names what is wrong."""
        problems = await application.problems()
        if problems:
            reply.status_code = 503
        return Readiness(
            status="not ready" if problems else "ready", release=application.release.digest, problems=problems
        )

    return router
