"""From chunked documents to entries of an index, by way of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from anyio import to_thread

from assay.digest import Digest
from assay.documents import Chunk, Document
from assay.errors import InputError
from assay.ingestion.embedding import Embedding, embedded_text, text_digest
from assay.ingestion.ledger import Ledger
from assay.ingestion.rows import Intent, State
from assay.ingestion.sources import Item
from assay.stores.index import Change, Entry, Index, Vector


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document that was read and cut, with the names of its chunks' vectors."""

    item: Item
    document: Document
    chunks: tuple[Chunk, ...]
    names: tuple[Digest, ...]

    @classmethod
    def of(cls, item: Item, document: Document, chunks: Sequence[Chunk]) -> Prepared:
        return cls(item, document, tuple(chunks), tuple(map(text_digest, chunks)))

    @property
    def intent(self) -> Intent:
        item = self.item
        pairs = tuple((chunk.id, name) for chunk, name in zip(self.chunks, self.names, strict=True))
        return Intent(item.id, item.source.name, item.uri, item.fingerprint, self.document.digest, pairs)


@dataclass(slots=True)
class Applier:
    """Applies documents to one index; ``refused`` are those that the index could not take, and why."""

    index_id: str
    index: Index
    ledger: Ledger
    embedding: Embedding
    states: Mapping[str, State]
    applied: int = 0
    refused: list[tuple[Prepared, str]] = field(default_factory=list)

    async def apply(self, group: Sequence[Prepared], step: Callable[[], None]) -> None:
        """Embed what is new, then write intent, index and result. Raises ModelError, StoreError."""
        same = [each for each in group if self._same(each)]
        fresh = [each for each in group if not self._same(each)]
        texts = {
            name: embedded_text(chunk) for each in fresh for chunk, name in zip(each.chunks, each.names, strict=True)
        }
        vectors = await self.embedding.vectors(texts, step)
        await to_thread.run_sync(self._write, same, fresh, vectors)

    def remove(self, documents: Sequence[str]) -> None:
        """Remove documents from the index, then from the ledger. Blocks."""
        for at in range(0, len(documents), 500):
            batch = documents[at : at + 500]
            self.index.apply([Change(document) for document in batch])
            self.ledger.remove(self.index_id, batch)

    def _same(self, each: Prepared) -> bool:
        """Other bytes, but the same text, title, rights and metadata: nothing in the index changes."""
        state = self.states.get(each.item.id)
        return state is not None and state.status != "pending" and state.digest == each.document.digest

    def _write(self, same: Sequence[Prepared], fresh: Sequence[Prepared], vectors: Mapping[Digest, Vector]) -> None:
        self.ledger.moved(self.index_id, [each.intent for each in same])
        if not fresh:
            return
        self.ledger.pending(self.index_id, [each.intent for each in fresh])
        try:
            self.index.apply([_change(each, vectors) for each in fresh])
        except InputError as error:
            if len(fresh) > 1:
                for each in fresh:
                    self._write([], [each], vectors)
            else:
                # Nothing of it is in the index: an older version would be under other rights or another text.
                self.remove([fresh[0].item.id])
                self.refused.append((fresh[0], str(error)))
            return
        self.ledger.indexed(self.index_id, [each.item.id for each in fresh])
        self.applied += len(fresh)


def _change(each: Prepared, vectors: Mapping[Digest, Vector]) -> Change:
    entries = (Entry(chunk, vectors[name]) for chunk, name in zip(each.chunks, each.names, strict=True))
    return Change(each.item.id, tuple(entries))
