"""The indexes that exist, read from a SQLite ledger without SQLAlchemy.

Importing SQLAlchemy costs a cold question 0.4 s of CPU, a quarter of what it has. Writing, and
every other database, go through ``assay.ingestion.ledger``; a test holds the two readings
against each other.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from assay.errors import StoreError
from assay.ingestion.recipe import Recipe
from assay.ingestion.rows import IndexRow
from assay.stores.failures import explained
from assay.stores.immutable import reading


def listed(path: Path) -> list[IndexRow]:
    """All indexes in the ledger at ``path``, oldest first; none where nothing was ever ingested.

    Raises StoreError for a file that is not such a ledger.
    """
    rows = _rows(path, "SELECT id, recipe, status, active, created FROM ledger_indexes ORDER BY created, id")
    return [
        IndexRow(id, Recipe.from_mapping(json.loads(recipe)), status, bool(active), created)
        for id, recipe, status, active, created in rows
    ]


def entries(path: Path, index: str) -> int:
    """How many entries an index has by the ledger at ``path``. Raises StoreError."""
    rows = _rows(path, "SELECT sum(entries) FROM ledger_documents WHERE index_id = ?", index)
    return int(rows[0][0] or 0) if rows else 0


def _rows(path: Path, query: str, *values: str) -> list[tuple[Any, ...]]:
    try:
        if not path.exists():
            return []
        try:
            with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
                return connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            with closing(reading(path, error)) as connection:
                return connection.execute(query, values).fetchall()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read: {error.strerror}; grant the right to read its folder") from error
    except sqlite3.Error as error:
        if "no such table" in str(error):
            return []
        raise explained(error, str(path)) from error
