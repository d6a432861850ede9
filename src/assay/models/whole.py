"""A reply as a whole, for who shows no deltas: a judge, a writer of questions.

Reading a reply's deltas takes most of the client's time; a model that can do without them says so by ``complete``.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from assay.errors import StreamBroken
from assay.models.chat import ChatModel, Finished, Request
from assay.models.streams import closing


@runtime_checkable
class CompletingModel(Protocol):
    """A chat model that can be asked for a reply in one piece."""

    async def complete(self, request: Request) -> Finished:
        """What ``stream`` would end with. Raises what it would raise; cancelling it ends the request."""
        ...


async def whole(model: ChatModel, request: Request) -> Finished:
    """The reply to a request: in one piece where the model can, else its stream to the end. Raises ModelError."""
    if isinstance(model, CompletingModel):
        return await model.complete(request)
    return await collected(model, request)


async def collected(model: ChatModel, request: Request) -> Finished:
    """The end of a model's stream. Raises ModelError, StreamBroken too where there is none."""
    async with closing(model.stream(request)) as events:
        async for event in events:
            if isinstance(event, Finished):
                return event
    raise StreamBroken("the stream ended without an end", model=model.identity)
