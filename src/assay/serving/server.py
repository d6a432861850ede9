"""Running the ASGI application under uvicorn."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from assay.errors import InputError

BACKSTOP_SECONDS = 10
"""After connections were cut, what a request may still take before uvicorn cancels it."""


class _Server(uvicorn.Server):
    """uvicorn's server, with a call once it listens and an end of its own.

    The first signal closes the port and lets answers in flight finish, for at most ``grace``
    seconds. Then, or at a second signal, their connections are cut: each stops as it does when
    its client goes away, and its trace is written.
    """

    def __init__(
        self, config: uvicorn.Config, grace: float, ready: Callable[[], None], tell: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._grace, self._ready, self._tell = grace, ready, tell
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.tasks:
            self._tell(f"finishing {len(self.server_state.tasks)} request(s), at most {self._grace:g} s")
        timer = asyncio.get_running_loop().call_later(self._grace, self._cut)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        # uvicorn's own would raise the signal once more at the end: a stop that was asked for is no failure.
        if self.should_exit and self._loop is not None:
            self._loop.call_soon_threadsafe(self._cut)
        self.should_exit = True

    def _cut(self) -> None:
        if self.server_state.tasks:
            self._tell(f"cutting {len(self.server_state.tasks)} request(s) that are not finished")
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


def serve(
    app: FastAPI,
    *,
    host: str,
    port: int,
    grace: float,
    ready: Callable[[str], None],
    tell: Callable[[str], None],
    listener: socket.socket | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is streaming, for at most ``grace`` seconds; a
    second signal ends it at once.

    Blocks. ``ready`` is called with the base URL once the port is open, ``tell`` with what happens
    at the end. ``listener`` is a port that ``listen`` opened before. Raises InputError if the address cannot be
    listened on.
    """
    listener = listener or listen(host, port)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=int(grace) + BACKSTOP_SECONDS,
        server_header=False,
    )
    bound = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    _Server(config, grace, lambda: ready(f"http://{shown}:{bound}"), tell).run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """Open a port; who connects waits until it is served. Raises InputError if it cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    own = "give an address of this machine as --host"
    try:
        socket.getaddrinfo(host, port, family)
        return socket.create_server((host, port), family=family)
    except (socket.gaierror, UnicodeError) as error:
        raise InputError(f"cannot listen on {host}:{port}: there is no such host; {own}") from error
    except OSError as error:
        hint = own if error.errno == errno.EADDRNOTAVAIL else "choose another --port"
        raise InputError(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; {hint}") from error
