"""Verification: sources = ledger = chunks = vectors = lexical entries, and every difference by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from anyio import to_thread

from assay.ingestion.ingest import Pipeline, ingest
from assay.ingestion.ledger import Ledger
from assay.ingestion.report import Watcher
from assay.ingestion.rows import State
from assay.ingestion.sources import Item, Source, Unreadable
from assay.ingestion.walking import walk
from assay.stores.index import Change, Index, Inventory

Kind: TypeAlias = Literal[
    "not_ingested",
    "changed",
    "pending",
    "disappeared",
    "chunk_missing",
    "vector_missing",
    "lexical_missing",
    "chunk_orphan",
    "vector_orphan",
    "lexical_orphan",
    "failed",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. ``name`` is the document, chunk or place; ``document`` the one concerned, if any.

    ``failed`` is information: a document that cannot be read is not a fault of the index.
    """

    kind: Kind
    name: str
    detail: str
    document: str | None = None


@dataclass(frozen=True, slots=True)
class Verification:
    """What was compared, and what was found."""

    documents: int
    chunks: int
    vectors: int
    lexical: int
    generation: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """No orphan and no gap."""
        return all(finding.kind == "failed" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "ok": self.ok,
            "documents": self.documents,
            "chunks": self.chunks,
            "vectors": self.vectors,
            "lexical": self.lexical,
            "generation": self.generation,
            "found": dict(Counter(finding.kind for finding in self.findings)),
            "findings": [{"kind": f.kind, "name": f.name, "detail": f.detail} for f in self.findings],
        }


def verify(sources: Sequence[Source], ledger: Ledger, index: Index, *, index_id: str) -> Verification:
    """Compare everything; reads every source and the whole index. Blocks. Raises StoreError."""
    states, inventory = ledger.states(index_id), index.inventory()
    listed = ledger.chunk_ids(index_id)
    findings = [
        *_against_sources(sources, states),
        *_against_index(listed, inventory),
        *_parts(inventory),
    ]
    documents, chunks = ledger.totals(index_id)
    return Verification(
        documents,
        chunks,
        len(inventory.vectors),
        len(inventory.lexical),
        inventory.generation,
        tuple(findings),
    )


async def repair(
    sources: Sequence[Source],
    pipeline: Pipeline,
    found: Verification,
    progress: Watcher | None = None,
) -> Verification:
    """Mend what was found, and verify again.

    Orphans go, derived parts are built anew, and every document concerned is read, embedded
    where its vectors are not known any more, and applied. Raises as ``ingest`` does.
    """
    await to_thread.run_sync(_clear, pipeline, found)
    await ingest(sources, pipeline, progress)

    def again() -> Verification:
        return verify(sources, pipeline.ledger, pipeline.index, index_id=pipeline.recipe.id)

    return await to_thread.run_sync(again)


def _clear(pipeline: Pipeline, found: Verification) -> None:
    index, ledger, name = pipeline.index, pipeline.ledger, pipeline.recipe.id
    concerned = sorted({f.document for f in found.findings if f.document is not None and f.kind != "failed"})
    known = ledger.states(name)
    index.apply([Change(document) for document in concerned if document not in known])
    ledger.reset(name, [document for document in concerned if document in known])
    index.repair()


def _against_sources(sources: Sequence[Source], states: Mapping[str, State]) -> Iterator[Finding]:
    seen: set[str] = set()
    unreadable: list[Unreadable] = []
    for found in walk(sources):
        if isinstance(found, Item):
            seen.add(found.id)
            yield from _item(found, states.get(found.id))
        else:
            unreadable.append(found)
            yield Finding("failed", found.uri, found.error, found.covers if not found.whole else None)
    places = {found.uri for found in unreadable}
    meant = {(found.source, found.covers) for found in unreadable if not found.whole}
    whole = [found for found in unreadable if found.whole]
    for state in states.values():
        if state.status == "pending":
            detail = "its change was begun and not ended"
            yield Finding("pending", state.document, detail, state.document)
        # A failure of before, of which the index holds nothing, is not a gap: the next ingestion forgets it.
        empty = state.status == "failed" and not state.entries
        if state.document in seen or state.document in places or empty:
            continue
        covered = (state.source, state.document) in meant
        if not covered and not any(found.concerns(state.source, state.document) for found in whole):
            detail = f"{state.uri} is in no source any more"
            yield Finding("disappeared", state.document, detail, state.document)


def _item(item: Item, state: State | None) -> Iterator[Finding]:
    if state is None:
        yield Finding("not_ingested", item.id, f"{item.uri} has not been ingested", item.id)
    elif state.status == "failed":
        yield Finding("failed", item.uri, state.error, item.id)
    elif state.status == "indexed" and state.fingerprint != item.fingerprint:
        yield Finding("changed", item.id, f"{item.uri} has changed since it was ingested", item.id)


def _against_index(listed: Mapping[str, Sequence[str]], inventory: Inventory) -> Iterator[Finding]:
    owners = {chunk: document for document, chunks in listed.items() for chunk in chunks}
    for chunk, document in owners.items():
        if inventory.chunks.get(chunk) != document:
            yield Finding("chunk_missing", chunk, f"of document {document!r}: not in the index", document)
    for chunk, document in inventory.chunks.items():
        if owners.get(chunk) != document:
            yield Finding("chunk_orphan", chunk, f"of document {document!r}: not in the ledger", document)


def _parts(inventory: Inventory) -> Iterator[Finding]:
    """Vectors and lexical entries against the chunks that they belong to."""
    chunks = inventory.chunks
    for chunk in sorted(chunks.keys() - inventory.vectors):
        yield Finding("vector_missing", chunk, f"of document {chunks[chunk]!r}", chunks[chunk])
    for chunk in sorted(chunks.keys() - inventory.lexical):
        yield Finding("lexical_missing", chunk, f"of document {chunks[chunk]!r}", chunks[chunk])
    for chunk in sorted(inventory.vectors - chunks.keys()):
        yield Finding("vector_orphan", chunk, "a vector without its chunk")
    for chunk in sorted(inventory.lexical - chunks.keys()):
        yield Finding("lexical_orphan", chunk, "a lexical entry without its chunk")
