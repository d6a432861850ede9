"""A model server that does as it is told: OpenAI's HTTP API on a local port, for tests without a model.

    async with ModelServer([Say("Hello."), Fail(429, retry_after="2"), Cut(["Hel"])]) as server:
        ...  # an OpenAI client with base_url=server.base_url

Each request to ``/v1/chat/completions`` or ``/v1/responses`` takes the next reply; the last one is
repeated. A function in place of the list makes a reply of what was received. ``/v1/embeddings`` and
``/v1/models`` answer always. It is a real server on a real socket, with stdlib only: connections break,
stall and close as they do in the world.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from assay.testing.model_wire import embeddings, frames, whole
from assay.testing.replies import Cut, Fail, Hang, Raw, Reply, Say, error_body


@dataclass(slots=True)
class Received:
    """A request as it arrived. ``gone`` is set when the client went away before the reply was complete."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def disconnected(self) -> bool:
        return self.gone.is_set()


@dataclass(slots=True)
class ModelServer:
    """Serves ``replies`` in order or by what was asked, as an async context manager, or in a thread for
    callers without a loop.

    ``key``: requests without this bearer token get 401. ``received`` holds all requests so far.
    """

    replies: Sequence[Reply] | Callable[[Received], Reply]
    key: str | None = None
    dimensions: int = 8
    received: list[Received] = field(default_factory=list)
    port: int = 0
    _served: int = 0
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> ModelServer:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[ModelServer]:
        """The server on an event loop of its own, for synchronous callers and other processes."""
        ready, stop = threading.Event(), asyncio.Event()
        loop = asyncio.new_event_loop()

        async def serve() -> None:
            async with self:
                ready.set()
                await stop.wait()

        thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
        thread.start()
        try:
            if not ready.wait(10):
                raise RuntimeError("the model server did not start")
            yield self
        finally:
            loop.call_soon_threadsafe(stop.set)
            thread.join(10)
            loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection: nothing to learn from keep-alive here."""
        request = await _read(reader)
        self.received.append(request)
        answer = asyncio.ensure_future(self._answer(request, writer))
        # The client sends no more: an end of input is its going away.
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
            else:
                request.gone.set()
        except ConnectionError:
            request.gone.set()
        finally:
            for task in (answer, gone):
                task.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> None:
        reply = self._reply(request)
        if isinstance(reply, dict):
            await _send(writer, 200, json.dumps(reply).encode())
            return
        match reply:
            case Fail():
                headers = {**reply.headers}
                if reply.retry_after is not None:
                    headers["Retry-After"] = reply.retry_after
                await _send(writer, reply.status, json.dumps(reply.body).encode(), headers=headers)
            case Raw():
                await _send(writer, reply.status, reply.body, reply.media_type)
            case Hang():
                await asyncio.sleep(reply.seconds)
            case Say() if not request.body.get("stream"):
                # As long as its stream would take: a server writes a whole answer no faster.
                await asyncio.sleep(reply.delay + reply.pause * max(0, len(reply.pieces or ()) - 1))
                await _send(writer, 200, json.dumps(whole(reply, request.path)).encode())
            case Cut() if not request.body.get("stream"):
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{"id"')
                await writer.drain()
            case Say() | Cut():
                await _stream(writer, reply, request)

    def _reply(self, request: Received) -> Reply | dict[str, Any]:
        if self.key is not None and request.headers.get("authorization") != f"Bearer {self.key}":
            return Fail(401, body=error_body("Incorrect API key provided: sk-12345678.", "invalid_api_key"))
        if request.path.endswith("/models"):
            return {"object": "list", "data": [{"id": "scripted", "object": "model", "owned_by": "assay"}]}
        if request.path.endswith("/embeddings"):
            scripted = self._next(request) if callable(self.replies) or self.replies else None
            if isinstance(scripted, Fail | Raw | Hang):
                self._served += 1
                return scripted
            return embeddings(request.body, self.dimensions)
        if not request.path.endswith(("/chat/completions", "/responses")):
            return Fail(404, body=error_body(f"no such path: {request.path}", "not_found"))
        reply = self._next(request)
        self._served += 1
        return reply

    def _next(self, request: Received) -> Reply:
        if callable(self.replies):
            return self.replies(request)
        return self.replies[min(self._served, len(self.replies) - 1)]


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.split("\r\n")
    headers = {
        name.strip().lower(): value.strip() for name, colon, value in (text.partition(":") for text in fields) if colon
    }
    data = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(line.split(" ")[1].partition("?")[0], headers, json.loads(data) if data else {})


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> None:
    fields = {"Content-Type": media_type, "Content-Length": str(len(body)), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**fields, **(headers or {})}.items())
    writer.write(f"HTTP/1.1 {status} -\r\n{lines}\r\n".encode() + body)
    await writer.drain()


async def _stream(writer: asyncio.StreamWriter, reply: Say | Cut, request: Received) -> None:
    """Chunked, so that a connection that closes early can be told from one that ended."""
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    await asyncio.sleep(reply.delay)
    async for frame in _paced(frames(reply, request.path, request.body), reply, request.path):
        writer.write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")
        await writer.drain()
    if isinstance(reply, Cut) and reply.how == "close":
        return
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def _paced(all_frames: Iterator[bytes], reply: Say | Cut, path: str) -> AsyncIterator[bytes]:
    """``pause`` comes between pieces: the first leaves with the frames that open the stream."""
    opening = 3 if path.endswith("/responses") else 1
    for i, frame in enumerate(all_frames):
        if i > opening:
            await asyncio.sleep(reply.pause)
        yield frame
