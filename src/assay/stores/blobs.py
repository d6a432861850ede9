"""Immutable bytes by their digest."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table, select

from assay.digest import Digest, digest_bytes
from assay.errors import InputError, NotFound, StoreError
from assay.stores.database import Database, by_prefix, insert_missing, schema

_SCHEMA = schema("blobs", 1)
_BLOBS = Table(
    "blobs",
    _SCHEMA,
    Column("digest", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)


class BlobStore:
    """Bytes that never change once they are kept. Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.ensure(_SCHEMA)

    def put(self, data: bytes) -> Digest:
        """Keep the bytes; the same bytes again change nothing. Returns their SHA-256."""
        key = digest_bytes(data)
        with self._database.write() as connection:
            insert_missing(connection, _BLOBS, [{"digest": key, "data": data}])
        return key

    def get(self, key: Digest) -> bytes:
        """The bytes, checked against their digest.

        Raises NotFound, and StoreError when what is stored is not what was put.
        """
        with self._database.read() as connection:
            found = connection.execute(select(_BLOBS.c.data).where(_BLOBS.c.digest == key)).scalar()
        if found is None:
            raise NotFound(f"no blob {key}")
        data = bytes(found)
        if digest_bytes(data) != key:
            raise StoreError(f"{self._database.place}: blob {key} is damaged; restore it from a backup")
        return data

    def find(self, prefix: str) -> Digest:
        """The one digest that begins with ``prefix``.

        Raises NotFound when there is none, InputError when there are several.
        """
        wanted = prefix.strip().lower()
        with self._database.read() as connection:
            found = (
                connection.execute(
                    select(_BLOBS.c.digest).where(by_prefix(_BLOBS.c.digest, wanted)).order_by("digest").limit(2)
                )
                .scalars()
                .all()
            )
        if not wanted or not found:
            raise NotFound(f"no blob begins with {prefix!r}")
        if len(found) > 1 and found[0] != wanted:
            raise InputError(f"{prefix!r} names several blobs, {found[0]} and {found[1]} among them; give more digits")
        return Digest(found[0])
