"""The experiment's part of the conductor: about once a second, in every server process, it is decided on."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from anyio import CapacityLimiter, to_thread

from assay.rollouts.experiments.following import Following
from assay.rollouts.live.conducting import decision
from assay.rollouts.traffic.events import Event, ExperimentEnded
from assay.rollouts.traffic.log import TrafficLog
from assay.rollouts.traffic.state import Experiment
from assay.rollouts.traffic.transitions import Refused
from assay.stores.events import Conflict, EventLog


class ExperimentConduct:
    """Decides on the experiment under way. ``unbuildable`` says why one of its arms cannot be opened here, None where
    all can, or where it has not been tried. Call it from one task at a time."""

    def __init__(
        self,
        log: TrafficLog,
        events: EventLog,
        unbuildable: Callable[[Experiment], str | None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._log, self._events, self._unbuildable, self._clock = log, events, unbuildable, clock
        self._following = Following(log, events)
        self._limiter: CapacityLimiter | None = None

    async def __call__(self) -> None:
        """Look once. Raises StoreError."""
        self._limiter = self._limiter or CapacityLimiter(1)
        await to_thread.run_sync(self._step, limiter=self._limiter)

    def _step(self) -> None:
        self._following.refresh()
        experiment = self._following.traffic.experiment
        if experiment is None:
            return
        event = self._decided(experiment)
        if event is None:
            return
        with suppress(Conflict, Refused):  # another process was faster: what it decided is read at the next look
            self._log.append(self._following.traffic, event)

    def _decided(self, experiment: Experiment) -> Event | None:
        at = self._clock()
        why = self._unbuildable(experiment)
        if why is not None:
            return ExperimentEnded(experiment.id, "unbuildable", None, decision(self._events, experiment.id, at, why))
        return self._following.follow(at)
