"""How the chunk table writes an entry: as bytes, so that equal entries are equal rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

import numpy as np

from assay.documents import Chunk, Scalar
from assay.stores.index import Entry

_DECODE = json.JSONDecoder().decode
BATCH = 1_000  # values in one statement; SQLite takes 32,766


def encoded(entry: Entry) -> tuple[bytes, int, bytes, bytes]:
    """Label, ordinal, payload and vector as they are stored; equal exactly when the entries are.

    JSON as bytes rather than columns of text: a text may hold lone surrogates, which SQLite's
    text cannot, and positions must not shift.
    """
    chunk = entry.chunk
    return (
        _json([list(chunk.access), dict(chunk.metadata)]),
        chunk.ordinal,
        _json([chunk.start, chunk.end, chunk.text, chunk.title, list(chunk.headings), chunk.page]),
        np.ascontiguousarray(entry.vector, dtype="<f4").tobytes(),
    )


def decoded(id: str, document: str, ordinal: int, payload: bytes, label: bytes) -> Chunk:
    """The chunk that ``encoded`` wrote, with the columns that are kept beside it."""
    start, end, text, title, headings, page = _DECODE(payload.decode("utf-8", "surrogatepass"))
    access, metadata = _label(label)
    return Chunk(id, document, ordinal, start, end, text, title, tuple(headings), page, access, metadata)


@lru_cache(maxsize=1024)
def _label(label: bytes) -> tuple[tuple[str, ...], Mapping[str, Scalar]]:
    """Few labels stand on many chunks; their metadata is shared and read-only."""
    access, metadata = _DECODE(label.decode("utf-8", "surrogatepass"))
    return tuple(access), MappingProxyType(metadata)


def title_of(payload: bytes) -> str:
    """The title in a payload."""
    title: str = json.loads(payload.decode("utf-8", "surrogatepass"))[3]
    return title


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def batches(values: Sequence[int] | Sequence[str]) -> Iterator[tuple[Sequence[int | str], str]]:
    """Values in pieces that fit a statement, each with its question marks."""
    for at in range(0, len(values), BATCH):
        batch = values[at : at + BATCH]
        yield batch, ",".join("?" * len(batch))
