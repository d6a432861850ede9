"""Discarding an index that is no longer asked."""

from __future__ import annotations

from pathlib import Path

from assay.errors import InputError, NotFound
from assay.ingestion.embedding import Vectors
from assay.ingestion.ledger import Ledger
from assay.ingestion.lock import exclusive
from assay.stores.index import Index


def discard(index_id: str, *, ledger: Ledger, index: Index, embeddings: Vectors, lock: Path) -> None:
    """Delete an index, its rows, and the vectors that no other index uses. Blocks.

    Raises NotFound for an unknown id, InputError for the index that is asked, StoreError.
    """
    with exclusive(lock):
        row = next((row for row in ledger.indexes() if row.id == index_id), None)
        if row is None:
            raise NotFound(f"no index {index_id!r}; `assay index list` shows those that exist")
        if row.active:
            raise InputError(f"index {index_id} is the one that is asked; ingest with another recipe first")
        # The rows go last: a kill before leaves an index that can be discarded again.
        index.drop()
        ledger.forget(index_id)
        embeddings.prune(row.recipe.embedder, ledger.references(row.recipe.embedder))
