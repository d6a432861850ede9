"""Closing streams of chat events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from assay.models.chat import ChatEvent


@asynccontextmanager
async def closing(stream: AsyncIterator[ChatEvent]) -> AsyncIterator[AsyncIterator[ChatEvent]]:
    """The stream, closed at the end also where its reader is cancelled: closing is what ends the request."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            with anyio.CancelScope(shield=True):
                await close()
