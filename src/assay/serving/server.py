"""Running the ASGI application under uvicorn."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from assay.errors import InputError


class _Server(uvicorn.Server):
    """uvicorn's server, with a call once it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(app: FastAPI, *, host: str, port: int, grace: int, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then finish what is streaming, for at most ``grace`` seconds.

    Blocks. ``ready`` is called with the base URL once the port is open. Raises InputError if
    the address cannot be listened on.
    """
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, reuse_port=False
        )
    except OSError as error:
        raise InputError(f"cannot listen on {host}:{port}: {error.strerror}; choose another --port") from error
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, timeout_graceful_shutdown=grace, server_header=False
    )
    bound = listener.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    _Server(config, lambda: ready(f"http://{shown}:{bound}")).run(sockets=[listener])
