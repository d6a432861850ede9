from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from assay.digest import Digest, digest_text
from assay.stores.database import Database
from assay.stores.embeddings import EmbeddingStore
from assay.stores.index import Vector


@pytest.fixture
def store(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(Database.at(tmp_path / "state.db"))


def vectors(n: int, dimensions: int = 8) -> dict[Digest, Vector]:
    rows = np.random.default_rng(n).standard_normal((n, dimensions)).astype(np.float32)
    return {digest_text(f"text {i}"): row for i, row in enumerate(rows)}


def test_vectors_come_back_bit_for_bit(store: EmbeddingStore) -> None:
    given = vectors(20)
    store.put("minilm@1", given)
    found = store.get("minilm@1", [*given, digest_text("unknown"), *given])
    assert found.keys() == given.keys()
    for key, vector in given.items():
        assert found[key].dtype == np.float32
        np.testing.assert_array_equal(found[key], vector)


def test_identities_never_mix(store: EmbeddingStore) -> None:
    given = vectors(3)
    store.put("one", given)
    assert store.get("two", given) == {}
    assert (store.count("one"), store.count("two")) == (3, 0)


def test_what_is_known_stays(store: EmbeddingStore) -> None:
    key = digest_text("a")
    store.put("one", {key: np.ones(4, np.float32)})
    store.put("one", {key: np.zeros(4, np.float32), digest_text("b"): np.zeros(4, np.float32)})
    np.testing.assert_array_equal(store.get("one", [key])[key], np.ones(4))
    assert store.count("one") == 2


def test_a_put_is_all_or_nothing(store: EmbeddingStore) -> None:
    with pytest.raises((TypeError, ValueError)):
        store.put("one", {**vectors(5000), Digest("bad"): ["not a number"]})  # type: ignore[dict-item]
    assert store.count("one") == 0


def test_prune_keeps_what_it_is_told_to(store: EmbeddingStore) -> None:
    given = vectors(50)
    store.put("one", given)
    store.put("two", given)
    keep = set(list(given)[::2])
    assert store.prune("one", keep | {digest_text("unknown")}) == 25
    assert set(store.get("one", given)) == keep
    assert store.count("two") == 50
    assert store.prune("one", set()) == 25
    assert store.count("one") == 0


def test_nothing_is_no_trouble(store: EmbeddingStore) -> None:
    store.put("one", {})
    assert store.get("one", []) == {}
    assert store.prune("one", set()) == 0


@pytest.mark.slow
def test_a_hundred_thousand(store: EmbeddingStore) -> None:
    given = vectors(100_000, 384)
    started = time.process_time()
    store.put("one", given)
    found = store.get("one", given)
    assert len(found) == 100_000
    assert store.prune("one", set(list(given)[:1000])) == 99_000
    assert time.process_time() - started < 30
