"""Errors over HTTP: one shape, OpenAI's, so that its client raises the type that fits."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from assay.errors import (
    AssayError,
    InputError,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    NotFound,
    RateLimited,
    StoreError,
)
from assay.serving.schemas import ErrorBody, ErrorResponse


class Refused(Exception):
    """A request that is refused with a status of its own."""

    def __init__(self, status: int, body: ErrorBody, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, dict(headers or {})
        super().__init__(body.message)


def refused(error: AssayError) -> Refused:
    """How an error of ours is told to a client. What a provider said about *its* key or quota is
    our problem and not the client's, so it is a 502 or 503, never a 401."""
    match error:
        case InputError():
            return Refused(400, ErrorBody(message=str(error), type="invalid_request_error"))
        case NotFound():
            return Refused(404, ErrorBody(message=str(error), type="invalid_request_error", code="not_found"))
        case RateLimited(retry_after=wait):
            headers = {"Retry-After": str(int(wait) + 1)} if wait is not None else {}
            body = ErrorBody(message=str(error), type="server_error", code="provider_rate_limited")
            return Refused(503, body, headers)
        case ModelTimeout():
            return Refused(504, ErrorBody(message=str(error), type="server_error", code="provider_timeout"))
        case ModelUnavailable():
            return Refused(503, ErrorBody(message=str(error), type="server_error", code="provider_unavailable"))
        case ModelError():
            return Refused(502, ErrorBody(message=str(error), type="server_error", code="provider_error"))
        case StoreError():
            return Refused(503, ErrorBody(message=str(error), type="server_error", code="store_error"))
        case _:
            return Refused(500, ErrorBody(message=str(error), type="server_error"))


def response(error: Refused) -> JSONResponse:
    """The response for a refusal."""
    content = ErrorResponse(error=error.body).model_dump()
    return JSONResponse(content, status_code=error.status, headers=error.headers)


def install(app: FastAPI) -> None:
    """Give every error of the app its shape."""

    async def on_refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)
        return response(error)

    async def on_assay_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, AssayError)
        return response(refused(error))

    async def on_invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "body")
        message = f"{place}: {first['msg']}" if place else str(first["msg"])
        return response(Refused(400, ErrorBody(message=message, type="invalid_request_error", param=place or None)))

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        kind = "invalid_request_error" if error.status_code < 500 else "server_error"
        return response(Refused(error.status_code, ErrorBody(message=str(error.detail), type=kind), error.headers))

    async def on_bug(_: Request, error: Exception) -> JSONResponse:
        return response(Refused(500, ErrorBody(message=f"internal error: {type(error).__name__}", type="server_error")))

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(AssayError, on_assay_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_bug)
