from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from assay.digest import Digest, digest_bytes
from assay.errors import InputError, NotFound, StoreError
from assay.stores.blobs import BlobStore
from assay.stores.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.at(tmp_path / "state.db")


@pytest.fixture
def store(database: Database) -> BlobStore:
    return BlobStore(database)


def test_bytes_come_back_by_their_digest(store: BlobStore) -> None:
    @given(st.binary(max_size=200))
    def check(data: bytes) -> None:
        key = store.put(data)
        assert key == digest_bytes(data) == store.put(data)
        assert store.get(key) == data
        assert store.find(key[:20]) == store.find(key.upper()) == key

    check()


def test_an_ambiguous_prefix_is_the_callers_mistake(store: BlobStore) -> None:
    keys = sorted(store.put(str(n).encode()) for n in range(40))
    first = next(a for a, b in pairwise(keys) if a[0] == b[0])
    with pytest.raises(InputError, match="several blobs"):
        store.find(first[0])


@pytest.mark.parametrize("prefix", ["", " ", "zz", "0" * 65])
def test_what_is_not_there_is_not_found(store: BlobStore, prefix: str) -> None:
    store.put(b"something")
    with pytest.raises(NotFound):
        store.find(prefix)


def test_an_unknown_digest_is_not_found(store: BlobStore) -> None:
    with pytest.raises(NotFound):
        store.get(Digest("0" * 64))


def test_damage_is_noticed(store: BlobStore, database: Database) -> None:
    key = store.put(b"something")
    with database.write() as connection:
        connection.execute(text("UPDATE blobs SET data = x'00'"))
    with pytest.raises(StoreError, match="damaged"):
        store.get(key)
