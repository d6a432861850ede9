"""Following a rollout's observations to its next decision, alike in every process.

Observations are folded one by one in the order in which they were recorded, and after each it is asked
whether the candidate has to go back: so every process finds the same harm at the same observation, however
the stream was cut into pieces when it was read. What lets a candidate go on, and what a clock decides, is
asked only once everything that was recorded is folded: nobody is promoted past harm that is in the stream.
"""

from __future__ import annotations

from assay.rollouts.evidence.deciding import Decided, alarmed, decide
from assay.rollouts.evidence.rollout import Evidence
from assay.rollouts.traffic.observations import Observation, stream
from assay.rollouts.traffic.plan import Plan
from assay.rollouts.traffic.state import Rollout
from assay.stores.events import EventLog, Recorded

AT_ONCE = 2_000
"""Observations that are read at a time."""


class Follower:
    """One rollout's evidence, kept up with its stream. Not for several threads at once."""

    def __init__(self, events: EventLog, rollout: str, plan: Plan, *, at_once: int = AT_ONCE) -> None:
        self._events, self._stream, self._at_once = events, stream(rollout), at_once
        self._evidence = Evidence(plan)

    @property
    def evidence(self) -> Evidence:
        """What was folded so far. It may be read, and not added to."""
        return self._evidence

    def follow(self, rollout: Rollout, at: float) -> Decided | None:
        """Fold what is new; the first decision, which is to be appended by the caller, or None.

        Nothing behind a decision is folded. Where appending it was refused since another process was faster,
        call again with the newer state. ``at`` is in seconds since the epoch. Raises StoreError.
        """
        found: Decided | None = alarmed(rollout, self._evidence, at)
        while found is None:
            new = self._events.read(self._stream, after=self._evidence.position, limit=self._at_once)
            if not new:
                return decide(rollout, self._evidence, at)
            found = self._folded(new, rollout, at)
        return found

    def _folded(self, new: list[Recorded], rollout: Rollout, at: float) -> Decided | None:
        for recorded in new:
            self._evidence.add(observation(recorded))
            found = alarmed(rollout, self._evidence, at)
            if found is not None:
                return found
        return None


def observation(recorded: Recorded) -> Observation | None:
    """The observation that an event of a rollout's stream is; None for one that cannot be read.

    It is left out and counted, by every process alike: one bad line must not hold up all that come after it, the
    harm that they may show included.
    """
    try:
        return Observation.from_event(recorded.event)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None
