"""What every index demands of a change before it touches anything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.errors import InputError
from assay.stores.index import Change, Dense, Vector
from assay.stores.scoping import is_unicode, metadata_terms_of

_UNIT = 1e-3


def check_changes(changes: Sequence[Change], dimensions: int) -> None:
    """Raises InputError for a change that no index could hold: it names the document and the chunk."""
    documents: set[str] = set()
    ids: set[str] = set()
    for change in changes:
        if change.document in documents:
            raise InputError(f"document {change.document!r} is named twice in one apply; name it once")
        documents.add(change.document)
        if not is_unicode(change.document):
            raise InputError(f"document {change.document!r}: its id is not valid Unicode")
        for entry in change.entries:
            chunk = entry.chunk
            place = f"document {change.document!r}, chunk {chunk.id!r}"
            if chunk.document != change.document:
                raise InputError(f"{place}: belongs to document {chunk.document!r}")
            if chunk.id in ids:
                raise InputError(f"{place}: the chunk's id occurs twice")
            if not is_unicode(chunk.id):
                raise InputError(f"{place}: the chunk's id is not valid Unicode")
            ids.add(chunk.id)
            metadata_terms_of(chunk)
            check_vector(entry.vector, dimensions, place)


def check_query(query: Dense, dimensions: int) -> None:
    """Raises InputError for a query vector of another size, or one that is not a unit vector."""
    check_vector(query.vector, dimensions, "the query")


def check_vector(vector: Vector, dimensions: int, place: str) -> None:
    """Raises InputError unless the vector has shape (dimensions,) and length 1."""
    found = np.asarray(vector)
    if found.shape != (dimensions,):
        raise InputError(f"{place}: its vector has shape {found.shape}, the index takes ({dimensions},)")
    length = float(np.linalg.norm(found.astype(np.float64)))
    if not abs(length - 1) <= _UNIT:  # written so that NaN is refused too
        raise InputError(f"{place}: its vector has length {length:.4g}, not 1")
