"""A bound on the size of a request, kept while it is read and not by what its header claims."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


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

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                # Of this type: FastAPI turns any other that comes while it reads a body into a 400.
                raise HTTPException(413, f"the request is larger than {self._limit} bytes")
            return message

        await self._app(scope, counted, send)
