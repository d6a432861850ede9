"""An environment's events in the store: read and folded, appended where nobody was faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from assay.rollouts.traffic.codec import decode, encode
from assay.rollouts.traffic.events import Event
from assay.rollouts.traffic.state import Traffic
from assay.rollouts.traffic.transitions import transition
from assay.stores.events import EventLog


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place; ``at`` is in seconds since the epoch."""

    version: int
    at: float
    event: Event


class TrafficLog:
    """One environment's events. Safe for several threads and processes. Every method may raise StoreError."""

    def __init__(
        self,
        events: EventLog,
        environment: str,
        *,
        point: Callable[[Connection, str, str], None] | None = None,
    ) -> None:
        """``point`` writes, in the same transaction, which release an environment points at."""
        self._events, self._environment, self._point = events, environment, point
        self._stream = f"environment/{environment}"

    @property
    def environment(self) -> str:
        return self._environment

    @property
    def near(self) -> bool:
        """Whether ``version`` may be asked on an event loop."""
        return self._events.near

    def version(self) -> int:
        """How many events there are: cheap enough to ask before every request."""
        return self._events.version(self._stream)

    def entries(self, after: int = 0) -> list[Entry]:
        """The events behind a version, oldest first."""
        return [Entry(r.version, r.at, decode(r.event)) for r in self._events.read(self._stream, after=after)]

    def traffic(self, known: Traffic | None = None) -> Traffic:
        """The state now; with ``known``, only what has happened since is read."""
        traffic = known or Traffic(self._environment)
        for entry in self.entries(traffic.version):
            traffic = transition(traffic, entry.event, entry.at)
        return traffic

    def append(self, traffic: Traffic, *events: Event) -> Traffic:
        """Append what was decided on a state, and return the state after it.

        Raises Refused for what cannot happen in that state, and Conflict where the state is not the
        newest any more: nothing is written then.
        """
        after = traffic
        for event in events:
            after = transition(after, event, 0.0)
        moved = after.live is not None and after.live != traffic.live

        def also(connection: Connection) -> None:
            if moved and self._point is not None:
                self._point(connection, self._environment, after.live or "")

        self._events.append(self._stream, [encode(event) for event in events], expected=traffic.version, also=also)
        return self.traffic(traffic)
