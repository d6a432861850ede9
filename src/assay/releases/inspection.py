"""What an application holds now, for the command line: documents, failures, indexes, traces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from assay.answering.attribution import Attribution, Known, Unknown, Unreadable, attribute
from assay.errors import NotFound
from assay.ingestion.discarding import discard
from assay.ingestion.ledger import Ledger
from assay.ingestion.report import Failure
from assay.ingestion.rows import IndexRow
from assay.releases import parts
from assay.releases.build import asked_index
from assay.releases.project import LOCK, Project
from assay.stores.embeddings import EmbeddingStore
from assay.stores.index import Index
from assay.stores.traces import TraceStore


@dataclass(frozen=True, slots=True)
class Status:
    """The application at a glance. ``index`` is None before the first ingestion has ended."""

    name: str
    release: str
    index: str | None
    documents: int
    chunks: int
    pending: int
    failed: tuple[Failure, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index that exists."""

    row: IndexRow
    documents: int
    chunks: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "id": self.row.id,
            "status": self.row.status,
            "active": self.row.active,
            "created": self.row.created,
            "documents": self.documents,
            "chunks": self.chunks,
            "recipe": asdict(self.row.recipe),
        }


@contextmanager
def opened_traces(project: Project) -> Iterator[TraceStore]:
    """The application's recorded traces. Raises StoreError."""
    database = parts.database(project)
    try:
        yield TraceStore(database)
    finally:
        database.close()


@contextmanager
def _opened_ledger(project: Project) -> Iterator[Ledger]:
    database = parts.database(project)
    try:
        yield Ledger(database)
    finally:
        database.close()


def status(project: Project) -> Status:
    """What is indexed, and what failed. Raises StoreError."""
    with _opened_ledger(project) as ledger:
        rows = ledger.indexes()
        # Before an ingestion has ended, the one that has begun is what a person wants to hear of.
        row = next((row for row in rows if row.active), rows[-1] if rows else None)
        documents, chunks = ledger.totals(row.id) if row else (0, 0)
        pending = sum(state.status == "pending" for state in ledger.states(row.id).values()) if row else 0
        failed = tuple(ledger.failures(row.id)) if row else ()
    active = row.id if row and row.active else None
    return Status(project.name, project.release.digest, active, documents, chunks, pending, failed)


def indexes(project: Project) -> list[IndexState]:
    """All indexes, oldest first. Raises StoreError."""
    with _opened_ledger(project) as ledger:
        return [IndexState(row, *ledger.totals(row.id)) for row in ledger.indexes()]


def drop_index(project: Project, id: str) -> None:
    """Delete an index that is not asked any more. Raises NotFound, InputError for the active one."""
    database = parts.database(project)
    try:
        ledger = Ledger(database)
        row = next((row for row in ledger.indexes() if row.id == id), None)
        if row is None:
            raise NotFound(f"there is no index {id!r}; `assay index list` shows them")
        with closing(parts.index(project, row.recipe)) as index:
            discard(id, ledger=ledger, index=index, embeddings=EmbeddingStore(database), lock=project.state / LOCK)
    finally:
        database.close()


@dataclass(frozen=True, slots=True)
class _Corpus:
    """What is known of a document, by ledger and index; access rules do not apply to its owner."""

    ledger: Ledger
    index: Index
    index_id: str

    def lookup(self, document: str) -> Known | Unreadable | Unknown:
        state = self.ledger.states(self.index_id).get(document)
        if state is None:
            return Unknown()
        ids = self.ledger.chunk_ids(self.index_id, [document]).get(document, [])
        if state.status == "failed" and not ids:
            return Unreadable(state.error)
        chunks = self.index.read(ids, None)
        metadata = chunks[0].metadata if chunks else {}
        return Known({chunk.id: chunk.access for chunk in chunks}, metadata)


def why(project: Project, trace: str, relevant: Sequence[str]) -> Attribution:
    """The stage that lost the relevant documents. Raises NotFound, InputError, StoreError."""
    with opened_traces(project) as traces:
        found = traces.get(trace)
    asked = asked_index(project, parts.embedder(project.manifest)).row
    index = parts.index(project, asked.recipe)
    try:
        with _opened_ledger(project) as ledger:
            return attribute(found, relevant, _Corpus(ledger, index, asked.id))
    finally:
        index.close()
