"""An environment's events in the store: read and folded, appended where nobody was faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from assay.errors import StoreError
from assay.rollouts.traffic.codec import decode, encode
from assay.rollouts.traffic.events import Aborted, Event, Started
from assay.rollouts.traffic.state import Traffic
from assay.rollouts.traffic.transitions import Refused, transition
from assay.stores.events import EventLog, Recorded


@dataclass(frozen=True, slots=True)
class Entry:
    """An event in its place; ``at`` is in seconds since the epoch."""

    version: int
    at: float
    event: Event


def fold(traffic: Traffic, entry: Entry) -> Traffic:
    """The state after an entry. Raises Refused.

    An abort of what is over already changes nothing: a kill switch that was pulled by who could not read all of the
    stream must not make it unreadable to the others.
    """
    try:
        return transition(traffic, entry.event, entry.at)
    except Refused:
        if isinstance(entry.event, Aborted):
            return replace(traffic, version=traffic.version + 1)
        raise


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
            traffic = fold(traffic, entry)
        return traffic

    def legible(self, known: Traffic | None = None) -> Traffic:
        """The state now as far as it can be read: an event that a newer version wrote, or that is damaged, changes
        nothing but the version. For a kill switch, which must work then too; never to decide or to route by."""
        traffic = known or Traffic(self._environment)
        for recorded in self._each(traffic.version):
            entry = None if recorded is None else _entry(recorded)
            traffic = replace(traffic, version=traffic.version + 1) if entry is None else _as_far(traffic, entry)
        return traffic

    def legible_entries(self) -> list[Entry]:
        """The events that can be read, oldest first."""
        found = (_entry(recorded) for recorded in self._each(0) if recorded is not None)
        return [entry for entry in found if entry is not None]

    def _each(self, after: int) -> list[Recorded | None]:
        """The events behind a version; None in the place of each one that is damaged."""
        try:
            return list(self._events.read(self._stream, after=after))
        except StoreError:
            return [self._one(place) for place in range(after, self.version())]

    def _one(self, after: int) -> Recorded | None:
        try:
            return next(iter(self._events.read(self._stream, after=after, limit=1)), None)
        except StoreError:
            return None

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


def _entry(recorded: Recorded) -> Entry | None:
    try:
        return Entry(recorded.version, recorded.at, decode(recorded.event))
    except StoreError:
        return None


def _as_far(traffic: Traffic, entry: Entry) -> Traffic:
    """The state after an entry, where what came before it may not all have been read."""
    try:
        return fold(traffic, entry)
    except Refused:
        if isinstance(entry.event, Started) and traffic.rollout is not None:
            # What ended the one before could not be read: it is this one that is under way.
            return _as_far(replace(traffic, rollout=None), entry)
        return replace(traffic, version=traffic.version + 1)
