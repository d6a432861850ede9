"""The outermost layer: every response has an id, and a mistake of ours reaches no client as a traceback."""

from __future__ import annotations

import logging
import secrets
import traceback

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assay.sayable import sayable
from assay.serving.errors import bug, response

REQUEST_ID = "x-request-id"


class Shield:
    """Gives responses the header ``x-request-id``, which OpenAI's client shows in its errors.

    An unexpected exception becomes a 500 in the usual shape and one line in the log
    ``assay.serving``, on standard error where logging is not set up; its stack is logged at
    level DEBUG.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        id, started = f"req_{secrets.token_hex(12)}", False

        async def named(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                MutableHeaders(scope=message).setdefault(REQUEST_ID, id)
            await send(message)

        try:
            await self._app(scope, receive, named)
        except Exception as error:
            report(error, f"{scope['method']} {scope['path']} ({id})")
            if not started:
                await response(bug(error))(scope, receive, named)


def report(error: Exception, where: str) -> None:
    """One line for whoever runs the server: what, where in the code, at which request."""
    log = logging.getLogger("assay.serving")
    frame = next(reversed(traceback.extract_tb(error.__traceback__)), None)
    place = f" at {frame.filename}:{frame.lineno}" if frame else ""
    said = sayable(" ".join(str(error).split())[:500])
    log.error("internal error: %s: %s%s, serving %s", type(error).__name__, said, place, ascii(where)[1:-1])
    log.debug("its stack", exc_info=error)
