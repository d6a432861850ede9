"""The LanceDB index: the conformance suite, what is refused, and the approximate index of large tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from assay.errors import StoreError
from assay.stores.index import Change, Dense, Index, Lexical, Scope
from assay.testing.index_conformance import DIMENSIONS, IndexConformance, corpus, entries_of, entry, nearest, unit

pytest.importorskip("lancedb")

from assay.stores import lance_index
from assay.stores.lance_index import LanceIndex


class TestLanceIndex(IndexConformance):
    def open(self, place: Path, dimensions: int) -> Index:
        return LanceIndex(str(place), "chunks", dimensions)


def test_another_size_or_kind_of_table_is_refused(tmp_path: Path) -> None:
    import lancedb
    import pyarrow as pa

    LanceIndex(str(tmp_path), "chunks", DIMENSIONS).close()
    with pytest.raises(StoreError, match="16 dimensions, not 32"):
        LanceIndex(str(tmp_path), "chunks", 32)
    lancedb.connect(str(tmp_path)).create_table("other", pa.table({"a": [1]}))
    with pytest.raises(StoreError, match="not an index of Assay"):
        LanceIndex(str(tmp_path), "other", DIMENSIONS)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        LanceIndex(str(tmp_path / "file"), "chunks", DIMENSIONS)


def test_a_missing_lexical_index_is_named_and_repaired(tmp_path: Path) -> None:
    index = LanceIndex(str(tmp_path), "chunks", DIMENSIONS)
    index.apply(corpus(5))
    index._table.drop_index("body_idx")
    inventory = index.inventory()
    assert len(inventory.vectors) == 20
    assert not inventory.lexical
    index.repair()
    assert index.inventory().lexical == frozenset(inventory.chunks)
    assert index.search(Lexical("ferry", 3))
    index.close()


def test_a_large_table_is_searched_by_partitions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lance_index, "FLAT_ROWS", 1000)
    index = LanceIndex(str(tmp_path), "chunks", DIMENSIONS)
    changes = corpus(300)
    index.apply(changes)
    assert not index._has_ivf()
    index.optimize()
    assert index._has_ivf()
    late = Change("late", (entry("late", "late", seed=77_777),))
    index.apply([late, Change("doc-0")])
    entries = entries_of([*changes[1:], late])
    for scope in (Scope(), Scope(where={"lang": "en"}), Scope(groups=frozenset({"staff"}))):
        found = wanted = 0
        for seed in range(30):
            query = Dense(unit(seed + 9000), 10, scope)
            expected = dict(nearest(entries, query))
            hits = index.search(query)
            assert len(hits) == 10
            assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
            for hit in hits:
                if hit.chunk.id in expected:
                    found += 1
                    assert hit.score == pytest.approx(expected[hit.chunk.id], abs=1e-6)
            wanted += len(expected)
        assert found / wanted >= 0.95
    assert index.search(Dense(unit(77_777), 1))[0].chunk.id == "late"
    index.repair()
    assert index._has_ivf()
    assert index.search(Dense(unit(77_777), 1))[0].chunk.id == "late"
    index.close()
