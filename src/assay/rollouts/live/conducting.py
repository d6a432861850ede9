"""The conductor: in every server process, about once a second, what was seen is looked at and what follows is decided.

Whoever comes first to a decision appends it; the others are told by a Conflict, and read it like everybody else.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias

import anyio
from anyio import CapacityLimiter, to_thread

from assay.errors import AssayError
from assay.rollouts.traffic.events import Advanced, Decision, Event, Finding, Promoted, RolledBack
from assay.rollouts.traffic.log import Entry, TrafficLog, fold
from assay.rollouts.traffic.observations import stream
from assay.rollouts.traffic.plan import Plan
from assay.rollouts.traffic.state import Rollout, Traffic
from assay.rollouts.traffic.transitions import Refused
from assay.stores.events import Conflict, EventLog

EVERY_SECONDS = 1.0

Conduct: TypeAlias = Callable[[], Awaitable[None]]
"""One thing that is looked at: called every second, and again whatever it raises of AssayError."""


class Conductor:
    """Calls each Conduct in turn, for as long as it runs. A store that cannot be reached is told of once."""

    def __init__(
        self, conducts: Sequence[Conduct], tell: Callable[[str], None], *, every: float = EVERY_SECONDS
    ) -> None:
        self._conducts, self._tell, self._every = conducts, tell, every
        self._failing = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.step()
            await anyio.sleep(self._every)

    async def step(self) -> None:
        """Look once at everything."""
        failed = ""
        for conduct in self._conducts:
            try:
                await conduct()
            except AssayError as error:
                failed = str(error)
            except Exception as error:  # a mistake of ours must not end what is served, nor go unsaid
                failed = f"internal error: {type(error).__name__}: {error}"
        if failed and not self._failing:
            self._tell(f"the rollout cannot be decided on at the moment, and is tried again: {failed}")
        self._failing = failed


class Followed(Protocol):
    """What folds a rollout's observations and says what follows from them."""

    def follow(self, rollout: Rollout, at: float) -> Advanced | Promoted | RolledBack | None: ...


Follow: TypeAlias = Callable[[EventLog, str, Plan], Followed]


class RolloutConduct:
    """Decides on the rollout under way. ``unbuildable`` says why the candidate cannot be opened here, None where it
    can, or where it has not been tried. Call it from one task at a time."""

    def __init__(
        self,
        log: TrafficLog,
        events: EventLog,
        follow: Follow,
        tell: Callable[[str], None],
        unbuildable: Callable[[Rollout], str | None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log, self._events, self._follow = log, events, follow
        self._tell, self._unbuildable, self._clock = tell, unbuildable, clock
        self._traffic: Traffic | None = None
        self._followed: tuple[str, Followed] | None = None
        self._limiter: CapacityLimiter | None = None

    async def __call__(self) -> None:
        """Look once. Raises StoreError."""
        self._limiter = self._limiter or CapacityLimiter(1)
        for line in await to_thread.run_sync(self._step, limiter=self._limiter):
            self._tell(line)

    def _step(self) -> list[str]:
        """What happened since the last look, told; and what follows from it, decided."""
        told = self._read()
        rollout = self._traffic.rollout if self._traffic else None
        if self._traffic is None or rollout is None:
            return told
        event = self._decision(rollout)
        if event is not None:
            # Where another process was faster, what it decided is read now.
            with suppress(Conflict, Refused):
                self._log.append(self._traffic, event)
            told += self._read()
        return told

    def _read(self) -> list[str]:
        """Take what is new in the environment's stream; one line for each thing of note."""
        if self._traffic is None:
            self._traffic = self._log.traffic()
            return []
        told: list[str | None] = []
        for entry in self._log.entries(self._traffic.version):
            self._traffic = fold(self._traffic, entry)
            told.append(said(entry, self._traffic.environment))
        return [line for line in told if line is not None]

    def _decision(self, rollout: Rollout) -> Event | None:
        why = self._unbuildable(rollout)
        if why is not None:
            return RolledBack(rollout.id, "unbuildable", decision(self._events, rollout.id, self._clock(), why))
        if rollout.phase == "gate":
            return None
        if self._followed is None or self._followed[0] != rollout.id:
            self._followed = rollout.id, self._follow(self._events, rollout.id, rollout.plan)
        return self._followed[1].follow(rollout, self._clock())


def decision(events: EventLog, id: str, at: float, why: str, findings: tuple[Finding, ...] = ()) -> Decision:
    """A decision that rests on no evidence, in its place among the observations. May raise StoreError."""
    return Decision(events.version(stream(id)), at, findings, why)


def said(entry: Entry, environment: str) -> str | None:
    """One line on what happened to an environment's traffic."""
    event = entry.event
    match event.kind:
        case "deployed":
            return f"release {event.release[:12]} was made live in {environment}: {event.why}"
        case "experiment_started":
            return f"experiment {event.experiment}: started in {environment}"
        case "experiment_ended":
            return f"experiment {event.experiment}: ended ({event.reason}): {event.decision.why}"
        case "started":
            return f"rollout {event.rollout}: release {event.candidate[:12]} set out in {environment}"
        case _:
            return _said_of_rollout(event)


def _said_of_rollout(event: Event) -> str | None:
    match event.kind:
        case "gated" if event.verdict in ("pass", "skipped"):
            return f"rollout {event.rollout}: past its gate ({event.verdict})"
        case "gated":
            return f"rollout {event.rollout}: did not pass its gate ({event.verdict}): {event.why}"
        case "advanced":
            return f"rollout {event.rollout}: stage {event.stage + 1} reached: {event.decision.why}"
        case "promoted":
            return f"rollout {event.rollout}: promoted: {event.decision.why}"
        case "rolled_back":
            return f"rollout {event.rollout}: rolled back ({event.reason}): {event.decision.why}"
        case "aborted":
            return f"rollout {event.rollout}: aborted by {event.by}" + (f": {event.why}" if event.why else "")
        case "paused":
            return f"rollout {event.rollout}: paused by {event.by}" + (f": {event.why}" if event.why else "")
        case "resumed":
            return f"rollout {event.rollout}: goes on, by {event.by}"
        case _:
            return None
