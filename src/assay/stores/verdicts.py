"""Judges' verdicts by everything that they depend on, so that none is paid for twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Column, Float, Index, String, Table, Text, delete, func, select

from assay.errors import StoreError
from assay.stores.database import Database, insert_missing, schema

_SCHEMA = schema("verdicts", 1)
_VERDICTS = Table(
    "verdicts",
    _SCHEMA,
    Column("key", String, primary_key=True),
    Column("judge", String, nullable=False),
    Column("rubric", String, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("kept", Float, nullable=False),
)
Index("verdicts_kept", _VERDICTS.c.kept)


class VerdictStore:
    """Verdicts as JSON under a key that is a digest. Safe for use from several threads and processes.

    ``judge`` and ``rubric`` are kept beside for people. Every method may raise StoreError.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        database.ensure(_SCHEMA)

    def get(self, key: str) -> Mapping[str, Any] | None:
        """The verdict under this key, None where there is none."""
        with self._database.read() as connection:
            found = connection.execute(select(_VERDICTS.c.verdict).where(_VERDICTS.c.key == key)).scalar()
        if found is None:
            return None
        try:
            verdict = json.loads(found)
        except ValueError as error:
            raise StoreError(
                f"{self._database.place}: a kept verdict is damaged; delete the kept verdicts, they are made again"
            ) from error
        return verdict if isinstance(verdict, dict) else {}

    def put(self, key: str, judge: str, rubric: str, verdict: Mapping[str, Any]) -> None:
        """Keep a JSON-like verdict; one that is known already stays as it is."""
        text = json.dumps(verdict, ensure_ascii=True, allow_nan=False)
        row = {"key": key, "judge": judge, "rubric": rubric, "verdict": text, "kept": self._clock()}
        with self._database.write() as connection:
            insert_missing(connection, _VERDICTS, [row])

    def prune(self, before: float) -> int:
        """Delete verdicts kept before this time, in seconds since the epoch; returns how many went."""
        with self._database.write() as connection:
            return int(connection.execute(delete(_VERDICTS).where(_VERDICTS.c.kept < before)).rowcount)

    def count(self) -> int:
        """How many verdicts are kept."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(_VERDICTS)).scalar_one())
