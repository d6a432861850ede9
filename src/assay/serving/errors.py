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
from assay.sayable import sayable
from assay.serving.schemas import ErrorBody, ErrorResponse

CALLER, SERVER = "invalid_request_error", "server_error"
LONGEST = 2_000
"""Characters of a message: what a caller sent is quoted in it and may be of any length."""


class Refused(Exception):
    """A request that is refused with a status of its own."""

    def __init__(self, status: int, body: ErrorBody, headers: Mapping[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, dict(headers or {})
        super().__init__(body.message)


def refused(error: AssayError, trace: str | None = None) -> Refused:
    """How an error of ours is told to a client. What a provider said about *its* key or quota is
    our problem and not the client's, so it is a 502 or 503, never a 401."""
    status, kind, code = _told(error)
    headers: dict[str, str] = {}
    if isinstance(error, RateLimited) and error.retry_after is not None:
        headers["Retry-After"] = str(int(error.retry_after) + 1)
    return Refused(status, ErrorBody(message=str(error), type=kind, code=code, trace=trace), headers)


def _told(error: AssayError) -> tuple[int, str, str | None]:
    match error:
        case InputError():
            return 400, CALLER, None
        case NotFound():
            return 404, CALLER, "not_found"
        case RateLimited():
            return 503, SERVER, "provider_rate_limited"
        case ModelTimeout():
            return 504, SERVER, "provider_timeout"
        case ModelUnavailable():
            return 503, SERVER, "provider_unavailable"
        case ModelError():
            return 502, SERVER, "provider_error"
        case StoreError():
            return 503, SERVER, "store_error"
        case _:
            return 500, SERVER, None


def bug(error: Exception) -> Refused:
    """What a client is told of a mistake of ours: its kind, nothing of its content."""
    return Refused(500, ErrorBody(message=f"internal error: {type(error).__name__}", type=SERVER, code="internal"))


def response(error: Refused) -> JSONResponse:
    """The response for a refusal."""
    return JSONResponse(error_json(error.body), status_code=error.status, headers=error.headers)


def error_json(body: ErrorBody) -> dict[str, object]:
    """An error as JSON, of bounded length and without lone surrogates, which UTF-8 cannot say."""
    safe = {name: _short(value) for name, value in body.model_dump().items() if value is not None}
    return ErrorResponse(error=body.model_copy(update=safe)).model_dump()


def _short(value: str) -> str:
    return sayable(value if len(value) <= LONGEST else f"{value[:LONGEST]}…")


def install(app: FastAPI) -> None:
    """Give every expected error of the app its shape; the others are Shield's."""

    async def on_refused(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)
        return response(error)

    async def on_assay_error(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, AssayError)
        return response(refused(error))

    async def on_invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return response(Refused(400, _invalid(error)))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        kind = CALLER if error.status_code < 500 else SERVER
        body = ErrorBody(message=_plainly(request, error), type=kind)
        return response(Refused(error.status_code, body, error.headers))

    app.add_exception_handler(Refused, on_refused)
    app.add_exception_handler(AssayError, on_assay_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)


def _plainly(request: Request, error: HTTPException) -> str:
    match error.status_code:
        case 404:
            return f"there is nothing at {request.url.path}; /docs lists what there is"
        case 405:
            return f"{request.method} is not allowed here; use {(error.headers or {}).get('Allow', 'another method')}"
        case _:
            return str(error.detail)


def _invalid(error: RequestValidationError) -> ErrorBody:
    """The first thing that is wrong with a request, and where."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        what = first.get("ctx", {}).get("error", first["msg"])
        return ErrorBody(message=f"the body is not JSON: {what} at character {first['loc'][-1]}", type=CALLER)
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    said = str(first["msg"]).removeprefix("Value error, ")
    if not place and first["type"] == "value_error":  # of the body as a whole
        return ErrorBody(message=said, type=CALLER)
    if not place:
        message = "the body must be a JSON object, sent with Content-Type: application/json"
        return ErrorBody(message=message, type=CALLER)
    return ErrorBody(message=f"{place}: {said}", type=CALLER, param=place)
