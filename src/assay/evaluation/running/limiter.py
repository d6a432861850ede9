"""As many calls at once as a provider bears: additive increase, multiplicative decrease.

The rule is TCP's (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion Avoidance
in Computer Networks", 1989): half as many after a refusal, one more after as many successes as may run at once.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import anyio

from assay.errors import RateLimited

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How a refused call is tried again. Times in seconds.

    ``attempts`` counts the first one. A provider's reset beyond ``longest`` ends the tries at once. Where it
    names none the pause doubles from ``base`` with each refusal in a row, at most to ``longest``, plus up to
    half of that by lot. The last three are for tests.
    """

    attempts: int = 8
    base: float = 1.0
    longest: float = 300.0
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    clock: Callable[[], float] = time.monotonic
    random: Callable[[], float] = random.random


@dataclass(slots=True, eq=False)
class _Ticket:
    """A caller in the queue. ``told`` wakes it, whether to go or to keep the time."""

    granted: bool = False
    told: anyio.Event = field(default_factory=anyio.Event)


class Limiter:
    """At most ``most`` calls at once, fewer while the provider refuses. For one event loop.

    Callers go in the order of their coming; one that was refused goes before those that have not begun. A
    refusal pauses everyone until the reset that it names. Only RateLimited shrinks the number.
    """

    def __init__(self, most: int, patience: Patience | None = None) -> None:
        """Raises ValueError for ``most`` below 1."""
        if most < 1:
            raise ValueError(f"at least one call at once is needed, not {most}")
        self.most = most
        self._patience = patience or Patience()
        self._limit = float(most)
        self._running = 0
        self._waiting: deque[_Ticket] = deque()
        self._resumes = float("-inf")
        self._shrinks = 0
        self._in_a_row = 0

    @property
    def limit(self) -> int:
        """How many calls may run at once now."""
        return int(self._limit)

    @property
    def running(self) -> int:
        """How many calls run, or have leave to."""
        return self._running

    @property
    def paused(self) -> float:
        """Seconds until the next call may begin; 0 when nothing stands in its way but the limit."""
        return max(0.0, self._resumes - self._patience.clock())

    async def call(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """What ``work`` returns, called as soon as it may be and again while it raises RateLimited.

        Raises the last RateLimited when patience is at an end, and at once whatever else ``work`` raises.
        """
        tried = 0
        while True:
            async with self._slot(again=tried > 0):
                shrinks = self._shrinks
                try:
                    found = await work()
                except RateLimited as error:
                    tried += 1
                    self._refused(error, shrinks)
                    if tried >= self._patience.attempts or (error.retry_after or 0.0) > self._patience.longest:
                        raise
                    continue
                self._succeeded(shrinks)
                return found

    def _refused(self, error: RateLimited, shrinks: int) -> None:
        # Calls that ran side by side are refused side by side: that is one refusal, not many.
        first = shrinks == self._shrinks
        if first:
            self._shrinks += 1
            self._in_a_row += 1
            self._limit = max(1.0, self._limit / 2)
        wait, longest = error.retry_after, self._patience.longest
        if wait is None and first:
            wait = min(longest, self._patience.base * 2.0 ** min(self._in_a_row - 1, 30))
            wait *= 1.0 + self._patience.random() / 2
        elif wait is None or wait > longest:
            return
        self._resumes = max(self._resumes, self._patience.clock() + wait)

    def _succeeded(self, shrinks: int) -> None:
        if shrinks == self._shrinks:  # begun after the last refusal: it says something about now
            self._in_a_row = 0
            self._limit = min(float(self.most), self._limit + 1.0 / self._limit)

    @asynccontextmanager
    async def _slot(self, *, again: bool) -> AsyncIterator[None]:
        await self._enter(again=again)
        try:
            yield
        finally:
            self._running -= 1
            self._admit()

    async def _enter(self, *, again: bool) -> None:
        ticket = _Ticket()
        if again:
            self._waiting.appendleft(ticket)
        else:
            self._waiting.append(ticket)
        self._admit()
        try:
            while not ticket.granted:
                if self._waiting[0] is ticket and self.paused > 0:
                    # The first in the queue keeps the time for all.
                    await self._patience.sleep(self.paused)
                    self._admit()
                else:
                    await ticket.told.wait()
                    ticket.told = anyio.Event()
        except BaseException:
            self._leave(ticket)
            raise

    def _leave(self, ticket: _Ticket) -> None:
        """A caller went away: what it held, or the keeping of time, passes to the next."""
        if ticket.granted:
            self._running -= 1
        else:
            self._waiting.remove(ticket)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._running < int(self._limit) and self.paused <= 0:
            ticket = self._waiting.popleft()
            ticket.granted = True
            self._running += 1
            ticket.told.set()
        if self._waiting and self.paused > 0:
            self._waiting[0].told.set()
