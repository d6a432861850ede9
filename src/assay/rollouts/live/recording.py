"""Observations on their way to the store: gathered in memory, written in batches behind the answers' backs.

An answer never waits for this and is never broken by it. While the store cannot be written, observations
are kept, up to a bound, and then written in their order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import anyio
from anyio import CapacityLimiter, to_thread

from assay.errors import StoreError
from assay.rollouts.traffic.observations import Observation, stream
from assay.stores.events import EventLog

EVERY_SECONDS = 0.3
BATCH = 100
MOST = 20_000
"""Observations that are held while the store cannot be written; beyond that the oldest are dropped."""
LONGEST_PAUSE = 5.0


@dataclass(slots=True)
class Counts:
    """What gave no observation, and what became of those that there were."""

    wrong: int = 0
    """Requests that were wrong themselves."""
    gone: int = 0
    """Clients that went away before their answer ended."""
    unscored: int = 0
    """Answers that a judge gave no score for."""
    unjudged: int = 0
    """Answers that were to be judged, while too many waited."""
    uncopied: int = 0
    """Questions that were to be asked again, while too many waited or there was no room."""
    dropped: int = 0
    """Observations given up since the store could not be written for too long."""
    written: int = 0


class Recording:
    """For one event loop. ``add`` never waits and never fails; ``run`` writes."""

    def __init__(
        self,
        events: EventLog,
        tell: Callable[[str], None],
        *,
        every: float = EVERY_SECONDS,
        batch: int = BATCH,
        most: int = MOST,
    ) -> None:
        self._events, self._tell = events, tell
        self._every, self._batch, self._most = every, batch, most
        self._waiting: deque[tuple[str, Observation]] = deque()
        self._full = anyio.Event()
        self._limiter: CapacityLimiter | None = None
        self._failing = False
        self.counts = Counts()

    def add(self, under: str, observation: Observation) -> None:
        """Have an observation written under a rollout's, or an experiment's, id."""
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.counts.dropped += 1
        self._waiting.append((under, observation))
        if len(self._waiting) >= self._batch:
            self._full.set()

    async def run(self) -> None:
        """Write what comes, until it is cancelled; then ``flush`` writes what is left."""
        pause = self._every
        while True:
            with anyio.move_on_after(pause):
                await self._full.wait()
            self._full = anyio.Event()
            if self._failing:  # a full batch is no reason to try a broken store more often
                await anyio.sleep(pause)
            pause = self._every if await self._write() else min(2 * pause, LONGEST_PAUSE)

    async def flush(self) -> bool:
        """Write what is left; False where the store does not take it."""
        return await self._write()

    async def _write(self) -> bool:
        self._limiter = self._limiter or CapacityLimiter(1)
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), 10 * self._batch))]
            with anyio.CancelScope(shield=True):
                left = await to_thread.run_sync(self._append, batch, limiter=self._limiter)
            self.counts.written += len(batch) - len(left)
            if left:
                self._waiting.extendleft(reversed(left))
                return False
        self._failing = False
        return True

    def _append(self, batch: list[tuple[str, Observation]]) -> list[tuple[str, Observation]]:
        """Append a batch; returns what could not be written."""
        done = 0
        for under, group in groupby(batch, key=lambda each: each[0]):
            observations = [observation.as_event() for _, observation in group]
            try:
                self._events.append(stream(under), observations)
            except StoreError as error:
                if not self._failing:
                    self._tell(f"observations cannot be written and are kept for now: {error}")
                self._failing = True
                return batch[done:]
            except Exception as error:  # what can never be written must not stand in the others' way
                self._tell(f"{len(observations)} observations are left out: {error}")
                self.counts.dropped += len(observations)
            done += len(observations)
        return []
