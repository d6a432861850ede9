"""Shadow traffic: some questions are asked again of the candidate, after their users were answered.

Nobody sees a copy. It is made in the background, few at once, while the server has places to spare, under the plan's
caps on number and cost, and compared with the answer of the same question that its user saw.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import anyio
from anyio import CapacityLimiter, to_thread

from assay import traces
from assay.answering.events import Answer, Failed, Question
from assay.errors import PluginError, StoreError
from assay.releases.application import Application
from assay.rollouts.live.applications import Applications
from assay.rollouts.live.judging import Judging
from assay.rollouts.live.observing import values_of
from assay.rollouts.live.recording import Recording
from assay.rollouts.live.reservations import Reservations
from assay.rollouts.traffic.plan import Shadow
from assay.rollouts.traffic.routing import SHADOW, Way, fraction
from assay.rollouts.traffic.state import Rollout
from assay.stores.events import EventLog

AT_ONCE = 1
WAITING = 64
"""Copies that wait; of more, the oldest are left out."""
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
"""So long a copy waits for a free place. Later it would be of another time than the answer that it is compared with."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A question that was answered the live ``way``, which ended in ``end``; ``key`` names that answer."""

    rollout: Rollout
    plan: Shadow
    way: Way
    key: str
    question: Question
    end: Answer | Failed
    since: float


class Shadowing:
    """For one event loop. ``offer`` never waits; ``run`` makes the copies."""

    def __init__(
        self,
        events: EventLog,
        applications: Applications,
        recording: Recording,
        judging: Judging,
        current: Callable[[], Rollout | None],
        *,
        at_once: int = AT_ONCE,
    ) -> None:
        """``current`` is the rollout under way as far as it is known here."""
        self._events, self._applications = events, applications
        self._recording, self._judging, self._current = recording, judging, current
        self._at_once = at_once
        self._waiting: deque[Copy] = deque()
        self._come = anyio.Event()
        self._reservations: Reservations | None = None
        self._for = ""
        self._full = ""
        self._limiter: CapacityLimiter | None = None

    def offer(self, rollout: Rollout, way: Way, key: str, question: Question, end: Answer | Failed) -> None:
        """Have a question asked again, if it is one of the plan's share. Call once its user was answered."""
        plan = rollout.plan.shadow
        if plan is None or rollout.phase != "shadow" or self._full == rollout.id:
            return
        if fraction(f"{rollout.id}:shadow", key) >= plan.share:
            return
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self._recording.counts.uncopied += 1
        self._waiting.append(Copy(rollout, plan, way, key, question, end, time.monotonic()))
        self._come.set()

    async def run(self, idle: Callable[[], bool]) -> None:
        """Make copies while ``idle`` says that there is room for them, until it is cancelled."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self._at_once):
                tasks.start_soon(self._work, idle)

    async def _work(self, idle: Callable[[], bool]) -> None:
        while True:
            while not self._waiting:
                self._come = anyio.Event() if self._come.is_set() else self._come
                await self._come.wait()
            if not idle():
                await anyio.sleep(PAUSE_SECONDS)
                self._drop_old()
                continue
            copy = self._waiting.popleft()
            if not self._under_way(copy) or not await self._reserved(copy):
                self._recording.counts.uncopied += 1
                continue
            cost: float | None = None
            try:
                cost = await self._make(copy)
            finally:
                await self._settle(copy, cost)

    def _drop_old(self) -> None:
        while self._waiting and time.monotonic() - self._waiting[0].since > PATIENCE_SECONDS:
            self._waiting.popleft()
            self._recording.counts.uncopied += 1

    def _under_way(self, copy: Copy) -> bool:
        now = self._current()
        return now is not None and now.id == copy.rollout.id and now.phase == "shadow"

    async def _make(self, copy: Copy) -> float | None:
        """Ask the candidate, note what was seen, and say what it cost in US dollars; None where nobody knows."""
        way = replace(copy.way, release=copy.rollout.candidate, arm=SHADOW)
        end = await self._asked(copy, way)
        if end is None:
            return 0.0
        live = copy.way.observation(copy.key, values_of(copy.end))
        seen = way.observation(end.trace or f"copy-{copy.key}", values_of(end), of=copy.key)
        self._recording.add(copy.rollout.id, seen)
        guards = copy.rollout.plan.guards
        if fraction(f"{copy.rollout.id}:judged", copy.key) < copy.rollout.plan.judged:
            for observation, of in ((live, copy.end), (seen, end)):
                self._judging.offer(copy.rollout.id, guards, observation, copy.question, of)
        return end.cost if isinstance(end, Answer) else None

    async def _asked(self, copy: Copy, way: Way) -> Answer | Failed | None:
        """The end of the candidate's answer; None where it cannot be asked at all."""
        attributes = {**way.attributes(), traces.COPY_OF: copy.key}
        async with self._applications.lease(way.release) as application:
            if not isinstance(application, Application):
                return None
            found: Answer | Failed | None = None
            question = replace(copy.question, shadow=True)
            try:
                async with aclosing(application.answer(question, attributes=attributes)) as events:
                    async for event in events:
                        if isinstance(event, Answer | Failed):
                            found = event
            except Exception as error:  # the candidate's mistake, or ours: it counts, and the next copy is made
                found = Failed(PluginError(f"{type(error).__name__}: {error}"), "")
            return found

    async def _reserved(self, copy: Copy) -> bool:
        self._limiter = self._limiter or CapacityLimiter(1)
        reservations = self._of(copy)
        bounds = [guard.bound for guard in copy.rollout.plan.guards if guard.metric == "cost"]
        expected = max([(copy.end.cost or 0.0) if isinstance(copy.end, Answer) else 0.0, *bounds])
        try:
            found = await to_thread.run_sync(
                reservations.reserve, copy.key, expected, time.time(), limiter=self._limiter
            )
        except StoreError:  # what cannot be counted is not made
            return False
        if not found and reservations.spent_up:
            self._full = copy.rollout.id
        return found

    async def _settle(self, copy: Copy, cost: float | None) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await to_thread.run_sync(self._of(copy).settle, copy.key, cost, limiter=self._limiter)
            except StoreError:
                return  # it stays reserved, as if it had cost what was expected

    def _of(self, copy: Copy) -> Reservations:
        if self._reservations is None or self._for != copy.rollout.id:
            self._reservations = Reservations(self._events, copy.rollout.id, copy.plan)
            self._for = copy.rollout.id
        return self._reservations
