"""The rows of the ledger, as the rest of the room sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from assay.digest import Digest
from assay.ingestion.recipe import Recipe

Status: TypeAlias = Literal["pending", "indexed", "failed"]


@dataclass(frozen=True, slots=True)
class IndexRow:
    """An index: ``building`` until an ingestion has run to its end. At most one is active: it is asked."""

    id: str
    recipe: Recipe
    status: Literal["building", "complete"]
    active: bool
    created: str


@dataclass(frozen=True, slots=True)
class State:
    """What the ledger knows of a document. ``fingerprint`` and ``digest`` are empty when it never was read."""

    document: str
    source: str
    uri: str
    fingerprint: str
    digest: str
    status: Status
    error: str
    entries: int


@dataclass(frozen=True, slots=True)
class Intent:
    """A document that is about to be applied; ``chunks`` pairs each chunk's id with its vector's name."""

    document: str
    source: str
    uri: str
    fingerprint: Digest
    digest: Digest
    chunks: tuple[tuple[str, Digest], ...]
