"""A bound on the size of a request, kept while it is read and not by what its header claims."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assay.serving.errors import Refused, response
from assay.serving.schemas import ErrorBody


class BodyLimit:
    """Refuses a body of more than ``limit`` bytes with 413 before it is held in memory."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = 0
        body = ErrorBody(message=f"the request is larger than {self._limit} bytes", type="invalid_request_error")
        too_large = Refused(413, body)

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise too_large
            return message

        try:
            await self._app(scope, counted, send)
        except Refused as error:
            if error is not too_large:
                raise
            await response(error)(scope, receive, send)
