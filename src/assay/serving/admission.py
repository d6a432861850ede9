"""Who may come in: a bounded number of answers at work, a bounded number waiting, the rest told to come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from assay.serving.errors import Refused
from assay.serving.schemas import ErrorBody


class Admission:
    """At most ``at_work`` requests run, at most ``waiting`` more wait; a further one is refused with 429."""

    def __init__(self, *, at_work: int, waiting: int) -> None:
        self._places = anyio.CapacityLimiter(at_work)
        self._waiting = waiting
        self._left = anyio.Event()

    @property
    def at_work(self) -> int:
        """Requests that hold a place."""
        return self._places.borrowed_tokens

    @property
    def idle(self) -> bool:
        """Whether a place is free that nobody waits for: room for work that no user waits for either."""
        return self._places.available_tokens > 0 and self._places.statistics().tasks_waiting == 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place for as long as the context lasts.

        Raises Refused(429) when too many are waiting already.
        """
        if self._places.statistics().tasks_waiting >= self._waiting and self._places.available_tokens <= 0:
            body = ErrorBody(
                message="too many requests are waiting; try again in a moment",
                type="rate_limit_error",
                code="overloaded",
            )
            raise Refused(429, body, {"Retry-After": "1"})
        # A borrower of its own: one task may hold places for several streams.
        borrower = object()
        await self._places.acquire_on_behalf_of(borrower)
        try:
            yield
        finally:
            self._places.release_on_behalf_of(borrower)
            self._left.set()
            self._left = anyio.Event()

    async def emptied(self, seconds: float) -> bool:
        """Wait until nobody holds a place; False when the time was not enough."""
        with anyio.move_on_after(seconds):
            while self.at_work:
                await self._left.wait()
        return not self.at_work
