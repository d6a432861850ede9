"""The catalogue: what an index holds, by document; kept until the index changes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from assay.documents import Chunk
from assay.retrieval.titles import Form, Titles
from assay.stores.index import Index


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The titles of all documents, and into how many chunks each is cut."""

    generation: int
    titles: Titles
    chunks: dict[str, int]
    named: dict[str, tuple[Form, ...]] = field(default_factory=dict)
    """What chunks name, by their ids, as far as it was asked."""

    def names_in(self, chunk: Chunk) -> tuple[Form, ...]:
        """The titles that a chunk names, in order."""
        found = self.named.get(chunk.id)
        if found is None:
            found = self.named[chunk.id] = tuple(self.titles.named_in(chunk.text))
        return found

    @classmethod
    def of(cls, index: Index, generation: int) -> Catalogue:
        """Read it from an index."""
        listed = index.listing()
        return cls(
            generation,
            Titles((each.document, each.title) for each in listed),
            {each.document: each.chunks for each in listed},
        )


class Catalogued:
    """The catalogue of an index, read anew when the index has changed. For several threads."""

    def __init__(self, index: Index) -> None:
        self._index, self._lock = index, threading.Lock()
        self._known: Catalogue | None = None

    def current(self) -> Catalogue:
        """The catalogue of now. Blocks; raises StoreError."""
        generation = self._index.generation
        with self._lock:
            if self._known is None or self._known.generation != generation:
                self._known = Catalogue.of(self._index, generation)
            return self._known
