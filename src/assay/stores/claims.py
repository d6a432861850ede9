"""Claims: who is at a piece of work now, so that processes beside each other do not do the same.

A claim is a lease: it ends when its holder lets go of it, when its time is over, or when its holder's process
is seen to have ended. So nobody waits for the dead; and whoever is wrong about that, as after a clock that was
set, does a piece of work twice, which is all that can go wrong here.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from sqlalchemy import Column, Connection, Double, String, Table, delete, select, update

from assay.digest import Digest
from assay.stores.database import Database, insert_missing, schema

LEASE_SECONDS = 30.0
_BATCH = 2_000  # keys in one statement

_SCHEMA = schema("claims", 1)
_CLAIMS = Table(
    "claims",
    _SCHEMA,
    Column("key", String, primary_key=True),
    Column("holder", String, nullable=False, index=True),
    Column("until", Double, nullable=False),
)


def holder() -> str:
    """A new name for one who claims: its machine, its process, and a lot."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"


def ended(name: str) -> bool:
    """Whether a holder's process is known to have ended: it ran on this machine and is not there."""
    host, _, rest = name.partition(":")
    pid = rest.partition(":")[0]
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # another user's process
        return False
    return False


class Claims:
    """Claims in a database. Safe for several threads and processes. Every method may raise StoreError."""

    def __init__(
        self, database: Database, *, seconds: float = LEASE_SECONDS, clock: Callable[[], float] = time.time
    ) -> None:
        """A claim that is not renewed within ``seconds`` ends."""
        self.seconds = seconds
        self._database, self._clock = database, clock
        database.ensure(_SCHEMA)

    def take(self, keys: Iterable[Digest], holder: str) -> frozenset[Digest]:
        """Claim these, but for those that another holds; which ones ``holder`` has now."""
        wanted = list(dict.fromkeys(keys))
        # Who only waits reads: a writer would keep those waiting who have something to write.
        with self._database.read() as connection:
            held, _ = self._held(connection, wanted, holder)
        if len(held) == len(wanted):
            return frozenset()
        with self._database.write() as connection:
            held, over = self._held(connection, wanted, holder)
            mine = [key for key in wanted if key not in held]
            until = self._clock() + self.seconds
            for batch in _batches(mine):
                # By holder as well: where writers are not one after another, the row may be another one by now.
                connection.execute(delete(_CLAIMS).where(_CLAIMS.c.key.in_(batch), _CLAIMS.c.holder.in_(over)))
                insert_missing(connection, _CLAIMS, [{"key": key, "holder": holder, "until": until} for key in batch])
            held, _ = self._held(connection, mine, holder)
            return frozenset(mine) - held

    def renew(self, holder: str) -> None:
        """All that ``holder`` has is claimed for the whole time again."""
        with self._database.write() as connection:
            again = update(_CLAIMS).where(_CLAIMS.c.holder == holder)
            connection.execute(again.values(until=self._clock() + self.seconds))

    def release(self, holder: str, keys: Iterable[Digest] | None = None) -> None:
        """Let go of these; None for all that ``holder`` has."""
        with self._database.write() as connection:
            mine = delete(_CLAIMS).where(_CLAIMS.c.holder == holder)
            if keys is None:
                connection.execute(mine)
                return
            for batch in _batches(keys):
                connection.execute(mine.where(_CLAIMS.c.key.in_(batch)))

    def _held(self, connection: Connection, keys: Sequence[Digest], holder: str) -> tuple[set[Digest], set[str]]:
        """Which of these someone else has who is there as far as can be told, and the holders who are not."""
        now, held, over, there = self._clock(), set[Digest](), set[str](), dict[str, bool]()
        for batch in _batches(keys):
            for key, who, until in connection.execute(select(_CLAIMS).where(_CLAIMS.c.key.in_(batch))):
                if who == holder:
                    continue
                if who not in there:
                    there[who] = not ended(who)
                # A time too far ahead was written by another clock: nobody waits for that.
                if there[who] and now < until <= now + 2 * self.seconds:
                    held.add(Digest(key))
                else:
                    over.add(who)
        return held, over


def _batches(keys: Iterable[Digest]) -> Iterator[list[Digest]]:
    iterator = iter(keys)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
