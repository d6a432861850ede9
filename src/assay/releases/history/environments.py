"""Environments: names such as ``production`` that point at the release which answers there.

A pointer is a row of the table of names, so that whoever moves traffic can move it in the transaction in which the
decision is written down.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Double, String, Table, delete, insert, select, update

from assay.stores.database import schema

SCHEMA = schema("releases", 1)
NAMES = Table(
    "release_names",
    SCHEMA,
    Column("name", String, primary_key=True),
    Column("digest", String, nullable=False),
    Column("since", Double, nullable=False),
)

PRODUCTION = "production"
STAGING = "staging"
ENVIRONMENTS = (PRODUCTION, STAGING)
LIVE = "live"
"""The release that users are answered by: another word for what ``production`` points at."""


@dataclass(frozen=True, slots=True)
class Pointed:
    """What an environment points at, and since when, in seconds since the epoch."""

    digest: str
    since: float


def pointer(name: str) -> str:
    """The name as it is kept: ``live`` is ``production``."""
    return PRODUCTION if name == LIVE else name


def point(connection: Connection, environment: str, digest: str, *, at: float | None = None) -> None:
    """Let an environment, or any other name, point at a release, in the write transaction that is open.

    ``at`` is in seconds since the epoch, None for now. What points there already keeps the time since when.
    """
    name = pointer(environment)
    held = connection.execute(select(NAMES.c.digest).where(NAMES.c.name == name)).scalar()
    if held == digest:
        return
    connection.execute(delete(NAMES).where(NAMES.c.name == name))
    row = {"name": name, "digest": digest, "since": time.time() if at is None else at}
    connection.execute(insert(NAMES), [row])


def unpoint(connection: Connection, name: str) -> str | None:
    """Delete a name, in the write transaction that is open. Returns what it pointed at."""
    held = connection.execute(select(NAMES.c.digest).where(NAMES.c.name == pointer(name))).scalar()
    connection.execute(delete(NAMES).where(NAMES.c.name == pointer(name)))
    return None if held is None else str(held)


def pointers(connection: Connection) -> Mapping[str, Pointed]:
    """Every name with what it points at, environments among them, in order of the names."""
    rows = connection.execute(select(NAMES).order_by(NAMES.c.name))
    return {row.name: Pointed(row.digest, row.since) for row in rows}


def adopt(connection: Connection) -> None:
    """Turn the row ``live`` of a state that was written before there were environments into ``production``."""
    held = connection.execute(select(NAMES.c.name).where(NAMES.c.name.in_((LIVE, PRODUCTION)))).scalars().all()
    if PRODUCTION not in held:
        connection.execute(update(NAMES).where(NAMES.c.name == LIVE).values(name=PRODUCTION))
    connection.execute(delete(NAMES).where(NAMES.c.name == LIVE))
