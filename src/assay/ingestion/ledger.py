"""The ledger: which documents each index holds, and in what state.

A change is written down before it is made: ``pending`` → the index is changed → ``indexed``.
A kill in between leaves a pending row, whose document is read and applied anew by the next
ingestion, whatever its file looks like by then. A document that fails keeps the fingerprint
and entries of its last good version: it is stale, not lost, and visible until it is mended.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from assay.digest import Digest
from assay.ingestion.recipe import Recipe
from assay.ingestion.report import Failure
from assay.ingestion.rows import IndexRow, Intent, State
from assay.stores.database import Database, insert_missing, schema

__all__ = ["IndexRow", "Intent", "Ledger", "State"]

_T = TypeVar("_T")
_SCHEMA = schema("ledger", 1)
_INDEXES = Table(
    "ledger_indexes",
    _SCHEMA,
    Column("id", String, primary_key=True),
    Column("recipe", String, nullable=False),
    Column("status", String, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("created", String, nullable=False),
)
_DOCUMENTS = Table(
    "ledger_documents",
    _SCHEMA,
    Column("index_id", String, primary_key=True),
    Column("document", String, primary_key=True),
    Column("source", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("status", String, nullable=False),
    Column("error", String, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("chunks", String, nullable=False),
    Column("updated", String, nullable=False),
)


class Ledger:
    """Rows about indexes and their documents. Methods block, are atomic, and may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(_SCHEMA)

    def open(self, recipe: Recipe) -> str:
        """The id of the recipe's index; a new one is building and not active."""
        row = {
            "id": recipe.id,
            "recipe": recipe.to_json(),
            "status": "building",
            "active": False,
            "created": _now(),
        }
        with self._database.write() as connection:
            insert_missing(connection, _INDEXES, [row])
        return recipe.id

    def indexes(self) -> list[IndexRow]:
        """All indexes, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute(select(_INDEXES).order_by(_INDEXES.c.created, _INDEXES.c.id)).all()
        return [
            IndexRow(row.id, Recipe.from_mapping(json.loads(row.recipe)), row.status, row.active, row.created)
            for row in rows
        ]

    def active(self) -> IndexRow | None:
        """The index that is asked; None before the first ingestion has ended."""
        return next((index for index in self.indexes() if index.active), None)

    def activate(self, index: str) -> None:
        """Mark an index complete and make it the one that is asked, in one step."""
        with self._database.write() as connection:
            connection.execute(update(_INDEXES).values(active=_INDEXES.c.id == index))
            connection.execute(update(_INDEXES).where(_INDEXES.c.id == index).values(status="complete"))

    def states(self, index: str) -> dict[str, State]:
        """Every document of an index, by id."""
        columns = [_DOCUMENTS.c[name] for name in State.__slots__]
        query = select(*columns).where(_DOCUMENTS.c.index_id == index).order_by(_DOCUMENTS.c.document)
        with self._database.read() as connection:
            return {row[0]: State(*row) for row in connection.execute(query)}

    def chunk_ids(self, index: str, documents: Sequence[str] | None = None) -> dict[str, list[str]]:
        """The chunk ids of each document, or of these documents."""
        return {document: [chunk for chunk, _ in chunks] for document, chunks in self._chunks(index, documents)}

    def references(self, embedder: str) -> frozenset[Digest]:
        """The names of all vectors of an embedder that any index still uses."""
        kept: set[Digest] = set()
        for index in self.indexes():
            if index.recipe.embedder == embedder:
                for _, chunks in self._chunks(index.id, None):
                    kept.update(Digest(name) for _, name in chunks)
        return frozenset(kept)

    def totals(self, index: str) -> tuple[int, int]:
        """How many documents have entries in an index, and how many entries."""
        query = select(func.count(), func.sum(_DOCUMENTS.c.entries)).where(
            _DOCUMENTS.c.index_id == index, _DOCUMENTS.c.entries > 0
        )
        with self._database.read() as connection:
            documents, entries = connection.execute(query).one()
        return int(documents), int(entries or 0)

    def failures(self, index: str) -> list[Failure]:
        """What could not be read at the last ingestion, in order of place."""
        query = select(_DOCUMENTS.c.uri, _DOCUMENTS.c.error, _DOCUMENTS.c.entries).where(
            _DOCUMENTS.c.index_id == index, _DOCUMENTS.c.status == "failed"
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_DOCUMENTS.c.uri)).all()
        return [Failure(uri, error, stale=entries > 0) for uri, error, entries in rows]

    def pending(self, index: str, intents: Sequence[Intent]) -> None:
        """Write down what is about to be applied."""
        now = _now()
        rows = [
            {
                "index_id": index,
                "document": intent.document,
                "source": intent.source,
                "uri": intent.uri,
                "fingerprint": intent.fingerprint,
                "digest": intent.digest,
                "status": "pending",
                "error": "",
                "entries": len(intent.chunks),
                "chunks": json.dumps(intent.chunks),
                "updated": now,
            }
            for intent in intents
        ]
        with self._database.write() as connection:
            self._delete(connection, index, [intent.document for intent in intents])
            if rows:
                connection.execute(insert(_DOCUMENTS), rows)

    def indexed(self, index: str, documents: Sequence[str]) -> None:
        """What was pending has been applied; what had failed is as it was when last applied."""
        with self._database.write() as connection:
            for batch in _batches(documents):
                connection.execute(
                    self._these(update(_DOCUMENTS), index, batch).values(status="indexed", error="", updated=_now())
                )

    def moved(self, index: str, intents: Sequence[Intent]) -> None:
        """Write down new bytes and place of documents whose content, and so whose entries, stayed the same."""
        rows = [
            {
                "this": intent.document,
                "new_source": intent.source,
                "new_uri": intent.uri,
                "new_print": intent.fingerprint,
            }
            for intent in intents
        ]
        query = (
            update(_DOCUMENTS)
            .where(_DOCUMENTS.c.index_id == index, _DOCUMENTS.c.document == bindparam("this"))
            .values(
                source=bindparam("new_source"),
                uri=bindparam("new_uri"),
                fingerprint=bindparam("new_print"),
                status="indexed",
                error="",
                updated=_now(),
            )
        )
        if rows:
            with self._database.write() as connection:
                connection.execute(query, rows)

    def failed(self, index: str, failures: Sequence[tuple[str, str, str, str]]) -> None:
        """(document, source, uri, error) that cannot be read; entries of before are kept."""
        now = _now()
        with self._database.write() as connection:
            known: set[str] = set()
            for batch in _batches([failure[0] for failure in failures]):
                known.update(connection.scalars(self._these(select(_DOCUMENTS.c.document), index, batch)))
            for document, source, uri, error in failures:
                values = {"uri": uri, "error": error, "status": "failed", "updated": now}
                if document in known:
                    connection.execute(self._these(update(_DOCUMENTS), index, [document]).values(values))
                else:
                    empty = {"fingerprint": "", "digest": "", "entries": 0, "chunks": "[]", "source": source}
                    row = {"index_id": index, "document": document, **empty, **values}
                    insert_missing(connection, _DOCUMENTS, [row])

    def reset(self, index: str, documents: Sequence[str]) -> None:
        """Have these documents read and applied anew by the next ingestion."""
        with self._database.write() as connection:
            for batch in _batches(documents):
                connection.execute(self._these(update(_DOCUMENTS), index, batch).values(status="pending"))

    def holds(self, index: str, document: str, chunks: Sequence[str]) -> None:
        """Correct a row to what the index really holds of a document whose change was cut off."""
        pairs = json.dumps([[chunk, ""] for chunk in chunks])
        values = {"entries": len(chunks), "chunks": pairs, "fingerprint": "", "digest": ""}
        with self._database.write() as connection:
            connection.execute(self._these(update(_DOCUMENTS), index, [document]).values(values))

    def remove(self, index: str, documents: Sequence[str]) -> None:
        """Forget documents whose entries have been removed."""
        with self._database.write() as connection:
            self._delete(connection, index, documents)

    def forget(self, index: str) -> None:
        """Forget an index that has been dropped."""
        with self._database.write() as connection:
            connection.execute(delete(_DOCUMENTS).where(_DOCUMENTS.c.index_id == index))
            connection.execute(delete(_INDEXES).where(_INDEXES.c.id == index))

    def _chunks(self, index: str, documents: Sequence[str] | None) -> Iterator[tuple[str, list[tuple[str, str]]]]:
        columns = select(_DOCUMENTS.c.document, _DOCUMENTS.c.chunks)
        with self._database.read() as connection:
            if documents is None:
                for row in connection.execute(columns.where(_DOCUMENTS.c.index_id == index)):
                    yield row[0], json.loads(row[1])
            else:
                for batch in _batches(documents):
                    for row in connection.execute(self._these(columns, index, batch)):
                        yield row[0], json.loads(row[1])

    def _delete(self, connection: Connection, index: str, documents: Sequence[str]) -> None:
        for batch in _batches(documents):
            connection.execute(self._these(delete(_DOCUMENTS), index, batch))

    @staticmethod
    def _these(statement: Any, index: str, documents: Sequence[str]) -> Any:
        return statement.where(_DOCUMENTS.c.index_id == index, _DOCUMENTS.c.document.in_(documents))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, 1_000)):
        yield batch
