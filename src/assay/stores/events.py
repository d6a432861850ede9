"""Append-only streams of events: what happened, in the order in which it was agreed to have happened.

A stream has a version, the number of its events. Who appends may say which version was seen: if
another process was faster, nothing is written and Conflict is raised, so that a decision is never
taken on a state that is gone. Events are JSON objects with the key ``kind``; they are never changed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Double, Integer, String, Table, Text, insert, select, update

from assay.errors import InputError, StoreError
from assay.stores.database import Database, insert_missing, schema

_SCHEMA = schema("events", 1)
_HEADS = Table(
    "event_heads",
    _SCHEMA,
    Column("stream", String, primary_key=True),
    Column("version", Integer, nullable=False),
)
_EVENTS = Table(
    "events",
    _SCHEMA,
    Column("stream", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("event", Text, nullable=False),
)


class Conflict(StoreError):
    """The stream has grown since it was read: read it again and decide anew."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its place. ``version`` counts from 1, ``at`` is in seconds since the epoch."""

    version: int
    at: float
    event: Mapping[str, Any]


class EventLog:
    """Streams of events in one database. Safe for several threads and processes: a stream's versions have no
    gap, and a reader who has seen version n has seen all before it. Every method may raise StoreError."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database, self._clock = database, clock
        database.ensure(_SCHEMA)

    @property
    def near(self) -> bool:
        """Whether ``version`` takes a fraction of a millisecond and no network: it may be asked on an event loop."""
        return self._database.near

    def append(
        self,
        stream: str,
        events: Sequence[Mapping[str, Any]],
        *,
        expected: int | None = None,
        also: Callable[[Connection], None] | None = None,
    ) -> int:
        """Append events, all or none, and return the stream's version afterwards.

        ``expected`` is the version that the writer saw, None where any will do; ``also`` writes in the same
        transaction what is derived from the events. Raises Conflict where the stream is at another version.
        """
        if any(not isinstance(event.get("kind"), str) for event in events):
            raise InputError(f"{stream}: an event needs a kind")
        with self._database.write() as connection:
            version = _locked(connection, stream)
            if expected is not None and version != expected:
                raise Conflict(f"{stream} is at version {version}, not {expected}: another process was faster")
            if not events:
                return version
            version = self._added(connection, stream, version, events)
            if also is not None:
                also(connection)
            return version

    def append_with(self, connection: Connection, stream: str, events: Sequence[Mapping[str, Any]]) -> int:
        """Append events in a transaction that is under way, see ``also``: all of both streams is written, or none."""
        return self._added(connection, stream, _locked(connection, stream), events)

    def _added(self, connection: Connection, stream: str, version: int, events: Sequence[Mapping[str, Any]]) -> int:
        now = self._clock()
        rows = [
            {"stream": stream, "version": version + n, "at": now, "event": _text(event)}
            for n, event in enumerate(events, 1)
        ]
        connection.execute(insert(_EVENTS), rows)
        version += len(rows)
        connection.execute(update(_HEADS).where(_HEADS.c.stream == stream).values(version=version))
        return version

    def read(self, stream: str, *, after: int = 0, limit: int | None = None) -> list[Recorded]:
        """The events behind version ``after``, oldest first, at most ``limit``. Raises StoreError for one that is
        damaged: what came after it was decided upon it, so that none is left out."""
        query = (
            select(_EVENTS.c.version, _EVENTS.c.at, _EVENTS.c.event)
            .where(_EVENTS.c.stream == stream, _EVENTS.c.version > after)
            .order_by(_EVENTS.c.version)
        )
        with self._database.read() as connection:
            rows = connection.execute(query if limit is None else query.limit(limit)).all()
        return [Recorded(row.version, row.at, self._event(stream, row.version, row.event)) for row in rows]

    def _event(self, stream: str, version: int, text: str) -> Mapping[str, Any]:
        try:
            found = json.loads(text)
        except (ValueError, TypeError) as error:
            raise self._damaged(stream, version) from error
        if not isinstance(found, dict):
            raise self._damaged(stream, version)
        return found

    def _damaged(self, stream: str, version: int) -> StoreError:
        place = self._database.place
        return StoreError(f"{place}: event {version} of {stream} is damaged; restore the database from a backup")

    def version(self, stream: str) -> int:
        """How many events a stream has; 0 for one that nobody has written to."""
        with self._database.read() as connection:
            found = connection.execute(select(_HEADS.c.version).where(_HEADS.c.stream == stream)).scalar()
        return int(found or 0)

    def streams(self, prefix: str = "") -> list[str]:
        """The names of all streams that begin so, in order."""
        query = select(_HEADS.c.stream).where(_HEADS.c.stream.startswith(prefix, autoescape=True)).order_by("stream")
        with self._database.read() as connection:
            return [str(name) for name in connection.execute(query).scalars()]


def _locked(connection: Connection, stream: str) -> int:
    """The stream's version, held against other writers until the transaction ends: without that lock a
    database with several writers could show version 12 before 11 is there."""
    insert_missing(connection, _HEADS, [{"stream": stream, "version": 0}])
    query = select(_HEADS.c.version).where(_HEADS.c.stream == stream).with_for_update()
    return int(connection.execute(query).scalar_one())


def _text(event: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(event), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"an event of kind {event.get('kind')!r} cannot be written as JSON: {error}") from error
