"""Trying again, where that is safe: with full jitter, and never after something was shown.

Full jitter after Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015).
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import anyio

from assay.errors import InvalidOutput, ModelError, ModelTimeout, RateLimited
from assay.models.chat import ChatEvent, ChatModel, Finished, Request
from assay.models.streams import closing
from assay.models.whole import whole


@dataclass(frozen=True, slots=True)
class Backoff:
    """How often to try and how long to wait. Times in seconds.

    ``attempts`` counts the first one. Waits are drawn from 0 to ``base`` · 2ⁿ, at most ``longest``.
    A provider's Retry-After is kept; one beyond ``patience`` ends the tries. ``deadline`` bounds all
    attempts and waits together. The last three are for tests.
    """

    attempts: int = 3
    base: float = 0.5
    longest: float = 20.0
    patience: float = 60.0
    deadline: float | None = None
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random

    def wait(self, error: ModelError, tried: int, elapsed: float) -> float | None:
        """Seconds until the next attempt after ``tried`` failed ones; None: give up."""
        # What a model cannot say in the form asked for, it seldom says at the third attempt.
        limit = min(self.attempts, 2) if isinstance(error, InvalidOutput) else self.attempts
        if not error.retryable or tried >= limit:
            return None
        wait = self.random() * min(self.longest, self.base * 2.0 ** (tried - 1))
        if isinstance(error, RateLimited) and error.retry_after is not None:
            if error.retry_after > self.patience:
                return None
            wait += error.retry_after
        if self.deadline is not None and elapsed + wait >= self.deadline:
            return None
        return wait


class RetryingModel:
    """A chat model that tries again while nothing was shown. Raises the last attempt's error."""

    def __init__(self, model: ChatModel, backoff: Backoff | None = None) -> None:
        self._model = model
        self._backoff = backoff or Backoff()

    @property
    def identity(self) -> str:
        return self._model.identity

    @property
    def window(self) -> int | None:
        return self._model.window

    def count(self, text: str) -> int:
        return self._model.count(text)

    async def stream(self, request: Request) -> AsyncIterator[ChatEvent]:
        backoff, began = self._backoff, self._backoff.clock()
        tried = 0
        while True:
            shown = False
            try:
                stream = self._model.stream(request)
                async with closing(stream), closing(self._within(stream, began)) as events:
                    async for event in events:
                        shown = shown or not isinstance(event, Finished)
                        yield event
                return
            except ModelError as error:
                tried += 1
                wait = None if shown else backoff.wait(error, tried, backoff.clock() - began)
                if wait is None:
                    raise
            await backoff.sleep(wait)

    async def complete(self, request: Request) -> Finished:
        """A whole reply, which shows nothing before its end: every failure that can pass is tried again."""
        backoff, began = self._backoff, self._backoff.clock()
        tried = 0
        while True:
            try:
                return await self._whole(request, began)
            except ModelError as error:
                tried += 1
                wait = backoff.wait(error, tried, backoff.clock() - began)
                if wait is None:
                    raise
            await backoff.sleep(wait)

    async def _whole(self, request: Request, began: float) -> Finished:
        backoff = self._backoff
        if backoff.deadline is None:
            return await whole(self._model, request)
        with anyio.move_on_after(backoff.deadline - (backoff.clock() - began)):
            return await whole(self._model, request)
        raise ModelTimeout(f"not finished within {backoff.deadline:g} s", model=self.identity)

    async def _within(self, events: AsyncIterator[ChatEvent], began: float) -> AsyncIterator[ChatEvent]:
        """The events, each awaited no longer than the deadline; time the reader takes counts too."""
        backoff = self._backoff
        if backoff.deadline is None:
            async for event in events:
                yield event
            return
        while True:
            left = backoff.deadline - (backoff.clock() - began)
            event_or_none: ChatEvent | None = None
            with anyio.move_on_after(left) as scope:
                event_or_none = await anext(events, None)
            if scope.cancelled_caught:
                raise ModelTimeout(f"not finished within {backoff.deadline:g} s", model=self.identity)
            if event_or_none is None:
                return
            yield event_or_none
