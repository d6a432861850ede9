"""What an ingestion did, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Failure:
    """A document, file, folder or line that could not be read. ``stale``: what was indexed of it
    before is still there."""

    uri: str
    error: str
    stale: bool = False


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The state after an ingestion (``documents``, ``chunks``) and what it did to get there.

    ``embedded`` counts the texts computed now, ``unchanged`` the documents left alone.
    ``active``: the index is the one that is asked. ``seconds`` in all, ``embed_seconds`` of them
    in the embedder.
    """

    index: str
    active: bool
    documents: int
    chunks: int
    embedded: int
    unchanged: int
    deleted: int
    failed: tuple[Failure, ...]
    seconds: float
    embed_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "documents": self.documents,
            "chunks": self.chunks,
            "embedded": self.embedded,
            "unchanged": self.unchanged,
            "deleted": self.deleted,
            "failed": [{"uri": f.uri, "error": f.error, "stale": f.stale} for f in self.failed],
            "seconds": round(self.seconds, 3),
            "embed_seconds": round(self.embed_seconds, 3),
            "index": self.index,
            "active": self.active,
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` documents (None while they are still being counted), of which ``failed``.

    ``rate`` in documents a second; ``remaining`` in seconds, None when it cannot be told yet.
    """

    done: int
    total: int | None
    failed: int
    embedded: int
    rate: float
    remaining: float | None


Watcher: TypeAlias = Callable[[Progress], None]
