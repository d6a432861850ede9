"""An index that is discarded takes its rows and its own vectors with it, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from assay.errors import InputError, NotFound
from assay.ingestion.discarding import discard

if TYPE_CHECKING:
    from tests.ingestion.conftest import Bench
else:
    Bench = Any

pytestmark = pytest.mark.anyio


async def test_discarding(bench: Bench) -> None:
    bench.write(one="# One\n\n" + " ".join(f"Sentence {i} is here." for i in range(60)))
    await bench.ingest()
    other = bench.recut(40)
    await other.ingest()
    parts = other.pipeline
    old, new = bench.pipeline.recipe.id, parts.recipe.id

    def drop(index_id: str) -> None:
        index = bench.pipeline.index
        discard(index_id, ledger=parts.ledger, index=index, embeddings=parts.embeddings, lock=parts.lock)

    with pytest.raises(InputError, match="the one that is asked"):
        drop(new)
    with pytest.raises(NotFound, match="no index"):
        drop("nothing")
    before = parts.ledger.references(bench.embedder.identity)
    drop(old)
    assert [index.id for index in parts.ledger.indexes()] == [new]
    after = parts.ledger.references(bench.embedder.identity)
    assert set(parts.embeddings.get(bench.embedder.identity, before)) == after < before
    assert other.verify().ok
