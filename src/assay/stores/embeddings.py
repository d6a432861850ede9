"""Vectors by what they were computed from, so that none is computed twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import TypeVar

import numpy as np
from sqlalchemy import Column, LargeBinary, String, Table, delete, func, select

from assay.digest import Digest
from assay.stores.database import Database, insert_missing, schema
from assay.stores.index import Vector

_BATCH = 2_000  # keys in one statement; SQLite takes 32,766 parameters, PostgreSQL 65,535

_T = TypeVar("_T")

_SCHEMA = schema("embeddings", 1)
_EMBEDDINGS = Table(
    "embeddings",
    _SCHEMA,
    Column("identity", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)


class EmbeddingStore:
    """Vectors under the identity of the embedder and the digest of the text that it read.

    Vectors are kept as float32, little endian. Every method may raise StoreError.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(_SCHEMA)

    def get(self, identity: str, digests: Iterable[Digest]) -> dict[Digest, Vector]:
        """The vectors that are known, shape (d,) each, read-only; unknown digests are left out."""
        found: dict[Digest, Vector] = {}
        with self._database.read() as connection:
            for batch in _batches(dict.fromkeys(digests)):
                rows = connection.execute(
                    select(_EMBEDDINGS.c.digest, _EMBEDDINGS.c.vector).where(
                        _EMBEDDINGS.c.identity == identity, _EMBEDDINGS.c.digest.in_(batch)
                    )
                )
                found.update((Digest(key), np.frombuffer(blob, dtype="<f4")) for key, blob in rows)
        return found

    def put(self, identity: str, vectors: Mapping[Digest, Vector]) -> None:
        """Keep these vectors, all or none; those that are known already stay as they are."""
        with self._database.write() as connection:
            for batch in _batches(vectors.items()):
                insert_missing(
                    connection,
                    _EMBEDDINGS,
                    [
                        {"identity": identity, "digest": key, "vector": np.asarray(vector, "<f4").tobytes()}
                        for key, vector in batch
                    ],
                )

    def prune(self, identity: str, keep: Set[Digest]) -> int:
        """Delete this embedder's vectors that are not in ``keep``; returns how many went."""
        with self._database.write() as connection:
            known = connection.execute(select(_EMBEDDINGS.c.digest).where(_EMBEDDINGS.c.identity == identity))
            doomed = [key for (key,) in known if key not in keep]
            for batch in _batches(doomed):
                connection.execute(
                    delete(_EMBEDDINGS).where(_EMBEDDINGS.c.identity == identity, _EMBEDDINGS.c.digest.in_(batch))
                )
        return len(doomed)

    def count(self, identity: str) -> int:
        """How many vectors of this embedder are kept."""
        with self._database.read() as connection:
            return int(
                connection.execute(
                    select(func.count()).select_from(_EMBEDDINGS).where(_EMBEDDINGS.c.identity == identity)
                ).scalar_one()
            )


def _batches(items: Iterable[_T]) -> Iterator[Sequence[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
